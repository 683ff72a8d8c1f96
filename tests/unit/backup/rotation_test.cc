// Backups beside a rotation: none while keys move, one as soon as all are moved, and which of them are restored.
#include "tests/unit/backup/restorable.h"
#include "tests/unit/vault/lost_token.h"

using namespace facekeep;
using namespace facekeep::test;

namespace {

struct Rotated : private Disturbed, public Restorable {
  Disturbed& d = *this;
  using Restorable::kit;

  explicit Rotated(int people = 6) : Restorable{Disturbed::kit} {
    kit.options.backup_dir = kit.f.dir() + "-backups";
    REQUIRE(kit.restart());
    REQUIRE(kit.unseal());
    kit.enrol(people);
  }
};

}  // namespace

TEST_CASE("a backup is taken once everybody is moved, before the old keys are gone; restored, the rotation ends") {
  NEEDS_TOKEN();
  Rotated r;
  RotationKit& kit = r.kit;
  const bool reshare = GENERATE(false, true);
  const bool ended_before_the_loss = GENERATE(false, true);
  CAPTURE(reshare, ended_before_the_loss);
  Cards cards = kit.draw_cards();
  kit.agree(reshare ? ledger::Action(cards.action) : ledger::Action(ledger::RotateKeys{}));
  REQUIRE(r.d.rewrapped());
  if (reshare) kit.cards = std::move(cards);
  const BackupStatus taken = r.take();
  REQUIRE(kit.rotation());
  CHECK(kit.rotation()->cards_untried == reshare);
  CHECK(backup::open_backup(taken.file)->header().root_epoch == 2);
  if (ended_before_the_loss) REQUIRE(kit.finish());
  r.lose();
  REQUIRE(r.restored({taken.file}) == "restored");
  CHECK(r.report.without_key.empty());
  r.open();
  kit.check_everybody();
  REQUIRE(kit.finish());
  check_only(kit, 2);
  kit.enrol(1);
  kit.check_everybody();
}

TEST_CASE("a rotation whose old root is gone already, and whose end no log has, ends behind a restore") {
  NEEDS_TOKEN();
  Rotated r;
  RotationKit& kit = r.kit;
  kit.agree(ledger::RotateKeys{});
  REQUIRE(r.d.rewrapped());
  const BackupStatus taken = r.take();
  r.lose();
  {  // as one that stopped between the end of the old root in the token and the entry that says so
    auto custody = hsm::TokenCustody::open(kit.f.open_token().value(), kit.f.genesis().vault).value();
    REQUIRE(custody->destroy_root(1));
  }
  REQUIRE(r.restored({taken.file}) == "restored");
  r.open();
  kit.check_everybody();
  REQUIRE(kit.finish());
  check_only(kit, 2);
}

TEST_CASE("while keys move no backup is taken, nor one that lacks the key of somebody who was left behind") {
  NEEDS_TOKEN();
  Rotated r;
  RotationKit& kit = r.kit;
  const BackupStatus before = r.take();
  // One whose key does not open when its turn comes.
  const auto [slot, entry] = kit.service->sequencer().read([](const ledger::State& st) {
    const auto& s = st.subjects().begin()->second;
    return std::pair{s.slot, s.entry};
  });
  const std::string files[] = {kit.f.dir() + "/keys/slots.a", kit.f.dir() + "/keys/slots.b"};
  const Bytes good[] = {file_of(files[0]), file_of(files[1])};
  for (const int i : {0, 1}) {
    Bytes bad = good[i];
    bad.at(128 * (slot + 1) + 20) ^= 1;
    write_file(files[i], bad);
  }
  r.d.store->delay_ms = 200;  // each batch of two
  kit.agree(ledger::RotateKeys{});
  REQUIRE(soon([&] {
    kit.service->housekeeping();
    return kit.rotation().has_value();
  }));
  const BackupStatus moving = r.take_any();
  CHECK(moving.state == "failed");
  CHECK(has_text(moving.why, "being rewrapped under new keys"));
  r.d.store->delay_ms = 0;
  REQUIRE(r.d.rewrapped());
  const BackupStatus behind = r.take_any();
  CHECK(behind.state == "failed");
  CHECK(has_text(behind.why, "the key of log entry " + std::to_string(entry) + " could not be moved"));
  // Repaired: it is moved at the end, and a backup has everybody.
  for (const int i : {0, 1}) write_file(files[i], good[i]);
  REQUIRE(kit.finish());
  const BackupStatus whole = r.take();
  // One cannot build on a backup from before the new keys, and that one is beyond the horizon.
  const BackupStatus built = r.take_any(since(before));
  CHECK(built.state == "failed");
  CHECK(has_text(built.why, "new keys since the backup to build on"));
  CHECK(r.take_any(since(whole)).state == "done");
  r.lose();
  CHECK(has_text(r.restored({before.file}), "sealed under root key 1, and the vault has root key 2"));
  REQUIRE(r.restored({whole.file}) == "restored");
  r.open();
  kit.check_everybody();
}

TEST_CASE("a backup from before a rotation that has not ended is refused, with where it began") {
  NEEDS_TOKEN();
  Rotated r;
  const BackupStatus before = r.take();
  r.kit.agree(ledger::RotateKeys{});
  REQUIRE(r.d.rewrapped());
  const std::uint64_t began = r.kit.rotation()->entry;
  r.lose();
  CHECK(has_text(r.restored({before.file}),
                 "was under way where the mirror ends: it began at log entry " + std::to_string(began)));
  CHECK(fs::is_empty(r.kit.f.dir()));
}

TEST_CASE("a rotation that begins while a backup is taken ends it") {
  NEEDS_TOKEN();
  Rotated r;
  RotationKit& kit = r.kit;
  kit.agree(ledger::RotateKeys{});
  Bytes file;
  backup::Writer writer([&](ByteView bytes) -> Status {
    file.insert(file.end(), bytes.begin(), bytes.end());
    return {};
  });
  const auto begin = [&](std::uint64_t, std::uint64_t) { return kit.rotation() || r.d.rewrapped(); };
  const auto taken = backup::write_backup({*kit.f.store, *kit.f.slots, kit.service->sequencer()}, {}, writer, begin);
  REQUIRE(kit.rotation());
  REQUIRE_FALSE(taken);
  CHECK(problem(taken) == "ceremony-running");
}

TEST_CASE("a backup from while the first cards behind a lost token were untried opens with these cards") {
  NEEDS_TOKEN();
  Lost lost;
  RotationKit& kit = lost.kit;
  REQUIRE(lost.recover());
  REQUIRE(lost.start(true));
  REQUIRE(kit.unseal());
  Restorable r{kit};
  Cards cards = kit.draw_cards();
  r.renew(cards);
  const BackupStatus taken = r.take();
  r.lose();
  REQUIRE(r.restored({taken.file}) == "restored");
  kit.cards = std::move(cards);
  r.open();
  kit.check_everybody();
  REQUIRE(r.ends());
  kit.check_after_restart();
}

TEST_CASE("a backup from before cards were made once more is restored while the cards before both still open it") {
  NEEDS_TOKEN();
  Rotated r;
  RotationKit& kit = r.kit;
  r.renew(kit.draw_cards());
  const BackupStatus taken = r.take();
  Cards second = kit.draw_cards();
  r.renew(second);
  const bool ended = GENERATE(false, true);
  CAPTURE(ended);
  if (ended) {
    REQUIRE(kit.service->seal(kit.f.key("property/1")));
    kit.cards = std::move(second);
    REQUIRE(kit.unseal());
    REQUIRE(r.ends());
    r.lose();
    CHECK(has_text(r.restored({taken.file}), "new cards were made behind this backup"));
    CHECK(fs::is_empty(kit.f.dir()));
    return;
  }
  r.lose();
  REQUIRE(r.restored({taken.file}) == "restored");
  CHECK(r.report.old_cards);
  r.open();  // with those of the ceremony
  kit.check_everybody();
  Cards third = kit.draw_cards();
  r.renew(third);
  REQUIRE(kit.service->seal(kit.f.key("property/1")));
  kit.cards = std::move(third);
  REQUIRE(kit.unseal());
  REQUIRE(r.ends());
  check_only(kit, 2);
  kit.check_everybody();
}

TEST_CASE("backups that lack the keys of most people are restored to nothing that an unseal would refuse") {
  NEEDS_TOKEN();
  const std::size_t lost = GENERATE(std::size_t{1}, std::size_t{2});
  CAPTURE(lost);
  Rotated r(3);
  RotationKit& kit = r.kit;
  kit.agree(ledger::RotateKeys{});
  REQUIRE(kit.finish());
  std::vector<std::uint32_t> slots;
  kit.service->sequencer().read([&](const ledger::State& st) {
    for (const auto& [ref, s] : st.subjects()) slots.push_back(s.slot);
  });
  slots.resize(lost);
  REQUIRE(kit.f.slots->erase(slots));
  const BackupStatus taken = r.take();
  r.lose();
  if (lost == 1) {
    REQUIRE(r.restored({taken.file}) == "restored");
    CHECK(r.report.without_key.size() == 1);
    r.open();
    return;
  }
  CHECK(has_text(r.restored({taken.file}), "open 1 of the 3 people"));
  CHECK(fs::is_empty(kit.f.dir()));
}
