// The log's key changes: by a handover that the key before signs, and by a recovery that the custodians sign. What each
// step leaves if everything behind it fails.
#include "vault/log/sequencer/handover.h"

#include "tests/support/catch.h"
#include "tests/unit/log/sequencer_parts.h"
#include "vault/store/keys.h"
#include "vault/token_recovery.h"

using namespace facekeep;
using facekeep::log_test::LogParts;
using facekeep::test::CommitFault;
using facekeep::test::MemoryCustody;

namespace {

constexpr std::int64_t kDayMs = 24LL * 3600 * 1000;
const ledger::Body kSums = ledger::Sums{1795000000000, {{"bad-share", 1}}};

std::string said(const Status& s) {
  return s ? "ok" : s.error().message;
}

std::string sign(const LogParts& p, std::size_t who, std::string_view ns, const std::string& text) {
  return ledger::armor_sshsig(*tools::make_sshsig(p.approval_keys[who].get(), ns, as_bytes(text)));
}

// Proposed, signed by both, and due: the event that carries it out, with a key that the token made.
ledger::ProposalDone agreed(LogParts& p) {
  const ledger::ProposalMade made{random_array<16>(), "property/1", "log-key", ledger::RotateLogKey{}, {}};
  REQUIRE(said(p.write({made}, true)) == "ok");
  const Digest digest = *proposal_digest(made, p.genesis.vault);
  for (std::size_t i = 0; i < 2; ++i) {
    ledger::Vote v;
    v.proposal = made.id;
    v.by = p.genesis.principals[i].id;
    v.rule = p.sequencer->read([](const ledger::State& st) { return st.rule_version(); });
    v.size = p.sequencer->published_size();
    v.root = *p.sequencer->root_at(v.size);
    v.signature =
        sign(p, i, ledger::kApprovalNamespace, *vote_statement(v, ledger::Verb::kApprove, digest, p.genesis.vault));
    REQUIRE(said(p.write({ledger::Approval{v}})) == "ok");
  }
  p.clock.advance(2 * kDayMs);
  ledger::ProposalDone done{made.id};
  const LogPublicKey key = *p.custody.make_log_key();
  done.log_key = format_vkey(*log::make_verifier_key(p.genesis.origin, log::SignatureType::kEd25519, key.bytes));
  return done;
}

std::vector<ledger::State::Handover> handovers(const LogParts& p) {
  return p.sequencer->read([](const ledger::State& st) { return st.handovers(); });
}

log::VerifierKey key_of(const std::string& vkey) {
  return *log::parse_vkey(vkey);
}

std::size_t signatures(const std::string& note) {
  return log::parse_note(note)->signatures.size();
}

// The n-th handover: the note of both keys, the token with the newest alone, and a log that reads back.
void check_handed_over(LogParts& p, std::size_t n) {
  REQUIRE(handovers(p).size() == n);
  const auto h = handovers(p).back();
  const auto note = p.sequencer->handover(n);
  REQUIRE(note);
  CHECK(signatures(*note) == 2);
  for (const std::string& vkey : {h.from, h.to}) {
    const auto cp = log::open_checkpoint(*note, key_of(vkey));
    REQUIRE(cp);
    CHECK(cp->size == h.entry + 1);
    CHECK(cp->root == *p.sequencer->root_at(cp->size));
  }
  const auto keys = *p.custody.log_keys();
  REQUIRE(keys.size() == 1);
  CHECK(keys.front().bytes == key_of(h.to).public_key);
  const auto again = log::recover(p.store);
  REQUIRE(again);
  CHECK(again->handovers == n);
  CHECK(again->state.digest() == p.state());
}

}  // namespace

TEST_CASE("a new log key is signed in by the one before, and signs alone from there on") {
  LogParts p;
  REQUIRE(said(p.begin()) == "ok");
  CHECK_FALSE(p.sequencer->handover(1));
  for (std::size_t n = 1; n <= 2; ++n) {
    REQUIRE(said(p.write({agreed(p)}, true)) == "ok");
    check_handed_over(p, n);
    CHECK(p.sequencer->checkpoint() == *p.sequencer->handover(n));  // nothing is behind it yet
    REQUIRE(said(p.write({kSums}, true)) == "ok");
    const auto h = handovers(p).back();
    CHECK(signatures(p.sequencer->checkpoint()) == 1);
    CHECK(log::open_checkpoint(p.sequencer->checkpoint(), key_of(h.to)));
    CHECK_FALSE(log::open_checkpoint(p.sequencer->checkpoint(), key_of(h.from)));
  }
  CHECK_FALSE(p.sequencer->handover(0));
  CHECK_FALSE(p.sequencer->handover(3));
  REQUIRE(said(p.reopen()) == "ok");
  check_handed_over(p, 2);
  CHECK(handovers(p)[0].to == handovers(p)[1].from);
}

TEST_CASE("the key before signs no more than the entry that ends it, though more came in the same group") {
  LogParts p;
  REQUIRE(said(p.begin()) == "ok");
  const ledger::ProposalDone done = agreed(p);
  const auto both = p.sequencer->submit_all({LogParts::events({done}, true), LogParts::events({kSums, kSums})});
  REQUIRE(both[0]);
  REQUIRE(both[1]);
  REQUIRE(said(p.write({kSums}, true)) == "ok");
  check_handed_over(p, 1);
  CHECK(log::open_checkpoint(*p.sequencer->handover(1), key_of(handovers(p)[0].from))->size == both[0]->entry + 1);
}

TEST_CASE("what fails behind any step of a handover is finished by the next start") {
  const std::string at = GENERATE(as<std::string>(), "committed", "handover-signed", "handover-stored", "checkpointed");
  INFO(at);
  LogParts p;
  std::atomic<bool> armed{false};
  std::atomic<bool> reached{false};
  p.options.at_commit_point = [&](const char* point) {
    if (!armed || reached || at != point) return;
    reached = true;
    p.custody.set_fault(make_error(Errc::kHsmGone, "the token is away"));
    if (at == "handover-signed") p.store.fail_commit(0, CommitFault::kNotPersisted);
  };
  REQUIRE(said(p.begin()) == "ok");
  const ledger::ProposalDone done = agreed(p);
  armed = true;
  static_cast<void>(p.write({done}, true));
  REQUIRE(reached);
  p.sequencer.reset();
  p.custody.set_fault({});
  CHECK(p.custody.log_keys()->size() == 2);
  p.options.at_commit_point = {};
  REQUIRE(said(p.reopen()) == "ok");
  check_handed_over(p, 1);
  REQUIRE(said(p.write({kSums}, true)) == "ok");
}

TEST_CASE("a token that comes back finishes a handover without a restart") {
  LogParts p;
  std::atomic<bool> armed{false};
  p.options.at_commit_point = [&](const char* point) {
    if (std::string(point) == "committed" && armed.exchange(false)) {
      p.custody.set_fault(make_error(Errc::kHsmGone, "the token is away"));
    }
  };
  REQUIRE(said(p.begin()) == "ok");
  const ledger::ProposalDone done = agreed(p);
  armed = true;
  CHECK(said(p.write({done}, true)).find("could not be signed") != std::string::npos);
  CHECK_FALSE(p.sequencer->handover(1));
  CHECK(p.sequencer->halted());
  p.custody.set_fault({});
  for (int i = 0; i < 5000 && p.custody.log_keys()->size() == 2; ++i) usleep(1000);
  check_handed_over(p, 1);
  CHECK_FALSE(p.sequencer->halted());
}

TEST_CASE("a handover whose checkpoint is missing, altered or of another key stops a start") {
  LogParts p;
  REQUIRE(said(p.begin()) == "ok");
  REQUIRE(said(p.write({agreed(p)}, true)) == "ok");
  REQUIRE(said(p.write({kSums}, true)) == "ok");
  const auto h = handovers(p).back();
  const Bytes row = store::keys::checkpoint_at(h.entry + 1);
  const Bytes good = p.store.records().at(row);
  p.store.tamper(row, {});
  CHECK(said(p.reopen()).find("both keys sign is missing") != std::string::npos);
  const auto alone = log::sign_checkpoint(
      {p.genesis.origin, h.entry + 1, log::parse_checkpoint_text(log::parse_note(as_chars(good))->text)->root, {}},
      key_of(h.to), [&](ByteView m) { return p.custody.sign_checkpoint(key_of(h.to).public_key, m); });
  REQUIRE(alone);
  p.store.tamper(row, to_bytes(as_bytes(*alone)));
  CHECK(said(p.reopen()).find("lacks a signature") != std::string::npos);
  p.store.tamper(row, good);
  CHECK(said(p.reopen()) == "ok");
}

namespace {

// A log whose token is gone, and another token.
struct Recovering {
  LogParts p;
  MemoryCustody token;
  std::optional<TokenRecovery> recovery;

  Recovering() {
    REQUIRE(said(p.begin()) == "ok");
    REQUIRE(said(p.write({kSums}, true)) == "ok");
  }
  void open() {
    p.sequencer.reset();
    p.store.reopen();
    auto opened = TokenRecovery::open(p.store);
    REQUIRE(opened);
    recovery.emplace(std::move(*opened));
  }
  NewMainToken described() {
    NewMainToken out{p.genesis.token, token.log_keys()->front()};
    out.evidence.serial = "2";
    return out;
  }
  ledger::Recovered signed_by_both(ledger::Recovered e) {
    const std::string statement = *recovery_statement(e, p.genesis.vault);
    std::vector<std::string> armored;
    for (const std::size_t who : {0, 1}) armored.push_back(sign(p, who, ledger::kRecoveryNamespace, statement));
    return *recovery->with_signatures(statement, armored);
  }
  Status start(Custody& with) {
    recovery.reset();
    p.sequencer.reset();
    FK_TRY(p.sequencer, log::Sequencer::open(p.store, with, *p.slots, p.clock, p.options));
    return {};
  }
};

struct Crash {};

}  // namespace

TEST_CASE("the custodians put a new token's key in place, and the old one starts the log no more") {
  const std::string at = GENERATE(as<std::string>(), "", "recovery-signed", "recovery-committed", "recovery-anchored");
  INFO(at);
  Recovering r;
  r.open();
  const std::uint64_t before = r.recovery->size();
  const auto drawn = r.recovery->draw_up("broken", r.described(), r.p.clock.now().wall);
  REQUIRE(drawn);
  const ledger::Recovered e = r.signed_by_both(*drawn);
  const auto point = [&](const char* reached) {
    if (at == reached) throw Crash();
  };
  if (at.empty()) {
    REQUIRE(said(r.recovery->carry_out(e, r.token, r.p.clock.now(), point)) == "ok");
  } else {
    CHECK_THROWS_AS(r.recovery->carry_out(e, r.token, r.p.clock.now(), point), Crash);
    r.open();
    if (at == "recovery-signed") {
      CHECK(r.recovery->size() == before);
      REQUIRE(said(r.recovery->carry_out(e, r.token, r.p.clock.now())) == "ok");
    } else {
      REQUIRE(*r.recovery->is_done_with(*r.token.log_keys()));
      REQUIRE(said(r.recovery->finish(r.token, r.p.clock.now())) == "ok");
    }
  }
  CHECK_FALSE(*r.recovery->is_done_with(*r.p.custody.log_keys()));
  CHECK_FALSE(r.start(r.p.custody));
  REQUIRE(said(r.start(r.token)) == "ok");
  REQUIRE(handovers(r.p).size() == 1);
  CHECK(handovers(r.p)[0].entry == before);
  const std::string note = *r.p.sequencer->handover(1);
  CHECK(signatures(note) == 1);
  CHECK(log::open_checkpoint(note, key_of(e.log_key))->size == before + 1);
  REQUIRE(said(r.p.write({ledger::Start{"test", {}, {}, {}, false}}, true)) == "ok");
  CHECK(log::open_checkpoint(r.p.sequencer->checkpoint(), key_of(e.log_key)));
}

TEST_CASE("no token without the statement's key, no anchor behind a log that went on") {
  Recovering r;
  r.open();
  const ledger::Recovered e = r.signed_by_both(*r.recovery->draw_up("lost", r.described(), r.p.clock.now().wall));
  MemoryCustody another;
  CHECK_FALSE(r.recovery->carry_out(e, another, r.p.clock.now()));
  r.open();
  REQUIRE(said(r.recovery->carry_out(e, r.token, r.p.clock.now())) == "ok");
  REQUIRE(said(r.start(r.token)) == "ok");
  REQUIRE(said(r.p.write({ledger::Start{"test", {}, {}, {}, false}}, true)) == "ok");
  r.open();
  const auto keys = *r.token.log_keys();
  CHECK(*r.recovery->is_done_with(keys));
  CHECK_FALSE(r.recovery->finish(another, r.p.clock.now()));
  CHECK_FALSE(another.read_anchor()->has_value());
}

TEST_CASE("a loss is given up as far as it was signed for, and the anchor goes back with it") {
  Recovering r;
  const auto older = r.p.store.disk();
  const std::uint64_t size = r.p.size();
  REQUIRE(said(r.p.write({kSums, kSums}, true)) == "ok");
  const std::string newest = r.p.sequencer->checkpoint();
  r.p.sequencer.reset();
  r.p.store.put_back(older);
  CHECK(said(r.p.reopen()).find("rolled back") != std::string::npos);
  r.open();
  CHECK(r.recovery->size() == size);
  CHECK_FALSE(r.recovery->check_newest(newest));
  const auto lost = r.recovery->newest_lost({newest}, {});
  REQUIRE(lost);
  CHECK(lost->size == size + 2);
  CHECK(*r.recovery->newest_lost({}, *r.p.custody.read_anchor()) == *lost);
  CHECK_FALSE(r.recovery->newest_lost({}, {}));  // nothing is known to be missing
  NewMainToken same{r.p.genesis.token, *r.p.custody.make_log_key()};
  const ledger::Loss loss{r.p.genesis.origin + "/2", *lost};
  const auto drawn = r.recovery->draw_up("restored", same, r.p.clock.now().wall, loss);
  REQUIRE(drawn);
  ledger::Recovered less = *drawn;
  --less.loss->newest.size;
  CHECK(said(r.recovery->carry_out(r.signed_by_both(less), r.p.custody, r.p.clock.now()))
            .find("not in what was signed for") != std::string::npos);
  REQUIRE(said(r.recovery->carry_out(r.signed_by_both(*drawn), r.p.custody, r.p.clock.now())) == "ok");
  REQUIRE(said(r.start(r.p.custody)) == "ok");
  CHECK(r.p.custody.log_keys()->size() == 1);
  CHECK(r.p.custody.read_anchor()->value().size == size + 1);
  const auto cp = log::open_checkpoint(r.p.sequencer->checkpoint(), key_of(drawn->log_key));
  REQUIRE(cp);
  CHECK(cp->origin == loss.origin);
}
