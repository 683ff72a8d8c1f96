#include "hsm/anchor.h"

#include "tests/unit/hsm/fixture.h"
#include "vault/base/newer.h"

using namespace facekeep;
using namespace facekeep::hsm;

namespace {

Anchor at(std::uint64_t size, UnixMillis time = 1000) {
  Anchor a{size, {}, time};
  a.root.fill(static_cast<std::uint8_t>(size));
  return a;
}

// Puts a data object there, as a crash or a stranger would leave it.
void plant(SessionPool& pool, const char* name, ByteView value) {
  REQUIRE_OK(pool.run(Repeat::kOnce, [&](Session& s) -> Status {
    Attributes a;
    a.add(CKA_CLASS, CKO_DATA).add_flag(CKA_TOKEN, true).add_flag(CKA_PRIVATE, true);
    a.add_text(CKA_LABEL, object_prefix(kVault) + name).add_bytes(CKA_VALUE, value);
    FK_CHECK(s.calls.create_object(s.handle, a));
    return {};
  }));
}

std::size_t objects(SessionPool& pool, const char* name) {
  auto found =
      pool.run(Repeat::kSafe, [&](Session& s) { return find_labelled(s, CKO_DATA, object_prefix(kVault) + name); });
  REQUIRE_OK(found);
  return found->size();
}

}  // namespace

TEST_CASE("an anchor's bytes are as the header of anchor.h says") {
  const Bytes value = format_anchor(kVault, at(0x0102, -1));
  CHECK(value.size() == kAnchorSize);
  CHECK(to_hex(ByteView(value).first(12)) == "464b41310000000000000102");
  CHECK(to_hex(ByteView(value).subspan(44, 8)) == "ffffffffffffffff");
  CHECK(*parse_anchor(kVault, value) == at(0x0102, -1));
}

TEST_CASE("an anchor with one bit altered, cut, or of another vault is refused") {
  const Bytes value = format_anchor(kVault, at(77));
  for (std::size_t bit = 0; bit < value.size() * 8; ++bit) {
    Bytes altered = value;
    altered[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    if (parse_anchor(kVault, altered)) FAIL("bit " << bit);
  }
  CHECK_FALSE(parse_anchor(kVault, ByteView(value).first(83)));
  CHECK_FALSE(parse_anchor(kVault, concat(value, Bytes(1))));
  CHECK_FALSE(parse_anchor(kVault, {}));
  CHECK_FALSE(parse_anchor(kOtherVault, value));
}

TEST_CASE("anchors alternate between two objects, one at rest") {
  const ShimmedToken t;
  auto pool = t.open();
  REQUIRE_OK(pool);
  CHECK(*read_anchor(**pool, kVault) == std::nullopt);
  for (std::uint64_t size = 1; size <= 4; ++size) {
    REQUIRE_OK(write_anchor(**pool, kVault, at(size)));
    CHECK(**read_anchor(**pool, kVault) == at(size));
    CHECK(objects(**pool, "anchor-a") == size % 2);
    CHECK(objects(**pool, "anchor-b") == 1 - size % 2);
  }
  CHECK(*read_anchor(**pool, kOtherVault) == std::nullopt);
}

TEST_CASE("an anchor does not go back") {
  const ShimmedToken t;
  auto pool = t.open();
  REQUIRE_OK(pool);
  REQUIRE_OK(write_anchor(**pool, kVault, at(9)));
  CHECK(code_of(write_anchor(**pool, kVault, at(8))) == Errc::kFailedPrecondition);
  Anchor fork = at(9);
  fork.root.fill(0xee);
  CHECK(code_of(write_anchor(**pool, kVault, fork)) == Errc::kFailedPrecondition);
  CHECK(write_anchor(**pool, kVault, at(9, 2000)));  // the same position, later
  CHECK((*read_anchor(**pool, kVault))->time == 2000);
}

TEST_CASE("a crash between create and destroy leaves the newer anchor in force") {
  const ShimmedToken t;
  auto pool = t.open();
  REQUIRE_OK(pool);
  REQUIRE_OK(write_anchor(**pool, kVault, at(5)));
  t.shim.inject("C_DestroyObject 0x5");
  CHECK_FALSE(write_anchor(**pool, kVault, at(6)));
  t.shim.heal();
  CHECK(objects(**pool, "anchor-a") + objects(**pool, "anchor-b") == 2);
  CHECK(**read_anchor(**pool, kVault) == at(6));
  REQUIRE_OK(write_anchor(**pool, kVault, at(7)));
  CHECK(objects(**pool, "anchor-a") + objects(**pool, "anchor-b") == 1);
  CHECK(**read_anchor(**pool, kVault) == at(7));
}

TEST_CASE("an anchor that begins anew leaves no two of one size, wherever it is interrupted") {
  const ShimmedToken t;
  auto pool = t.open();
  REQUIRE_OK(pool);
  Anchor fork = at(5);
  fork.root.fill(0xee);
  for (const char* fault : {"C_CreateObject 0x31", "C_DestroyObject 0x5", "C_DestroyObject 0x5 skip 1"}) {
    INFO(fault);
    for (const Anchor& before : {at(5), at(9)}) {
      REQUIRE_OK(restart_anchor(**pool, kVault, before));
      t.shim.inject(fault);
      static_cast<void>(restart_anchor(**pool, kVault, fork));
      t.shim.heal();
      const auto between = read_anchor(**pool, kVault);
      REQUIRE_OK(between);
      CHECK((!*between || **between == before || **between == fork));
      CHECK((*between || before.size == fork.size));
      REQUIRE_OK(restart_anchor(**pool, kVault, fork));
      CHECK(**read_anchor(**pool, kVault) == fork);
      CHECK(objects(**pool, "anchor-a") + objects(**pool, "anchor-b") == 1);
    }
  }
}

TEST_CASE("a failed create leaves the old anchor in force, a lost one is repeated", "[softhsm]") {
  const ShimmedToken t;
  auto pool = t.open();
  REQUIRE_OK(pool);
  REQUIRE_OK(write_anchor(**pool, kVault, at(5)));
  t.shim.inject("C_CreateObject 0x31");
  CHECK_FALSE(write_anchor(**pool, kVault, at(6)));
  t.shim.heal();
  CHECK(**read_anchor(**pool, kVault) == at(5));
  for (const char* fault : {"C_CreateObject 0x32 count 1", "C_CreateObject 0x32 count 1 after",
                            "C_DestroyObject 0x32 count 1", "C_DestroyObject 0x32 count 1 after"}) {
    INFO(fault);
    const std::uint64_t next = (*read_anchor(**pool, kVault))->size + 1;
    t.shim.inject(fault);
    CHECK(write_anchor(**pool, kVault, at(next)));
    t.shim.heal();
    CHECK(**read_anchor(**pool, kVault) == at(next));
    CHECK(objects(**pool, "anchor-a") + objects(**pool, "anchor-b") == 1);
  }
}

TEST_CASE("a torn anchor beside a valid one does not count; torn ones alone are an alarm") {
  const ShimmedToken t;
  auto pool = t.open();
  REQUIRE_OK(pool);
  plant(**pool, "anchor-b", as_bytes("torn"));
  CHECK(code_of(read_anchor(**pool, kVault)) == Errc::kIntegrity);
  CHECK(code_of(write_anchor(**pool, kVault, at(1))) == Errc::kIntegrity);
  plant(**pool, "anchor-a", format_anchor(kVault, at(3)));
  CHECK(**read_anchor(**pool, kVault) == at(3));
  REQUIRE_OK(write_anchor(**pool, kVault, at(4)));
  CHECK(objects(**pool, "anchor-a") + objects(**pool, "anchor-b") == 1);
  CHECK(**read_anchor(**pool, kVault) == at(4));
}

TEST_CASE("an anchor of a newer version is refused as one, and not written over") {
  const ShimmedToken t;
  auto pool = t.open();
  REQUIRE_OK(pool);
  REQUIRE_OK(write_anchor(**pool, kVault, at(3)));
  plant(**pool, "anchor-b", as_bytes("FKA2, and whatever that has"));
  CHECK(is_newer(read_anchor(**pool, kVault).error()));
  CHECK(is_newer(write_anchor(**pool, kVault, at(4)).error()));
  CHECK(objects(**pool, "anchor-b") == 1);
}

TEST_CASE("two anchors of one size with different roots are an alarm") {
  const ShimmedToken t;
  auto pool = t.open();
  REQUIRE_OK(pool);
  Anchor fork = at(3);
  fork.root.fill(0xee);
  plant(**pool, "anchor-a", format_anchor(kVault, at(3)));
  plant(**pool, "anchor-b", format_anchor(kVault, fork));
  CHECK(code_of(read_anchor(**pool, kVault)) == Errc::kIntegrity);
}
