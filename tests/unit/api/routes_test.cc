#include "api/routes.h"

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "api/openapi.h"
#include "tests/support/catch.h"
#include "tests/support/paths.h"

namespace facekeep::api {
namespace {

using http::ListenerKind;

struct Found {
  std::string name;  // of the route, or the problem
  std::string allow;
  std::vector<std::string> captured;
};

Found find(ListenerKind listener, const std::string& method, const std::string& path) {
  Found out;
  const auto segments = http::split_path(path);
  REQUIRE(segments);
  const auto r = match_route(listener, method, path, *segments, out.allow);
  out.name = r ? std::string(r->route->name) : r.error().problem;
  if (r) out.captured = r->captured;
  return out;
}

TEST_CASE("the route table is the reviewed one") {
  const std::string path = facekeep::test::source_dir() + "/tests/snapshots/routes.txt";
  if (std::getenv("FACEKEEP_UPDATE_SNAPSHOTS") != nullptr) std::ofstream(path) << dump_routes();
  std::ifstream in(path);
  std::ostringstream want;
  want << in.rdbuf();
  INFO("if the change is meant: FACEKEEP_UPDATE_SNAPSHOTS=1 test_api, and have the diff reviewed");
  REQUIRE(dump_routes() == want.str());
}

TEST_CASE("every route is found by its own method and pattern") {
  for (const Route& r : routes()) {
    std::string path;
    for (std::size_t at = 0; at < r.pattern.size(); ++at) {
      if (r.pattern[at] == '{') {
        path += "x";
        at = r.pattern.find('}', at);
      } else {
        path += r.pattern[at];
      }
    }
    CAPTURE(path);
    if (r.listeners != Listeners::kPublic)
      REQUIRE(find(ListenerKind::kMain, std::string(r.method), path).name == r.name);
    if (r.listeners != Listeners::kMain)
      REQUIRE(find(ListenerKind::kPublic, std::string(r.method), path).name == r.name);
  }
}

TEST_CASE("names of routes are unique") {
  std::set<std::string_view> names;
  for (const Route& r : routes()) REQUIRE(names.insert(r.name).second);
}

TEST_CASE("segments in braces are captured decoded") {
  const auto f = find(ListenerKind::kMain, "POST", "/v1/sites/north%20gate/subjects/a%2Fb/templates");
  REQUIRE(f.name == "addTemplate");
  REQUIRE(f.captured == std::vector<std::string>{"north gate", "a/b"});
}

TEST_CASE("the rest of a tile's path is captured as it is") {
  const auto f = find(ListenerKind::kPublic, "GET", "/tile/1/x001/234.p/8");
  REQUIRE(f.name == "getTile");
  REQUIRE(f.captured == std::vector<std::string>{"1/x001/234.p/8"});
  REQUIRE(find(ListenerKind::kPublic, "GET", "/tile/entries/000.p/3").name == "getEntries");
}

TEST_CASE("custodians' calls have workers of their own, and nothing else has") {
  CHECK(is_reserved("POST", "/v1/seal"));
  CHECK(is_reserved("POST", "/v1/unseal"));
  for (const char* path : {"/v1/sealed", "/v1/seal/x", "/v1", "/", "", "/v1/sites/main/verify", "/%zz"}) {
    INFO(path);
    CHECK_FALSE(is_reserved("POST", path));
  }
  CHECK_FALSE(is_reserved("GET", "/v1/seal"));
  CHECK_FALSE(is_reserved("GET", "/v1/health"));
}

TEST_CASE("unknown paths and other listeners' paths are unknown calls") {
  for (const char* path : {"/", "/v1", "/v1/sites", "/v1/sites/a", "/v1/sites/a/verify/x", "/v1/health/x", "/V1/health",
                           "/v1/withdrawals", "/tile"}) {
    CAPTURE(path);
    REQUIRE(find(ListenerKind::kMain, "GET", path).name == "unknown-call");
    REQUIRE(find(ListenerKind::kPublic, "GET", path).name == "unknown-call");
  }
  REQUIRE(find(ListenerKind::kPublic, "POST", "/v1/sites/a/verify").name == "unknown-call");
  REQUIRE(find(ListenerKind::kPublic, "POST", "/v1/unseal").name == "unknown-call");
  REQUIRE(find(ListenerKind::kMain, "GET", "/checkpoint").name == "unknown-call");
}

TEST_CASE("a wrong method is told the right ones") {
  auto f = find(ListenerKind::kMain, "PATCH", "/v1/sites/a/subjects/b");
  REQUIRE(f.name == "method-not-allowed");
  REQUIRE(f.allow == "GET, PUT, DELETE");
  REQUIRE(find(ListenerKind::kMain, "GET", "/v1/unseal").allow == "POST");
  REQUIRE(find(ListenerKind::kPublic, "DELETE", "/v1/health").allow == "GET, HEAD");
}

TEST_CASE("only what reads nobody is open without a role, and nothing unlogged writes an event") {
  for (const Route& r : routes()) {
    CAPTURE(std::string(r.name));
    REQUIRE((r.listeners == Listeners::kMain || r.roles == kAnyone));
    REQUIRE((r.route_class == RouteClass::kLogged) == !r.event.empty());
    if (r.roles == kAnyone) REQUIRE(r.route_class != RouteClass::kLogged);
    if (r.method == "GET") REQUIRE(r.max_body == 0);
  }
}

TEST_CASE("what is unlogged answers HEAD as GET, and what is logged does not") {
  for (const Route& r : routes()) {
    if (r.method != "GET" || r.listeners == Listeners::kMain || r.pattern.find('{') != r.pattern.npos) continue;
    CAPTURE(std::string(r.name));
    REQUIRE(find(ListenerKind::kPublic, "HEAD", std::string(r.pattern)).name == r.name);
  }
  REQUIRE(find(ListenerKind::kPublic, "HEAD", "/tile/0/000.p/1").name == "getTile");
  REQUIRE(find(ListenerKind::kMain, "HEAD", "/v1/sites/a/changes").name == "method-not-allowed");
  REQUIRE(find(ListenerKind::kMain, "HEAD", "/v1/sites/a/changes").allow == "GET");
}

TEST_CASE("bodies are limited by route; paths of no route may send a little, to be told so") {
  const http::RequestLimits defaults{1 << 20, http::Millis(20000), http::Millis(30000)};
  REQUIRE(limits_for(defaults, "POST", "/v1/sites/a/identify").max_body == 64 * 1024);
  REQUIRE(limits_for(defaults, "POST", "/v1/sites/a%20b/enrolments").max_body == kMaxBulkBody);
  REQUIRE(limits_for(defaults, "POST", "/v1/sites/a/enrolments").total > defaults.total);
  REQUIRE(limits_for(defaults, "GET", "/v1/health").max_body == 0);
  REQUIRE(limits_for(defaults, "POST", "/v1/nothing").max_body == 64 * 1024);
  REQUIRE(limits_for(defaults, "POST", "/%zz").max_body == 64 * 1024);
}

TEST_CASE("the OpenAPI document names every operation") {
  const std::string yaml(openapi_yaml());
  for (const Route& r : routes()) {
    CAPTURE(std::string(r.name));
    REQUIRE(yaml.find("operationId: " + std::string(r.name) + "\n") != std::string::npos);
  }
}

}  // namespace
}  // namespace facekeep::api
