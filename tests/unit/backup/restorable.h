// A vault that is backed up, mirrored, lost and restored while its keys change.
#pragma once

#include "tests/unit/backup/backup_kit.h"
#include "tests/unit/vault/disturbed_rotation.h"

namespace facekeep::test {

// What became of a vault: mirrored, lost and restored.
struct Restorable {
  RotationKit& kit;
  std::string mirror = kit.f.dir() + "-mirror";
  backup::RestoreReport report = {};  // of the latest restore

  BackupStatus take() const {
    const BackupStatus now = take_any();
    INFO(now.why);
    REQUIRE(now.state == "done");
    return now;
  }
  BackupStatus take_any(const std::optional<backup::Since>& since = {}) const {
    return backed_up(kit.f, *kit.service, since);
  }
  // Stopped; the log is mirrored and the disk lost.
  void lose() const {
    kit.f.stop(kit.service);
    export_mirror_of(kit.f.dir(), mirror);
    fs::remove_all(kit.f.dir());
  }
  std::string restored(const std::vector<std::string>& files, bool token_lost = false, bool accept_loss = false) {
    const auto log = daemon::open_mirror_log(mirror);
    REQUIRE(log);
    backup::RestoreParts parts;
    parts.files = files;
    parts.mirror = log->log;
    parts.token = token_of(kit.f);
    parts.token_lost = token_lost;
    parts.accept_loss = accept_loss;
    parts.data_dir = kit.f.dir();
    auto done = backup::restore(parts);
    if (!done) return done.error().message;
    report = std::move(*done);
    CHECK(report.faults.empty());
    return "restored";
  }
  // The first start behind a restore.
  void open() const {
    const auto mark = backup::read_mark(kit.f.dir());
    REQUIRE(mark);
    kit.options.sequencer.restored = *mark;
    REQUIRE(kit.start());
    kit.options.sequencer.restored.reset();
    REQUIRE(backup::remove_mark(kit.f.dir()));
    REQUIRE(kit.unseal());
    kit.f.clock.advance(60'000);  // what was lost counts as used up: the buckets fill again
  }
  // Of a re-share: everybody is moved, and the new cards have opened nothing.
  void renew(const Cards& cards) const {
    const Id128 id = kit.agree(cards.action);
    REQUIRE(soon([&] {
      kit.service->housekeeping();
      const auto r = kit.rotation();
      return r && r->upto == ledger::kAllRefs && r->cards_untried && done(id);
    }));
  }
  [[nodiscard]] bool done(const Id128& id) const {
    return kit.service->sequencer().read(
        [&](const ledger::State& st) { return st.proposals().at(id).stage == ledger::Stage::kDone; });
  }
  [[nodiscard]] bool ends() const {
    return soon([&] {
      kit.f.clock.advance(61'000);
      kit.service->housekeeping();
      return !kit.rotation() && kit.on_disk();
    });
  }
};

}  // namespace facekeep::test
