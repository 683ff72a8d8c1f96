// Signed probes against a whole vault: who may sign what, how long it is good, and that it is good once.
#include "tests/support/camera.h"
#include "tests/support/catch.h"
#include "tests/unit/vault/calls.h"
#include "vault/history.h"
#include "vault/ledger/opening.h"

using namespace facekeep;
using namespace facekeep::test;

namespace {

FixtureOptions with_cameras(bool required = false, std::uint32_t min_pad = 0) {
  FixtureOptions o;
  o.cameras = true;
  o.signed_probes_required = required;
  o.min_pad = min_pad;
  return o;
}

// An open vault in which "x" has a face.
struct Open {
  explicit Open(const FixtureOptions& o = with_cameras()) : f(o), service(std::move(*f.start())) {
    REQUIRE(f.unseal(*service));
    EnrolInput in = person("x", face);
    const std::string jws = sign(f, with_pad(claims_of(f, face, "enrol"), 3));
    in.templates[0] = {"face", {}, jws};
    REQUIRE(service->put_subject(f.key("operator/1"), "main", std::move(in)));
  }
  ~Open() { f.stop(service); }
  void restart() {
    f.stop(service);
    service = std::move(*f.start());
    REQUIRE(f.unseal(*service));
  }
  static probe::Claims with_pad(probe::Claims c, std::uint32_t pad) {
    c.pad = pad;
    return c;
  }
  probe::Claims claims(const std::string& use = "identify") { return with_pad(claims_of(f, face, use), 3); }

  // A door's question with that text for a probe.
  Result<MatchAnswer> ask(const std::string& jws, const std::string& door = "north",
                          std::optional<std::string> subject = std::nullopt) {
    MatchCall call = test::ask({}, std::move(subject));
    call.door = door;
    call.signed_probe = jws;
    return service->match(f.key("door/1"), "main", std::move(call));
  }
  std::string said(const probe::Claims& c, const std::string& camera = "camera/1", const std::string& key_of = {}) {
    return decision(ask(sign(f, c, camera, key_of)));
  }
  ledger::Event opened(std::uint64_t entry) {
    // Openings are given of what a checkpoint covers.
    REQUIRE(service->sequencer().submit([](const log::Turn&) -> Result<log::Write> {
      log::Write w;
      w.drafts.push_back({ledger::Sums{0, {{"overload", 1}}}, {}});
      w.checkpoint = true;
      return w;
    }));
    const auto openings = service->openings(f.key("auditor/1"), entry / 256);
    REQUIRE(openings);
    for (const Opening& o : *openings) {
      if (o.entry == entry) return ledger::open_clear(o.opening).value().event;
    }
    FAIL("entry " << entry << " has no opening");
    return {};
  }

  const Vector face = VaultFixture::random_face(64, 6);
  VaultFixture f;
  std::unique_ptr<Service> service;
};

}  // namespace

TEST_CASE("a probe that a camera signed is answered, and the log says who signed it") {
  NEEDS_TOKEN();
  Open v;
  const auto identify = v.ask(sign(v.f, v.claims()));
  REQUIRE(decision(identify) == "match");
  CHECK(*identify->subject == "x");
  probe::Claims ed = v.claims("verify");
  ed.door = "south";
  ed.pad = 1;
  const auto verify = v.ask(sign(v.f, ed, "camera/2"), "south", "x");
  REQUIRE(decision(verify) == "match");

  const auto first = std::get<ledger::Match>(v.opened(identify->entry).body);
  REQUIRE(first.camera);
  CHECK(first.camera->camera == "camera/1");
  CHECK(first.camera->pad == 3);
  const auto second = std::get<ledger::Match>(v.opened(verify->entry).body);
  REQUIRE(second.camera);
  CHECK(second.camera->camera == "camera/2");
  CHECK(second.camera->pad == 1);
  CHECK(first.camera->nonce != second.camera->nonce);
  CHECK(second.camera->nonce != ed.nonce);  // a keyed tag
  // Where the site does not ask for it, a vector alone is taken too.
  CHECK(decision(v.service->match(v.f.key("door/1"), "main", test::ask(v.face))) == "match");
}

TEST_CASE("a probe is good for the question alone that it was signed for") {
  NEEDS_TOKEN();
  Open v;
  const auto changed = [&](const std::function<void(probe::Claims&)>& change) {
    probe::Claims c = v.claims();
    change(c);
    return v.said(c);
  };
  CHECK(changed([](probe::Claims&) {}) == "match");
  CHECK(changed([](probe::Claims& c) { c.use = "verify"; }) == "other-probe");
  CHECK(changed([](probe::Claims& c) { c.use = "enrol", c.door = ""; }) == "other-probe");
  CHECK(changed([](probe::Claims& c) { c.vault[3] ^= 1; }) == "other-probe");
  CHECK(changed([](probe::Claims& c) { c.site = "annex"; }) == "other-probe");
  CHECK(changed([](probe::Claims& c) { c.door = "south"; }) == "other-probe");
  CHECK(changed([](probe::Claims& c) { c.model = "other"; }) == "other-probe");
  CHECK(changed([](probe::Claims& c) { c.probe.pop_back(); }) == "wrong-dimension");
  CHECK(changed([](probe::Claims& c) { c.probe.assign(64, 0); }) == "zero-vector");
}

TEST_CASE("only a camera of the place signs, with its own key") {
  NEEDS_TOKEN();
  Open v;
  CHECK(v.said(v.claims(), "camera/1", "camera/2") == "bad-probe-signature");
  CHECK(v.said(v.claims(), "camera/1", "door/1") == "bad-probe-signature");
  CHECK(v.said(v.claims(), "camera/2") == "unknown-camera");  // of south alone
  CHECK(v.said(v.claims(), "camera/3") == "unknown-camera");  // of the annex
  CHECK(v.said(v.claims(), "door/1") == "unknown-camera");    // has no signing key
  CHECK(v.said(v.claims(), "camera/9", "camera/1") == "unknown-camera");
  CHECK(v.said(v.claims(), "property/1") == "unknown-camera");
  CHECK(decision(v.ask("a.b.c")) == "bad-jws");
  REQUIRE(v.service->revoke(v.f.key("property/1"), {"camera/1"}, "lost"));
  CHECK(v.said(v.claims()) == "unknown-camera");
}

TEST_CASE("a signed probe is fresh for 30 seconds, and used once, over a restart too") {
  NEEDS_TOKEN();
  Open v;
  probe::Claims late = v.claims();
  late.time = *late.time - 30'001;
  CHECK(v.said(late) == "stale-probe");
  probe::Claims early = v.claims();
  early.time = *early.time + 30'001;
  CHECK(v.said(early) == "stale-probe");

  probe::Claims ahead = v.claims();
  ahead.time = *ahead.time + 30'000;
  const std::string used = sign(v.f, ahead);
  const std::string waiting = sign(v.f, v.claims());
  CHECK(decision(v.ask(used)) == "match");
  CHECK(decision(v.ask(used)) == "nonce-reused");
  // The nonce counts, not the text: another signature over it (ECDSA has many) is the same probe.
  CHECK(v.said(ahead) == "nonce-reused");
  v.f.clock.advance(20'000);
  v.restart();
  CHECK(decision(v.ask(used)) == "nonce-reused");
  CHECK(decision(v.ask(waiting)) == "stale-probe");  // signed before the vault was opened
  v.f.clock.advance(40'001);
  CHECK(decision(v.ask(used)) == "stale-probe");
}

TEST_CASE("a clock that was wrong for a while hides no used probe from the next unseal") {
  NEEDS_TOKEN();
  Open v;
  probe::Claims ahead = v.claims();
  ahead.time = *ahead.time + 30'000;
  const std::string used = sign(v.f, ahead);
  REQUIRE(decision(v.ask(used)) == "match");
  constexpr std::int64_t kTwoHours = 2LL * 3600 * 1000;
  v.f.clock.wall -= kTwoHours;
  REQUIRE(decision(v.service->match(v.f.key("door/1"), "main", test::ask(v.face))) == "match");
  v.f.clock.wall += kTwoHours;
  v.f.clock.advance(1000);
  v.restart();
  CHECK(decision(v.ask(used)) == "nonce-reused");
  // The minute is over by both.
  v.f.clock.advance(60'001);
  v.restart();
  CHECK(v.said(v.claims()) == "match");
}

TEST_CASE("nonces are not trusted where the last minute has more entries than are read") {
  NEEDS_TOKEN();
  VaultFixture f(with_cameras());
  auto service = std::move(*f.start());
  f.clock.advance(1000);
  OpenVault vault(f.genesis().vault, *f.store, *f.slots,
                  std::make_shared<RegisterKeys>(1, seal::SiteKey::generate(), seal::TokenWraps(), 0));
  const UnixMillis now = f.clock.now().wall;
  const std::uint64_t size = service->sequencer().durable_size();
  for (const std::uint64_t most : {size, size - 1}) {
    RequestMarks marks;
    probe::Nonces nonces;
    fold_last_minute(vault, service->sequencer(), *f.store, now, marks, nonces, most);
    const Status said = nonces.check({1}, now + 1, now + 1);
    CHECK((said ? std::string("ok") : said.error().problem) == (most == size ? "ok" : "stale-probe"));
  }
  f.stop(service);
}

TEST_CASE("a camera that is bound to doors signs no enrolment") {
  NEEDS_TOKEN();
  Open v;
  const auto enrolled = [&](const std::string& camera) {
    const std::string jws = sign(v.f, v.claims("enrol"), camera);
    return problem(v.service->add_template(v.f.key("operator/1"), "main", "x", {"face", {}, jws}));
  };
  CHECK(enrolled("camera/2") == "unknown-camera");
  CHECK(enrolled("camera/1") == "ok");
}

TEST_CASE("a nonce of one camera is not another's") {
  NEEDS_TOKEN();
  Open v;
  probe::Claims c = v.claims();
  c.door = "south";
  CHECK(decision(v.ask(sign(v.f, c, "camera/1"), "south")) == "match");
  CHECK(decision(v.ask(sign(v.f, c, "camera/2"), "south")) == "match");
  CHECK(decision(v.ask(sign(v.f, c, "camera/2"), "south")) == "nonce-reused");
}

TEST_CASE("a camera without a clock signs a challenge, once and soon") {
  NEEDS_TOKEN();
  Open v;
  const auto challenged = [&](const std::string& who) {
    const auto given = v.service->challenge(v.f.key(who), "main");
    REQUIRE(given);
    CHECK(given->until == v.f.clock.now().wall + 30'000);
    probe::Claims c = v.claims();
    c.time.reset();
    c.nonce = given->nonce;
    return c;
  };
  probe::Claims none = v.claims();
  none.time.reset();
  CHECK(v.said(none) == "stale-probe");
  const probe::Claims by_door = challenged("door/1");
  CHECK(v.said(by_door) == "match");
  CHECK(v.said(by_door) == "stale-probe");
  const probe::Claims by_camera = challenged("camera/2");
  CHECK(v.said(by_camera) == "match");
  const probe::Claims too_late = challenged("door/1");
  v.f.clock.advance(30'001);
  CHECK(v.said(too_late) == "stale-probe");
  const probe::Claims forgotten = challenged("door/1");
  v.restart();
  CHECK(v.said(forgotten) == "stale-probe");

  CHECK(problem(v.service->challenge(v.f.key("door/2"), "main")) == "other-site");
  CHECK(problem(v.service->challenge(v.f.key("camera/3"), "main")) == "other-site");
  CHECK(problem(v.service->challenge(v.f.key("operator/1"), "main")) == "wrong-role");
  REQUIRE(v.service->seal(v.f.key("property/1")));
  CHECK(problem(v.service->challenge(v.f.key("door/1"), "main")) == "sealed");
}

TEST_CASE("a site that requires signed probes takes no other, at doors and for enrolment") {
  NEEDS_TOKEN();
  Open v(with_cameras(true));
  CHECK(v.said(v.claims()) == "match");
  CHECK(decision(v.service->match(v.f.key("door/1"), "main", test::ask(v.face))) == "signed-probe-required");
  CHECK(decision(v.service->match(v.f.key("door/1"), "main", test::ask(v.face, "x"))) == "signed-probe-required");
  const Digest& op = v.f.key("operator/1");
  CHECK(problem(v.service->put_subject(op, "main", person("y", v.face))) == "signed-probe-required");
  CHECK(problem(v.service->add_template(op, "main", "x", {"face", v.face})) == "signed-probe-required");
  const std::string jws = sign(v.f, v.claims("enrol"));
  CHECK(problem(v.service->add_template(op, "main", "x", {"face", {}, jws})) == "ok");
}

TEST_CASE("below the site's PAD level a door refers, and nobody is enrolled") {
  NEEDS_TOKEN();
  Open v(with_cameras(false, 2));
  for (const auto& [pad, answer] :
       std::vector<std::pair<std::uint32_t, std::string>>{{0, "refer"}, {1, "refer"}, {2, "match"}, {3, "match"}}) {
    INFO("level " << pad);
    const auto r = v.ask(sign(v.f, Open::with_pad(v.claims(), pad)));
    REQUIRE(decision(r) == answer);
    CHECK(std::get<ledger::Match>(v.opened(r->entry).body).decision == answer);
    CHECK(r->subject.has_value() == (answer == "match"));
  }
  // What is not signed has level 0.
  CHECK(decision(v.service->match(v.f.key("door/1"), "main", test::ask(v.face))) == "refer");
  const Digest& op = v.f.key("operator/1");
  const std::string low = sign(v.f, Open::with_pad(v.claims("enrol"), 1));
  CHECK(problem(v.service->add_template(op, "main", "x", {"face", {}, low})) == "pad-too-low");
  CHECK(problem(v.service->add_template(op, "main", "x", {"face", v.face})) == "pad-too-low");
}

TEST_CASE("a template that a camera signed is enrolled once, and the log says by which camera") {
  NEEDS_TOKEN();
  Open v;
  const Digest& op = v.f.key("operator/1");
  const std::string jws = sign(v.f, v.claims("enrol"));
  std::vector<EnrolInput> rows;
  for (const char* id : {"y", "z"}) {
    rows.push_back(person(id, {}));
    rows.back().templates[0] = {"face", {}, jws};
  }
  const auto done = v.service->enrol(op, "main", std::move(rows));
  REQUIRE(problem(done[0]) == "ok");
  CHECK(problem(done[1]) == "nonce-reused");
  const auto event = std::get<ledger::TemplateAdded>(v.opened(done[0]->entry + 1).body);
  REQUIRE(event.camera);
  CHECK(event.camera->camera == "camera/1");
  v.restart();
  CHECK(problem(v.service->add_template(op, "main", "x", {"face", {}, jws})) == "nonce-reused");
  const std::string other = sign(v.f, v.claims("identify"));
  CHECK(problem(v.service->add_template(op, "main", "x", {"face", {}, other})) == "other-probe");
  CHECK(decision(v.ask(sign(v.f, v.claims("enrol")))) == "other-probe");
}

TEST_CASE("a retry of a signed probe by its Request-Id gets the logged answer") {
  NEEDS_TOKEN();
  Open v;
  const std::string jws = sign(v.f, v.claims());
  MatchCall call = test::ask({});
  call.signed_probe = jws;
  call.request_id = "abc";
  const auto first = v.service->match(v.f.key("door/1"), "main", call);
  REQUIRE(decision(first) == "match");
  v.f.clock.advance(40'000);  // not fresh any more, and nothing is decided anew
  const auto again = v.service->match(v.f.key("door/1"), "main", call);
  REQUIRE(decision(again) == "match");
  CHECK(again->entry == first->entry);
  call.request_id = "abd";
  CHECK(decision(v.service->match(v.f.key("door/1"), "main", call)) == "stale-probe");
}
