// Budgets in a running vault: who is turned down and how, what is left after a restart, and that an auditor comes to
// the same.
#include "tests/support/camera.h"
#include "tests/support/catch.h"
#include "tests/unit/vault/calls.h"
#include "vault/audit/replay.h"

using namespace facekeep;
using namespace facekeep::test;

namespace {

// The defaults, but for repeats: these tests ask with one face.
FixtureOptions with_defaults() {
  FixtureOptions o;
  o.budgets = ledger::SiteBudgets();
  o.budgets->repeat_cost = 1;
  return o;
}

MatchCall at(const char* door, const Vector& probe, std::optional<std::string> subject = {}) {
  MatchCall call = ask(probe, std::move(subject));
  call.door = door;
  return call;
}

MatchCall as_signed(const std::string& jws, std::optional<std::string> subject = {}) {
  MatchCall call = ask({}, std::move(subject));
  call.signed_probe = jws;
  return call;
}

// The log as an auditor replays it, with every opening.
audit::Findings replay(VaultFixture& f, Service& service, std::optional<Digest>& budgets) {
  audit::Findings findings;
  audit::Replay replay(audit::Level::kAuditor, findings);
  std::map<std::uint64_t, Bytes> openings;
  const std::uint64_t size = service.sequencer().durable_size();
  for (std::uint64_t bundle = 0; bundle * 256 < size; ++bundle) {
    auto given = service.openings(f.key("auditor/1"), bundle);
    REQUIRE(given);
    for (Opening& o : *given) openings[o.entry] = std::move(o.opening);
  }
  for (std::uint64_t i = 0; i < size; ++i) {
    const auto opening = openings.find(i);
    const bool there = opening != openings.end() && !opening->second.empty();
    replay.entry(*service.sequencer().entry(i), {there ? audit::OpeningState::kThere : audit::OpeningState::kAbsent,
                                                 there ? opening->second : Bytes()});
  }
  budgets = replay.budgets_digest();
  return findings;
}

void publish(VaultFixture& f, Service& service) {
  f.clock.advance(1100);
  EnrolInput in = person("later", {});
  in.templates.clear();
  REQUIRE(service.put_subject(f.key("operator/1"), "main", std::move(in)));
}

}  // namespace

TEST_CASE("a person over the budget of one door is no match there, and passes at the other") {
  NEEDS_TOKEN();
  VaultFixture f(with_defaults());
  auto service = std::move(*f.start());
  REQUIRE(f.unseal(*service));
  const Vector face = VaultFixture::random_face(64, 6);
  REQUIRE(service->put_subject(f.key("operator/1"), "main", person("x", face)));
  for (int i = 0; i < 8; ++i) {
    REQUIRE(decision(service->match(f.key("door/1"), "main", at("north", face, "x"))) == "match");
    REQUIRE(decision(service->match(f.key("door/1"), "main", at("north", face))) == "match");
  }
  CHECK(decision(service->match(f.key("door/1"), "main", at("north", face, "x"))) == "no_match");
  const auto identified = service->match(f.key("door/1"), "main", at("north", face));
  CHECK(decision(identified) == "no_match");
  CHECK_FALSE(identified->subject);
  CHECK(decision(service->match(f.key("door/1"), "main", at("south", face))) == "match");
  const auto alarms = service->metrics().alarms;
  CHECK(alarms.total.at(ledger::Over::kSubject) == 2);
  CHECK(alarms.open == 2);
  CHECK(alarms.latest == identified->entry);
  REQUIRE(service->acknowledge_alarms(f.key("residents/1"), alarms.latest));
  CHECK(service->metrics().alarms.open == 0);
  CHECK(problem(service->acknowledge_alarms(f.key("residents/1"), 1'000'000)) == "not-in-log");
  CHECK_FALSE(service->acknowledge_alarms(f.key("operator/1"), 1));
  f.clock.advance(45 * 60'000);
  CHECK(decision(service->match(f.key("door/1"), "main", at("north", face, "x"))) == "match");
  f.stop(service);
}

TEST_CASE("the same probe again, or nearly, costs four times as much, and the log says so") {
  NEEDS_TOKEN();
  FixtureOptions options;
  options.budgets.reset();  // the defaults
  VaultFixture f(options);
  auto service = std::move(*f.start());
  REQUIRE(f.unseal(*service));
  const Vector face = VaultFixture::random_face(64, 6);
  REQUIRE(service->put_subject(f.key("operator/1"), "main", person("x", face)));
  const auto north = [&](const Vector& probe) {
    return service->match(f.key("door/1"), "main", at("north", probe, "x"));
  };
  // Of 64 tokens 4, then 16 three times.
  for (int i = 0; i < 4; ++i) REQUIRE(decision(north(face)) == "match");
  CHECK(decision(north(VaultFixture::face_near(face, 0.99, 1))) == "no_match");
  CHECK(decision(north(VaultFixture::face_near(face, 0.8, 2))) == "match");
  publish(f, *service);
  std::map<std::string, int> repeats;
  const auto given = service->openings(f.key("auditor/1"), 0);
  REQUIRE(given);
  for (const Opening& o : *given) {
    if (o.opening.empty()) continue;
    const auto event = ledger::decode_event(as_chars(ByteView(o.opening).subspan(33)));
    const auto* match = event ? std::get_if<ledger::Match>(&event->body) : nullptr;
    if (match != nullptr) ++repeats[match->repeat.value_or("-")];
  }
  CHECK(repeats == std::map<std::string, int>{{"-", 2}, {"exact", 3}, {"near", 1}});
  f.stop(service);
}

TEST_CASE("a door over its budget is told to refer, in one entry a minute; others and its next calls pass") {
  NEEDS_TOKEN();
  FixtureOptions options = with_defaults();
  options.budgets->door = {16, 10'000};
  VaultFixture f(options);
  auto service = std::move(*f.start());
  REQUIRE(f.unseal(*service));
  const Vector face = VaultFixture::random_face(64, 7);
  const auto north = [&] { return service->match(f.key("door/1"), "main", at("north", face)); };
  for (int i = 0; i < 4; ++i) REQUIRE(decision(north()) == "no_match");
  const auto first = north();
  REQUIRE(decision(first) == "refer");
  for (int i = 0; i < 20; ++i) CHECK(north()->entry == first->entry);
  CHECK(decision(service->match(f.key("door/1"), "main", at("south", face))) == "no_match");
  f.clock.advance(40'000);
  CHECK(decision(north()) == "no_match");
  CHECK(north()->entry == first->entry);
  f.clock.advance(25'000);
  const auto second = north();
  CHECK(decision(second) == "refer");
  CHECK(second->entry > first->entry);
  publish(f, *service);
  std::optional<Digest> budgets;
  const audit::Findings findings = replay(f, *service, budgets);
  CHECK(findings.clean());
  CHECK(budgets == service->budgets_digest());
  f.stop(service);
}

TEST_CASE("a door that repeats what it can't pay is told so in one entry too, and other probes pass") {
  NEEDS_TOKEN();
  FixtureOptions options;
  options.budgets = ledger::SiteBudgets();
  options.budgets->door = {16, 10'000};
  VaultFixture f(options);
  auto service = std::move(*f.start());
  REQUIRE(f.unseal(*service));
  const auto asked = [&](std::uint32_t seed) {
    return service->match(f.key("door/1"), "main", at("north", VaultFixture::random_face(64, seed)));
  };
  REQUIRE(decision(asked(1)) == "no_match");
  const auto first = asked(1);
  REQUIRE(decision(first) == "refer");
  for (int i = 0; i < 5; ++i) CHECK(asked(1)->entry == first->entry);
  for (const std::uint32_t other : {2, 3, 4}) CHECK(decision(asked(other)) == "no_match");
  CHECK(decision(asked(5)) == "refer");
  f.stop(service);
}

TEST_CASE("what a camera signed costs less, and the camera has a budget of its own") {
  NEEDS_TOKEN();
  FixtureOptions options = with_defaults();
  options.cameras = true;
  options.budgets->door = {16, 10'000};
  options.budgets->camera = {3, 10'000};
  VaultFixture f(options);
  auto service = std::move(*f.start());
  REQUIRE(f.unseal(*service));
  const Vector face = VaultFixture::random_face(64, 7);
  const auto now = [&] { return sign(f, claims_of(f, face)); };
  const auto north = [&](const std::string& jws) { return service->match(f.key("door/1"), "main", as_signed(jws)); };
  for (int i = 0; i < 2; ++i) REQUIRE(decision(north(now())) == "no_match");
  const std::string used = now();
  REQUIRE(decision(north(used)) == "no_match");
  const auto over = north(now());
  REQUIRE(decision(over) == "refer");
  CHECK(service->metrics().alarms.total.at(ledger::Over::kCamera) == 1);
  // What is told without work uses no probe; a probe that was used is told so before.
  const std::string waiting = now();
  for (int i = 0; i < 5; ++i) CHECK(north(waiting)->entry == over->entry);
  CHECK(decision(north(used)) == "nonce-reused");
  // The three took 3 of the door's 16 tokens. A probe that nobody signed costs 4.
  const auto bare = [&] { return decision(service->match(f.key("door/1"), "main", at("north", face))); };
  for (int i = 0; i < 3; ++i) CHECK(bare() == "no_match");
  CHECK(bare() == "refer");
  f.clock.advance(10'000);
  CHECK(decision(north(waiting)) == "no_match");
  f.stop(service);
  service = std::move(*f.start());
  REQUIRE(f.unseal(*service));
  CHECK(decision(north(now())) == "refer");
  publish(f, *service);
  std::optional<Digest> budgets;
  CHECK(replay(f, *service, budgets).clean());
  CHECK(budgets == service->budgets_digest());
  f.stop(service);
}

TEST_CASE("a probe below the site's PAD level is told to refer, whatever is left of a person's budget") {
  NEEDS_TOKEN();
  FixtureOptions options = with_defaults();
  options.cameras = true;
  options.min_pad = 2;
  options.budgets->subject_door = {1, 60'000};
  VaultFixture f(options);
  auto service = std::move(*f.start());
  REQUIRE(f.unseal(*service));
  const Vector face = VaultFixture::random_face(64, 6);
  const auto signed_for = [&](const std::string& use, std::uint32_t pad) {
    probe::Claims claims = claims_of(f, face, use);
    claims.pad = pad;
    return sign(f, claims);
  };
  EnrolInput in = person("x", face);
  const std::string jws = signed_for("enrol", 3);
  in.templates[0] = {"face", {}, jws};
  REQUIRE(service->put_subject(f.key("operator/1"), "main", std::move(in)));
  const auto verify = [&](std::uint32_t pad) {
    return decision(service->match(f.key("door/1"), "main", as_signed(signed_for("verify", pad), "x")));
  };
  CHECK(verify(1) == "refer");  // and costs as others do
  CHECK(verify(2) == "no_match");
  CHECK(verify(1) == "refer");
  CHECK(decision(service->match(f.key("door/1"), "main", at("north", face, "x"))) == "refer");
  f.clock.advance(60'000);
  CHECK(verify(2) == "match");
  CHECK(service->metrics().alarms.total.at(ledger::Over::kSubject) == 1);
  publish(f, *service);
  std::optional<Digest> budgets;
  CHECK(replay(f, *service, budgets).clean());
  CHECK(budgets == service->budgets_digest());
  f.stop(service);
}

TEST_CASE("budgets come back after a restart and a power cut, as an auditor folds them") {
  NEEDS_TOKEN();
  VaultFixture f(with_defaults());
  auto service = std::move(*f.start());
  REQUIRE(f.unseal(*service));
  const Vector face = VaultFixture::random_face(64, 8);
  REQUIRE(service->put_subject(f.key("operator/1"), "main", person("x", face)));
  for (int i = 0; i < 16; ++i) {
    f.clock.advance(1000);
    REQUIRE(decision(service->match(f.key("door/1"), "main", at("north", face, "x"))) == "match");
  }
  for (const bool by_request : {false, true}) {
    if (by_request) {
      REQUIRE(service->seal(f.key("property/1")));
    } else {
      f.stop(service);
      f.clock.wall += 3'600'000;  // off for an hour
      f.clock.uptime = 7;
      service = std::move(*f.start());
    }
    REQUIRE(f.unseal(*service));
    CHECK(decision(service->match(f.key("door/1"), "main", at("north", face, "x"))) == "no_match");
    CHECK(decision(service->match(f.key("door/1"), "main", at("south", face, "x"))) == "match");
  }
  publish(f, *service);
  std::optional<Digest> budgets;
  CHECK(replay(f, *service, budgets).clean());
  CHECK(budgets == service->budgets_digest());
  f.stop(service);
}

TEST_CASE("eight doors' threads at once are answered within the budgets, in log order") {
  NEEDS_TOKEN();
  FixtureOptions options = with_defaults();
  options.budgets->door = {160, 1000};
  VaultFixture f(options);
  auto service = std::move(*f.start());
  REQUIRE(f.unseal(*service));
  const Vector face = VaultFixture::random_face(64, 9);
  std::atomic<int> answered{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) {
        const auto a = service->match(f.key("door/1"), "main", at("north", face));
        if (a && a->decision == "no_match") ++answered;
      }
    });
  }
  for (auto& t : threads) t.join();
  CHECK(answered == 40);
  publish(f, *service);
  std::optional<Digest> budgets;
  CHECK(replay(f, *service, budgets).clean());
  f.stop(service);
}
