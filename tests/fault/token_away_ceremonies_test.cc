// The token is pulled out while keys, cards or the log's key change, and while a lost main token is replaced. What was
// begun goes on when the token is back, or nothing of it is left; cards open the vault at any time; and whoever asks is
// told that the token is away.
#include "tests/fault/behind_shim.h"
#include "tests/fault/interrupted_vault.h"
#include "tests/unit/vault/lost_token.h"

using namespace facekeep;
using namespace facekeep::test;

namespace {

constexpr std::int64_t kDelayMs = 5LL * 24 * 3600 * 1000;  // longer than a proposal's

// What happens while the token is away.
enum class Then : std::uint8_t { kNothing, kSealed, kRestarted };

struct Deprived : SoftHsmShim, Interrupted {
  Deprived() : Interrupted(behind_shim()) {}

  void pull_when(std::function<bool(std::string_view point)> moment) {
    when(std::move(moment), [this] { inject(kPulledOut); });
  }
  // Doors get no answer once the log can't be signed any more, and the reason has a way out.
  void check_told() {
    const bool told = pass_time([&] {
      static_cast<void>(kit.verify(0));
      return kit.service->halted() || was_told(names_token);
    });
    REQUIRE(told);
    if (const auto halt = kit.service->halted()) {
      CHECK_FALSE(halt->fatal);
      CHECK_FALSE(halt->reason.hint.empty());
    }
  }
  void meanwhile(Then then) {
    if (then == Then::kSealed) {
      static_cast<void>(kit.service->seal(kit.f.key("property/1")));  // the log is told when it can be
      CHECK_FALSE(kit.service->match(kit.f.key("door/1"), "main", ask(RotationKit::face(0))));
    }
    if (then == Then::kRestarted) {
      const Status started = kit.restart();
      REQUIRE_FALSE(started);
      INFO(started.error().message);
      CHECK(names_token(started.error()));
      kit.f.stop(kit.service);
    }
  }
  void token_is_back(Then then) {
    heal();
    if (then == Then::kRestarted) REQUIRE(kit.start());
    const bool well = pass_time([&] { return !kit.service->halted() && kit.verify(0) != "halted"; });
    REQUIRE(well);
    if (then == Then::kNothing) return;
    const bool sealed = pass_time([&] {  // in the log, which has the start that cards are sealed to
      return kit.service->sequencer().read(
          [](const ledger::State& st) { return st.phase() == ledger::Phase::kSealed; });
    });
    REQUIRE(sealed);
    const Status opened = kit.unseal();  // where new cards are untried with those before
    INFO((opened ? "" : opened.error().message));
    REQUIRE(opened);
    if (then == Then::kRestarted) kit.f.clock.advance(kDelayMs);  // nothing in the log says that it had passed
  }
};

void keys_change_without_token(bool reshare, At at, Then then) {
  Deprived d;
  RotationKit& kit = d.kit;
  std::optional<Cards> next;
  if (reshare) next = kit.draw_cards();
  d.pull_when([&kit, at](std::string_view point) { return is_at(kit, at, point); });
  kit.agree(reshare ? ledger::Action(next->action) : ledger::Action(ledger::RotateKeys{}));
  const bool pulled = goes_on_until(d, next ? &*next : nullptr);
  REQUIRE(pulled);
  const bool untried = reshare && at != At::kOldRoot;
  if (reshare && !untried) kit.cards = std::move(next);
  d.check_told();
  d.meanwhile(then);
  d.token_is_back(then);
  kit.check_everybody();
  const bool finished = kit.finish(untried ? &*next : nullptr);
  REQUIRE(finished);
  if (untried) kit.cards = std::move(next);
  check_only(kit, 2);
  kit.check_everybody();
  kit.check_after_restart();
  CHECK(disagreements(kit).empty());
}

}  // namespace

TEST_CASE("a rotation whose token is pulled out at any step goes on when it is back, and ends") {
  NEEDS_TOKEN();
  const At at = GENERATE(At::kNewRoot, At::kInForce, At::kRewrapping, At::kRewrapped, At::kOldRoot);
  const Then then = GENERATE(Then::kNothing, Then::kSealed, Then::kRestarted);
  CAPTURE(static_cast<int>(at), static_cast<int>(then));
  keys_change_without_token(false, at, then);
}

TEST_CASE("a re-share whose token is pulled out at any step goes on when it is back; some cards open at any time") {
  NEEDS_TOKEN();
  const At at = GENERATE(At::kNewRoot, At::kInForce, At::kRewrapping, At::kRewrapped, At::kOldRoot);
  const Then then = GENERATE(Then::kNothing, Then::kSealed, Then::kRestarted);
  CAPTURE(static_cast<int>(at), static_cast<int>(then));
  keys_change_without_token(true, at, then);
}

TEST_CASE("a handover of the log's key whose token is pulled out at any step is ended when it is back") {
  NEEDS_TOKEN();
  const std::string at =
      GENERATE(as<std::string>(), "root", "committed", "handover-signed", "handover-stored", "checkpointed");
  const Then then = GENERATE(Then::kNothing, Then::kSealed, Then::kRestarted);
  CAPTURE(at, static_cast<int>(then));
  Deprived d;
  RotationKit& kit = d.kit;
  d.pull_when([&](std::string_view point) { return point == at && (at == "root" || !handovers(kit).empty()); });
  kit.agree(ledger::RotateLogKey{});
  const bool pulled = d.pass_time([&] { return d.happened(); });
  REQUIRE(pulled);
  d.check_told();
  d.meanwhile(then);
  d.token_is_back(then);
  check_handed_over(d);
}

TEST_CASE("a recovery whose new token is pulled out at any step is begun anew or finished when it is back") {
  NEEDS_TOKEN();
  const std::string at =
      GENERATE(as<std::string>(), "drawn-up", "recovery-signed", "recovery-committed", "recovery-anchored");
  CAPTURE(at);
  const SoftHsmShim shim;
  Lost lost(behind_shim(with_spare()));
  const auto pull = [&](const char* point) {
    if (std::string_view(point) == at) shim.inject(kPulledOut);
  };
  const auto drawn = lost.draw_up();
  REQUIRE(drawn);
  const auto signed_one = lost.signed_by(kQuorum, *drawn);
  REQUIRE(signed_one);
  pull("drawn-up");
  const Status done = lost.recovery->carry_out(*signed_one, *lost.custody, lost.kit.f.clock.now(), pull);
  CHECK(done.has_value() == (at == "recovery-anchored"));
  shim.heal();
  if (!done) {
    INFO(done.error().message);
    CHECK(names_token(done.error()));
    CHECK_FALSE(done.error().hint.empty());
  }
  lost.close();
  REQUIRE(lost.open_files(lost.kit.f.dir()));
  auto pool = lost.kit.f.open_token(kNewToken);
  REQUIRE(pool);
  lost.custody = hsm::TokenCustody::open(*pool, lost.kit.f.genesis().vault).value();
  const bool committed = lost.recovery->is_done_with(lost.custody->log_keys().value()).value();
  CHECK(committed == (at != "drawn-up"));
  if (committed) {
    REQUIRE(lost.recovery->finish(*lost.custody, lost.kit.f.clock.now()));
  } else {
    lost.close();
    REQUIRE(lost.recover());
  }
  REQUIRE(lost.start(true));
  REQUIRE(lost.kit.unseal());
  lost.kit.check_everybody();
  CHECK(disagreements(lost.kit).empty());
}
