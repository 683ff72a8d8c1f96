#include "tools/facekeep/receipt.h"

#include <sstream>

#include "tests/support/catch.h"
#include "tests/unit/facekeep/fake_vault.h"
#include "tests/unit/tools/scratch.h"
#include "vault/log/proof.h"

using namespace facekeep;
using namespace facekeep::tools;

namespace {

struct Fixture : tools::testing::FakeVault {
  std::uint64_t erased = 0;
  Bytes opening;

  Fixture() {
    ledger::Event event;
    event.time = 1795325776123;
    event.body = ledger::Erased{Id128{7}, "main", "operator/1", "operator"};
    const std::string text = *ledger::encode_event(event);
    const ledger::Salt salt{1, 2, 3};
    opening = concat(Bytes{0x01}, salt, as_bytes(text));
    erased = leaves.size();
    append(ledger::private_leaf(ledger::EventClass::kCustody, ledger::commit(salt, text)));
    append("what came later");
  }
  [[nodiscard]] log::Receipt receipt(std::uint64_t entry, Bytes extra) const {
    return {std::move(extra), entry, *log::inclusion_proof(entry, leaves.size(), source()), note()};
  }
  [[nodiscard]] std::string problem(const log::Receipt& r, std::uint64_t entry) const {
    const Status s = check_receipt(notice(), *log::format_receipt(r), entry);
    return s ? "ok" : s.error().problem;
  }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a receipt with the entry's opening proves the entry") {
  CHECK(problem(receipt(erased, opening), erased) == "ok");
  CHECK(problem(receipt(start_entry, {}), start_entry) == "ok");
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
  CHECK(problem(r, start_entry) == "bad-receipt");
  CHECK_FALSE(check_receipt(notice(), "", 0));
}

TEST_CASE_METHOD(Fixture, "a receipt is kept in a new file, checked first, and no file is overwritten") {
  const Scratch scratch;
  const std::string path = (scratch.path() / "erasure.tlog-proof").string();
  std::ostringstream out;
  std::ostringstream err;
  Reporter report(Lang::kEnglish, false, out, err);
  const std::string text = *log::format_receipt(receipt(erased, opening));
  Json answer = {{"entry", erased}, {"receipt", text}};
  REQUIRE(keep_receipt_of(notice(), answer, path, report));
  CHECK(*load_text(path) == text);
  CHECK_FALSE(keep_receipt_of(notice(), answer, path, report));
  CHECK(*load_text(path) == text);
  CHECK(keep_receipt_of(notice(), answer, "", report));
  answer.erase("receipt");
  CHECK_FALSE(keep_receipt_of(notice(), answer, "", report));
}
