// Signed probes over the API: where a vector is taken a JWS is, refusals by name and in the sums, and policy through
// dual control.
#include "tests/support/camera.h"
#include "tests/unit/dispatch/export_kit.h"

using namespace facekeep;
using facekeep::test::ApiKit;
using facekeep::test::SoftHsm;
using facekeep::test::VaultFixture;

namespace {

struct Kit : ApiKit {
  Kit() : ApiKit(options()) {
    REQUIRE(vault.unseal(*service));
    facekeep::test::enrol_one(*this, "ben", 1);
  }
  static facekeep::test::FixtureOptions options() {
    facekeep::test::FixtureOptions o;
    o.cameras = true;
    return o;
  }
  probe::Claims claims(const std::string& use, std::uint64_t face = 1) {
    return facekeep::test::claims_of(vault, VaultFixture::random_face(64, face), use);
  }
  http::Response identify(const Json& probe) {
    return ask("door/1", "POST", "/v1/sites/main/identify",
               Json({{"door", "north"}, {"model", "face"}, {"probe", probe}}).dump());
  }
  std::string said(const http::Response& r) {
    return r.status / 100 == 2 ? json(r).value("decision", "done") : problem(r);
  }
  std::string sign(const probe::Claims& c, const std::string& camera = "camera/1") {
    return facekeep::test::sign(vault, c, camera);
  }
};

Json policy(const std::string& probes, int min_pad) {
  return {{"kind", "change-policy"}, {"site", "main"},          {"access_log_days", 90},
          {"erase_daily", 50},       {"signed_probes", probes}, {"min_pad", min_pad}};
}

}  // namespace

TEST_CASE("doors send a JWS as the probe") {
  NEEDS_TOKEN();
  Kit kit;
  CHECK(kit.said(kit.identify(kit.sign(kit.claims("identify")))) == "match");
  CHECK(kit.said(kit.identify(kit.sign(kit.claims("identify", 2)))) == "no_match");
  const Json ask = {
      {"door", "north"}, {"model", "face"}, {"subject", "ben"}, {"probe", kit.sign(kit.claims("verify"))}};
  CHECK(kit.said(kit.ask("door/1", "POST", "/v1/sites/main/verify", ask.dump())) == "match");
}

TEST_CASE("signed probes that are not good are refused by name, and counted") {
  NEEDS_TOKEN();
  Kit kit;
  const std::string good = kit.sign(kit.claims("identify"));
  REQUIRE(kit.said(kit.identify(good)) == "match");
  const auto again = kit.identify(good);
  CHECK(again.status == 409);
  CHECK(kit.said(again) == "nonce-reused");
  CHECK(kit.said(kit.identify("a.b.c")) == "bad-jws");
  CHECK(kit.said(kit.identify(Json{{"payload", "x"}})) == "bad-jws");
  std::string broken = kit.sign(kit.claims("identify"));
  char& changed = broken[broken.rfind('.') + 5];
  changed = changed == 'A' ? 'B' : 'A';
  CHECK(kit.said(kit.identify(broken)) == "bad-probe-signature");
  CHECK(kit.said(kit.identify(kit.sign(kit.claims("verify")))) == "other-probe");
  CHECK(kit.said(kit.identify(kit.sign(kit.claims("identify"), "camera/2"))) == "unknown-camera");
  probe::Claims old = kit.claims("identify");
  old.time = *old.time - 31'000;
  CHECK(kit.said(kit.identify(kit.sign(old))) == "stale-probe");
  // No answer has anything of the probe in it.
  CHECK(ApiKit::text(again).find(good.substr(60, 40)) == std::string::npos);

  const std::uint64_t before = kit.service->sequencer().durable_size();
  kit.vault.clock.advance(61'000);
  kit.service->housekeeping();
  std::int64_t counted = 0;
  for (std::uint64_t i = before; i < kit.service->sequencer().durable_size(); ++i) {
    const auto leaf = ledger::decode_leaf(as_chars(kit.service->sequencer().entry(i).value())).value();
    const auto* event = std::get_if<ledger::Event>(&leaf);
    const auto* sums = event == nullptr ? nullptr : std::get_if<ledger::Sums>(&event->body);
    if (sums != nullptr && sums->counts.contains("bad-probe")) counted += sums->counts.at("bad-probe");
  }
  CHECK(counted == 7);
}

TEST_CASE("operators enrol what a camera signed, one at a time and in bulk") {
  NEEDS_TOKEN();
  Kit kit;
  const Json one = {{"model", "face"}, {"template", kit.sign(kit.claims("enrol", 5))}};
  CHECK(kit.ask("operator/1", "POST", "/v1/sites/main/subjects/ben/templates", one.dump()).status == 201);
  CHECK(kit.said(kit.ask("operator/1", "POST", "/v1/sites/main/subjects/ben/templates", one.dump())) == "nonce-reused");
  std::string rows;
  for (const char* id : {"carla", "dora"}) {
    rows += Json({{"subject", id},
                  {"consent", facekeep::test::export_consent()},
                  {"templates", {{{"model", "face"}, {"template", kit.sign(kit.claims("enrol", 7))}}}}})
                .dump() +
            "\n";
  }
  const auto answer = kit.ask("operator/1", "POST", "/v1/sites/main/enrolments", rows);
  INFO(ApiKit::text(answer));
  CHECK(ApiKit::text(answer).find("refused") == std::string::npos);
  CHECK(kit.said(kit.identify(kit.sign(kit.claims("identify", 7)))) == "match");
}

TEST_CASE("a challenge goes from the vault through a camera without a clock and back") {
  NEEDS_TOKEN();
  Kit kit;
  const auto given = kit.ask("camera/1", "POST", "/v1/sites/main/challenge");
  REQUIRE(given.status == 201);
  const Bytes nonce = from_base64url(ApiKit::json(given).at("nonce").get<std::string>()).value();
  probe::Claims c = kit.claims("identify");
  c.time.reset();
  std::copy(nonce.begin(), nonce.end(), c.nonce.begin());
  const std::string jws = kit.sign(c);
  CHECK(kit.said(kit.identify(jws)) == "match");
  CHECK(kit.said(kit.identify(jws)) == "stale-probe");
  CHECK(kit.said(kit.ask("operator/1", "POST", "/v1/sites/main/challenge")) == "wrong-role");
  CHECK(kit.said(kit.ask("camera/3", "POST", "/v1/sites/main/challenge")) == "other-site");
}

TEST_CASE("one custodian requires signatures, and it takes the rule to let them go") {
  NEEDS_TOKEN();
  Kit kit;
  const Json face = Json(VaultFixture::random_face(64, 1));
  REQUIRE(kit.said(kit.identify(face)) == "match");
  const auto tighten = [&](const Json& action) {
    return kit.ask("property/2", "POST", "/v1/tightenings", Json{{"action", action}}.dump());
  };
  REQUIRE(tighten(policy("required", 1)).status == 200);
  CHECK(kit.said(kit.identify(face)) == "signed-probe-required");
  CHECK(kit.said(kit.identify(kit.sign(kit.claims("identify")))) == "refer");  // of level 0
  probe::Claims c = kit.claims("identify");
  c.pad = 1;
  CHECK(kit.said(kit.identify(kit.sign(c))) == "match");
  CHECK(kit.said(tighten(policy("optional", 1))) == "bad-tightening");
  CHECK(kit.said(tighten(policy("required", 0))) == "bad-tightening");
  facekeep::test::carry_out(kit, policy("optional", 0));
  CHECK(kit.said(kit.identify(face)) == "match");
}
