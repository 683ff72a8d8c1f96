// Request-Ids: a retry gets what the log says.
#include "tests/support/catch.h"
#include "tests/unit/vault/calls.h"

using namespace facekeep;
using namespace facekeep::test;

TEST_CASE("a Request-Id gets the logged decision again, and another body is refused") {
  NEEDS_TOKEN();
  VaultFixture f;
  auto service = std::move(*f.start());
  REQUIRE(f.unseal(*service));
  const Vector face = VaultFixture::random_face(64, 6);
  REQUIRE(service->put_subject(f.key("operator/1"), "main", person("x", face)));
  MatchCall call = ask(face);
  call.request_id = "abc";
  call.body_digest[0] = 1;
  const auto first = service->match(f.key("door/1"), "main", call);
  REQUIRE(first);
  auto second = service->match(f.key("door/1"), "main", call);
  REQUIRE(second);
  CHECK(second->entry == first->entry);
  CHECK(second->decision == "match");
  CHECK(*second->subject == "x");
  MatchCall changed = call;
  changed.body_digest[0] = 2;
  CHECK(problem(service->match(f.key("door/1"), "main", changed)) == "request-id-reused");

  f.stop(service);  // a restart within the minute does not forget
  service = std::move(*f.start());
  REQUIRE(f.unseal(*service));
  second = service->match(f.key("door/1"), "main", call);
  REQUIRE(second);
  CHECK(second->entry == first->entry);
  f.clock.advance(61'000);
  CHECK(service->match(f.key("door/1"), "main", call)->entry > first->entry);
  f.stop(service);
}

TEST_CASE("a retry is answered from the log, whatever the gallery says by now; what holds no more is a new entry") {
  NEEDS_TOKEN();
  VaultFixture f;
  auto service = std::move(*f.start());
  REQUIRE(f.unseal(*service));
  const Vector face = VaultFixture::random_face(64, 6);
  REQUIRE(service->put_subject(f.key("operator/1"), "main", person("x", VaultFixture::face_near(face, 0.8, 1))));
  MatchCall call = ask(face);
  call.request_id = "abc";
  const auto first = service->match(f.key("door/1"), "main", call);
  REQUIRE(decision(first) == "match");
  // Somebody nearer is enrolled: the same question asked anew would name another one.
  REQUIRE(service->put_subject(f.key("operator/1"), "main", person("y", face)));
  CHECK(*service->match(f.key("door/1"), "main", ask(face))->subject == "y");
  const auto second = service->match(f.key("door/1"), "main", call);
  REQUIRE(decision(second) == "match");
  CHECK(second->entry == first->entry);
  CHECK(*second->subject == "x");

  REQUIRE(service->erase(f.key("operator/1"), "main", "x"));
  const auto third = service->match(f.key("door/1"), "main", call);
  REQUIRE(decision(third) == "match");
  CHECK(third->entry > first->entry);
  CHECK(*third->subject == "y");
  const auto fourth = service->match(f.key("door/1"), "main", call);
  CHECK(fourth->entry == third->entry);
  CHECK(*fourth->subject == "y");

  f.stop(service);  // after an unseal only the pseudonym is known: what does not fit it is logged, not answered away
  service = std::move(*f.start());
  REQUIRE(f.unseal(*service));
  REQUIRE(service->put_subject(f.key("operator/1"), "main", person("z", face)));
  REQUIRE(service->erase(f.key("operator/1"), "main", "y"));
  const auto fifth = service->match(f.key("door/1"), "main", call);
  REQUIRE(decision(fifth) == "match");
  CHECK(fifth->entry > third->entry);
  CHECK(*fifth->subject == "z");
  f.stop(service);
}

TEST_CASE("a retry of a no_match stays one, though the face was enrolled meanwhile") {
  NEEDS_TOKEN();
  VaultFixture f;
  auto service = std::move(*f.start());
  REQUIRE(f.unseal(*service));
  const Vector face = VaultFixture::random_face(64, 6);
  MatchCall call = ask(face);
  call.request_id = "abc";
  const auto first = service->match(f.key("door/1"), "main", call);
  REQUIRE(decision(first) == "no_match");
  REQUIRE(service->put_subject(f.key("operator/1"), "main", person("x", face)));
  const auto second = service->match(f.key("door/1"), "main", call);
  CHECK(decision(second) == "no_match");
  CHECK(second->entry == first->entry);
  f.stop(service);
}
