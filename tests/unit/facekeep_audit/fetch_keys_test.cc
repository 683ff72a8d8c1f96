// A mirror of a log whose key changes hands.
#include "tools/facekeep-audit/fetch_keys.h"

#include "tests/unit/audit/key_kit.h"
#include "tests/unit/facekeep_audit/support.h"
#include "tools/facekeep-audit/follower.h"
#include "tools/facekeep-audit/witness.h"

using namespace facekeep;
using namespace facekeep::audit_test;
using facekeep::log_test::TestSigner;

namespace {

TestSigner new_key(const std::string& origin = "vault.example/test") {
  return TestSigner::ed25519(origin);
}

void grow(MemoryMirror& m, int n) {
  for (int i = 0; i < n; ++i) {
    m.wait(500);
    m.add(ledger::Sums{m.wall, {}});
  }
  m.publish();
}
void start_again(MemoryMirror& m) {
  m.wait(1000);
  m.add(ledger::Start{"0.1.0", {1}, {2}, {static_cast<std::uint8_t>(m.entries.size() % 251)}, false});
  m.publish();
}
std::string problem(const Result<tools::Fetched>& r) {
  REQUIRE_FALSE(r);
  return r.error().problem == nullptr ? r.error().message : r.error().problem;
}

// Goes on from a backup: everything behind it is lost.
struct Restored {
  MemoryMirror lost = open_vault(280);  // the log before, as it was when somebody saw it last
  MemoryMirror m = lost;
  TestSigner next = new_key("vault.example/test-2");
  explicit Restored(std::uint64_t behind) {
    grow(lost, 20);
    ledger::Recovered e = recovery(m, next);
    e.loss = ledger::Loss{"vault.example/test-2", {m.entries.size() + behind, lt::digest_of("newest")}};
    recover(m, next, e);
    start_again(m);
  }
};

}  // namespace

TEST_CASE("a mirror follows a handover, keeps its note, and replays") {
  const ScratchDir dir;
  Server server{open_vault(300), {}};
  REQUIRE(fetch(server, dir.path()));
  const TestSigner next = new_key();
  hand_over(server.m, next);
  grow(server.m, 3);
  const auto again = fetch(server, dir.path());
  INFO((again ? "" : again.error().message));
  REQUIRE(again);
  CHECK(again->new_handovers == 1);
  CHECK(again->keys.newest() == next.key);
  const tools::Mirror mirror(dir.path());
  CHECK(mirror.vkey().value() == log_signer().key);
  CHECK(mirror.keys().value() == again->keys);
  CHECK(mirror.read("handover/1").value() == server.m.files.at("handover/1"));
  const Ran replayed = run({"replay", dir.path(), "--json"});
  INFO(replayed.out << replayed.err);
  CHECK(replayed.code == 0);
  CHECK(parse_json(replayed.out).value()["log_keys"].size() == 2);
  // Asked for once. A receipt is made and checked by the key in force.
  server.asked.clear();
  grow(server.m, 1);
  REQUIRE(fetch(server, dir.path()));
  CHECK(server.asked.count("/log/handover/1") == 0);
  const std::string receipt = dir.path() + "-receipt";
  REQUIRE(run({"proof", "make", dir.path(), "0", "--out", receipt}).code == 0);
  CHECK(run({"proof", "check", receipt, "--vkey", log::format_vkey(next.key)}).code == 0);
  CHECK(run({"proof", "check", receipt, "--vkey", vkey_text()}).code == 2);
  // Of a folder that somebody else made: the key before has to have signed, though the public log alone is not folded.
  REQUIRE(mirror.write("handover/1", as_bytes(note_by(server.m, {next}))));
  const Ran forged = run({"replay", dir.path(), "--json"});
  CHECK(forged.code == 2);
  CHECK(forged.out.find("recovery-unproven") != std::string::npos);
}

TEST_CASE("a first fetch comes from the first key to the last, over handovers and recoveries") {
  const ScratchDir dir;
  Server server{open_vault(300), {}};
  hand_over(server.m, new_key());
  recover(server.m, new_key());
  start_again(server.m);
  recover(server.m, new_key());
  start_again(server.m);
  const auto fetched = fetch(server, dir.path());
  INFO((fetched ? "" : fetched.error().message));
  REQUIRE(fetched);
  CHECK(fetched->keys.handovers() == 3);
  const Ran replayed = run({"replay", dir.path()});
  INFO(replayed.out << replayed.err);
  CHECK(replayed.code == 0);
  CHECK(replayed.out.find("a recovery by the custodians") != std::string::npos);
  CHECK(replayed.out.find("new cards are due") != std::string::npos);
  CHECK(run({"report", dir.path(), "--out", dir.path() + "-report"}).code == 0);
}

TEST_CASE("a log that only names the key that is trusted, and goes on with one of its own custodians, is refused") {
  // Genesis, recovery and handover note are made without that key.
  Server server{open_vault(0), {}};
  recover(server.m, new_key());
  start_again(server.m);
  {
    const ScratchDir dir;
    CHECK(problem(fetch(server, dir.path())) == "no-anchor");
    CHECK_FALSE(tools::Mirror(dir.path()).has("log-keys"));
    // With a checkpoint of another history by that key it is none the better.
    MemoryMirror other = open_vault(1);
    other.entries.pop_back();
    other.entries.back() = to_bytes("another history");
    const std::string note = dir.path() + "-note";
    REQUIRE(tools::save_text(note, note_by(other, {log_signer()})));
    REQUIRE(tools::keep_given_checkpoint(mirror_in(dir.path()), log_signer().key, note));
    CHECK(problem(fetch(server, dir.path())) == "no-anchor");
  }
  // The genuine one is known by what that key did sign: given as a note, or within the notice.
  const std::string early(as_chars(server.m.files.at("checkpoints/20")));
  for (const std::string& text : {early, Json{{"checkpoint", early}, {"name", "Tower"}}.dump()}) {
    const ScratchDir dir;
    const std::string file = dir.path() + "-given";
    REQUIRE(tools::save_text(file, text));
    REQUIRE(tools::keep_given_checkpoint(mirror_in(dir.path()), log_signer().key, file));
    const auto fetched = fetch(server, dir.path());
    INFO((fetched ? "" : fetched.error().message));
    REQUIRE(fetched);
    CHECK(run({"replay", dir.path()}).code == 0);
    // Without it the folder proves no more than its own genesis says.
    std::filesystem::remove_all(dir.path() + "/checkpoints");
    const Ran replayed = run({"replay", dir.path(), "--json"});
    CHECK(replayed.code == 2);
    CHECK(replayed.out.find("recovery-unproven") != std::string::npos);
  }
  const ScratchDir dir;
  for (const char* text : {"no note", "{}", "{\"checkpoint\":1}"}) {
    const std::string file = dir.path() + "-given";
    std::filesystem::remove(file);
    REQUIRE(tools::save_text(file, text));
    CHECK_FALSE(tools::keep_given_checkpoint(mirror_in(dir.path()), log_signer().key, file));
  }
}

TEST_CASE("a new key without a handover, and one that the custodians did not sign for, leave the mirror as it was") {
  const ScratchDir dir;
  Server server{open_vault(20), {}};
  REQUIRE(fetch(server, dir.path()));
  const auto kept = tools::Mirror(dir.path()).checkpoint().value();
  Server stolen = server;
  stolen.m.signer = new_key();
  grow(stolen.m, 1);
  CHECK(problem(fetch(stolen, dir.path())) == "unknown-log-key");
  Server forged = server;
  ledger::Recovered e = recovery(forged.m, new_key());
  lt::sign_recovery(e, forged.m.state.genesis().vault, {"property/1", "property/2", "property/3"});
  forged.m.append({forged.m.wall, 0, e});
  forged.m.files["log/handover/1"] = to_bytes(note_by(forged.m, {new_key()}));
  forged.m.signer = new_key();
  forged.m.publish();
  CHECK_FALSE(fetch(forged, dir.path()));
  CHECK(tools::Mirror(dir.path()).checkpoint().value() == kept);
  CHECK(tools::Mirror(dir.path()).keys().value().handovers() == 0);
}

TEST_CASE("a checkpoint by a key that had ended is refused as evidence of a second log") {
  const ScratchDir dir;
  Server server{open_vault(20), {}};
  hand_over(server.m, new_key());
  grow(server.m, 1);
  REQUIRE(fetch(server, dir.path()));
  server.m.signer = log_signer();
  grow(server.m, 1);
  CHECK(problem(fetch(server, dir.path())) == "old-log-key");
}

TEST_CASE("a mirror of lost entries goes on with the log that the custodians accepted, and says what is lost") {
  const ScratchDir dir;
  Restored r(20);
  Server early{open_vault(280), {}};
  REQUIRE(fetch(early, dir.path()));
  Server before{r.lost, {}};
  REQUIRE(fetch(before, dir.path()));
  Server server{r.m, {}};
  // Cut off in the middle, nothing of the mirror is moved away.
  const std::string bundle = format_path(log::BundleId{0, 256});
  const Bytes kept = server.m.files.at(bundle);
  server.m.files.erase(bundle);
  CHECK_FALSE(fetch(server, dir.path()));
  CHECK_FALSE(std::filesystem::exists(dir.path() + "/lost-320"));
  CHECK(tools::Mirror(dir.path()).checkpoint().value() == as_chars(before.m.files.at("checkpoint")));
  server.m.files[bundle] = kept;
  const auto fetched = fetch(server, dir.path());
  INFO((fetched ? "" : fetched.error().message));
  REQUIRE(fetched);
  CHECK(fetched->kept == 300);
  CHECK(fetched->keys.newest().name == "vault.example/test-2");
  CHECK(std::filesystem::exists(dir.path() + "/lost-320/tile/entries"));
  const Ran replayed = run({"replay", dir.path()});
  INFO(replayed.out << replayed.err);
  CHECK(replayed.code == 0);
  CHECK(replayed.out.find("entries 300 to 319 of the log before are lost") != std::string::npos);
  // Where nothing else was seen of the part that both share, the lost log shows it, as long as it is whole.
  REQUIRE(std::filesystem::remove(dir.path() + "/checkpoints/" + std::to_string(early.m.state.size())));
  CHECK(run({"replay", dir.path()}).code == 0);
  std::filesystem::remove_all(dir.path() + "/lost-320/tile");
  const Ran unproven = run({"replay", dir.path(), "--json"});
  CHECK(unproven.code == 2);
  CHECK(unproven.out.find("recovery-unproven") != std::string::npos);
}

TEST_CASE("a loss of fewer entries than were seen, or of another log, is refused") {
  {
    const ScratchDir dir;
    Restored r(19);
    Server before{r.lost, {}};
    REQUIRE(fetch(before, dir.path()));
    Server server{r.m, {}};
    CHECK(problem(fetch(server, dir.path())) == "old-log-key");
  }
  const ScratchDir dir;
  Restored r(40);
  Server before{open_vault(0), {}};
  grow(before.m, 310);
  REQUIRE(fetch(before, dir.path()));
  Server server{r.m, {}};
  CHECK(problem(fetch(server, dir.path())) == "forked");
}

TEST_CASE("who follows a log hears of a handover and of a loss, and goes on") {
  const ScratchDir dir;
  Restored r(20);
  Server server{r.lost, {}};
  tools::Follower follower(dir.path(), log_signer().key, Level::kAuditor);
  REQUIRE(follower.look(server.get(), server.get()));
  server.m = r.m;
  const auto news = follower.look(server.get(), server.get());
  INFO((news ? "" : news.error().message));
  REQUIRE(news);
  CHECK(follower.replay().state().digest() == r.m.state.digest());
  CHECK(follower.keys().newest().name == "vault.example/test-2");
  const bool told = std::any_of(news->findings.begin(), news->findings.end(),
                                [](const Finding& f) { return f.code == Code::kEntriesLost; });
  CHECK(told);
  REQUIRE_FALSE(news->acts.empty());
  CHECK(news->acts.front().type == "recovered");
  start_again(server.m);
  REQUIRE(follower.look(server.get(), server.get()));
}

TEST_CASE("a witness goes on with the key that was followed, or that its person gives, and keeps what it remembers") {
  const ScratchDir dir;
  const SystemClock clock;
  const auto identity = tools::make_witness_identity(dir.path() + "-keys", "witness.example/w1").value();
  const auto open = [&](const log::VerifierKey& key) {
    return tools::Witness::open(dir.path() + "/witness", {key}, identity, clock);
  };
  MemoryMirror m = open_vault(5);
  const auto ask = [&](tools::Witness& w, std::uint64_t from, const TestSigner& by) {
    std::vector<Digest> leaves;
    for (const Bytes& e : m.entries) leaves.push_back(log::leaf_hash(e));
    const log::HashSource source = [&](unsigned level, std::uint64_t index) -> Result<Digest> {
      log::Tree t;
      for (std::uint64_t i = index << level; i < (index + 1) << level; ++i) t.append(leaves.at(i));
      return t.root();
    };
    std::vector<Digest> proof;
    if (from > 0) proof = log::consistency_proof(from, m.entries.size(), source).value();
    return w.add_checkpoint(log::format_witness_request({from, proof, note_by(m, {by})}).value()).status;
  };
  const std::uint64_t first = m.entries.size();
  std::uint64_t second = 0;
  const TestSigner next = new_key();
  {
    auto w = open(log_signer().key);
    REQUIRE(w);
    CHECK(ask(**w, 0, log_signer()) == 200);
    hand_over(m, next);
    m.add(ledger::Sums{m.wall, {}});
    second = m.entries.size();
    CHECK(ask(**w, first, next) == 403);
    REQUIRE((*w)->learn(log::LogKeys::of(m.state).value()));
    CHECK(ask(**w, first, log_signer()) == 403);
    CHECK(ask(**w, first, next) == 200);
  }
  const TestSigner given = new_key();
  recover(m, given);
  auto w = open(given.key);
  INFO((w ? "" : w.error().message));
  REQUIRE(w);
  CHECK((*w)->latest("vault.example/test").size == second);
  CHECK(ask(**w, second, next) == 403);
  CHECK(ask(**w, 0, given) == 409);
  CHECK(ask(**w, second, given) == 200);
}

TEST_CASE("a witness forgets nothing over an accepted loss: the log's new name needs its person") {
  const ScratchDir dir;
  const SystemClock clock;
  const auto identity = tools::make_witness_identity(dir.path() + "-keys", "witness.example/w1").value();
  const auto open = [&](const log::VerifierKey& key) {
    return tools::Witness::open(dir.path() + "/witness", {key}, identity, clock);
  };
  const Restored r(20);
  const auto ask = [&](tools::Witness& w, const MemoryMirror& m, const TestSigner& by) {
    return w.add_checkpoint(log::format_witness_request({0, {}, note_by(m, {by})}).value()).status;
  };
  MemoryMirror other = r.m;
  other.entries.back() = to_bytes("another history");
  {
    auto w = open(log_signer().key);
    REQUIRE(w);
    CHECK(ask(**w, r.lost, log_signer()) == 200);
    REQUIRE((*w)->learn(log::LogKeys::of(r.m.state).value()));
    CHECK(ask(**w, r.m, r.next) == 404);
    CHECK(ask(**w, r.lost, log_signer()) == 409);
  }
  {
    auto w = open(r.next.key);
    REQUIRE(w);
    CHECK(ask(**w, r.m, r.next) == 200);
  }
  auto w = open(r.next.key);
  REQUIRE(w);
  CHECK(ask(**w, other, r.next) == 409);
  CHECK((*w)->latest("vault.example/test-2").size == r.m.entries.size());
}
