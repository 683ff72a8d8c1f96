// People and sites that come after genesis: names, registrations, tightening, opening a site, witnesses.
#include "tests/unit/dispatch/dual_kit.h"
#include "vault/ledger/person_name.h"
#include "vault/store/keys.h"

using namespace facekeep;
using namespace facekeep::test;

namespace {

std::string refused(ApiKit& kit, const Json& body) {
  return ApiKit::problem(kit.ask("property/1", "POST", "/v1/proposals", body.dump()));
}

std::string tighten(ApiKit& kit, const std::string& who, const Json& action) {
  const auto answer = kit.ask(who, "POST", "/v1/tightenings", Json{{"action", action}}.dump());
  return answer.status == 200 ? "done" : ApiKit::problem(answer);
}

}  // namespace

TEST_CASE("one custodian tightens at once, with a receipt, and nobody loosens so") {
  NEEDS_TOKEN();
  ApiKit kit;
  const auto thresholds = [](int verify, int identify) {
    return Json{{"kind", "change-thresholds"},
                {"model", "face"},
                {"verify_threshold", verify},
                {"identify_threshold", identify}};
  };
  CHECK(tighten(kit, "residents/1", thresholds(499'999, 600'000)) == "bad-tightening");
  CHECK(tighten(kit, "operator/1", thresholds(600'000, 600'000)) == "wrong-role");
  CHECK(tighten(kit, "residents/1", register_action("door/7", {})) == "bad-tightening");
  CHECK(tighten(kit, "residents/1", {{"kind", "nothing"}}) == "bad-action");
  const auto answer =
      kit.ask("residents/1", "POST", "/v1/tightenings", Json{{"action", thresholds(600'000, 700'000)}}.dump());
  REQUIRE(answer.status == 200);
  CHECK(ApiKit::json(answer).contains("receipt"));
  const auto model = kit.service->sequencer().read([](const ledger::State& st) { return *st.model("face"); });
  CHECK(model.identify_threshold == 700'000);
  // Of rules, one person one in seven days.
  const auto rule = [&](std::int64_t delay) {
    Json r = to_json(kit.vault.genesis().rules.at("export"));
    r["delay_s"] = r["delay_s"].get<std::int64_t>() + delay;
    return Json{{"kind", "change-rules"}, {"rules", {{"export", r}}}};
  };
  CHECK(tighten(kit, "residents/1", rule(3600)) == "done");
  CHECK(tighten(kit, "residents/1", rule(7200)) == "bad-tightening");
  CHECK(tighten(kit, "residents/2", rule(7200)) == "done");
}

TEST_CASE("names go into the sealed register, are shown to custodians, and never into the log") {
  NEEDS_TOKEN();
  ApiKit kit;
  CHECK(refused(kit, {{"purpose", "x"}, {"action", named_door()}, {"names", kNames}}) == "sealed");
  REQUIRE(kit.vault.unseal(*kit.service));
  Json wrong = kNames;
  wrong["door/7"]["name"] = "Wang Fang";
  CHECK(refused(kit, {{"purpose", "x"}, {"action", named_door()}, {"names", wrong}}) == "bad-names");
  wrong = kNames;
  wrong["door/8"] = wrong["door/7"];
  CHECK(refused(kit, {{"purpose", "x"}, {"action", named_door()}, {"names", wrong}}) == "bad-names");
  CHECK(refused(kit, {{"purpose", "x"}, {"action", named_door()}, {"names", {{"door/7", "Wang"}}}}) == "bad-names");

  const Json made = carry_out(kit, named_door(), kNames);
  CHECK_FALSE(made.contains("names"));
  CHECK(ApiKit::json(kit.ask("residents/2", "GET", path_of(made))).at("names") == kNames);
  const auto leaf = kit.service->sequencer().entry(made.at("entry")).value();
  CHECK(std::string(as_chars(leaf)).find("Wang") == std::string::npos);
  const auto row = kit.vault.store->get(store::keys::names(made.at("entry"))).value();
  REQUIRE(row);
  CHECK(std::string(as_chars(*row)).find("Wang") == std::string::npos);

  // Over a restart, with the key of the next opening.
  kit.stop();
  kit.start();
  CHECK_FALSE(ApiKit::json(kit.ask("residents/2", "GET", path_of(made))).contains("names"));
  REQUIRE(kit.vault.unseal(*kit.service));
  const Json register_ = ApiKit::json(kit.ask("auditor/1", "GET", "/v1/log/register"));
  CHECK(register_.at("people").at("property/1").at("name") == "Custodian property/1");
  REQUIRE(register_.at("later").size() == 1);
  CHECK(register_.at("later")[0].at("entry") == made.at("entry"));
  CHECK(register_.at("later")[0].at("people") == kNames);
}

TEST_CASE("who is registered, and by which entry, is told to custodians and to the principal") {
  NEEDS_TOKEN();
  ApiKit kit;
  CHECK(ApiKit::json(kit.ask("door/1", "GET", "/v1/me")).at("registered") == 0);
  // Its scope changes; the key stays.
  Json wider = register_action("door/1", kit.vault.key("door/1"));
  wider["principals"][0]["doors"] = {"south"};
  const Json made = carry_out(kit, wider);
  CHECK(ApiKit::json(kit.ask("door/1", "GET", "/v1/me")).at("registered") == made.at("entry"));
  CHECK(ApiKit::problem(kit.ask("door/1", "GET", "/v1/principals")) == "wrong-role");
  const auto origin_of = [&](const std::string& id) {
    const Json all = ApiKit::json(kit.ask("residents/1", "GET", "/v1/principals")).at("principals");
    for (const Json& p : all) {
      if (p.at("id") == id) return p.at("registered");
    }
    return Json();
  };
  CHECK(origin_of("door/1") == made.at("entry"));
  CHECK(origin_of("door/2") == 0);
  kit.stop();
  kit.start();
  CHECK(origin_of("door/1") == made.at("entry"));
}

TEST_CASE("a site that is agreed on while the vault is sealed is opened once the vault is") {
  NEEDS_TOKEN();
  ApiKit kit;
  const Json made = propose(kit, "property/1", site_action("tower"));
  for (const char* who : {"property/1", "residents/1"}) REQUIRE(approve(kit, who, made).status == 200);
  kit.vault.clock.advance(made.at("rule").at("delay_s").get<std::int64_t>() * 1000);
  const auto stage = [&] {
    kit.service->housekeeping();
    return ApiKit::json(kit.ask("property/1", "GET", path_of(made))).at("stage").get<std::string>();
  };
  CHECK(stage() == "ready");
  REQUIRE(kit.vault.unseal(*kit.service));
  CHECK(stage() == "done");
}

TEST_CASE("a site opened while the vault is open takes people at once, and opens again at every unseal") {
  NEEDS_TOKEN();
  ApiKit kit;
  REQUIRE(kit.vault.unseal(*kit.service));
  const std::string probe = Json(VaultFixture::random_face(64, 3)).dump();
  const auto ask = [&] {
    const auto answer = kit.ask("door/1", "POST", "/v1/sites/tower/identify",
                                R"({"door":"gate","model":"face","probe":)" + probe + "}");
    INFO(ApiKit::text(answer));
    REQUIRE(answer.status == 200);
    return ApiKit::json(answer).at("decision").get<std::string>();
  };
  carry_out(kit, site_action("tower"));
  CHECK(refused(kit, {{"purpose", "x"}, {"action", site_action("tower")}}) == "bad-action");

  staff_site(kit, "tower");
  CHECK(ask() == "no_match");
  const auto enrolled = kit.ask("operator/1", "POST", "/v1/sites/tower/enrolments",
                                R"({"subject":"anna","consent":)" + VaultFixture::consent().dump() +
                                    R"(,"templates":[{"model":"face","template":)" + probe + "}]}\n");
  CHECK(ApiKit::text(enrolled).find("error") == std::string::npos);
  CHECK(ask() == "match");
  kit.stop();
  kit.start();
  REQUIRE(kit.vault.unseal(*kit.service));
  CHECK(ask() == "match");
}

TEST_CASE("the witness policy that a proposal brings is the one in force, and the log says where") {
  NEEDS_TOKEN();
  ApiKit kit;
  CHECK(ApiKit::json(kit.ask("", "GET", "/v1/witnesses")).at("done") == 0);
  const auto key = ledger::make_witness_key("witness.example/w1", sha256(as_bytes("key"))).value();
  const ledger::Witnesses policy{
      1, ledger::OnMissing::kClosed, {{ledger::format_witness_key(key), "https://192.0.2.1", sha256(as_bytes("tls"))}}};
  const Json made = carry_out(kit, to_json(ledger::Action(ledger::ChangeWitnesses{policy})));
  const Json at = ApiKit::json(kit.ask("", "GET", "/v1/witnesses"));
  CHECK(at.at("proposal") == made.at("entry"));
  CHECK(at.at("approvals").size() == 2);
  CHECK(at.at("done").get<std::uint64_t>() > at.at("approvals")[1].get<std::uint64_t>());
  REQUIRE(kit.vault.unseal(*kit.service));
  const auto answer =
      kit.ask("door/1", "POST", "/v1/sites/main/identify",
              R"({"door":"north","model":"face","probe":)" + Json(VaultFixture::random_face(64, 3)).dump() + "}");
  CHECK(ApiKit::problem(answer) == "witnesses-missing");
}
