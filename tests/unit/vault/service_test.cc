#include "vault/service.h"

#include "tests/support/catch.h"
#include "tests/unit/vault/calls.h"
#include "vault/log/sequencer/recovery.h"
#include "vault/seal/share_envelope.h"

using namespace facekeep;
using namespace facekeep::test;

TEST_CASE("a vault opens with its quorum, enrols, matches, erases and comes back after a restart") {
  NEEDS_TOKEN();
  VaultFixture f;
  auto started = f.start();
  INFO(problem(started));
  REQUIRE(started);
  auto service = std::move(*started);
  const Vector anna = VaultFixture::random_face(64, 1);
  const Vector bela = VaultFixture::random_face(64, 2);

  CHECK(problem(service->match(f.key("door/1"), "main", ask(anna))) == "sealed");
  const Status opened = f.unseal(*service);
  INFO((opened ? "" : opened.error().message));
  REQUIRE(opened);

  REQUIRE(problem(service->put_subject(f.key("operator/1"), "main", person("anna", anna))) == "ok");
  REQUIRE(problem(service->put_subject(f.key("operator/1"), "main", person("bela", bela))) == "ok");
  const auto hit = service->match(f.key("door/1"), "main", ask(VaultFixture::face_near(anna, 0.8, 7)));
  REQUIRE(problem(hit) == "ok");
  REQUIRE(hit->decision == "match");
  CHECK(hit->subject == "anna");
  CHECK(decision(service->match(f.key("door/1"), "main", ask(VaultFixture::face_near(anna, 0.3, 7)))) == "no_match");
  CHECK(decision(service->match(f.key("door/1"), "main", ask(anna, "anna"))) == "match");
  CHECK(decision(service->match(f.key("door/1"), "main", ask(anna, "bela"))) == "no_match");
  CHECK(decision(service->match(f.key("door/1"), "main", ask(anna, "nobody"))) == "no_match");

  const auto erased = service->erase(f.key("operator/1"), "main", "anna");
  REQUIRE(problem(erased) == "ok");
  CHECK(erased->destroyed);
  CHECK(decision(service->match(f.key("door/1"), "main", ask(anna))) == "no_match");
  CHECK(problem(service->erase(f.key("operator/1"), "main", "anna")) == "not-found");

  f.stop(service);
  auto again = f.start();
  INFO(problem(again));
  REQUIRE(again);
  service = std::move(*again);
  REQUIRE(f.unseal(*service));
  CHECK(decision(service->match(f.key("door/1"), "main", ask(anna))) == "no_match");
  const auto second = service->match(f.key("door/1"), "main", ask(bela));
  CHECK(second->decision == "match");
  CHECK(*second->subject == "bela");
  f.stop(service);
}

TEST_CASE("each share is named: duplicate, foreign, in other hands; the others' progress stays") {
  NEEDS_TOKEN();
  seal::SecretWords other_card;
  {
    const VaultFixture other;  // one token directory a process: it must be gone before the next one is made
    other_card = other.card("property/2").clone();
  }
  VaultFixture f;
  auto service = std::move(*f.start());
  REQUIRE(problem(f.hand_in(*service, "property/1")) == "ok");
  CHECK(problem(f.hand_in(*service, "property/1")) == "duplicate-share");
  CHECK(problem(service->unseal(f.key("property/2"), f.sealed_share(*service, "property/3"))) == "not-your-card");
  CHECK(problem(service->unseal(f.key("operator/1"), f.sealed_share(*service, "property/2"))) == "wrong-role");
  Bytes altered = f.sealed_share(*service, "property/2");
  altered[40] ^= 1;
  CHECK(problem(service->unseal(f.key("property/2"), altered)) == "bad-share");
  const auto to = service->sequencer().read([](const ledger::State& st) { return st.start().unseal_to; });
  const Bytes foreign = *seal::seal_share(to, f.genesis().vault, other_card);
  CHECK(problem(service->unseal(f.key("property/2"), foreign)) == "foreign-share");
  auto status = service->seal_status();
  REQUIRE(status);
  CHECK(status->state == "unsealing");
  CHECK(status->groups[0].in == 1);
  REQUIRE(problem(f.hand_in(*service, "property/2")) == "ok");
  CHECK(problem(f.hand_in(*service, "property/3")) == "share-not-needed");
  REQUIRE(problem(f.hand_in(*service, "residents/3")) == "ok");
  const auto last = f.hand_in(*service, "residents/1");
  REQUIRE(problem(last) == "ok");
  CHECK(last->open);
  CHECK(problem(f.hand_in(*service, "residents/2")) == "already-open");
  f.stop(service);
}

TEST_CASE("a partial unseal ends after its time, and begins anew") {
  NEEDS_TOKEN();
  VaultFixture f;
  auto service = std::move(*f.start());
  REQUIRE(problem(f.hand_in(*service, "property/1")) == "ok");
  f.clock.advance(14 * 60 * 1000);
  service->housekeeping();
  CHECK(service->seal_status()->state == "unsealing");
  f.clock.advance(2 * 60 * 1000);
  service->housekeeping();
  CHECK(service->seal_status()->state == "sealed");
  CHECK(problem(f.hand_in(*service, "property/1")) == "ok");
  f.stop(service);
}

TEST_CASE("bad requests are refused by name and change nothing") {
  NEEDS_TOKEN();
  VaultFixture f;
  auto service = std::move(*f.start());
  REQUIRE(f.unseal(*service));
  const Vector face = VaultFixture::random_face(64, 3);
  const auto size = [&] { return service->sequencer().read([](const ledger::State& st) { return st.size(); }); };
  const auto before = size();
  const Digest& op = f.key("operator/1");
  const Digest& door = f.key("door/1");

  CHECK(problem(service->put_subject(op, "annex", person("x", face))) == "other-site");
  CHECK(problem(service->put_subject(op, "nowhere", person("x", face))) == "other-site");
  CHECK(problem(service->put_subject(door, "main", person("x", face))) == "wrong-role");
  CHECK(problem(service->put_subject(Digest{}, "main", person("x", face))) == "unknown-key");
  CHECK(problem(service->put_subject(op, "main", person("", face))) == "bad-subject-id");
  CHECK(problem(service->put_subject(op, "main", person(std::string(129, 'x'), face))) == "bad-subject-id");
  CHECK(problem(service->put_subject(op, "main", person("\xff", face))) == "bad-subject-id");
  CHECK(problem(service->put_subject(op, "main", person("x", Vector(63, 0.1F)))) == "wrong-dimension");
  CHECK(problem(service->put_subject(op, "main", person("x", Vector(64, 0.0F)))) == "zero-vector");
  Vector bad = face;
  bad[5] = std::numeric_limits<float>::quiet_NaN();
  CHECK(problem(service->put_subject(op, "main", person("x", bad))) == "not-a-number");
  bad[5] = std::numeric_limits<float>::infinity();
  CHECK(problem(service->put_subject(op, "main", person("x", bad))) == "infinite");
  CHECK(problem(service->put_subject(op, "main", person("x", face, "2026-02-01"))) == "consent-ended");
  EnrolInput no_consent = person("x", face);
  no_consent.consent = Json::object();
  CHECK(problem(service->put_subject(op, "main", std::move(no_consent))) != "ok");
  EnrolInput nine = person("x", face);
  for (int i = 0; i < 8; ++i) nine.templates.push_back({"face", face});
  CHECK(problem(service->put_subject(op, "main", std::move(nine))) == "too-many-templates");
  EnrolInput unknown = person("x", face);
  unknown.templates[0].model = "nothing";
  CHECK(problem(service->put_subject(op, "main", std::move(unknown))) == "unknown-model");

  MatchCall call = ask(face);
  call.door = "side";
  CHECK(problem(service->match(door, "main", call)) == "unknown-door");
  CHECK(problem(service->match(door, "annex", ask(face))) == "other-site");
  call = ask(face);
  call.model = "nothing";
  CHECK(problem(service->match(door, "main", call)) == "unknown-model");
  CHECK(problem(service->match(op, "main", ask(face))) == "wrong-role");
  CHECK(size() == before);
  f.stop(service);
}

TEST_CASE("an unnormalised template matches as its unit vector does") {
  NEEDS_TOKEN();
  VaultFixture f;
  auto service = std::move(*f.start());
  REQUIRE(f.unseal(*service));
  const Vector face = VaultFixture::random_face(64, 4);
  Vector large = face;
  for (float& x : large) x *= 37.5F;
  REQUIRE(problem(service->put_subject(f.key("operator/1"), "main", person("x", large))) == "ok");
  CHECK(decision(service->match(f.key("door/1"), "main", ask(face, "x"))) == "match");
  f.stop(service);
}

TEST_CASE("the same subject twice: same consent is there already, another is refused; races have one winner") {
  NEEDS_TOKEN();
  VaultFixture f;
  auto service = std::move(*f.start());
  REQUIRE(f.unseal(*service));
  const Vector face = VaultFixture::random_face(64, 5);
  const auto first = service->put_subject(f.key("operator/1"), "main", person("x", face));
  REQUIRE(first);
  CHECK(first->created);
  const auto again = service->put_subject(f.key("operator/1"), "main", person("x", face));
  REQUIRE(again);
  CHECK_FALSE(again->created);
  CHECK(again->entry == first->entry);
  CHECK(problem(service->put_subject(f.key("operator/1"), "main", person("x", face, "2031-01-01"))) ==
        "already-enrolled");

  std::atomic<int> created{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      auto r = service->put_subject(f.key("operator/1"), "main", person("raced", face));
      if (r && r->created) ++created;
    });
  }
  for (auto& t : threads) t.join();
  CHECK(created == 1);
  f.stop(service);
}

TEST_CASE("erasures beyond the day's allowance suspend at once and destroy after 72 hours of both clocks") {
  NEEDS_TOKEN();
  {
    test::FixtureOptions o;
    o.erase_daily = 1;
    VaultFixture f(o);
    ServiceOptions options;
    options.max_clock_jump_ms = 1000LL * 3600 * 1000;  // the guard is another test's
    auto service = std::move(*f.start(options));
    REQUIRE(f.unseal(*service));
    const Vector a = VaultFixture::random_face(64, 8);
    const Vector b = VaultFixture::random_face(64, 9);
    REQUIRE(service->put_subject(f.key("operator/1"), "main", person("a", a)));
    REQUIRE(service->put_subject(f.key("operator/1"), "main", person("b", b)));
    CHECK(service->erase(f.key("operator/1"), "main", "a")->destroyed);
    const auto second = service->erase(f.key("operator/1"), "main", "b");
    REQUIRE(second);
    CHECK_FALSE(second->destroyed);
    CHECK(decision(service->match(f.key("door/1"), "main", ask(b))) == "no_match");
    const auto persons = [&] {
      return service->sequencer().read([](const ledger::State& st) { return st.persons("main"); });
    };
    f.clock.wall += 80LL * 3600 * 1000;  // somebody sets the wall clock forward
    service->housekeeping();
    CHECK(persons() == 1);
    f.clock.uptime += 73ULL * 3600 * 1000;
    service->housekeeping();
    CHECK(persons() == 0);
    f.stop(service);
  }
}

TEST_CASE("metadata is read page by page, changes name the erased for 30 days, and each read is logged") {
  NEEDS_TOKEN();
  VaultFixture f;
  auto service = std::move(*f.start());
  REQUIRE(f.unseal(*service));
  std::vector<EnrolInput> rows;
  for (int i = 0; i < 25; ++i)
    rows.push_back(person("p" + std::to_string(i), VaultFixture::random_face(64, 100 + static_cast<std::uint64_t>(i))));
  for (const auto& r : service->enrol(f.key("operator/1"), "main", std::move(rows))) REQUIRE(problem(r) == "ok");
  std::set<std::string> seen;
  std::string cursor;
  do {
    const auto page = service->list_subjects(f.key("operator/1"), "main", cursor, 10);
    REQUIRE(problem(page) == "ok");
    for (const auto& s : page->subjects) seen.insert(s.subject);
    cursor = page->next;
  } while (!cursor.empty());
  CHECK(seen.size() == 25);
  const auto one = service->get_subject(f.key("operator/1"), "main", "p3");
  REQUIRE(one);
  CHECK(one->subjects[0].templates.size() == 1);
  CHECK(problem(service->get_subject(f.key("operator/1"), "main", "nobody")) == "not-found");
  CHECK(problem(service->list_subjects(f.key("door/1"), "main", "", 10)) == "wrong-role");

  REQUIRE(service->erase(f.key("operator/1"), "main", "p7"));
  const auto changes = service->changes(f.key("door/1"), "main", 0);
  REQUIRE(problem(changes) == "ok");
  int erased = 0;
  for (const auto& c : changes->changes) {
    if (c.what == "erased") {
      ++erased;
      CHECK(c.subject == std::optional<std::string>("p7"));
    }
  }
  CHECK(erased == 1);
  f.clock.advance(32LL * 86400 * 1000);
  service->housekeeping();
  const auto later = service->changes(f.key("door/1"), "main", 0);
  REQUIRE(later);
  for (const auto& c : later->changes) {
    if (c.what == "erased") CHECK_FALSE(c.subject);
  }
  f.stop(service);
}

TEST_CASE("the log of a busy vault recovers to the state that it had") {
  NEEDS_TOKEN();
  VaultFixture f;
  auto service = std::move(*f.start());
  REQUIRE(f.unseal(*service));
  for (int i = 0; i < 5; ++i) {
    REQUIRE(service->put_subject(
        f.key("operator/1"), "main",
        person("p" + std::to_string(i), VaultFixture::random_face(64, 50 + static_cast<std::uint64_t>(i)))));
  }
  REQUIRE(service->erase(f.key("operator/1"), "main", "p0"));
  REQUIRE(service->match(f.key("door/1"), "main", ask(VaultFixture::random_face(64, 51))));
  const Digest digest = service->sequencer().read([](const ledger::State& st) { return st.digest(); });
  const auto recovered = log::recover(*f.store);
  REQUIRE(problem(recovered) == "ok");
  CHECK(recovered->state.digest() == digest);
  f.stop(service);
}
