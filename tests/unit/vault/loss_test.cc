// A restore that accepts a loss: what the custodians give up, under which name the log goes on, and who matches then.
#include "hsm/log_key.h"
#include "tests/unit/vault/disturbed_rotation.h"
#include "tests/unit/vault/recovery_files.h"
#include "vault/backup/restore.h"

using namespace facekeep;
using namespace facekeep::test;

namespace {

// A backup with three people; behind it one is erased and one comes. Then the disk is lost, and no mirror has the rest.
struct Loss : RecoveryFiles {
  RotationKit kit;
  std::string file;
  std::uint64_t size = 0;  // entries in the backup

  Loss() {
    kit.options.backup_dir = kit.f.dir() + "-backups";
    REQUIRE(kit.start());
    REQUIRE(kit.unseal());
    kit.enrol(3);
    kit.f.clock.advance(kBackupPauseMs);
    auto now = kit.service->begin_backup(kit.f.key("property/1"), {});
    REQUIRE(now);
    REQUIRE(soon([&] {
      now = kit.service->backup_status(kit.f.key("property/1"), now->id);
      return now && now->state == "done";
    }));
    file = now->file;
    size = now->made.size;
    REQUIRE(kit.service->erase(kit.f.key("operator/1"), "main", RotationKit::id(2)));
    kit.enrol(1);
    kit.f.stop(kit.service);
    std::filesystem::remove_all(kit.f.dir() + "/db");
    std::filesystem::remove_all(kit.f.dir() + "/keys");
  }
  ~Loss() {
    std::error_code ec;
    std::filesystem::remove_all(kit.options.backup_dir, ec);
  }
  Result<backup::RestoreReport> restore(bool accept) {
    const auto token = [&](const ledger::Genesis& current, std::optional<std::uint32_t>) -> Result<backup::TokenFacts> {
      FK_TRY(auto pool, kit.f.open_token());
      FK_TRY(const auto opened, hsm::TokenCustody::open(std::move(pool), current.vault));
      backup::TokenFacts out;
      FK_TRY(out.log_keys, opened->log_keys());
      FK_TRY(out.anchor, opened->read_anchor());
      FK_TRY(out.has_root, opened->has_root(current.register_epoch));
      return out;
    };
    return backup::restore({{file}, {}, token, kit.f.dir(), {}, {}, {}, accept, {}});
  }
  Status open() {
    FK_CHECK(open_files(kit.f.dir()));
    FK_TRY(auto pool, kit.f.open_token());
    FK_TRY(custody, hsm::TokenCustody::open(std::move(pool), kit.f.genesis().vault));
    return {};
  }
  // The statement, signed by a quorum.
  Result<ledger::Recovered> signed_loss() {
    FK_TRY(const auto anchor, custody->read_anchor());
    FK_TRY(const ledger::TreeAt newest, recovery->newest_lost({}, anchor));
    FK_TRY(const LogPublicKey key, custody->make_log_key());
    const ledger::Loss loss{kit.f.genesis().origin + "/2", newest};
    FK_TRY(const ledger::Recovered e,
           recovery->draw_up("restored", {kit.f.genesis().token, key}, kit.f.clock.now().wall, loss));
    FK_TRY(const std::string statement, recovery_statement(e, kit.f.genesis().vault));
    std::vector<std::string> armored;
    for (const char* who : {"property/1", "property/2", "residents/1", "residents/2"}) {
      const auto blob = tools::make_sshsig(kit.f.private_key(who), ledger::kRecoveryNamespace, as_bytes(statement));
      armored.push_back(ledger::armor_sshsig(blob.value()));
    }
    return recovery->with_signatures(statement, armored);
  }
};

}  // namespace

TEST_CASE("a restore that accepts a loss goes on under another name, and nobody matches until confirmed") {
  NEEDS_TOKEN();
  Loss l;
  RotationKit& kit = l.kit;
  const auto report = l.restore(true);
  INFO((report ? "" : report.error().message));
  REQUIRE(report);
  CHECK(report->size == l.size);
  CHECK(report->entries == 0);
  // The token has seen more: no daemon goes on with that by itself.
  const Status early = kit.start();
  REQUIRE_FALSE(early);
  CHECK(early.error().message.find("the database was rolled back") != std::string::npos);
  kit.f.stop(kit.service);
  REQUIRE(l.open());
  const auto e = l.signed_loss();
  REQUIRE(e);
  CHECK(e->loss->newest.size > l.size);
  REQUIRE(l.recovery->carry_out(*e, *l.custody, kit.f.clock.now()));
  l.close();
  REQUIRE(kit.start());
  CHECK(kit.newest().origin == kit.f.genesis().origin + "/2");
  CHECK(kit.f.custody->log_keys()->size() == 1);
  REQUIRE(kit.unseal());
  for (int i = 0; i < 3; ++i) CHECK(kit.verify(i) == "no_match");
  CHECK(kit.verify(3) == "no_match");
  CHECK(kit.service->metrics().in_doubt == 3);
  // Who was erased behind the backup is there again, and in doubt: the operator erases that one, both groups confirm.
  REQUIRE(kit.service->erase(kit.f.key("operator/1"), "main", RotationKit::id(2)));
  kit.agree(ledger::ConfirmSubjects{"main"});
  REQUIRE(soon([&] {
    kit.service->housekeeping();
    return kit.service->metrics().in_doubt == 0;
  }));
  CHECK(kit.verify(0) == "match");
  CHECK(kit.verify(1) == "match");
  CHECK(kit.verify(2) == "no_match");
  REQUIRE(kit.restart());
  REQUIRE(kit.unseal());
  CHECK(kit.verify(0) == "match");
}

TEST_CASE("a loss is accepted by signatures alone, and no larger than they say") {
  NEEDS_TOKEN();
  Loss l;
  CHECK_FALSE(l.restore(false));
  REQUIRE(l.restore(true));
  REQUIRE(l.open());
  const auto e = l.signed_loss();
  REQUIRE(e);
  ledger::Recovered fewer = *e;
  fewer.signatures.pop_back();
  CHECK(problem(l.recovery->carry_out(fewer, *l.custody, l.kit.f.clock.now())) == "bad-recovery");
  // The token saw more than was given up, between the statement and the entry.
  Anchor more = l.custody->read_anchor()->value();
  ++more.size;
  REQUIRE(l.custody->write_anchor(more));
  const Status refused = l.recovery->carry_out(*e, *l.custody, l.kit.f.clock.now());
  REQUIRE_FALSE(refused);
  CHECK(l.custody->read_anchor()->value().size == more.size);
  l.close();
  CHECK_FALSE(l.kit.start());
}
