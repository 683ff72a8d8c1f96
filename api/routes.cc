#include "api/routes.h"

#include <algorithm>

#include "api/handlers.h"

namespace facekeep::api {
namespace {

constexpr std::size_t kKiB = 1024;
using enum RouteClass;
constexpr auto kMain = Listeners::kMain;
constexpr auto kPublic = Listeners::kPublic;
constexpr auto kBoth = Listeners::kBoth;
constexpr auto kOpen = Needs::kOpen;
constexpr auto kRunning = Needs::kRunning;
constexpr auto kNothing = Needs::kNothing;

// Where two patterns take the same path, the first in the table wins.
constexpr std::array kRoutes = {
    // The vault's own state.
    Route{"getHealth", "GET", "/v1/health", kBoth, kAnyone, kUnlogged, "", kNothing, 0, health},
    Route{"getSealStatus", "GET", "/v1/seal-status", kBoth, kAnyone, kUnlogged, "", kRunning, 0, seal_status},
    Route{"getMe", "GET", "/v1/me", kMain, kAnyRole, kUnlogged, "", kRunning, 0, me},
    Route{"unseal", "POST", "/v1/unseal", kMain, kCustodians, kLogged, "governance", kRunning, 4 * kKiB, unseal},
    Route{"seal", "POST", "/v1/seal", kMain, kCustodians, kLogged, "governance", kNothing, 64, seal},
    Route{"getOpenApi", "GET", "/v1/openapi.yaml", kBoth, kAnyone, kUnlogged, "", kRunning, 0, openapi},
    Route{"getMetrics", "GET", "/metrics", kBoth, kAnyone, kUnlogged, "", kNothing, 0, metrics},
    // Dual control.
    Route{"propose", "POST", "/v1/proposals", kMain, kCustodians, kLogged, "governance", kRunning, 192 * kKiB, propose},
    Route{"listProposals", "GET", "/v1/proposals", kMain, kCustodians, kUnlogged, "", kRunning, 0, list_proposals},
    Route{"getProposal", "GET", "/v1/proposals/{id}", kMain, kCustodians, kUnlogged, "", kRunning, 0, get_proposal},
    // Whom an export names.
    Route{"getProposalSubjects", "GET", "/v1/proposals/{id}/subjects", kMain, kCustodians, kLogged, "access", kOpen, 0,
          proposal_subjects},
    Route{"approve", "POST", "/v1/proposals/{id}/approvals", kMain, kCustodians, kLogged, "governance", kRunning,
          8 * kKiB, approve},
    Route{"veto", "POST", "/v1/proposals/{id}/veto", kMain, kCustodians, kLogged, "governance", kRunning, 8 * kKiB,
          veto},
    Route{"withdraw", "POST", "/v1/proposals/{id}/withdrawal", kMain, kCustodians, kLogged, "governance", kRunning, 64,
          withdraw},
    Route{"getResult", "GET", "/v1/proposals/{id}/result", kMain, kCustodians, kLogged, "governance", kRunning, 0,
          get_result},
    // Of what getResult handed out, and logged, before.
    Route{"getResultPart", "GET", "/v1/proposals/{id}/result/parts/{part}", kMain, kCustodians, kUnlogged, "", kRunning,
          0, get_result_part},
    Route{"revoke", "POST", "/v1/revocations", kMain, kCustodians, kLogged, "governance", kRunning, 64 * kKiB, revoke},
    Route{"suspendCustodian", "POST", "/v1/suspensions", kMain, kCustodians, kLogged, "governance", kRunning, kKiB,
          suspend_custodian},
    Route{"acknowledgeAlarms", "POST", "/v1/acknowledgements", kMain, kCustodians, kLogged, "governance", kRunning,
          kKiB, acknowledge_alarms},
    Route{"tighten", "POST", "/v1/tightenings", kMain, kCustodians, kLogged, "governance", kRunning, 64 * kKiB,
          tighten},
    Route{"listPrincipals", "GET", "/v1/principals", kMain, kCustodians, kUnlogged, "", kRunning, 0, principals},
    // Backups. Nothing is told of one but how far it is, and no byte of it leaves, before the log has its manifest.
    Route{"beginBackup", "POST", "/v1/backups", kMain, kCustodians, kLogged, "governance", kRunning, kKiB,
          begin_backup},
    Route{"getBackup", "GET", "/v1/backups/{id}", kMain, kCustodians, kUnlogged, "", kRunning, 0, get_backup},
    Route{"getBackupPiece", "GET", "/v1/backups/{id}/file", kMain, kCustodians, kUnlogged, "", kRunning, 0,
          get_backup_piece},
    // Doors.
    Route{"verify", "POST", "/v1/sites/{site}/verify", kMain, kDoors, kLogged, "access", kOpen, 64 * kKiB, verify},
    Route{"identify", "POST", "/v1/sites/{site}/identify", kMain, kDoors, kLogged, "access", kOpen, 64 * kKiB,
          identify},
    Route{"challenge", "POST", "/v1/sites/{site}/challenge", kMain, kDoors | kCameras, kUnlogged, "", kOpen, 64,
          challenge},
    Route{"getChanges", "GET", "/v1/sites/{site}/changes", kMain, kDoors | kOperators, kLogged, "access", kOpen, 0,
          changes},
    // Operators.
    Route{"listSubjects", "GET", "/v1/sites/{site}/subjects", kMain, kOperators, kLogged, "access", kOpen, 0,
          list_subjects},
    Route{"getSubject", "GET", "/v1/sites/{site}/subjects/{subject}", kMain, kOperators, kLogged, "access", kOpen, 0,
          get_subject},
    Route{"putSubject", "PUT", "/v1/sites/{site}/subjects/{subject}", kMain, kOperators, kLogged, "custody", kOpen,
          16 * kKiB, put_subject},
    Route{"eraseSubject", "DELETE", "/v1/sites/{site}/subjects/{subject}", kMain, kOperators, kLogged, "custody", kOpen,
          64, erase},
    Route{"addTemplate", "POST", "/v1/sites/{site}/subjects/{subject}/templates", kMain, kOperators, kLogged, "custody",
          kOpen, 64 * kKiB, add_template},
    Route{"enrol", "POST", "/v1/sites/{site}/enrolments", kMain, kOperators, kLogged, "custody", kOpen, kMaxBulkBody,
          enrol},
    // The public log.
    Route{"getCheckpoint", "GET", "/checkpoint", kPublic, kAnyone, kUnlogged, "", kNothing, 0, checkpoint},
    Route{"getHandover", "GET", "/log/handover/{n}", kPublic, kAnyone, kUnlogged, "", kNothing, 0, handover},
    Route{"getEntries", "GET", "/tile/entries/{path...}", kBoth, kAnyone, kUnlogged, "", kRunning, 0, entries},
    Route{"getTile", "GET", "/tile/{path...}", kPublic, kAnyone, kUnlogged, "", kRunning, 0, tile},
    Route{"getInclusionProof", "GET", "/v1/log/proofs/inclusion", kBoth, kAnyone, kUnlogged, "", kRunning, 0,
          inclusion_proof},
    Route{"getConsistencyProof", "GET", "/v1/log/proofs/consistency", kBoth, kAnyone, kUnlogged, "", kRunning, 0,
          consistency_proof},
    Route{"getEntryProof", "GET", "/v1/log/proofs/{entry}", kBoth, kAnyone, kUnlogged, "", kRunning, 0, entry_proof},
    Route{"getCosignedCheckpoint", "GET", "/v1/log/cosigned", kBoth, kAnyone, kUnlogged, "", kNothing, 0, cosigned},
    Route{"getWitnesses", "GET", "/v1/witnesses", kBoth, kAnyone, kUnlogged, "", kRunning, 0, witnesses},
    // Auditors.
    Route{"getOpenings", "GET", "/v1/log/openings/{bundle}", kMain, kAuditors, kLogged, "governance", kRunning, 0,
          openings},
    Route{"getRegister", "GET", "/v1/log/register", kMain, kAuditors, kLogged, "governance", kOpen, 0, people},
};

bool serves(Listeners where, http::ListenerKind listener) {
  return where == Listeners::kBoth || (where == Listeners::kMain) == (listener == http::ListenerKind::kMain);
}

// Takes the next segment of a pattern (without its slash) off its front.
std::string_view next_segment(std::string_view& pattern) {
  pattern.remove_prefix(1);
  const std::size_t end = std::min(pattern.find('/'), pattern.size());
  const std::string_view segment = pattern.substr(0, end);
  pattern.remove_prefix(end);
  return segment;
}

// The undecoded rest of a path behind its first n segments.
std::string_view tail(std::string_view path, std::size_t n) {
  for (; n > 0 && !path.empty(); --n) {
    path.remove_prefix(1);
    path.remove_prefix(std::min(path.find('/'), path.size()));
  }
  return path.empty() ? path : path.substr(1);
}

bool fits(std::string_view pattern, std::string_view path, const std::vector<std::string>& segments,
          std::vector<std::string>& captured) {
  captured.clear();
  std::size_t i = 0;
  for (; !pattern.empty(); ++i) {
    const std::string_view want = next_segment(pattern);
    if (i == segments.size()) return false;
    if (want.ends_with("...}")) {
      captured.emplace_back(tail(path, i));
      return true;
    }
    if (want.starts_with('{')) {
      captured.push_back(segments[i]);
    } else if (want != segments[i]) {
      return false;
    }
  }
  return i == segments.size();
}

std::string roles_text(const Route& r) {
  if (r.roles == kAnyone) return "anyone";
  std::string out;
  for (const auto role : {ledger::Role::kCustodian, ledger::Role::kOperator, ledger::Role::kDoor, ledger::Role::kCamera,
                          ledger::Role::kAuditor}) {
    if ((r.roles & role_bit(role)) == 0) continue;
    out += (out.empty() ? "" : ",") + std::string(to_string(role));
  }
  return out;
}

std::string_view text(Listeners l) {
  return l == kMain ? "main" : l == kPublic ? "public" : "both";
}
std::string_view text(RouteClass c) {
  return c == kLogged ? "logged" : c == kSummed ? "summed" : "unlogged";
}
std::string_view text(Needs n) {
  return n == kOpen ? "open" : n == kRunning ? "sealed-too" : "halted-too";
}

}  // namespace

std::span<const Route> routes() {
  return kRoutes;
}

std::string dump_routes() {
  std::string out = "# method pattern | listener | roles | class | event | answers while | body limit | operation\n";
  for (const Route& r : kRoutes) {
    const std::string_view event = r.event.empty() ? "-" : r.event;
    for (const std::string_view part : {r.method, std::string_view(" "), r.pattern, std::string_view(" | "),
                                        text(r.listeners), std::string_view(" | ")}) {
      out += part;
    }
    out += roles_text(r);
    for (const std::string_view part : {text(r.route_class), event, text(r.needs)}) out += " | " + std::string(part);
    out += " | " + std::to_string(r.max_body) + " | " + std::string(r.name) + "\n";
  }
  return out;
}

Result<RouteMatch> match_route(http::ListenerKind listener, std::string_view method, std::string_view path,
                               const std::vector<std::string>& segments, std::string& allow) {
  RouteMatch out;
  allow.clear();
  bool elsewhere = false;
  for (const Route& r : kRoutes) {
    if (!fits(r.pattern, path, segments, out.captured)) continue;
    if (!serves(r.listeners, listener)) {
      elsewhere = true;
      continue;
    }
    // HEAD is GET without its body; where a GET is logged, nobody has a use for it.
    const bool head = r.method == "GET" && r.route_class == kUnlogged;
    if (r.method == method || (head && method == "HEAD")) {
      out.route = &r;
      return out;
    }
    allow += (allow.empty() ? "" : ", ") + std::string(r.method) + (head ? ", HEAD" : "");
  }
  if (!allow.empty()) {
    return make_problem(Errc::kInvalidArgument, "method-not-allowed", "this path takes " + allow);
  }
  return make_problem(Errc::kNotFound, "unknown-call", "there is no such call on this listener",
                      elsewhere ? "the vault's other listener has it" : "see /v1/openapi.yaml");
}

bool is_reserved(std::string_view method, std::string_view path) {
  std::vector<std::string> captured;
  return std::any_of(kRoutes.begin(), kRoutes.end(), [&](const Route& r) {
    if (r.roles != kCustodians || r.method != method) return false;
    if (!path.starts_with(r.pattern.substr(0, r.pattern.find('{')))) return false;  // most paths end here
    const auto segments = http::split_path(path);
    return segments && fits(r.pattern, path, *segments, captured);
  });
}

http::RequestLimits limits_for(const http::RequestLimits& defaults, std::string_view method, std::string_view path) {
  http::RequestLimits out = defaults;
  // What fits no route is told so, and not that its body is too large.
  out.max_body = 64 * kKiB;
  const auto segments = http::split_path(path);
  if (!segments) return out;
  std::vector<std::string> captured;
  for (const Route& r : kRoutes) {
    if (r.method != method || !fits(r.pattern, path, *segments, captured)) continue;
    out.max_body = r.max_body;
    if (r.max_body == kMaxBulkBody) {
      // A thousand rows over a slow line, then sealed and durable.
      out.body = std::max(out.body, http::Millis(60'000));
      out.total = std::max(out.total, http::Millis(120'000));
    }
    return out;
  }
  return out;
}

}  // namespace facekeep::api
