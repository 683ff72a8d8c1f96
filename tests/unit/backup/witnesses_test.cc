// A restore asks the log's witnesses what they have seen.
#include "tests/support/test_witness.h"
#include "tests/unit/backup/backup_kit.h"
#include "vault/base/digest.h"

using namespace facekeep;
using namespace facekeep::test;

namespace {

struct Witnessed {
  std::vector<TestWitness> witnesses = {TestWitness("witness.example/w1"), TestWitness("witness.example/w2")};
  std::set<std::string> away;
  BackupKit kit{options()};

  FixtureOptions options() const {
    FixtureOptions out;
    out.witnesses = ledger::Witnesses{1, ledger::OnMissing::kOpen, {}};
    for (const auto& w : witnesses) {
      const std::string url = "https://192.0.2." + std::to_string(out.witnesses->list.size() + 1);
      out.witnesses->list.push_back({ledger::format_witness_key(w.key), url, sha256(as_bytes(url))});
    }
    return out;
  }
  Witnessed() {
    kit.witness = [this](const ledger::Witness& named, const std::string& body) -> Result<log::WitnessAnswer> {
      for (TestWitness& w : witnesses) {
        if (ledger::format_witness_key(w.key) != named.vkey) continue;
        if (away.contains(w.key.name)) return make_error(Errc::kUnavailable, "no route to it");
        return w.add_checkpoint(body, log::parse_vkey(kit.f.genesis().log_key).value());
      }
      return make_error(Errc::kNotFound, "no such witness");
    };
  }
};

}  // namespace

TEST_CASE("a mirror that is short of a witness is refused, with both positions; one that reaches them all is not") {
  NEEDS_TOKEN();
  Witnessed w;
  BackupKit& kit = w.kit;
  kit.enrol("p1", 1);
  const BackupStatus taken = kit.take();
  kit.lose();
  const std::string note = daemon::open_mirror_log(kit.mirror)->log.checkpoint;
  const auto head = log::open_checkpoint(note, log::parse_vkey(kit.f.genesis().log_key).value()).value();
  const auto refused = [&](const std::string& part) {
    const auto report = kit.restore({taken.file});
    REQUIRE_FALSE(report);
    CHECK(has_text(report.error().message, part));
    CHECK(fs::is_empty(kit.f.dir()));
    return report.error();
  };
  // One entry more than the mirror has, seen by the second alone.
  w.witnesses[1].size = head.size + 1;
  const Error longer = refused("the witness witness.example/w2 has seen " + std::to_string(head.size + 1));
  CHECK(longer.code == Errc::kIntegrity);
  CHECK(has_text(longer.message, "backup and mirror end at " + std::to_string(head.size)));
  // Another root at its end.
  w.witnesses[1].size = head.size;
  CHECK(refused("another history").code == Errc::kIntegrity);
  w.witnesses[1].status = 422;
  CHECK(refused("another history").code == Errc::kIntegrity);
  w.witnesses[1].status = 404;
  CHECK(refused("it answered 404").code == Errc::kUnavailable);
  w.witnesses[1].status = 0;
  // Away: in so many words, and by its name alone.
  w.away = {"witness.example/w1"};
  const Error away = refused("no route to it");
  CHECK(away.code == Errc::kUnavailable);
  CHECK(has_text(away.hint, "--without-witness witness.example/w1"));
  w.witnesses[1].root = head.root;
  kit.without_witness = {"witness.example/w9"};
  CHECK(refused("no route to it").code == Errc::kUnavailable);
  w.away.clear();
  CHECK(refused("names no witness witness.example/w9").code == Errc::kInvalidArgument);
  w.away = {"witness.example/w1"};
  kit.without_witness = {"witness.example/w1"};
  const auto report = kit.restore({taken.file});
  INFO((report ? "" : report.error().message));
  REQUIRE(report);
  kit.open_restored();
  CHECK(kit.matched(1) == "p1");
}

TEST_CASE("a witness that is behind the mirror, or has seen nothing, is no hindrance") {
  NEEDS_TOKEN();
  Witnessed w;
  w.kit.enrol("p1", 1);
  const BackupStatus taken = w.kit.take();
  w.kit.lose();
  w.witnesses[1].size = 3;
  const auto report = w.kit.restore({taken.file});
  INFO((report ? "" : report.error().message));
  REQUIRE(report);
  for (const TestWitness& witness : w.witnesses) CHECK(witness.calls == 1);
  CHECK(w.witnesses[0].size == 0);
  CHECK(w.witnesses[1].size == 3);
}

TEST_CASE("where the log names witnesses and nobody can ask them, nothing is restored") {
  NEEDS_TOKEN();
  Witnessed w;
  w.kit.enrol("p1", 1);
  const BackupStatus taken = w.kit.take();
  w.kit.lose();
  w.kit.witness = nullptr;
  const auto report = w.kit.restore({taken.file});
  REQUIRE_FALSE(report);
  CHECK(has_text(report.error().message, "nobody can ask it"));
}
