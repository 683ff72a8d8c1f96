// Logs that are whole and signed, and say what no honest daemon writes.
#include "tests/unit/audit/memory_mirror.h"

using namespace facekeep;
using namespace facekeep::audit_test;

namespace {

ledger::Match match_at(const std::string& door, bool with_subject = true) {
  return {true, "main", door, "face", "door/1", "match", with_subject ? std::optional(Id128{5}) : std::nullopt, {}};
}
// With camera/1 at main, until that day.
ledger::Genesis with_camera(const std::string& until = "2030-12-31") {
  ledger::Genesis g = genesis_with_key();
  ledger::PrincipalRecord p = lt::make_principal("camera/1", ledger::Role::kCamera);
  p.signing_key = lt::approval_line("camera/1");
  p.key = sha256(ledger::ssh_key_spki(ledger::parse_public_key_line(p.signing_key).value().key).value());
  p.sites = {"main"};
  p.until = until;
  g.principals.push_back(p);
  lt::sign_genesis(g);
  return g;
}
ledger::Match signed_match(std::uint8_t nonce) {
  ledger::Match m = match_at("north");
  m.camera = ledger::SignedBy{"camera/1", 1, {nonce}};
  return m;
}
std::string first_error(MemoryMirror& m) {
  m.publish();
  return replay(m).first_error();
}

}  // namespace

TEST_CASE("a daemon's clock that falls between two starts is found") {
  MemoryMirror m = open_vault(5);
  m.append({m.wall, m.uptime - 1, match_at("north")});
  CHECK(first_error(m) == "uptime-fell@25");
}

TEST_CASE("a wall clock that was set shows as a warning, with the entry") {
  MemoryMirror m = open_vault(5);
  m.append({m.wall - 1, m.uptime, match_at("north")});
  m.append({m.wall + 2 * kClockJump, m.uptime + 1, match_at("north")});
  CHECK(first_error(m).empty());
  const Outcome out = replay(m);
  CHECK(out.has(Code::kWallBack, 25));
  CHECK(out.has(Code::kWallJump, 26));
}

TEST_CASE("an event that the fold refuses is found at its entry, and later ones are not blamed") {
  MemoryMirror m = open_vault(2);
  m.append({m.wall, m.uptime, lt::enrolled(1)});
  m.append({m.wall, m.uptime, lt::erased(1)});
  m.publish();
  const Outcome out = replay(m);
  INFO(out.text());
  CHECK(out.first_error() == "rule-broken@22");
  CHECK(out.findings.count(Severity::kError) == 1);
  CHECK_FALSE(out.complete);
}

TEST_CASE("a match at a door of another site is found") {
  MemoryMirror m = open_vault(2);
  m.append({m.wall, m.uptime, match_at("side")});
  CHECK(first_error(m) == "rule-broken@22");
}

TEST_CASE("a match that names nobody is found") {
  MemoryMirror m = open_vault(2);
  m.append({m.wall, m.uptime, match_at("north", false)});
  CHECK(first_error(m) == "decision-subject@22");
}

TEST_CASE("an entry with a field that the format does not name is found, though everything was signed over it") {
  MemoryMirror m = open_vault(2);
  std::string text = ledger::encode_event({m.wall, m.uptime, ledger::Sealed{"daemon", "shutdown"}}).value();
  text.insert(text.size() - 1, R"(,"x":1)");
  m.entries.push_back(to_bytes(text));
  m.openings.emplace_back();
  CHECK(first_error(m) == "entry-malformed@22");
}

TEST_CASE("a private event in clear is found") {
  MemoryMirror m = open_vault(2);
  m.entries.push_back(to_bytes(ledger::encode_event({m.wall, m.uptime, match_at("north")}).value()));
  m.openings.emplace_back();
  CHECK(first_error(m) == "entry-malformed@22");
}

TEST_CASE("an opening of another class than its leaf is found") {
  MemoryMirror m = open_vault(2);
  m.append({m.wall, m.uptime, match_at("north")});
  std::string leaf(as_chars(m.entries.back()));
  leaf.replace(leaf.find("access"), 6, "custody");
  m.entries.back() = to_bytes(leaf);
  CHECK(first_error(m) == "opening-class@22");
}

TEST_CASE("an unseal without its share beside it, and without its quorum") {
  MemoryMirror m = open_vault(2);
  m.wait(10);
  m.add(ledger::Sealed{"daemon", "shutdown"});
  m.uptime = 0;
  m.add(ledger::Start{"0.1.0", {1}, {2}, {4}, false});
  m.append({m.wall, m.uptime, ledger::UnsealShare{"property/1", "property", 1}});
  m.append({m.wall, m.uptime + 1, ledger::Unsealed{{"property/1"}}});
  m.publish();
  const Outcome out = replay(m);
  INFO(out.text());
  CHECK(out.has(Code::kUnsealedAlone, 25));
  CHECK(out.has(Code::kRuleBroken, 25));
}

TEST_CASE("starts are checked against what went before them") {
  MemoryMirror m = open_vault(2);
  m.uptime = 0;
  SECTION("after a crash that it does not admit") {
    m.append({m.wall, 0, ledger::Start{"0.1.0", {1}, {2}, {4}, false}});
    CHECK(first_error(m) == "crash-not-said@22");
  }
  SECTION("with the key of the start before") {
    m.append({m.wall, 0, ledger::Start{"0.1.0", {1}, {2}, {3}, true}});
    CHECK(first_error(m) == "unseal-key-reused@22");
  }
  SECTION("honestly") {
    m.append({m.wall, 0, ledger::Start{"0.1.0", {1}, {2}, {4}, true}});
    CHECK(first_error(m).empty());
  }
  SECTION("missing after a seal by request that ends the log") {
    m.append({m.wall, m.uptime + 1000000, ledger::Sealed{"property/1", "request"}});
    CHECK(first_error(m) == "no-start-after-seal@22");
  }
  SECTION("missing after a seal by request") {
    m.append({m.wall, m.uptime + 1000000, ledger::Sealed{"property/1", "request"}});
    m.append({m.wall, m.uptime + 1000001, ledger::Sums{m.wall, {}}});
    CHECK(first_error(m) == "no-start-after-seal@22");
  }
}

TEST_CASE("a suspension although the day's allowance was not used up is shown") {
  MemoryMirror m = open_vault(2);
  m.add(lt::suspended(1, m.wall + ledger::kBulkEraseDelay));
  CHECK(first_error(m).empty());
  CHECK(replay(m).has(Code::kSuspendedEarly, 22));
}

TEST_CASE("a template after the consent's end is found") {
  MemoryMirror m = open_vault(2);
  m.wait(400 * lt::kDayMs);
  m.append({m.wall, m.uptime, lt::template_of(1, 9)});
  CHECK(first_error(m) == "consent-ended@22");
}

TEST_CASE("a genesis under another log key than the auditor's is found") {
  MemoryMirror m = open_vault(0);
  const auto other = log_test::TestSigner::ed25519("vault.example/test");
  Findings findings;
  Replay entries(Level::kAuditor, findings);
  const SeenCheckpoint latest{"checkpoint", std::string(as_chars(m.files.at("checkpoint")))};
  CHECK_FALSE(replay_log(other.key, latest, {}, m.reader(), Level::kAuditor, {}, entries, findings));
  CHECK(findings.count(Code::kBadCheckpoint) == 1);
}

TEST_CASE("a signed probe that is used twice within a minute is found, a nonce that comes again later is not") {
  MemoryMirror m = open_vault(2, with_camera());
  m.append({m.wall, m.uptime, signed_match(1)});
  m.append({m.wall, m.uptime, signed_match(2)});
  m.append({m.wall + 60'000, m.uptime + 60'000, signed_match(1)});
  m.append({m.wall + 120'001, m.uptime + 120'001, signed_match(2)});
  m.publish();
  const Outcome out = replay(m);
  INFO(out.text());
  CHECK(out.first_error() == "nonce-twice@24");
  CHECK(out.findings.count(Severity::kError) == 1);
}

TEST_CASE("a template signed with a nonce that a door used is found") {
  MemoryMirror m = open_vault(2, with_camera());
  m.append({m.wall, m.uptime, signed_match(1)});
  ledger::TemplateAdded t = lt::template_of(1, 77);
  t.camera = ledger::SignedBy{"camera/1", 1, {1}};
  m.append({m.wall, m.uptime, t});
  CHECK(first_error(m) == "nonce-twice@23");
}

TEST_CASE("a probe that a camera signed after its last day is found") {
  MemoryMirror m = open_vault(2, with_camera("2020-01-01"));
  m.append({m.wall, m.uptime, signed_match(1)});
  CHECK(first_error(m) == "principal-ended@22");
}
