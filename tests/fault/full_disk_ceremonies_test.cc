// The disk fills up while keys, cards or the log's key change, while a lost main token is replaced, and while a vault
// is restored. What was begun goes on once there is room, or nothing of it is left; there are cards that open the vault
// at any time; and whoever asks is told that there is no room. The whole vault lies on the small disk, its token's
// files too; of a restore what it writes.
#include "tests/fault/starved_vault.h"
#include "tests/unit/backup/backup_kit.h"
#include "tests/unit/vault/lost_token.h"

using namespace facekeep;
using namespace facekeep::test;

namespace {

constexpr std::int64_t kDelayMs = 5LL * 24 * 3600 * 1000;  // longer than a proposal's

void check_only_keys_before(RotationKit& kit) {
  CHECK(kit.epoch() == 1);
  CHECK_FALSE(kit.rotation());
  CHECK_FALSE(has_root(kit, 2));
  CHECK(kit.f.slots->epochs() == Epochs{1});
  CHECK(kit.site_keys(2) == 0);
}

// What happens on the full disk, before there is room.
enum class Then : std::uint8_t { kNothing, kSealed, kRestarted };

// The change goes on to its end, and leaves nothing of what was before.
void fills_up_and_goes_on(const SmallDisk& disk, bool reshare, At at, std::uint64_t leave, Then then) {
  Starved s(disk);
  RotationKit& kit = s.kit;
  std::optional<Cards> next;
  if (reshare) next = kit.draw_cards();
  s.fill_when(leave, [&kit, at](std::string_view point) { return is_at(kit, at, point); });
  kit.agree(reshare ? ledger::Action(next->action) : ledger::Action(ledger::RotateKeys{}));
  const bool filled = goes_on_until(s, next ? &*next : nullptr);
  REQUIRE(filled);
  const bool untried = reshare && at != At::kOldRoot;
  if (reshare && !untried) kit.cards = std::move(next);

  door_is_told(kit);
  if (!untried || at != At::kRewrapped) {  // else it waits for cards, and not for room
    const bool told = s.pass_time([&] { return s.was_told(); }, 61'000);
    CHECK(told);
  }
  CHECK(kit.rotation());
  if (then == Then::kSealed) seals(kit);
  if (then == Then::kRestarted) restarts_sealed(kit);

  disk.make_room();
  if (then != Then::kNothing) REQUIRE(kit.unseal());  // where new cards are untried with those before
  if (untried) CHECK(kit.rotation()->cards_untried);
  kit.check_everybody();
  const bool finished = kit.finish(untried ? &*next : nullptr);
  REQUIRE(finished);
  if (untried) kit.cards = std::move(next);
  check_only(kit, 2);
  kit.check_everybody();
  kit.check_after_restart();
  CHECK(disagreements(kit).empty());
}

// As another run of `facekeepd recover`, with the statement that was signed.
Result<ledger::Recovered> opened_again(Lost& lost, const std::string& statement,
                                       const std::vector<std::string>& signatures) {
  lost.close();
  FK_CHECK(lost.open_files(lost.kit.f.dir()));
  FK_TRY(auto pool, lost.kit.f.open_token(kNewToken));
  FK_TRY(lost.custody, hsm::TokenCustody::open(std::move(pool), lost.kit.f.genesis().vault));
  return lost.recovery->with_signatures(statement, signatures);
}

// Somebody takes what the ballast gave up, too.
void take_everything(const SmallDisk& disk, store::Store& store) {
  disk.fill(kNoByte);
  store::Batch nothing;
  nothing.head_before = nothing.head_after = store.head().value();
  CHECK(store.commit(nothing, store::Urgency::kNarrowing));
  disk.fill(kNoByte);
}

void opens_with_spare(Lost& lost) {
  REQUIRE(lost.start(true));
  REQUIRE(lost.kit.unseal());
  lost.kit.check_everybody();
  CHECK(disagreements(lost.kit).empty());
}

// A backup of twenty people, for restores onto the small disk.
struct Restorable {
  BackupKit kit;
  backup::RestoreParts parts;

  explicit Restorable(const SmallDisk& disk) {
    for (std::uint64_t n = 1; n <= 20; ++n) kit.enrol("p" + std::to_string(n), n);
    parts.files = {kit.take().file};
    kit.f.stop(kit.service);
    kit.mirror_now();
    const auto log = daemon::open_mirror_log(kit.mirror);
    REQUIRE(log);
    parts.mirror = log->log;
    parts.token = token_of(kit.f);
    parts.data_dir = disk.dir() + "/vault";
  }
  [[nodiscard]] bool left_something() const {
    const auto there = [&](const char* name) { return fs::exists(parts.data_dir + name); };
    return there("/db") || there("/keys") || there("/restored.json") || there("/restoring");
  }
};

}  // namespace

TEST_CASE("new keys that fall due on a full disk are told and leave nothing; with room they are made") {
  NEEDS_DISK(disk);
  const bool reshare = GENERATE(false, true);
  const std::uint64_t leave = GENERATE(kUnderReserve, kLastBytes);
  CAPTURE(reshare, leave);
  Starved s(disk);
  RotationKit& kit = s.kit;
  std::optional<Cards> next;
  if (reshare) next = kit.draw_cards();
  kit.agree(reshare ? ledger::Action(next->action) : ledger::Action(ledger::RotateKeys{}));
  disk.fill(leave);
  const bool told = s.pass_time([&] { return s.was_told(); });
  CHECK(told);
  check_only_keys_before(kit);
  door_is_told(kit);
  seals(kit);
  restarts_sealed(kit);
  disk.make_room();
  REQUIRE(kit.unseal());
  kit.check_everybody();
  const bool finished = kit.finish(next ? &*next : nullptr);
  REQUIRE(finished);
  kit.cards = std::move(next);
  check_only(kit, 2);
  kit.check_everybody();
  kit.check_after_restart();
  CHECK(disagreements(kit).empty());
}

TEST_CASE("new keys that fall due where even the ballast's room is taken leave nothing, nor does a start") {
  NEEDS_DISK(disk);
  Starved s(disk);
  RotationKit& kit = s.kit;
  kit.agree(ledger::RotateKeys{});
  disk.fill(kNoByte);
  door_is_told(kit);
  disk.fill(kNoByte);
  kit.service->housekeeping();
  check_only_keys_before(kit);
  // The keys go from memory; the log is told when it can be.
  const auto sealed = kit.service->seal(kit.f.key("property/1"));
  REQUIRE_FALSE(sealed);
  CHECK(names_cause(sealed.error()));
  CHECK(kit.service->seal_status()->state == "sealed");
  const Status started = kit.restart();
  REQUIRE_FALSE(started);
  INFO(started.error().message);
  CHECK(started.error().code == Errc::kOutOfSpace);
  CHECK(has_text(started.error().hint, "make room"));
  disk.make_room();
  REQUIRE(kit.restart());
  REQUIRE(kit.unseal());
  kit.check_everybody();
  kit.f.clock.advance(kDelayMs);  // nothing in the log says that it had passed
  const bool finished = kit.finish();
  REQUIRE(finished);
  check_only(kit, 2);
  kit.check_everybody();
  CHECK(disagreements(kit).empty());
}

TEST_CASE("a rotation whose disk fills up on the way waits for room, and ends") {
  NEEDS_DISK(disk);
  const At at = GENERATE(At::kInForce, At::kRewrapping, At::kRewrapped, At::kOldRoot);
  const std::uint64_t leave = GENERATE(kUnderReserve, kLastBytes);
  const Then then = GENERATE(Then::kNothing, Then::kSealed, Then::kRestarted);
  CAPTURE(static_cast<int>(at), leave, static_cast<int>(then));
  fills_up_and_goes_on(disk, false, at, leave, then);
}

TEST_CASE("a re-share whose disk fills up on the way waits for room; until its cards are tried those before open") {
  NEEDS_DISK(disk);
  const At at = GENERATE(At::kInForce, At::kRewrapping, At::kRewrapped, At::kOldRoot);
  const std::uint64_t leave = GENERATE(kUnderReserve, kLastBytes);
  const Then then = GENERATE(Then::kNothing, Then::kSealed, Then::kRestarted);
  CAPTURE(static_cast<int>(at), leave, static_cast<int>(then));
  fills_up_and_goes_on(disk, true, at, leave, then);
}

TEST_CASE("a new log key that falls due on a full disk is told and leaves the one before; with room it comes") {
  NEEDS_DISK(disk);
  const std::uint64_t leave = GENERATE(kUnderReserve, kLastBytes);
  CAPTURE(leave);
  Starved s(disk);
  RotationKit& kit = s.kit;
  const auto in_force = log_keys_in(kit);
  kit.agree(ledger::RotateLogKey{});
  disk.fill(leave);
  door_is_told(kit);
  const bool told = s.pass_time([&] { return s.was_told(); });
  CHECK(told);
  CHECK(handovers(kit).empty());
  CHECK(log_keys_in(kit) == in_force);
  seals(kit);
  disk.make_room();
  REQUIRE(kit.unseal());
  check_handed_over(s);
}

TEST_CASE("a handover of the log's key whose disk fills up at any step is ended once there is room") {
  NEEDS_DISK(disk);
  const std::string at = GENERATE(as<std::string>(), "committed", "handover-signed", "handover-stored", "checkpointed");
  const bool restarted = GENERATE(false, true);
  CAPTURE(at, restarted);
  Starved s(disk);
  RotationKit& kit = s.kit;
  // SoftHSM does not tell that the file of an anchor, which comes next there, was not written.
  const std::uint64_t leave = at == "handover-stored" ? kLastBytes : kNoByte;
  s.fill_when(leave, [&](std::string_view point) { return point == at && !handovers(kit).empty(); });
  kit.agree(ledger::RotateLogKey{});
  const bool filled = s.pass_time([&] { return s.happened(); });
  REQUIRE(filled);
  for (int i = 0; i < 20; ++i) {
    kit.f.clock.advance(2'000);
    kit.service->housekeeping();
  }
  const auto halt = kit.service->halted();
  INFO((halt ? halt->reason.message : ""));
  CHECK_FALSE((halt && halt->fatal));
  disk.make_room();
  if (restarted) {
    REQUIRE(kit.restart());
    REQUIRE(kit.unseal());
  }
  check_handed_over(s);
}

TEST_CASE("a lost token is replaced on a full disk: the ballast has room for it") {
  NEEDS_DISK(disk);
  const std::uint64_t leave = GENERATE(kUnderReserve, kNoByte);
  CAPTURE(leave);
  Lost lost;
  disk.fill(leave);
  const Status done = lost.recover();
  INFO((done ? "" : done.error().message));
  REQUIRE(done);
  lost.close();
  disk.make_room();
  opens_with_spare(lost);
}

TEST_CASE(
    "a recovery without room for its entry is refused with the cause; with room the same statement is carried out") {
  NEEDS_DISK(disk);
  Lost lost;
  const auto drawn = lost.draw_up();
  REQUIRE(drawn);
  const std::string statement = lost.statement(*drawn);
  std::vector<std::string> signatures;
  for (const auto& who : kQuorum) signatures.push_back(lost.sign(who, statement));
  const auto signed_one = lost.recovery->with_signatures(statement, signatures);
  REQUIRE(signed_one);
  const std::uint64_t size = lost.recovery->size();
  take_everything(disk, *lost.store);
  const Status refused = lost.recovery->carry_out(*signed_one, *lost.custody, lost.kit.f.clock.now());
  REQUIRE_FALSE(refused);
  INFO(refused.error().message);
  CHECK(names_cause(refused.error()));
  CHECK(lost.store->head().value() == size);
  CHECK_FALSE(lost.custody->read_anchor().value());
  disk.make_room();
  const auto again = opened_again(lost, statement, signatures);
  REQUIRE(again);
  CHECK(lost.recovery->size() == size);
  REQUIRE(lost.recovery->carry_out(*again, *lost.custody, lost.kit.f.clock.now()));
  opens_with_spare(lost);
}

TEST_CASE("a recovery whose disk has no room for the new token's anchor is finished when there is") {
  NEEDS_DISK(disk);
  Lost lost;
  // SoftHSM does not tell that the anchor's file was not written.
  static_cast<void>(lost.recover([&](const char* point) {
    if (std::string_view(point) == "recovery-committed") take_everything(disk, *lost.store);
  }));
  disk.make_room();
  const Status early = lost.start(true);
  REQUIRE_FALSE(early);
  CHECK(has_text(early.error().message, "no rollback anchor"));
  lost.kit.f.stop(lost.kit.service);
  REQUIRE(lost.open_files(lost.kit.f.dir()));
  auto pool = lost.kit.f.open_token(kNewToken);
  REQUIRE(pool);
  lost.custody = hsm::TokenCustody::open(*pool, lost.kit.f.genesis().vault).value();
  CHECK(lost.recovery->is_done_with(lost.custody->log_keys().value()).value());
  REQUIRE(lost.recovery->finish(*lost.custody, lost.kit.f.clock.now()));
  opens_with_spare(lost);
}

TEST_CASE("a restore for which a disk is too small is refused before anything is written") {
  NEEDS_DISK_FOR(disk, SmallDisk::For::kWhatIsPutThere);
  Restorable r(disk);
  bool begun = false;
  r.parts.at_point = [&](const char*) { begun = true; };
  const store::RocksOptions store;
  for (const std::uint64_t leave : {kNoByte, kUnderReserve, store.reserve + store.ballast + 2 * store.write_buffer}) {
    CAPTURE(leave);
    disk.make_room();
    disk.fill(leave);
    const auto refused = backup::restore(r.parts);
    REQUIRE_FALSE(refused);
    INFO(refused.error().message);
    CHECK(names_cause(refused.error()));
    CHECK_FALSE(begun);
    CHECK_FALSE(r.left_something());
  }
}

TEST_CASE("a restore whose disk fills up on the way is made, or leaves nothing and is made with room") {
  NEEDS_DISK_FOR(disk, SmallDisk::For::kWhatIsPutThere);
  Restorable r(disk);
  int refusals = 0;
  for (const char* at : {"begun", "people-written", "mark-written", "keys", "db"}) {
    for (const std::uint64_t leave : {kUnderReserve, kNoByte}) {
      CAPTURE(at, leave);
      fs::remove_all(r.parts.data_dir);
      r.parts.at_point = [&](const char* point) {
        if (std::string_view(point) == at) disk.fill(leave);
      };
      auto made = backup::restore(r.parts);
      disk.make_room();
      if (!made) {
        INFO(made.error().message);
        CHECK(made.error().code == Errc::kOutOfSpace);
        CHECK(has_text(made.error().hint, "make room"));
        CHECK_FALSE(r.left_something());
        ++refusals;
        r.parts.at_point = {};
        made = backup::restore(r.parts);
      }
      INFO((made ? "" : made.error().message));
      REQUIRE(made);
      CHECK(made->subjects == 20);
      check_restored(r.parts.data_dir, r.kit.f.genesis().vault);
    }
  }
  CHECK(refusals >= 2);
}
