// P3 over the whole route table: what is of class "logged" has its entry on disk before its answer, and what is not
// is named in a reviewed list.
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "tests/support/paths.h"
#include "tests/unit/dispatch/export_kit.h"
#include "vault/ledger/event.h"

using namespace facekeep;
using facekeep::test::ApiKit;
using facekeep::test::SoftHsm;
using facekeep::test::VaultFixture;

namespace {

// One good request of every logged route, in an order in which all of them succeed.
struct Good {
  std::string route;
  std::string who;
  std::string method;
  std::string target;
  std::string body;
  std::function<std::string(ApiKit&)> prepare{};  // what has to be there first; gives the target
};

// An export of "ben" that two groups decided, sealed.
std::string sealed_export(ApiKit& kit) {
  const Json made = facekeep::test::propose_export(kit, facekeep::test::export_action());
  facekeep::test::decide(kit, made);
  facekeep::test::result_of(kit, made);
  return facekeep::test::path_of(made, "/result");
}

std::string probe_of(std::uint64_t seed) {
  return Json(VaultFixture::random_face(64, seed)).dump();
}

std::vector<Good> good_requests(ApiKit& kit) {
  const std::string subjects = "/v1/sites/main/subjects";
  const std::string consent = facekeep::test::export_consent().dump();
  const std::string face = R"({"model":"face","template":)" + probe_of(1) + "}";
  const std::string ask = R"("door":"north","model":"face","probe":)" + probe_of(1) + "}";
  // The last of the shares; the test hands in the others.
  const std::string share = to_base64(kit.vault.sealed_share(*kit.service, "residents/2"));
  // Votes are over the log as it stands here; it only grows.
  const Json action = facekeep::test::register_action("door/7", sha256(as_bytes("new door")));
  const Json asked = Json{{"purpose", "new-door"}, {"action", action}};
  std::vector<Json> made;
  for (int i = 0; i < 3; ++i) made.push_back(facekeep::test::propose(kit, "property/1", action));
  using facekeep::test::path_of;
  using facekeep::test::vote_body;
  return {
      {"propose", "residents/1", "POST", "/v1/proposals", asked.dump()},
      {"approve", "property/1", "POST", path_of(made[0], "/approvals"),
       vote_body(kit, "property/1", made[0], ledger::Verb::kApprove).dump()},
      {"veto", "property/2", "POST", path_of(made[1], "/veto"),
       vote_body(kit, "property/2", made[1], ledger::Verb::kVeto).dump()},
      {"withdraw", "property/1", "POST", path_of(made[2], "/withdrawal"), ""},
      {"unseal", "residents/2", "POST", "/v1/unseal", R"({"share":")" + share + "\"}"},
      {"putSubject", "operator/1", "PUT", subjects + "/anna", consent},
      {"addTemplate", "operator/1", "POST", subjects + "/anna/templates", face},
      {"enrol", "operator/1", "POST", "/v1/sites/main/enrolments", R"({"subject":"ben","consent":)" + consent + "}\n"},
      {"getSubject", "operator/1", "GET", subjects + "/anna", ""},
      {"listSubjects", "operator/1", "GET", subjects, ""},
      {"verify", "door/1", "POST", "/v1/sites/main/verify", R"({"subject":"anna",)" + ask},
      {"identify", "door/1", "POST", "/v1/sites/main/identify", "{" + ask},
      {"getChanges", "door/1", "GET", "/v1/sites/main/changes", ""},
      {"getOpenings", "auditor/1", "GET", "/v1/log/openings/0", ""},
      {"getRegister", "auditor/1", "GET", "/v1/log/register", ""},
      {"eraseSubject", "operator/1", "DELETE", subjects + "/anna", ""},
      {"getProposalSubjects", "residents/1", "GET", "/v1/proposals/" + std::string(32, '0') + "/subjects", "",
       [](ApiKit& k) {
         const Json named = facekeep::test::propose_export(k, facekeep::test::export_action(), {"ben"});
         return path_of(named, "/subjects");
       }},
      {"getResult", "property/1", "GET", "/v1/proposals/" + std::string(32, '0') + "/result", "", sealed_export},
      {"revoke", "property/1", "POST", "/v1/revocations", R"({"principals":["door/2"],"reason":"lost"})"},
      {"tighten", "property/2", "POST", "/v1/tightenings",
       R"({"action":{"kind":"change-reveal","site":"main","hide_subject":true}})"},
      {"acknowledgeAlarms", "residents/2", "POST", "/v1/acknowledgements", R"({"entry":0})"},
      {"beginBackup", "residents/2", "POST", "/v1/backups", "{}"},
      {"suspendCustodian", "property/1", "POST", "/v1/suspensions", R"({"custodian":"residents/1"})"},
      {"seal", "property/1", "POST", "/v1/seal", ""}};
}

// Classes of the entries from `first` on that are durable now.
std::set<std::string> classes_since(const Service& service, std::uint64_t first) {
  std::set<std::string> out;
  for (std::uint64_t i = first; i < service.sequencer().durable_size(); ++i) {
    const auto leaf = ledger::decode_leaf(as_chars(service.sequencer().entry(i).value())).value();
    const auto* hidden = std::get_if<ledger::PrivateLeaf>(&leaf);
    out.insert(std::string(to_string(hidden ? hidden->event_class : ledger::EventClass::kGovernance)));
  }
  return out;
}

const api::Route& route_named(const std::string& name) {
  for (const api::Route& r : api::routes()) {
    if (r.name == name) return r;
  }
  FAIL("no route " + name);
  return api::routes().front();
}

// The lines of a reviewed list under tests/snapshots/.
void compare_reviewed(const std::string& name, const std::string& text) {
  const std::string path = facekeep::test::source_dir() + "/tests/snapshots/" + name;
  if (std::getenv("FACEKEEP_UPDATE_SNAPSHOTS") != nullptr) std::ofstream(path) << text;
  std::ifstream in(path);
  std::ostringstream want;
  want << in.rdbuf();
  INFO("if the change is meant: FACEKEEP_UPDATE_SNAPSHOTS=1 test_dispatch, and have the diff reviewed");
  REQUIRE(text == want.str());
}

}  // namespace

TEST_CASE("every logged route has its entry on disk before its answer") {
  NEEDS_TOKEN();
  ApiKit kit;
  for (const char* who : {"property/1", "property/2", "residents/1"}) {
    REQUIRE(kit.vault.hand_in(*kit.service, who));
  }
  std::set<std::string> seen;
  for (const Good& g : good_requests(kit)) {
    CAPTURE(g.route);
    const api::Route& route = route_named(g.route);
    const std::string target = g.prepare ? g.prepare(kit) : g.target;
    const std::uint64_t before = kit.service->sequencer().durable_size();
    const auto answer = kit.ask(g.who, g.method, target, g.body);
    INFO(ApiKit::text(answer));
    REQUIRE(answer.status / 100 == 2);
    CHECK(classes_since(*kit.service, before).contains(std::string(route.event)));
    seen.insert(g.route);
  }
  // A new logged route needs its request here.
  for (const api::Route& r : api::routes()) {
    CAPTURE(std::string(r.name));
    CHECK((r.route_class == api::RouteClass::kLogged) == seen.contains(std::string(r.name)));
  }
}

TEST_CASE("a logged route that can't write its entry answers nothing but the reason") {
  NEEDS_TOKEN();
  ApiKit kit;
  for (const char* who : {"property/1", "property/2", "residents/1"}) {
    REQUIRE(kit.vault.hand_in(*kit.service, who));
  }
  const auto requests = good_requests(kit);
  const auto unseal = std::find_if(requests.begin(), requests.end(), [](const Good& g) { return g.route == "unseal"; });
  REQUIRE(kit.ask(unseal->who, unseal->method, unseal->target, unseal->body).status == 200);
  kit.service->sequencer().stop_because(make_error(Errc::kIo, "the log can't be written"));
  for (const Good& g : requests) {
    CAPTURE(g.route);
    const auto answer = kit.ask(g.who, g.method, g.target, g.body);
    CHECK(answer.status == 503);
    CHECK(ApiKit::problem(answer) == "halted");
  }
}

TEST_CASE("why a vault halted is told to custodians, and to nobody else") {
  NEEDS_TOKEN();
  ApiKit kit;
  REQUIRE(kit.vault.unseal(*kit.service));
  kit.service->sequencer().stop_because(make_error(Errc::kIo, "/var/lib/inner/LOG: device error"));
  const std::string rows = "{\"subject\": \"anna\", \"consent\": " + VaultFixture::consent().dump() + "}\n";
  for (const char* who : {"", "door/1", "operator/1", "auditor/1"}) {
    CAPTURE(who);
    for (const auto& answer : {kit.ask(who, "GET", "/v1/health"), kit.ask(who, "GET", "/v1/seal-status"),
                               kit.ask("operator/1", "POST", "/v1/sites/main/enrolments", rows)}) {
      CHECK(ApiKit::text(answer).find("halted") != std::string::npos);
      CHECK(ApiKit::text(answer).find("inner") == std::string::npos);
    }
  }
  for (const char* target : {"/v1/health", "/v1/seal-status"}) {
    const auto answer = kit.ask("residents/2", "GET", target);
    CHECK(answer.status == 503);
    CHECK(ApiKit::text(answer).find("device error") != std::string::npos);
  }
}

TEST_CASE("routes that leave no entry of their own are the reviewed ones") {
  std::string text;
  for (const api::Route& r : api::routes()) {
    if (r.route_class == api::RouteClass::kLogged) continue;
    text +=
        std::string(r.route_class == api::RouteClass::kSummed ? "summed " : "unlogged ") + std::string(r.name) + "\n";
  }
  compare_reviewed("unlogged_routes.txt", text);
}

TEST_CASE("background jobs write the entries of the reviewed list") {
  std::string text;
  const auto& types = ledger::event_types();
  for (const Service::Job& job : Service::jobs()) {
    std::istringstream entries{std::string(job.entries)};
    for (std::string type; entries >> type;) {
      CAPTURE(type);
      CHECK(std::find(types.begin(), types.end(), type) != types.end());
    }
    text += std::string(job.name) + ":" + (job.entries.empty() ? " unlogged" : " " + std::string(job.entries)) +
            (job.by_time ? ", rests after the clock was set" : "") + "\n";
  }
  compare_reviewed("background_jobs.txt", text);
}

TEST_CASE("what is unlogged writes nothing") {
  NEEDS_TOKEN();
  ApiKit kit;
  REQUIRE(kit.vault.unseal(*kit.service));
  facekeep::test::enrol_one(kit, "ben", 1);
  const std::string result = sealed_export(kit);  // "/v1/proposals/{id}/result"
  const std::string backup = ApiKit::json(kit.ask("property/1", "POST", "/v1/backups", "{}")).at("id");
  const std::uint64_t before = kit.service->sequencer().durable_size();
  for (const api::Route& r : api::routes()) {
    if (r.route_class != api::RouteClass::kUnlogged) continue;
    std::string target(r.pattern);
    for (const auto& [from, to] : {std::pair<std::string, std::string>{"{entry}", "0"},
                                   {"/backups/{id}", "/backups/" + backup},
                                   {"{id}", result.substr(14, 32)},
                                   {"{part}", "1"},
                                   {"{site}", "main"},
                                   {"{n}", "1"},
                                   {"entries/{path...}", "entries/000.p/1"},
                                   {"{path...}", "0/000.p/1"}}) {
      if (const auto at = target.find(from); at != target.npos) target.replace(at, from.size(), to);
    }
    if (target.ends_with("/inclusion")) target += "?index=0&size=1";
    if (target.ends_with("/consistency")) target += "?from=1&to=2";
    const std::string who = r.listeners != api::Listeners::kMain ? ""
                            : r.roles == api::kCustodians        ? "property/1"
                            : (r.roles & api::kDoors) != 0       ? "door/1"
                                                                 : "auditor/1";
    const auto answer = kit.ask(who, std::string(r.method), target);
    CAPTURE(target, ApiKit::text(answer));
    CHECK((answer.status / 100 == 2 || r.name == "getCosignedCheckpoint" || r.name == "getHandover"));
  }
  CHECK(kit.service->sequencer().durable_size() == before);
}
