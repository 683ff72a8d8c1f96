// Server and main token are lost together: a backup, a mirror, the spare token and the cards bring the vault back.
#include "tests/unit/backup/restorable.h"
#include "tests/unit/vault/lost_token.h"

using namespace facekeep;
using namespace facekeep::test;

namespace {

constexpr bool kTokenLost = true;
constexpr bool kAcceptLoss = true;

// Four people are in the backup; behind it one is erased and one comes.
struct Burnt : Lost {
  Restorable r{kit};
  BackupStatus taken;

  Burnt() {
    REQUIRE(kit.start());
    REQUIRE(kit.unseal());
    taken = r.take();
    REQUIRE(kit.service->erase(kit.f.key("operator/1"), "main", RotationKit::id(0)));
    kit.enrol(1);
    kit.gone = {0, 4};
    r.lose();
    kit.f.main_token = kNewToken;
    kit.f.spare_attends = true;
  }
  std::vector<ledger::BehindBackup> restores() const {
    return kit.service->sequencer().read([](const ledger::State& st) { return st.restores(); });
  }
};

}  // namespace

TEST_CASE("without server and main token, the spare opens what was restored, behind a recovery") {
  NEEDS_TOKEN();
  Burnt b;
  RotationKit& kit = b.kit;
  REQUIRE(b.r.restored({b.taken.file}, kTokenLost) == "restored");
  CHECK(b.r.report.lost.size() == 1);
  check_restored(kit.f.dir(), kit.f.genesis().vault);
  const auto mark = backup::read_mark(kit.f.dir());
  REQUIRE((mark && *mark));
  CHECK_FALSE(kit.start());
  kit.f.stop(kit.service);

  REQUIRE(b.recover());
  b.close();
  check_restored(kit.f.dir(), kit.f.genesis().vault);
  b.r.open();
  kit.check_everybody();
  REQUIRE(b.restores().size() == 1);
  CHECK(b.restores()[0].from == (*mark)->from);
  CHECK(b.restores()[0].upto == (*mark)->upto + 1);  // the recovery

  // A start that did not come to take the mark away.
  kit.f.stop(kit.service);
  kit.options.sequencer.restored = *mark;
  REQUIRE(kit.start());
  REQUIRE(kit.unseal());
  kit.options.sequencer.restored.reset();
  CHECK(b.restores().size() == 1);

  Cards cards = kit.draw_cards();
  kit.agree(cards.action);
  REQUIRE(kit.finish(&cards));
  kit.cards = std::move(cards);
  kit.check_everybody();
  kit.enrol(1);
  kit.check_after_restart();
}

TEST_CASE("a crash in a recovery behind a restore leaves it to be done, or to be finished") {
  NEEDS_TOKEN();
  const std::string at = GENERATE(as<std::string>(), "recovery-signed", "recovery-committed", "recovery-anchored");
  INFO(at);
  Burnt b;
  REQUIRE(b.r.restored({b.taken.file}, kTokenLost) == "restored");
  CHECK_THROWS_AS(b.recover([&](const char* point) {
    if (at == point) throw Crash();
  }),
                  Crash);
  b.close();
  if (at == "recovery-signed") {
    REQUIRE(b.recover());
  } else {
    REQUIRE(b.open_files(b.kit.f.dir()));
    b.custody = hsm::TokenCustody::open(b.kit.f.open_token(kNewToken).value(), b.kit.f.genesis().vault).value();
    REQUIRE(b.recovery->finish(*b.custody, b.kit.f.clock.now()));
  }
  b.close();
  b.r.open();
  b.kit.check_everybody();
}

TEST_CASE("a new token that dies before the vault starts is replaced by another, and the restore is in the log once") {
  NEEDS_TOKEN();
  Burnt b;
  RotationKit& kit = b.kit;
  REQUIRE(b.r.restored({b.taken.file}, kTokenLost) == "restored");
  const auto upto = (*backup::read_mark(kit.f.dir()))->upto;
  REQUIRE(b.recover());
  b.close();
  b.new_token = "facekeep-newer";
  kit.f.token().add_token(b.new_token);
  kit.f.main_token = b.new_token;
  REQUIRE(b.recover());
  b.close();
  check_restored(kit.f.dir(), kit.f.genesis().vault);
  b.r.open();
  kit.check_everybody();
  REQUIRE(b.restores().size() == 1);
  CHECK(b.restores()[0].upto == upto + 2);
}

TEST_CASE(
    "where the mirror is lost too the quorum gives up what is behind the backup, and nobody matches until confirmed") {
  NEEDS_TOKEN();
  Burnt b;
  RotationKit& kit = b.kit;
  REQUIRE(b.r.restored({b.taken.file}, kTokenLost, kAcceptLoss) == "restored");
  CHECK_FALSE(*backup::read_mark(kit.f.dir()));
  // Nothing is given up that nobody knows of.
  REQUIRE(b.open_files(kit.f.dir()));
  CHECK_FALSE(b.recovery->newest_lost({}, {}));
  b.close();
  const std::string newest(as_chars(file_of(b.r.mirror + "/checkpoint")));
  const Status done = b.recover({}, newest);
  INFO((done ? "" : done.error().message));
  REQUIRE(done);
  b.close();
  kit.gone = {0, 1, 2, 3, 4};
  b.r.open();
  kit.check_everybody();
  CHECK(b.restores().empty());
  kit.service->sequencer().read([&](const ledger::State& st) {
    CHECK(st.in_doubt() == 4);
    REQUIRE(st.recovery());
    CHECK(st.recovery()->kind == "stolen");
    REQUIRE(st.handovers().back().loss);
    CHECK(st.handovers().back().loss->newest.size > b.taken.made.size);
  });
}

TEST_CASE("a restore without the main token takes a spare token") {
  NEEDS_TOKEN();
  RotationKit kit;
  kit.options.backup_dir = kit.f.dir() + "-backups";
  REQUIRE(kit.start());
  REQUIRE(kit.unseal());
  kit.enrol(1);
  Restorable r{kit};
  const BackupStatus taken = r.take();
  r.lose();
  CHECK(has_text(r.restored({taken.file}, kTokenLost), "no spare token"));
  CHECK(fs::is_empty(kit.f.dir()));
}

namespace {

// As where the first spare key came with these new keys: the old ones are not sealed for it.
void take_spare_rows(RotationKit& kit) {
  store::Batch drop;
  REQUIRE(kit.f.store->scan(store::keys::prefix(store::keys::Kind::kSiteKey), {}, [&](ByteView row, ByteView) {
    const auto key = store::keys::parse_site_key(row);
    using store::keys::SiteKeyKind;
    const bool spare = key && (key->kind == SiteKeyKind::kSpare || key->kind == SiteKeyKind::kSpareAgain);
    if (spare && key->epoch == 1) drop.deletes.push_back(to_bytes(row));
    return true;
  }));
  REQUIRE_FALSE(drop.deletes.empty());
  drop.head_before = drop.head_after = kit.f.store->head().value();
  REQUIRE(kit.f.store->commit(drop, store::Urgency::kOrdinary));
}

}  // namespace

TEST_CASE("old keys that no spare opens are dropped where nobody needs them, and else nothing is signed for") {
  NEEDS_TOKEN();
  const bool reshare = GENERATE(false, true);
  const bool restores = GENERATE(false, true);
  CAPTURE(reshare, restores);
  Lost lost;
  RotationKit& kit = lost.kit;
  REQUIRE(kit.start());
  REQUIRE(kit.unseal());
  Restorable r{kit};
  Cards cards = kit.draw_cards();
  const Id128 id = kit.agree(reshare ? ledger::Action(cards.action) : ledger::Action(ledger::RotateKeys{}));
  REQUIRE(soon([&] {
    kit.service->housekeeping();
    const auto now = kit.rotation();
    return now && now->upto == ledger::kAllRefs && r.done(id) && kit.on_disk();
  }));
  take_spare_rows(kit);
  const BackupStatus taken = r.take();
  const char* refusal = "of before the rotation was not sealed for the spare token";
  if (restores) {
    r.lose();
    const std::string said = r.restored({taken.file}, kTokenLost);
    CHECK((reshare ? has_text(said, refusal) : said == "restored"));
  } else {
    kit.f.stop(kit.service);
  }
  kit.f.main_token = kNewToken;
  kit.f.spare_attends = true;
  if (reshare && restores) return;
  const Status recovered = lost.recover();
  lost.close();
  REQUIRE(recovered.has_value() == !reshare);
  if (reshare) {
    CHECK(has_text(recovered.error().message, refusal));
    return;
  }
  r.open();
  kit.check_everybody();
  REQUIRE(r.ends());
  kit.check_everybody();
}
