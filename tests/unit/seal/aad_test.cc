#include "vault/seal/aad.h"

#include <set>

#include "tests/support/catch.h"

using namespace facekeep;
using namespace facekeep::seal;

namespace {

Id128 id(std::uint8_t first) {
  Id128 out{};
  for (std::uint8_t i = 0; i < 16; ++i) out[i] = static_cast<std::uint8_t>(first + i);
  return out;
}

TemplateIdentity identity() {
  TemplateIdentity t;
  t.subject_ref = id(0x20);
  t.template_id = id(0x30);
  t.model = "arc-r50";
  t.model_version = 2;
  t.consent.fill(0xcc);
  return t;
}

}  // namespace

TEST_CASE("associated data is byte for byte that of FORMAT.md") {
  CHECK(to_hex(make_aad({id(0), "gate"}, 7, Purpose::kSubjectKey, id(0x20))->view()) ==
        "000f666163656b6565702f6161642f7631"
        "000101"
        "0010000102030405060708090a0b0c0d0e0f"
        "000400000007"
        "000b7375626a6563742d6b6579"
        "000467617465"
        "0010202122232425262728292a2b2c2d2e2f");
  CHECK(to_hex(make_template_aad({id(0), "gate"}, identity())->view()) ==
        "000f666163656b6565702f6161642f7631"
        "000101"
        "0010000102030405060708090a0b0c0d0e0f"
        "0000"
        "000874656d706c617465"
        "000467617465"
        "0010202122232425262728292a2b2c2d2e2f"
        "0010303132333435363738393a3b3c3d3e3f"
        "00076172632d723530"
        "000400000002"
        "0020cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc");
}

TEST_CASE("each thing that associated data names changes it") {
  std::set<Bytes> seen;
  std::size_t made = 0;
  const auto add = [&](const Result<Aad>& aad) {
    REQUIRE(aad);
    seen.insert(to_bytes(aad->view()));
    ++made;
  };
  for (std::uint8_t p = 1; p <= kPurposeCount; ++p) {
    const auto purpose = *purpose_from_byte(p);
    CHECK_FALSE(purpose_label(purpose).empty());
    if (purpose == Purpose::kTemplate || purpose == Purpose::kSubjectRecord) continue;
    add(make_aad({id(0), "gate"}, 7, purpose, id(0x20)));
  }
  add(make_aad({id(1), "gate"}, 7, Purpose::kSubjectKey, id(0x20)));
  add(make_aad({id(0), "gat"}, 7, Purpose::kSubjectKey, id(0x20)));
  add(make_aad({id(0), ""}, 7, Purpose::kSubjectKey, id(0x20)));
  add(make_aad({id(0), "gate"}, 8, Purpose::kSubjectKey, id(0x20)));
  add(make_aad({id(0), "gate"}, 7, Purpose::kSubjectKey, id(0x21)));
  add(make_record_aad({id(0), "gate"}, id(0x20)));
  add(make_template_aad({id(0), "gate"}, identity()));
  for (int i = 0; i < 5; ++i) {
    TemplateIdentity t = identity();
    if (i == 0) t.subject_ref[15] ^= 1;
    if (i == 1) t.template_id[0] ^= 1;
    if (i == 2) t.model = "arc-r5";
    if (i == 3) t.model_version = 3;
    if (i == 4) t.consent[31] ^= 1;
    add(make_template_aad({id(0), "gate"}, t));
  }
  CHECK(seen.size() == made);
}

TEST_CASE("text that moves from one field to the next gives other bytes") {
  const auto a = make_aad({id(0), "ab"}, 1, Purpose::kOpening, as_bytes("c"));
  const auto b = make_aad({id(0), "a"}, 1, Purpose::kOpening, as_bytes("bc"));
  CHECK(to_bytes(a->view()) != to_bytes(b->view()));
}

TEST_CASE("texts over their limit and purposes of another builder are refused") {
  const std::string longest(128, 'x');
  CHECK(make_aad({id(0), longest}, 1, Purpose::kOpening, as_bytes(longest))->view().size() <= kMaxAadSize);
  TemplateIdentity t = identity();
  t.model = longest;
  CHECK(make_template_aad({id(0), longest}, t)->view().size() <= kMaxAadSize);
  CHECK(make_aad({id(0), longest + "x"}, 1, Purpose::kOpening, {}).error().code == Errc::kInvalidArgument);
  CHECK_FALSE(make_aad({id(0), "a"}, 1, Purpose::kOpening, as_bytes(longest + "x")));
  const std::string over = longest + "x";
  t.model = over;
  CHECK_FALSE(make_template_aad({id(0), "a"}, t));
  CHECK_FALSE(make_aad({id(0), "a"}, 1, Purpose::kTemplate, {}));
  CHECK_FALSE(make_aad({id(0), "a"}, 1, Purpose::kSubjectRecord, {}));
  CHECK_FALSE(make_aad({id(0), "a"}, 1, static_cast<Purpose>(0), {}));
  CHECK_FALSE(purpose_from_byte(0));
  CHECK_FALSE(purpose_from_byte(kPurposeCount + 1));
}
