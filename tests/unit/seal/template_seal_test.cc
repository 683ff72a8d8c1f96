#include "vault/seal/template_seal.h"

#include <chrono>
#include <cmath>
#include <limits>

#include "tests/support/catch.h"

namespace facekeep {
// What enrolment defines for itself: the only way to a PlainTemplateAccess.
class EnrolmentPass {
 public:
  static PlainTemplateAccess get() { return PlainTemplateAccess(); }
};
}  // namespace facekeep

using namespace facekeep;
using namespace facekeep::seal;

static_assert(!std::is_default_constructible_v<PlainTemplateAccess>);
static_assert(!std::is_copy_constructible_v<PlainTemplateAccess>);
static_assert(!std::is_aggregate_v<PlainTemplateAccess>);

namespace {

Aad aad_of(std::string_view model = "arc", std::uint8_t ref = 1, std::string_view site = "gate",
           std::uint32_t version = 1, std::uint8_t consent = 7) {
  TemplateIdentity t;
  t.subject_ref[0] = ref;
  t.model = model;
  t.model_version = version;
  t.consent.fill(consent);
  return *make_template_aad({Id128{5}, site}, t);
}

std::vector<float> vec(std::size_t n) {
  std::vector<float> v(n);
  for (std::size_t i = 0; i < n; ++i) v[i] = std::sin(static_cast<float>(i));
  return v;
}

const auto ignore = [](std::span<const float>) -> Status { return {}; };

}  // namespace

TEST_CASE("a template comes back exactly, of every allowed dimension") {
  const PlainTemplateAccess access = EnrolmentPass::get();
  AeadKey k = AeadKey::generate();
  for (const std::size_t n : {64U, 65U, 128U, 512U, 1023U, 1024U}) {
    const auto v = vec(n);
    const Bytes blob = *seal_template(access, k, aad_of(), v);
    CHECK(*template_dimension(blob) == n);
    std::vector<float> got;
    REQUIRE(open_template(access, k, aad_of(), blob, [&](std::span<const float> c) -> Status {
      got.assign(c.begin(), c.end());
      return {};
    }));
    CHECK(got == v);
  }
  CHECK(k.used() == 6);
}

TEST_CASE("the components lie in the blob as little-endian float32") {
  const PlainTemplateAccess access = EnrolmentPass::get();
  AeadKey k = AeadKey::generate();
  std::vector<float> v(64, 0.0F);
  v[1] = 1.0F;
  const Bytes blob = *seal_template(access, k, aad_of(), v);
  const Aad aad = aad_of();
  const SecretBytes raw = *open_blob(k, aad, blob);
  CHECK(to_hex(raw.view().first(8)) == "000000000000803f");
}

TEST_CASE("dimensions outside 64 to 1024 and components that are not finite are refused") {
  const PlainTemplateAccess access = EnrolmentPass::get();
  AeadKey k = AeadKey::generate();
  for (const std::size_t n : {0U, 1U, 63U, 1025U}) CHECK_FALSE(seal_template(access, k, aad_of(), vec(n)));
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    auto v = vec(64);
    v[63] = bad;
    CHECK(seal_template(access, k, aad_of(), v).error().code == Errc::kInvalidArgument);
  }
  CHECK(k.used() == 0);
}

TEST_CASE("a template of another subject, site, model, version or consent does not open") {
  const PlainTemplateAccess access = EnrolmentPass::get();
  AeadKey k = AeadKey::generate();
  const Bytes blob = *seal_template(access, k, aad_of(), vec(64));
  const auto code = [&](const Aad& aad) { return open_template(access, k, aad, blob, ignore).error().code; };
  CHECK(open_template(access, k, aad_of(), blob, ignore));
  CHECK(code(aad_of("ark")) == Errc::kCrypto);
  CHECK(code(aad_of("arc", 2)) == Errc::kCrypto);
  CHECK(code(aad_of("arc", 1, "door")) == Errc::kCrypto);
  CHECK(code(aad_of("arc", 1, "gate", 2)) == Errc::kCrypto);
  CHECK(code(aad_of("arc", 1, "gate", 1, 8)) == Errc::kCrypto);
  CHECK_FALSE(open_template(access, AeadKey::generate(), aad_of(), blob, ignore));
}

TEST_CASE("the callback is not called for a blob that does not open, and its answer is passed on") {
  const PlainTemplateAccess access = EnrolmentPass::get();
  AeadKey k = AeadKey::generate();
  Bytes blob = *seal_template(access, k, aad_of(), vec(64));
  CHECK(open_template(access, k, aad_of(), blob,
                      [](std::span<const float>) -> Status { return make_error(Errc::kExhausted, "enough"); })
            .error()
            .code == Errc::kExhausted);
  blob.back() ^= 1;
  bool called = false;
  CHECK_FALSE(open_template(access, k, aad_of(), blob, [&](std::span<const float>) -> Status {
    called = true;
    return {};
  }));
  CHECK_FALSE(called);
}

TEST_CASE("blobs that are no template are refused before any key is tried") {
  const PlainTemplateAccess access = EnrolmentPass::get();
  AeadKey k = AeadKey::generate();
  const Aad record = *make_record_aad({Id128{5}, "gate"}, Id128{1});
  const Bytes blob = *seal_blob(k, record, Bytes(256, 0));
  CHECK_FALSE(template_dimension(blob));
  CHECK_FALSE(open_template(access, k, record, blob, ignore));
  CHECK_FALSE(seal_template(access, k, record, vec(64)));
  const Bytes odd = *seal_blob(k, aad_of(), Bytes(257, 0));
  CHECK_FALSE(template_dimension(odd));
  const Bytes large = *seal_blob(k, aad_of(), Bytes(4100, 0));
  CHECK(open_template(access, k, aad_of(), large, ignore).error().code == Errc::kMalformed);
}

// Not a test of speed: prints the figure. Run by name.
TEST_CASE("speed of opening 512-d templates", "[.][speed]") {
  const PlainTemplateAccess access = EnrolmentPass::get();
  AeadKey k = AeadKey::generate();
  const Bytes blob = *seal_template(access, k, aad_of(), vec(512));
  const auto start = std::chrono::steady_clock::now();
  constexpr int kRounds = 200000;
  for (int i = 0; i < kRounds; ++i) REQUIRE(open_template(access, k, aad_of(), blob, ignore).has_value());
  const double s = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  WARN("open_template with its context: " << kRounds * 2048.0 / s / 1e9 << " GB/s, " << s / kRounds * 1e9 << " ns");
}
