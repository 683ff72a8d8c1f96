// The keys of a log: who may sign which size, and how a reader comes from the key that it trusts to the one in force.
#include "vault/log/log_keys.h"

#include "tests/unit/audit/key_kit.h"
#include "vault/audit/key_check.h"

using namespace facekeep;
using namespace facekeep::audit_test;
using log::LogKeys;
using log_test::TestSigner;

namespace {

const TestSigner& second() {
  static const TestSigner signer = TestSigner::p256("vault.example/test");
  return signer;
}
const TestSigner& third() {
  static const TestSigner signer = TestSigner::ed25519("vault.example/test");
  return signer;
}

template <class T>
std::string_view problem(const Result<T>& s) {
  REQUIRE_FALSE(s);
  return s.error().problem != nullptr ? s.error().problem : "";
}

struct HandedOver {
  MemoryMirror m = open_vault(5);
  std::string note;
  log::HandoverSource::Last last;
  HandedOver() {
    hand_over(m, second());
    note = as_chars(m.files.at("handover/1"));
    last = source_of(m).last(tree_of(m, "")).value();
  }
};

}  // namespace

TEST_CASE("a key hands over to the next, which signs from that tree on") {
  const HandedOver h;
  LogKeys keys = log_signer().key;
  REQUIRE(keys.hand_over(h.note, h.last.entry, h.last.proof));
  REQUIRE(keys.handovers() == 1);
  const std::uint64_t size = h.m.entries.size();
  CHECK(keys.first() == log_signer().key);
  CHECK(keys.newest() == second().key);
  CHECK(keys.key_for(size - 1)->key == log_signer().key);
  CHECK(keys.key_for(size)->key == second().key);
  CHECK(keys.chain()[0].upto == size);
  CHECK(keys.chain()[1].from == size);
  CHECK(keys == LogKeys::of(h.m.state).value());
  // Who was given the new key by hand meets the handover that brought it.
  LogKeys later = second().key;
  CHECK(later.hand_over(h.note, h.last.entry, h.last.proof));
  CHECK(later.handovers() == 0);
}

TEST_CASE("what is no handover changes no key") {
  const HandedOver h;
  const auto refused = [&](const std::string& note, ByteView entry, std::span<const Digest> proof) {
    LogKeys keys = log_signer().key;
    const Status status = keys.hand_over(note, entry, proof);
    CHECK(keys == LogKeys(log_signer().key));
    return problem(status);
  };
  const auto proof = std::span<const Digest>(h.last.proof);
  CHECK(refused(h.note, h.m.entries.at(0), proof) == "handover");
  CHECK(refused(h.note, h.last.entry, proof.subspan(1)) == "handover");
  CHECK(refused(note_by(h.m, {log_signer()}), h.last.entry, proof) == "handover");
  CHECK(refused(note_by(h.m, {log_signer(), third()}), h.last.entry, proof) == "handover");
  CHECK(refused(note_by(h.m, {second()}), h.last.entry, proof) == "recovered");
  CHECK(refused("no note", h.last.entry, proof).empty());
  // Another entry at the end, and the same key again.
  MemoryMirror longer = h.m;
  longer.add(ledger::Sums{longer.wall, {}});
  const auto behind = source_of(longer).last(tree_of(longer, "")).value();
  CHECK(refused(note_by(longer, {log_signer(), second()}), behind.entry, behind.proof) == "handover");
  LogKeys keys = log_signer().key;
  REQUIRE(keys.hand_over(h.note, h.last.entry, proof));
  CHECK(problem(LogKeys(keys).hand_over(note_by(longer, {second(), log_signer()}), behind.entry, behind.proof)) ==
        "handover");
}

TEST_CASE("a checkpoint opens by the key in force for its size alone") {
  HandedOver h;
  const LogKeys keys = LogKeys::of(h.m.state).value();
  const std::uint64_t size = h.m.entries.size();
  CHECK(open_checkpoint(h.note, keys)->size == size);
  CHECK(open_checkpoint(note_by(h.m, {log_signer()}), keys));
  CHECK(open_checkpoint(note_by(h.m, {second()}), keys));
  CHECK(problem(open_checkpoint(note_by(h.m, {third()}), keys)) == "unknown-log-key");
  h.m.add(ledger::Sums{h.m.wall, {}});
  CHECK(open_checkpoint(note_by(h.m, {second()}), keys));
  CHECK(problem(open_checkpoint(note_by(h.m, {log_signer()}), keys)) == "old-log-key");
  CHECK(open_checkpoint(note_by(h.m, {second(), log_signer()}), keys));
  MemoryMirror before = open_vault(0);
  CHECK(open_checkpoint(note_by(before, {log_signer()}), keys));
  CHECK(problem(open_checkpoint(note_by(before, {second()}), keys)) == "unknown-log-key");
  CHECK_FALSE(open_checkpoint(h.note, LogKeys()));
}

TEST_CASE("a recovery takes the fold of the log, and no key before signs behind it") {
  MemoryMirror m = open_vault(5);
  hand_over(m, second());
  recover(m, third());
  const log::HandoverSource source = source_of(m);
  const std::string note(as_chars(m.files.at("handover/2")));
  const auto last = source.last(tree_of(m, "")).value();
  LogKeys keys = log_signer().key;
  CHECK(problem(keys.hand_over(note, last.entry, last.proof)) == "recovered");
  const auto followed = follow_handovers(keys, source);
  REQUIRE(followed);
  CHECK(followed->keys == LogKeys::of(m.state).value());
  CHECK(followed->notes.size() == 2);
  CHECK(followed->keys.chain()[2].recovered);
  CHECK(followed->keys.chain()[1].upto + 1 == m.entries.size());
  CHECK(problem(open_checkpoint(note_by(m, {second()}), followed->keys)) == "old-log-key");
  // From any key of the log, and from none of another.
  CHECK(follow_handovers(second().key, source)->keys.newest() == third().key);
  const std::string first(as_chars(m.files.at("handover/1")));
  const auto refused = [&](LogKeys from, const std::vector<std::string>& notes, const MemoryMirror& of) {
    return problem(from.follow(notes, of.state)) == "handover";
  };
  CHECK(refused(TestSigner::ed25519("vault.example/test").key, {first, note}, m));
  CHECK(refused(keys, {first, note_by(m, {second()})}, m));
  CHECK(refused(keys, {note}, m));
  CHECK(refused(keys, {note, note}, m));
  // A log that was made up: the key that is trusted signed nothing, and no custodian did.
  MemoryMirror made_up = open_vault(5);
  hand_over(made_up, second());
  CHECK(refused(keys, {note_by(made_up, {second()})}, made_up));
  m.add(ledger::Start{"0.1.0", {1}, {2}, {4}, false});
  CHECK(refused(keys, {first, note}, m));
  CHECK(refused(keys, {first, note_by(m, {third()})}, m));
}

TEST_CASE("a key that nobody signed in is not believed behind a recovery either") {
  const std::string origin = "vault.example/test-2";
  const TestSigner restored = TestSigner::ed25519(origin);
  const TestSigner next = TestSigner::p256(origin);
  MemoryMirror m = open_vault(5);
  ledger::Recovered e = recovery(m, restored);
  e.kind = "restored";
  e.token = m.state.current().token;
  e.spare.reset();
  e.loss = ledger::Loss{origin, {m.entries.size() + 2, lt::digest_of("newest")}};
  recover(m, restored, e);
  start_and_unseal(m);
  MemoryMirror honest = m;
  hand_over(m, next);
  const auto all = follow_handovers(log_signer().key, source_of(m));
  INFO((all ? "" : all.error().message));
  REQUIRE(all);
  CHECK(all->keys.newest() == next.key);
  // Whoever has copied the disk and no token makes the entry, and what a key of their own can sign.
  m.files["handover/2"] = to_bytes(note_by(m, {next}));
  const auto unsigned_one = follow_handovers(log_signer().key, source_of(m));
  REQUIRE_FALSE(unsigned_one);
  CHECK(problem(unsigned_one) == "handover");
  CHECK(unsigned_one.error().message.find("handover 2 lacks a signature") != std::string::npos);
  // With the signature of the key before, of a tree of the same size that it once signed.
  while (honest.entries.size() < m.entries.size()) honest.add(ledger::Sums{honest.wall, {}});
  m.files["handover/2"] = to_bytes(note_by(honest, {restored, next}));
  CHECK_FALSE(follow_handovers(log_signer().key, source_of(m)));
  // And with a further key behind it.
  const Bytes forged = m.files["handover/2"];
  m.signer = next;
  hand_over(m, TestSigner::ed25519(origin), 2);
  m.files["handover/2"] = forged;
  const auto of_another = follow_handovers(log_signer().key, source_of(m));
  REQUIRE_FALSE(of_another);
  CHECK(of_another.error().message == "another history");
}

TEST_CASE("who was given the key of a recovery meets that recovery, and follows what comes behind it") {
  MemoryMirror m = open_vault(5);
  recover(m, third());
  const std::string note(as_chars(m.files.at("handover/1")));
  const auto last = source_of(m).last(tree_of(m, "")).value();
  LogKeys given = third().key;
  CHECK(given.hand_over(note, last.entry, last.proof));
  CHECK(given == LogKeys(third().key));
  // One that brought another key is none of its own.
  LogKeys other = second().key;
  CHECK(problem(other.hand_over(note_by(m, {second()}), last.entry, last.proof)) == "handover");
  ledger::ProposalDone done{{9}};
  done.log_key = log::format_vkey(second().key);
  m.append({m.wall, m.uptime, done});
  m.files["handover/2"] = to_bytes(note_by(m, {third(), second()}));
  const auto followed = follow_handovers(third().key, source_of(m));
  INFO((followed ? "" : followed.error().message));
  REQUIRE(followed);
  CHECK(followed->keys.newest() == second().key);
  CHECK(followed->keys.handovers() == 1);
}

TEST_CASE("what a key from before a recovery signed vouches for the log, and nothing else does") {
  MemoryMirror m = open_vault(5);
  const LogKeys one = LogKeys::of(m.state).value();
  CHECK_FALSE(one.recovered_since(log_signer().key));
  hand_over(m, second());
  recover(m, third());
  const LogKeys all = LogKeys::of(m.state).value();
  CHECK(all.recovered_since(log_signer().key));
  CHECK(all.recovered_since(second().key));
  CHECK_FALSE(all.recovered_since(third().key));
  // The checkpoints that the first key signed, of this log and of another.
  const auto root_of_m = [&m](std::uint64_t size) -> std::optional<Digest> {
    log::Tree tree;
    for (std::uint64_t i = 0; i < size && i < m.entries.size(); ++i) tree.append(log::leaf_hash(m.entries[i]));
    return tree.root();
  };
  const std::string late = note_by(m, {third()});
  const std::string early(as_chars(m.files.at("checkpoints/20")));
  const std::string handed(as_chars(m.files.at("handover/1")));
  CHECK(is_anchored(one, log_signer().key, {}, root_of_m));
  CHECK(is_anchored(all, third().key, {}, root_of_m));
  // A key that the one before did not sign in is no better.
  MemoryMirror unsigned_one = open_vault(5);
  hand_over(unsigned_one, second());
  const LogKeys two = LogKeys::of(unsigned_one.state).value();
  CHECK(is_anchored(two, log_signer().key, {handed}, root_of_m));
  CHECK_FALSE(is_anchored(two, log_signer().key, {early, note_by(unsigned_one, {second()})}, root_of_m));
  CHECK_FALSE(is_anchored(all, log_signer().key, {late}, root_of_m));
  CHECK(is_anchored(all, log_signer().key, {late, early, handed}, root_of_m));
  CHECK_FALSE(is_anchored(all, log_signer().key, {early}, [](std::uint64_t) { return Digest{1}; }));
  CHECK_FALSE(is_anchored(all, TestSigner::ed25519("vault.example/test").key, {early}, root_of_m));
  CHECK(LogKeys(third().key).recovered_since(log_signer().key));
}

TEST_CASE("a recovery that the custodians did not sign, or of another log, is followed by nobody") {
  MemoryMirror m = open_vault(5);
  const auto forged = [&](ledger::Recovered e) {
    MemoryMirror f = m;
    f.append({f.wall, 0, std::move(e)});
    f.files["handover/1"] = to_bytes(note_by(f, {third()}));
    return follow_handovers(log_signer().key, source_of(f));
  };
  ledger::Recovered e = recovery(m, third());
  CHECK_FALSE(forged(e));
  lt::sign_recovery(e, m.state.genesis().vault);
  CHECK(forged(e));
  e.at.root = lt::digest_of("another log");
  lt::sign_recovery(e, m.state.genesis().vault);
  CHECK_FALSE(forged(e));
}

TEST_CASE("after a loss the log before is known up to where it was, and no further") {
  MemoryMirror m = open_vault(5);
  const TestSigner other = TestSigner::ed25519("vault.example/test-2");
  ledger::Recovered e = recovery(m, other);
  e.loss = ledger::Loss{"vault.example/test-2", {m.entries.size() + 2, lt::digest_of("newest")}};
  MemoryMirror lost = m;
  for (int i = 0; i < 2; ++i) lost.add(ledger::Sums{lost.wall, {}});
  recover(m, other, e);
  const LogKeys keys = LogKeys::of(m.state).value();
  CHECK(keys.newest().name == "vault.example/test-2");
  CHECK(problem(open_checkpoint(note_by(lost, {log_signer()}), keys)) == "lost-tree");
  lost.add(ledger::Sums{lost.wall, {}});
  CHECK(problem(open_checkpoint(note_by(lost, {log_signer()}), keys)) == "old-log-key");
}

TEST_CASE("log keys are kept as text, which reads back as it was written or not at all") {
  MemoryMirror m = open_vault(5);
  hand_over(m, second());
  recover(m, third());
  LogKeys keys = LogKeys::of(m.state).value();
  const std::string text = keys.format();
  CHECK(LogKeys::parse(text).value() == keys);
  const std::string line = LogKeys(second().key).format();
  for (const std::string& bad : std::vector<std::string>{
           std::string(), text.substr(0, text.size() - 1), text + text, line + line, "0 - 0 signed x\n",
           "0 - signed " + log::format_vkey(second().key) + "\n", text.substr(text.find('\n') + 1),
           "0 - 0 given " + log::format_vkey(second().key) + "\n"}) {
    CAPTURE(bad);
    CHECK_FALSE(LogKeys::parse(bad));
  }
}

TEST_CASE("a key that its person gives signs behind what was seen") {
  LogKeys keys = log_signer().key;
  REQUIRE(keys.given(third().key, 20));
  CHECK(keys.chain()[0].upto == 20);
  CHECK(keys.chain()[1].from == 21);
  CHECK(LogKeys::parse(keys.format()).value() == keys);
  CHECK_FALSE(keys.given(third().key, 30));
  CHECK_FALSE(keys.given(TestSigner::ed25519("elsewhere.example").key, 30));
}

TEST_CASE("a log whose key changed hands replays without an error by the keys that a reader followed") {
  MemoryMirror m = open_vault(300);
  hand_over(m, second());
  const std::string by_recovery = note_by(m, {third()});
  m.publish();
  recover(m, third());
  m.wait(1000);
  m.add(ledger::Start{"0.1.0", {1}, {2}, {4}, false});
  m.publish();
  const LogKeys keys = follow_handovers(log_signer().key, source_of(m))->keys;
  const Outcome out = replay(m, Level::kAuditor, {}, keys);
  INFO(out.text());
  CHECK(out.first_error().empty());
  CHECK(out.has(Code::kCardsDue, m.state.handovers()[1].entry));
  CHECK(out.digest == m.state.digest());
  // The same for who began to trust the second one.
  MemoryMirror late = m;
  std::erase_if(late.files, [](const auto& file) { return file.first.starts_with("checkpoints/"); });
  CHECK(replay(late, Level::kPublic, {}, follow_handovers(second().key, source_of(m))->keys).first_error().empty());
  CHECK(replay(m, Level::kAuditor, {}, third().key).findings.count(Code::kBadCheckpoint) > 0);
  m.files.erase("handover/1");
  CHECK(replay(m, Level::kAuditor, {}, keys).has(Code::kHandoverWrong, m.state.handovers()[0].entry));
  MemoryMirror fork = open_vault(300);
  fork.add(ledger::Sums{fork.wall, {}});
  while (fork.entries.size() + 1 < m.state.handovers()[0].entry + 2) fork.add(ledger::Sums{fork.wall, {}});
  m.files["handover/1"] = to_bytes(note_by(fork, {log_signer(), second()}));
  CHECK(replay(m, Level::kAuditor, {}, keys).has(Code::kHandoverWrong, m.state.handovers()[0].entry));
  // One that the token did not live to sign: the recovery behind it did.
  m.files["handover/1"] = to_bytes(by_recovery);
  CHECK(replay(m, Level::kAuditor, {}, keys).findings.count(Code::kHandoverWrong) == 0);
  m.files["handover/1"] = m.files.at("handover/2");
  CHECK(replay(m, Level::kAuditor, {}, keys).has(Code::kHandoverWrong, m.state.handovers()[0].entry));
}

TEST_CASE("a checkpoint by a key that had ended is evidence, whoever saw it") {
  MemoryMirror m = open_vault(5);
  hand_over(m, second());
  m.add(ledger::Sums{m.wall, {}});
  m.publish();
  const std::string thief = note_by(m, {log_signer()});
  m.add(ledger::Sums{m.wall, {}});
  m.publish();
  m.files["checkpoints/x"] = to_bytes(thief);
  const LogKeys keys = LogKeys::of(m.state).value();
  CHECK(replay(m, Level::kAuditor, {}, keys).findings.count(Code::kOldLogKey) == 1);
  // A reader who was never told of the handover learns of it from the entries.
  m.files["checkpoint"] = to_bytes(thief);
  CHECK(replay(m, Level::kAuditor, {}, log_signer().key).findings.count(Code::kOldLogKey) > 0);
}

TEST_CASE("keys that the log never had, and a recovery of another log, are found") {
  MemoryMirror m = open_vault(5);
  hand_over(m, second());
  m.publish();
  LogKeys given = log_signer().key;
  REQUIRE(given.given(third().key, 3));
  CHECK(replay(m, Level::kAuditor, {}, LogKeys(second().key)).first_error().empty() == false);  // the older checkpoints
  m.signer = third();
  m.publish();
  CHECK(replay(m, Level::kAuditor, {}, given).has(Code::kWrongLogKey, 0));
  MemoryMirror r = open_vault(5);
  ledger::Recovered e = recovery(r, third());
  e.at.root = lt::digest_of("another log");
  recover(r, third(), e);
  r.publish();
  const Outcome out = replay(r, Level::kAuditor, {}, LogKeys::of(r.state).value());
  INFO(out.text());
  CHECK(out.has(Code::kWrongRecovery, r.entries.size() - 1));
}
