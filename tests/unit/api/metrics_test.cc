#include "api/metrics.h"

#include "tests/support/catch.h"

namespace facekeep::api {
namespace {

bool has_line(const std::string& page, const std::string& line) {
  return ("\n" + page).find("\n" + line + "\n") != std::string::npos;
}

TEST_CASE("requests are counted by route and class of status") {
  Metrics m({"verify", "identify"});
  m.count_request("verify", 200);
  m.count_request("verify", 204);
  m.count_request("verify", 503);
  m.count_request("no such route", 404);
  m.count_request("verify", 9999);
  const std::string page = m.text({}, "sealed");
  REQUIRE(has_line(page, R"(facekeep_requests_total{route="verify",status="2xx"} 2)"));
  REQUIRE(has_line(page, R"(facekeep_requests_total{route="verify",status="5xx"} 2)"));
  REQUIRE(has_line(page, R"(facekeep_requests_total{route="none",status="4xx"} 1)"));
  REQUIRE(page.find("no such route") == std::string::npos);
}

TEST_CASE("the page shows the vault's state and counts, decisions by name") {
  const Metrics m({});
  Service::Metrics vault;
  vault.decisions = {{"match", 3}, {"no_match", 5}};
  vault.log_size = 77;
  const std::string page = m.text(vault, "open");
  REQUIRE(has_line(page, R"(facekeep_vault_state{state="open"} 1)"));
  REQUIRE(has_line(page, R"(facekeep_vault_state{state="halted"} 0)"));
  REQUIRE(has_line(page, R"(facekeep_decisions_total{decision="match"} 3)"));
  REQUIRE(has_line(page, R"(facekeep_decisions_total{decision="refer"} 0)"));
  REQUIRE(has_line(page, "facekeep_log_entries 77"));
}

TEST_CASE("without a schedule of rotations there is no time until the next") {
  const Metrics m({});
  Service::Metrics vault;
  CHECK(m.text(vault, "open").find("facekeep_rotation_due_seconds") == std::string::npos);
  vault.rotation_due_ms = -90'000;
  CHECK(has_line(m.text(vault, "open"), "facekeep_rotation_due_seconds -90"));
}

TEST_CASE("the front's counters are on the page once it is up") {
  Metrics m({});
  REQUIRE(m.text({}, "sealed").find("facekeep_connections") == std::string::npos);
  m.set_front([] {
    http::Stats s;
    s.open = 4;
    s.refused[static_cast<std::size_t>(http::Refusal::kUnknownKey)] = 9;
    return s;
  });
  const std::string page = m.text({}, "sealed");
  REQUIRE(has_line(page, "facekeep_connections 4"));
  REQUIRE(has_line(page, R"(facekeep_handshakes_refused_total{reason="unknown-key"} 9)"));
}

}  // namespace
}  // namespace facekeep::api
