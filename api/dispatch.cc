#include "api/dispatch.h"

#include <exception>

#include "api/problems.h"

namespace facekeep::api {
namespace {

// Uniform for everyone who may not: what the site, door or subject is plays no part.
Status check_role(ApiContext& api, const Route& route, const http::Request& request) {
  if (request.listener == http::ListenerKind::kPublic) return {};
  const UnixMillis now = api.clock.now().wall;
  const auto role = api.service.sequencer().read([&](const ledger::State& state) -> std::optional<ledger::Role> {
    const auto* principal = state.principal_by_key(request.peer_spki, now);
    return principal == nullptr ? std::nullopt : std::optional(principal->role);
  });
  if (!role) {
    if (api.close_peer) api.close_peer(request.peer_spki);
    return make_problem(Errc::kPermissionDenied, "unknown-key", "this key is not registered, or its time is over",
                        "principals are registered by the custodians");
  }
  if (route.roles == kAnyone || (route.roles & role_bit(*role)) != 0) return {};
  return make_problem(Errc::kPermissionDenied, "wrong-role",
                      "a key of role " + std::string(to_string(*role)) + " may not make this call");
}

Status check_state(const ApiContext& api, const Route& route) {
  if (route.needs == Needs::kNothing) return {};
  if (auto halt = api.service.halted()) {
    Error reason = std::move(halt->reason);
    reason.code = Errc::kHalted;
    reason.problem = "halted";
    return reason;
  }
  if (route.needs == Needs::kRunning) return {};
  const auto phase = api.service.sequencer().read([](const ledger::State& state) { return state.phase(); });
  if (phase == ledger::Phase::kOpen) return {};
  return make_problem(Errc::kSealed, "sealed", "the vault is sealed", "custodians open it with `facekeep unseal`");
}

Result<http::Response> answer(ApiContext& api, const http::Request& request, const Route*& route, std::string& allow) {
  FK_TRY(RouteMatch found, match_route(request.listener, request.method, request.path, request.segments, allow));
  route = found.route;
  FK_CHECK(check_role(api, *route, request));
  FK_CHECK(check_state(api, *route));
  const Call call{request, std::move(found.captured)};
  return route->handler(api, call);
}

Audience audience_of(const ApiContext& api, const http::Request& request) {
  const bool main = request.listener == http::ListenerKind::kMain;
  return main && api.service.is_custodian(request.peer_spki) ? Audience::kCustodian : Audience::kAnyone;
}

http::Response refuse(ApiContext& api, const http::Request& request, const Error& error, const Route* route,
                      const std::string& allow) {
  const ProblemKind& kind = kind_of(error);
  if (!kind.sum.empty()) api.service.count(kind.sum);
  if (!kind.show_detail && api.report) api.report(route == nullptr ? "none" : route->name, error);
  http::Response out = to_response(error, audience_of(api, request));
  if (kind.status == 405) out.headers.emplace_back("Allow", allow);
  return out;
}

http::Response last_resort() noexcept {
  http::Response out;
  out.status = 500;
  return out;
}

}  // namespace

http::Response dispatch(ApiContext& api, const http::Request& request) noexcept {
  const Route* route = nullptr;
  try {
    std::string allow;
    http::Response out;
    try {
      auto result = answer(api, request, route, allow);
      out = result ? std::move(*result) : refuse(api, request, result.error(), route, allow);
    } catch (const std::bad_alloc&) {
      out =
          refuse(api, request, make_error(Errc::kExhausted, "the vault has no memory for this request"), route, allow);
    } catch (const std::exception& e) {
      // Its type alone: what() of a library may quote the value that it choked on.
      out = refuse(api, request,
                   make_error(Errc::kInternal, std::string("an exception reached the dispatch: ") + typeid(e).name()),
                   route, allow);
    }
    api.metrics.count_request(route == nullptr ? "none" : route->name, out.status);
    return out;
  } catch (...) {
    return last_resort();
  }
}

}  // namespace facekeep::api
