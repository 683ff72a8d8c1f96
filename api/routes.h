// The route table: every call of the API, who may make it, and what it leaves in the log. One row a
// call; the dispatch reads nothing else. A dump of it is tests/snapshots/routes.txt, so that no row
// changes without a reviewer.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/context.h"
#include "api/http/config.h"
#include "vault/ledger/types.h"

namespace facekeep::api {

// A set of roles, as bits. kNobody with a public listener: anyone.
using Roles = std::uint8_t;
constexpr Roles role_bit(ledger::Role r) {
  return static_cast<Roles>(1U << static_cast<unsigned>(r));
}
inline constexpr Roles kAnyone = 0;  // any peer of the listener
inline constexpr Roles kAnyRole = 0x1f;
inline constexpr Roles kCustodians = role_bit(ledger::Role::kCustodian);
inline constexpr Roles kOperators = role_bit(ledger::Role::kOperator);
inline constexpr Roles kAuditors = role_bit(ledger::Role::kAuditor);
inline constexpr Roles kDoors = role_bit(ledger::Role::kDoor);
inline constexpr Roles kCameras = role_bit(ledger::Role::kCamera);

enum class Listeners : std::uint8_t { kMain, kPublic, kBoth };

// What a call leaves in the log (design section 4).
enum class RouteClass : std::uint8_t {
  kLogged,    // its event is durable before its answer
  kSummed,    // counted, and logged as sums
  kUnlogged,  // reads nothing of anyone: health, tiles
};

enum class Needs : std::uint8_t {
  kOpen,     // answers only while the vault is open
  kRunning,  // while sealed too
  kNothing,  // while halted too
};

using Handler = Result<http::Response> (*)(ApiContext&, const Call&);

struct Route {
  std::string_view name;  // the OpenAPI operationId, and the route's name in metrics
  std::string_view method;
  std::string_view pattern;  // "/v1/sites/{site}/verify"; "{path...}" takes the rest, undecoded
  Listeners listeners;
  Roles roles;
  RouteClass route_class;
  std::string_view event;  // the class of event that it writes: "governance", "custody", "access"; empty: none
  Needs needs;
  std::size_t max_body;  // bytes
  Handler handler;
};

std::span<const Route> routes();

// The table as text, one row a line, for the snapshot.
std::string dump_routes();

struct RouteMatch {
  const Route* route = nullptr;
  std::vector<std::string> captured;
};
// The route of a method and path on a listener. "unknown-call" (404); "method-not-allowed" (405, with `allow` set to
// the methods that the path takes). `segments` is the path split and decoded (http::split_path).
Result<RouteMatch> match_route(http::ListenerKind listener, std::string_view method, std::string_view path,
                               const std::vector<std::string>& segments, std::string& allow);

// http::IsReserved: the custodians' own calls (unseal, seal), so that a vault whose doors and imports keep every
// worker busy can be sealed. Whether the peer is a custodian is ServerConfig::may_reserve's to say.
bool is_reserved(std::string_view method, std::string_view path);
// http::LimitsFor: the body's size and the time that a bulk enrolment may take. A path of no route gets no body.
http::RequestLimits limits_for(const http::RequestLimits& defaults, std::string_view method, std::string_view path);

inline constexpr std::size_t kMaxBulkBody = 16U << 20;

}  // namespace facekeep::api
