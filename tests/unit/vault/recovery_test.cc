// The main token is gone: what the custodians sign, what the spare token opens until new cards are made, and what the
// old token opens then.
#include "tests/unit/vault/lost_token.h"

using namespace facekeep;
using namespace facekeep::test;

namespace {

std::optional<ledger::State::Recovery> due(const RotationKit& kit) {
  return kit.service->sequencer().read([](const ledger::State& st) { return st.recovery(); });
}

}  // namespace

TEST_CASE("the spare token opens the vault into a new main token, until new cards have ended the old") {
  NEEDS_TOKEN();
  Lost lost;
  RotationKit& kit = lost.kit;
  REQUIRE(lost.recover());
  const auto h = lost.recovery->state().handovers().back();
  CHECK(h.recovered);
  REQUIRE(lost.start(false));
  CHECK(kit.service->seal_status()->recovery->kind == "stolen");
  const Status without = kit.unseal();
  REQUIRE_FALSE(without);
  CHECK(without.error().message.find("no spare token") != std::string::npos);
  kit.f.stop(kit.service);
  REQUIRE(lost.start(true));
  REQUIRE(kit.unseal());
  kit.check_everybody();
  kit.enrol(1);
  // The log goes on under the new key; its handover is the new key's alone.
  const std::string note = kit.service->sequencer().handover(1).value();
  CHECK(log::parse_note(note)->signatures.size() == 1);
  CHECK(log::open_checkpoint(note, log::parse_vkey(h.to).value()));
  CHECK(log::open_checkpoint(kit.service->sequencer().checkpoint(), log::parse_vkey(h.to).value()));
  // Nothing but new cards.
  ledger::ProposalMade rotate;
  rotate.purpose = "key-rotation";
  rotate.action = ledger::RotateKeys{};
  CHECK(problem(kit.service->propose(kit.f.key("property/1"), rotate)) == "reshare-due");
  CHECK(kit.service->metrics().reshare_due);
  Cards cards = kit.draw_cards();
  kit.agree(cards.action);
  REQUIRE(kit.finish(&cards));
  CHECK_FALSE(due(kit));
  CHECK(kit.epoch() == 2);
  CHECK(has_root(kit, 2));
  CHECK(kit.site_keys(1) == 0);
  kit.check_everybody();
  kit.cards = std::move(cards);
  // From here on the spare lies in its safe.
  kit.f.stop(kit.service);
  REQUIRE(lost.start(false));
  REQUIRE(kit.unseal());
  kit.check_everybody();
  // The old token is of no use any more: its log key is another one, and it has no root of this epoch.
  kit.f.stop(kit.service);
  kit.f.main_token = VaultFixture::kMainToken;
  CHECK_FALSE(kit.start());
}

TEST_CASE("the end of a lost root says so in the log, and is not asked of the new token") {
  NEEDS_TOKEN();
  Lost lost;
  RotationKit& kit = lost.kit;
  REQUIRE(lost.recover());
  REQUIRE(lost.start(true));
  REQUIRE(kit.unseal());
  Cards cards = kit.draw_cards();
  kit.agree(cards.action);
  REQUIRE(kit.finish(&cards));
  bool seen = false;
  for (std::uint64_t i = 0; i < kit.service->sequencer().durable_size(); ++i) {
    const auto leaf = ledger::decode_leaf(as_chars(kit.service->sequencer().entry(i).value())).value();
    const auto* event = std::get_if<ledger::Event>(&leaf);
    const auto* retired = event == nullptr ? nullptr : std::get_if<ledger::KeysRetired>(&event->body);
    if (retired == nullptr) continue;
    CHECK(retired->epoch == 1);
    CHECK(retired->lost);
    seen = true;
  }
  CHECK(seen);
}

TEST_CASE("a crash at any step of a recovery leaves it to be done, or to be finished") {
  NEEDS_TOKEN();
  const std::string at = GENERATE(as<std::string>(), "recovery-signed", "recovery-committed", "recovery-anchored");
  INFO(at);
  Lost lost;
  RotationKit& kit = lost.kit;
  CHECK_THROWS_AS(lost.recover([&](const char* point) {
    if (at == point) throw Crash();
  }),
                  Crash);
  lost.close();
  if (at == "recovery-signed") {
    REQUIRE(lost.recover());
  } else {
    if (at == "recovery-committed") {
      const Status early = lost.start(true);
      REQUIRE_FALSE(early);
      CHECK(early.error().message.find("no rollback anchor") != std::string::npos);
      kit.f.stop(kit.service);
    }
    REQUIRE(lost.open_files(lost.kit.f.dir()));
    auto pool = kit.f.open_token(kNewToken);
    REQUIRE(pool);
    lost.custody = hsm::TokenCustody::open(*pool, kit.f.genesis().vault).value();
    CHECK(lost.recovery->is_done_with(lost.custody->log_keys().value()).value());
    REQUIRE(lost.recovery->finish(*lost.custody, kit.f.clock.now()));
    REQUIRE(lost.recovery->finish(*lost.custody, kit.f.clock.now()));  // and again
  }
  REQUIRE(lost.start(true));
  REQUIRE(kit.unseal());
  kit.check_everybody();
}

TEST_CASE("a recovery goes on behind a new log key whose handover the token did not live to sign") {
  NEEDS_TOKEN();
  Lost lost;
  RotationKit& kit = lost.kit;
  const std::filesystem::path dir = kit.f.dir();
  const std::filesystem::path copy = dir.string() + "-then";
  std::atomic<bool> armed{false};
  std::atomic<bool> taken{false};
  const auto handovers = [&] {
    return kit.service->sequencer().read([](const ledger::State& st) { return st.handovers(); });
  };
  kit.options.sequencer.at_commit_point = [&](const char* point) {
    if (!armed || taken || std::string_view(point) != "committed" || handovers().empty()) return;
    std::filesystem::copy(dir, copy, std::filesystem::copy_options::recursive);
    taken = true;
  };
  REQUIRE(kit.start());
  REQUIRE(kit.unseal());
  armed = true;
  kit.agree(ledger::RotateLogKey{});
  REQUIRE(soon([&] {
    kit.service->housekeeping();
    return taken.load() && kit.on_disk();
  }));
  kit.options.sequencer.at_commit_point = {};
  kit.f.stop(kit.service);
  std::filesystem::remove_all(dir);
  std::filesystem::rename(copy, dir);
  REQUIRE(lost.recover());
  REQUIRE(lost.start(true));
  REQUIRE(kit.unseal());
  kit.check_everybody();
  // The new token's key has signed both notes alone: whoever trusts the first key has to fold the log.
  const auto all = handovers();
  REQUIRE(all.size() == 2);
  for (const std::uint64_t n : {1, 2}) {
    const std::string note = kit.service->sequencer().handover(n).value();
    CHECK(log::parse_note(note)->signatures.size() == 1);
    const auto opened = log::open_checkpoint(note, log::parse_vkey(all[1].to).value());
    REQUIRE(opened);
    CHECK(opened->size == all[n - 1].entry + 1);
  }
  kit.check_after_restart();
}

TEST_CASE("a token that knows this vault is no new one, and nothing is written for it") {
  NEEDS_TOKEN();
  Lost lost;
  const auto drawn = lost.draw_up();
  REQUIRE(drawn);
  const auto e = lost.signed_by(kQuorum, *drawn);
  REQUIRE(e);
  const Instant now = lost.kit.f.clock.now();
  REQUIRE(lost.custody->write_anchor({1, {}, now.wall}));
  const std::uint64_t size = lost.recovery->size();
  const Status refused = lost.recovery->carry_out(*e, *lost.custody, now);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::kFailedPrecondition);
  CHECK(lost.store->head().value() == size);
}

TEST_CASE("a recovery takes as many custodians of each group as open the vault, over this very statement") {
  NEEDS_TOKEN();
  Lost lost;
  const auto drawn = lost.draw_up();
  REQUIRE(drawn);
  const Instant now = lost.kit.f.clock.now();
  const auto attempt = [&](const Result<ledger::Recovered>& e) {
    REQUIRE(e);
    return problem(lost.recovery->carry_out(*e, *lost.custody, now));
  };
  CHECK(attempt(lost.signed_by({}, *drawn)) == "bad-recovery");
  CHECK(attempt(lost.signed_by({"property/1", "property/2", "property/3"}, *drawn)) == "bad-recovery");
  CHECK(attempt(lost.signed_by({"property/1", "property/2", "residents/1"}, *drawn)) == "bad-recovery");
  CHECK(attempt(lost.signed_by({"property/1", "property/1", "residents/1", "residents/2"}, *drawn)) == "bad-recovery");
  // Another statement, another namespace, nobody's key.
  ledger::Recovered other = *drawn;
  other.made -= 1000;
  CHECK_FALSE(lost.recovery->with_signatures(lost.statement(*drawn), {lost.sign("property/1", lost.statement(other))}));
  CHECK_FALSE(lost.recovery->with_signatures(
      lost.statement(*drawn), {lost.sign("property/1", lost.statement(*drawn), ledger::kApprovalNamespace)}));
  CHECK_FALSE(lost.recovery->with_signatures(lost.statement(*drawn), {lost.sign("door/1", lost.statement(*drawn))}));
  // Too late.
  const auto whole = lost.signed_by(kQuorum, *drawn);
  REQUIRE(whole);
  const Instant late{now.wall + 8LL * 24 * 3600 * 1000, now.uptime_ms};
  CHECK(problem(lost.recovery->carry_out(*whole, *lost.custody, late)) == "bad-recovery");
  CHECK(lost.recovery->carry_out(*whole, *lost.custody, now));
  // Not twice.
  CHECK(problem(lost.recovery->carry_out(*whole, *lost.custody, now)) != "");
}

TEST_CASE("a checkpoint that somebody kept must be of the log that goes on") {
  NEEDS_TOKEN();
  Lost lost;
  REQUIRE(lost.open_files(lost.kit.f.dir()));
  const Bytes newest = lost.store->get(store::keys::checkpoint_latest()).value().value();
  const std::string note(as_chars(newest));
  CHECK(lost.recovery->check_newest(note));
  CHECK_FALSE(lost.recovery->check_newest("no note"));
  lost.close();
  // The vault goes on behind a copy of its database.
  const std::string copy = lost.kit.f.dir() + "-older";
  std::filesystem::copy(lost.kit.f.dir(), copy, std::filesystem::copy_options::recursive);
  REQUIRE(lost.kit.start());
  REQUIRE(lost.kit.unseal());
  const std::string later = lost.kit.service->sequencer().checkpoint();
  lost.kit.f.stop(lost.kit.service);
  std::filesystem::remove_all(lost.kit.f.dir());
  std::filesystem::rename(copy, lost.kit.f.dir());
  REQUIRE(lost.open_files(lost.kit.f.dir()));
  const Status older = lost.recovery->check_newest(later);
  REQUIRE_FALSE(older);
  CHECK(older.error().message.find("the database is an older one") != std::string::npos);
}

TEST_CASE("a vault without a spare token has nothing to recover with") {
  NEEDS_TOKEN();
  RotationKit kit;
  store::RocksOptions rocks;
  rocks.dir = kit.f.dir() + "/db";
  const auto store = store::RocksStore::open(rocks).value();
  const auto recovery = TokenRecovery::open(*store);
  REQUIRE(recovery);
  NewMainToken token;
  token.evidence = kit.f.genesis().token;
  token.log_key = {NoteKeyType::kEd25519, log::parse_vkey(kit.f.genesis().log_key)->public_key};
  const auto drawn = recovery->draw_up("lost", token, kit.f.clock.now().wall);
  REQUIRE_FALSE(drawn);
  CHECK(drawn.error().message == "this vault has no spare token");
}
