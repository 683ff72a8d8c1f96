#include "tools/facekeep/receipt.h"

#include "tests/support/catch.h"
#include "tests/unit/facekeep/fake_vault.h"
#include "vault/log/proof.h"

using namespace facekeep;
using namespace facekeep::tools;

namespace {

const Expected kErased{[](const ledger::Event& e) { return std::holds_alternative<ledger::Erased>(e.body); }};
const Expected kStart{[](const ledger::Event& e) { return std::holds_alternative<ledger::Start>(e.body); }};

struct Fixture : tools::testing::FakeVault {
  std::uint64_t erased = leaves.size();
  Bytes opening = append_private(ledger::Erased{Id128{7}, "main", "operator/1", "operator"});

  Fixture() { append("what came later"); }
  [[nodiscard]] log::Receipt receipt(std::uint64_t entry, Bytes extra) const {
    return {std::move(extra), entry, *log::inclusion_proof(entry, leaves.size(), source()), note()};
  }
  [[nodiscard]] std::string problem(const log::Receipt& r, std::uint64_t entry, const Expected& expected = kErased,
                                    std::string_view served = {}) const {
    const auto s = check_receipt(notice(), *log::format_receipt(r), entry, expected, as_bytes(served));
    return s ? "ok" : s.error().problem;
  }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a receipt proves the event of its opening, or the entry as the log has it") {
  CHECK(problem(receipt(erased, opening), erased) == "ok");
  CHECK(problem(receipt(start_entry, {}), start_entry, kStart, texts[start_entry]) == "ok");
}

TEST_CASE_METHOD(Fixture, "a receipt of another event than the one that was asked for is refused") {
  CHECK(problem(receipt(erased, opening), erased, kStart) == "bad-receipt");
  CHECK(problem(receipt(start_entry, {}), start_entry, kErased, texts[start_entry]) == "bad-receipt");
}

TEST_CASE_METHOD(Fixture, "a receipt without an opening proves nothing of a private entry, and says so") {
  CHECK(problem(receipt(erased, {}), erased, kErased, texts[erased]) == "bad-receipt");
  // But where nothing else is to be had, that it is an entry of custody.
  Expected any = kErased;
  any.unopened_custody = true;
  CHECK(problem(receipt(erased, {}), erased, any, texts[erased]) == "ok");
  CHECK(problem(receipt(start_entry, {}), start_entry, any, texts[start_entry]) == "bad-receipt");
}

TEST_CASE_METHOD(Fixture, "an entry that is shown beside a receipt must be the one in the tree") {
  const log::Receipt r = receipt(start_entry, {});
  CHECK(problem(r, start_entry, kStart) == "bad-receipt");
  const std::string other = text_of(ledger::Start{"0.2.0", {}, {}, {}, false});
  CHECK(problem(r, start_entry, kStart, other) == "bad-receipt");
}

TEST_CASE_METHOD(Fixture, "a receipt that does not fit is refused") {
  const log::Receipt good = receipt(erased, opening);
  log::Receipt r = good;
  r.extra[40] ^= 1;
  CHECK(problem(r, erased) == "bad-receipt");
  r = good;
  r.extra[1] ^= 1;  // the salt
  CHECK(problem(r, erased) == "bad-receipt");
  r = good;
  r.extra.resize(33);
  CHECK(problem(r, erased) == "bad-receipt");
  r = good;
  r.hashes.front()[0] ^= 1;
  CHECK(problem(r, erased) == "bad-receipt");
  r = good;
  r.checkpoint.replace(r.checkpoint.find("\n5\n"), 3, "\n6\n");  // the size is signed
  CHECK(problem(r, erased) == "bad-receipt");
  CHECK(problem(good, erased + 1) == "bad-receipt");
  r = receipt(start_entry, {});
  r.checkpoint = note(start_entry);  // from before the entry
  CHECK(problem(r, start_entry, kStart, texts[start_entry]) == "bad-receipt");
  CHECK_FALSE(check_receipt(notice(), "", 0, kErased, {}));
}
