// Exports over the API of a test's vault: people who agreed to one, a recipient, a quorum, and the day that it waits.
#pragma once

#include <chrono>
#include <thread>

#include "tests/unit/dispatch/dual_kit.h"
#include "tests/unit/export/certs.h"
#include "vault/export/recipient.h"

namespace facekeep::test {

inline Json export_consent(bool agrees = true) {
  Json c = VaultFixture::consent();
  if (agrees) c["scopes"] = {"verify", "identify", "export"};
  return c;
}

// A subject with one template; the template's values are random_face(64, seed).
inline void enrol_one(ApiKit& kit, const std::string& id, std::uint64_t seed, bool agrees = true) {
  const Json row = {{"subject", id},
                    {"consent", export_consent(agrees)},
                    {"templates", {{{"model", "face"}, {"template", VaultFixture::random_face(64, seed)}}}}};
  const auto answer = kit.ask("operator/1", "POST", "/v1/sites/main/enrolments", row.dump() + "\n");
  INFO(ApiKit::text(answer));
  REQUIRE(answer.status == 200);
  REQUIRE(ApiKit::text(answer).find("created") != std::string::npos);
}

inline Json export_action(std::uint64_t max = 10, const std::string& key = "EC:P-256") {
  const Bytes der = exporter::test::make_cert({.key = key});
  const auto recipient = exporter::parse_recipient(der);
  return {{"kind", "export"},
          {"site", "main"},
          {"max_subjects", max},
          {"basis", "consent"},
          {"recipients",
           {{{"certificate", to_base64(der)}, {"spki", recipient ? to_hex(recipient->spki) : std::string(64, '0')}}}}};
}

inline Json propose_export(ApiKit& kit, const Json& action, const Json& subjects = nullptr) {
  Json body = {{"purpose", "new-vendor"}, {"action", action}};
  if (!subjects.is_null()) body["subjects"] = subjects;
  const auto answer = kit.ask("property/1", "POST", "/v1/proposals", body.dump());
  INFO(ApiKit::text(answer));
  REQUIRE(answer.status == 201);
  return ApiKit::json(answer).at("proposal");
}

// Signed by one person of each group, and decided after the rule's delay.
inline void decide(ApiKit& kit, const Json& proposal) {
  for (const char* who : {"property/1", "residents/2"}) REQUIRE(approve(kit, who, proposal).status == 200);
  kit.vault.clock.advance(proposal.at("rule").at("delay_s").get<std::int64_t>() * 1000);
  kit.service->housekeeping();
}

// What GET .../result answers once the export is sealed or ended.
inline http::Response result_of(ApiKit& kit, const Json& proposal, const std::string& who = "property/1") {
  for (int i = 0; i < 600; ++i) {
    kit.service->housekeeping();
    auto answer = kit.ask(who, "GET", path_of(proposal, "/result"));
    if (answer.status / 100 == 2 || ApiKit::problem(answer) != "not-ready") return answer;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  FAIL("the export is never sealed");
  return {};
}

// Nothing lies in the folder of exports any more, at the latest after a while.
inline bool forgets_files(ApiKit& kit) {
  for (int i = 0; i < 200; ++i) {
    kit.service->housekeeping();
    const std::string folder = kit.vault.dir() + "/exports";
    if (!std::filesystem::exists(folder) || std::filesystem::is_empty(folder)) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return false;
}

inline Bytes part_of(ApiKit& kit, const Json& proposal, std::size_t number, const std::string& who = "property/1") {
  Bytes out;
  for (;;) {
    const auto chunk =
        kit.ask(who, "GET",
                path_of(proposal, "/result/parts/" + std::to_string(number)) + "?from=" + std::to_string(out.size()));
    INFO(ApiKit::text(chunk));
    REQUIRE(chunk.status == 200);
    if (chunk.body.empty()) return out;
    out.insert(out.end(), chunk.body.begin(), chunk.body.end());
  }
}

}  // namespace facekeep::test
