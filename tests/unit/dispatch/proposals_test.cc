// Dual control over the API: what one person can't do, what two groups can, and what becomes of it.
#include <thread>

#include "tests/unit/dispatch/dual_kit.h"

using namespace facekeep;
using namespace facekeep::test;

namespace {

Digest key_of(const std::string& text) {
  return sha256(as_bytes(text));
}
std::string stage(ApiKit& kit, const Json& proposal) {
  return ApiKit::json(kit.ask("property/1", "GET", path_of(proposal))).at("stage");
}
std::uint64_t count_done(ApiKit& kit) {
  std::uint64_t n = 0;
  for (std::uint64_t i = 0; i < kit.service->sequencer().durable_size(); ++i) {
    const auto leaf = ledger::decode_leaf(as_chars(kit.service->sequencer().entry(i).value())).value();
    const auto* e = std::get_if<ledger::Event>(&leaf);
    n += e != nullptr && std::holds_alternative<ledger::ProposalDone>(e->body) ? 1 : 0;
  }
  return n;
}

}  // namespace

TEST_CASE("a door is registered by one person of each group, while sealed too, and its key is let in") {
  NEEDS_TOKEN();
  ApiKit kit;
  const Digest key = key_of("new door");
  const Json made = propose(kit, "property/1", register_action("door/7", key));
  CHECK(made.at("stage") == "draft");
  CHECK_FALSE(kit.service->is_registered(key));
  CHECK(ApiKit::json(approve(kit, "property/1", made)).at("proposal").at("stage") == "open");
  CHECK(ApiKit::problem(approve(kit, "property/1", made)) == "signed-already");
  CHECK(ApiKit::json(approve(kit, "property/2", made)).at("proposal").at("stage") == "open");
  CHECK_FALSE(kit.service->is_registered(key));
  const auto last = approve(kit, "residents/3", made);
  INFO(ApiKit::text(last));
  REQUIRE(last.status == 200);
  CHECK(ApiKit::json(last).at("proposal").at("stage") == "done");
  CHECK(kit.service->is_registered(key));
  CHECK(ApiKit::problem(approve(kit, "residents/1", made)) == "proposal-ended");
  // It is in the log: the next start of the daemon knows it too.
  kit.stop();
  kit.start();
  CHECK(kit.service->is_registered(key));
}

TEST_CASE("a forged, lent or displaced signature is refused by its own name") {
  NEEDS_TOKEN();
  ApiKit kit;
  const Json made = propose(kit, "property/1", register_action("door/7", key_of("a")));
  const Json other = propose(kit, "property/1", register_action("door/8", key_of("b")));
  const auto send = [&](const std::string& who, const Json& to, const Json& body) {
    return ApiKit::problem(kit.ask(who, "POST", path_of(to, "/approvals"), body.dump()));
  };
  Json body = vote_body(kit, "residents/1", made, ledger::Verb::kApprove, "property/1");
  CHECK(send("residents/1", made, body) == "bad-signature");
  body = vote_body(kit, "residents/1", made, ledger::Verb::kApprove);
  CHECK(send("residents/1", other, body) == "bad-signature");
  CHECK(send("residents/2", made, body) == "bad-signature");
  CHECK(send("operator/1", made, body) == "wrong-role");
  CHECK(ApiKit::problem(kit.ask("residents/1", "POST", path_of(made, "/veto"), body.dump())) == "bad-signature");
  Json bad = body;
  bad["root"] = to_hex(key_of("another log"));
  CHECK(send("residents/1", made, bad) == "not-in-log");
  bad = body;
  bad["size"] = 1'000'000;
  CHECK(send("residents/1", made, bad) == "not-in-log");
  bad = body;
  bad["rule"] = 5;
  CHECK(send("residents/1", made, bad) == "proposal-stale");
  bad = body;
  bad["by"] = "residents/1";
  CHECK(send("residents/1", made, bad) == "unknown-field");
  bad = body;
  bad.erase("signature");
  CHECK(send("residents/1", made, bad) == "bad-action");
  CHECK(stage(kit, made) == "draft");
  CHECK(kit.ask("residents/1", "POST", path_of(made, "/approvals"), body.dump()).status == 200);
}

TEST_CASE("what can't be is refused when it is proposed") {
  NEEDS_TOKEN();
  ApiKit kit;
  const auto refused = [&](const Json& action) {
    return ApiKit::problem(
        kit.ask("property/1", "POST", "/v1/proposals", Json{{"purpose", "x"}, {"action", action}}.dump()));
  };
  const Json alone = {{"delay_s", 0}, {"lifetime_s", 60}, {"groups", {{"property", 2}}}};
  CHECK(refused({{"kind", "change-rules"}, {"rules", {{"principal", alone}}}}) == "bad-action");
  CHECK(refused({{"kind", "export-everything"}}) == "bad-action");
  CHECK(refused(register_action("custodian/1", key_of("c"))) == "bad-action");
  CHECK(refused(register_action("door/9", kit.vault.key("door/1"))) == "bad-action");
  CHECK(ApiKit::problem(kit.ask(
            "property/1", "POST", "/v1/proposals",
            Json{{"purpose", "Mr Wang"}, {"action", register_action("door/9", key_of("d"))}}.dump())) == "bad-action");
}

TEST_CASE("a threshold waits for its delay, and a veto ends it") {
  NEEDS_TOKEN();
  ApiKit kit;
  const Json action = {
      {"kind", "change-thresholds"}, {"model", "face"}, {"verify_threshold", 1}, {"identify_threshold", 2}};
  const Json made = propose(kit, "property/1", action);
  const Json vetoed = propose(kit, "property/1", action);
  for (const Json& p : {made, vetoed}) {
    for (const char* who : {"property/1", "residents/1"}) REQUIRE(approve(kit, who, p).status == 200);
    CHECK(stage(kit, p) == "waiting");
  }
  const auto answer = kit.ask("residents/2", "POST", path_of(vetoed, "/veto"),
                              vote_body(kit, "residents/2", vetoed, ledger::Verb::kVeto).dump());
  REQUIRE(answer.status == 200);
  CHECK(ApiKit::json(answer).at("proposal").at("stage") == "vetoed");
  const auto delay = made.at("rule").at("delay_s").get<std::int64_t>();
  kit.vault.clock.wall += delay * 1000;
  kit.service->housekeeping();
  CHECK(stage(kit, made) == "waiting");
  kit.vault.clock.uptime += static_cast<std::uint64_t>(delay) * 1000;
  kit.service->housekeeping();
  CHECK(stage(kit, made) == "done");
  CHECK(stage(kit, vetoed) == "vetoed");
  const auto model = kit.service->sequencer().read([](const ledger::State& st) { return *st.model("face"); });
  CHECK(model.identify_threshold == 2);
}

TEST_CASE("two who sign at the same instant, and a keeper between them, carry it out once") {
  NEEDS_TOKEN();
  ApiKit kit;
  for (int round = 0; round < 5; ++round) {
    const std::string id = "door/" + std::to_string(50 + round);
    const Json made = propose(kit, "property/1", register_action(id, key_of(id)));
    std::vector<std::string> bodies;
    const std::vector<std::string> who = {"property/1", "residents/1", "residents/2"};
    for (const auto& w : who) bodies.push_back(vote_body(kit, w, made, ledger::Verb::kApprove).dump());
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < who.size(); ++i) {
      threads.emplace_back([&, i] { kit.ask(who[i], "POST", path_of(made, "/approvals"), bodies[i]); });
    }
    threads.emplace_back([&] { kit.service->housekeeping(); });
    for (auto& t : threads) t.join();
    CHECK(stage(kit, made) == "done");
    CHECK(count_done(kit) == static_cast<std::uint64_t>(round) + 1);
  }
}

TEST_CASE("what was signed before a crash is carried out after it, once") {
  NEEDS_TOKEN();
  ApiKit kit;
  const Json made = propose(kit, "property/1", register_action("door/7", key_of("late")));
  REQUIRE(approve(kit, "property/1", made).status == 200);
  // The approval alone, as if the daemon had died before the act.
  const Json body = vote_body(kit, "residents/1", made, ledger::Verb::kApprove);
  const ledger::Vote vote{from_hex_exact<16>(made.at("id").get<std::string>()).value(),
                          "residents/1",
                          body.at("rule"),
                          body.at("size"),
                          from_hex_exact<32>(body.at("root").get<std::string>()).value(),
                          body.at("signature")};
  REQUIRE(kit.service->sequencer().submit([&](const log::Turn&) -> Result<log::Write> {
    log::Write w;
    w.drafts.push_back({ledger::Approval{vote}, {}});
    return w;
  }));
  kit.stop();
  kit.start();
  kit.service->housekeeping();
  kit.service->housekeeping();
  CHECK(kit.service->is_registered(key_of("late")));
  CHECK(count_done(kit) == 1);
}

TEST_CASE("one custodian revokes a door, whose connections are closed, and not a custodian") {
  NEEDS_TOKEN();
  ApiKit kit;
  std::vector<Digest> closed;
  kit.context->close_peer = [&](const Digest& key) { closed.push_back(key); };
  const auto revoke = [&](const std::string& who, const Json& principals, const std::string& reason = "lost") {
    return kit.ask(who, "POST", "/v1/revocations", Json{{"principals", principals}, {"reason", reason}}.dump());
  };
  CHECK(ApiKit::problem(revoke("operator/1", {"door/1"})) == "wrong-role");
  CHECK(ApiKit::problem(revoke("residents/1", {"residents/2"})) == "bad-revocation");
  CHECK(ApiKit::problem(revoke("residents/1", {"door/77"})) == "bad-revocation");
  CHECK(ApiKit::problem(revoke("residents/1", Json::array())) == "bad-revocation");
  CHECK(ApiKit::problem(revoke("residents/1", {"door/1"}, "because")) == "bad-revocation");
  REQUIRE(revoke("residents/1", {"door/2", "door/1"}).status == 200);
  CHECK(closed == std::vector<Digest>{kit.vault.key("door/1"), kit.vault.key("door/2")});
  CHECK_FALSE(kit.service->is_registered(kit.vault.key("door/1")));
  CHECK(ApiKit::problem(kit.ask("door/1", "GET", "/v1/me")) == "unknown-key");
}

TEST_CASE("a suspended custodian makes no call of custodians, and comes back after 72 hours") {
  NEEDS_TOKEN();
  ApiKit kit;
  const auto suspend = [&](const std::string& who, const std::string& whom) {
    return kit.ask(who, "POST", "/v1/suspensions", Json{{"custodian", whom}}.dump());
  };
  REQUIRE(suspend("residents/1", "property/1").status == 200);
  CHECK(ApiKit::problem(kit.ask("property/1", "GET", "/v1/proposals")) == "suspended-custodian");
  CHECK(ApiKit::problem(suspend("property/1", "residents/1")) == "suspended-custodian");
  CHECK(ApiKit::problem(suspend("residents/1", "property/2")) == "bad-suspension");
  const auto card = kit.vault.hand_in(*kit.service, "property/1");
  REQUIRE_FALSE(card);
  CHECK(std::string(card.error().problem) == "suspended-custodian");
  for (const char* who : {"property/2", "property/3", "residents/1", "residents/2"}) {
    REQUIRE(kit.vault.hand_in(*kit.service, who));
  }
  const auto seal = kit.service->seal(kit.vault.key("property/1"));
  REQUIRE_FALSE(seal);
  CHECK(std::string(seal.error().problem) == "suspended-custodian");
  CHECK(kit.service->seal_status()->state == "open");
  kit.vault.clock.advance(72LL * 3600 * 1000);
  kit.grow(kit.service->sequencer().durable_size() + 1);
  CHECK(kit.ask("property/1", "GET", "/v1/proposals").status == 200);
}

TEST_CASE("a quorum cancels erasures that wait, and the person is recognised again") {
  NEEDS_TOKEN();
  FixtureOptions options;
  options.erase_daily = 0;
  ApiKit kit(options);
  REQUIRE(kit.vault.unseal(*kit.service));
  const std::string probe = Json(VaultFixture::random_face(64, 3)).dump();
  const auto identify = [&] {
    const auto answer = kit.ask("door/1", "POST", "/v1/sites/main/identify",
                                R"({"door":"north","model":"face","probe":)" + probe + "}");
    INFO(ApiKit::text(answer));
    REQUIRE(answer.status == 200);
    return ApiKit::json(answer).at("decision").get<std::string>();
  };
  REQUIRE(kit.ask("operator/1", "POST", "/v1/sites/main/enrolments",
                  R"({"subject":"anna","consent":)" + VaultFixture::consent().dump() +
                      R"(,"templates":[{"model":"face","template":)" + probe + "}]}\n")
              .status == 200);
  for (int tries = 0; identify() == "refer" && tries < 200; ++tries) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  CHECK(identify() == "match");
  REQUIRE(kit.ask("operator/1", "DELETE", "/v1/sites/main/subjects/anna").status / 100 == 2);
  CHECK(identify() == "no_match");
  kit.vault.clock.advance(1000);
  const Json made = propose(kit, "residents/1", {{"kind", "cancel-erasures"}, {"site", "main"}});
  for (const char* who : {"property/1", "residents/1"}) REQUIRE(approve(kit, who, made).status == 200);
  kit.vault.clock.advance(made.at("rule").at("delay_s").get<std::int64_t>() * 1000);
  kit.service->housekeeping();
  CHECK(stage(kit, made) == "done");
  CHECK(identify() == "match");
}

TEST_CASE("a model that comes by a proposal takes templates at once") {
  NEEDS_TOKEN();
  ApiKit kit;
  REQUIRE(kit.vault.unseal(*kit.service));
  const Json model = {{"id", "newer"},
                      {"version", 2},
                      {"dimension", 128},
                      {"verify_threshold", 400000},
                      {"identify_threshold", 400000}};
  const Json made = propose(kit, "residents/1", {{"kind", "add-model"}, {"model", model}});
  for (const char* who : {"property/1", "residents/1"}) REQUIRE(approve(kit, who, made).status == 200);
  CHECK(stage(kit, made) == "done");
  const auto answer = kit.ask("operator/1", "POST", "/v1/sites/main/enrolments",
                              R"({"subject":"ben","consent":)" + VaultFixture::consent().dump() +
                                  R"(,"templates":[{"model":"newer","template":)" +
                                  Json(VaultFixture::random_face(128, 5)).dump() + "}]}\n");
  INFO(ApiKit::text(answer));
  CHECK(answer.status == 200);
  CHECK(ApiKit::text(answer).find("error") == std::string::npos);
}
