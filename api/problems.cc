#include "api/problems.h"

#include <algorithm>
#include <array>

namespace facekeep::api {
namespace {

constexpr std::string_view kBadRequest = "bad-request";
constexpr std::string_view kBadProbe = "bad-probe";
constexpr std::string_view kGovernance = "refused-governance";
constexpr std::string_view kRole = "refused-role";
constexpr std::string_view kScope = "refused-scope";
constexpr std::string_view kSealedSum = "refused-sealed";

// What each is about is in api/openapi.yaml too ("Problems").
constexpr std::array kKinds = {
    ProblemKind{"already-enrolled", 409, "This subject is enrolled with another consent", "", true},
    ProblemKind{"already-exists", 409, "It exists already", "", true},
    ProblemKind{"already-open", 409, "The vault is open already", "", true},
    ProblemKind{"bad-action", 400, "The action of a proposal can't be", kBadRequest, true},
    ProblemKind{"bad-backup", 400, "The backup to build on is not one of this log", kBadRequest, true},
    ProblemKind{"bad-base64", 400, "A value is not base64", kBadRequest, true},
    ProblemKind{"bad-consent", 400, "The consent record is not complete or not well-formed", kBadRequest, true},
    ProblemKind{"bad-cursor", 400, "The cursor is not one that this call gave", kBadRequest, true},
    ProblemKind{"bad-jws", 400, "A signed probe is not well-formed", kBadProbe, true},
    ProblemKind{"bad-names", 400, "A name does not open its commitment", kBadRequest, true},
    ProblemKind{"bad-parameter", 400, "A query parameter has a wrong value", kBadRequest, true},
    ProblemKind{"bad-probe-signature", 403, "The camera's signature does not verify", kBadProbe, true},
    ProblemKind{"bad-recipient", 400, "A recipient's certificate can't receive an export", kBadRequest, true},
    ProblemKind{"bad-recovery", 409, "The recovery can't be", kGovernance, true},
    ProblemKind{"bad-request-id", 400, "The Request-Id header is not well-formed", kBadRequest, true},
    ProblemKind{"bad-revocation", 400, "The revocation names somebody whom it can't end", kGovernance, true},
    ProblemKind{"bad-share", 400, "The card could not be read", "bad-share", true},
    ProblemKind{"bad-signature", 403, "The signature does not verify", kGovernance, true},
    ProblemKind{"bad-subject-id", 400, "The subject id is not well-formed", kBadRequest, true},
    ProblemKind{"bad-suspension", 409, "This custodian can't be suspended now", kGovernance, true},
    ProblemKind{"bad-tightening", 409, "This does not narrow, or not now", kGovernance, true},
    ProblemKind{"being-enrolled", 409, "This subject is being enrolled by another request or row", "", true},
    ProblemKind{"ceremony-running", 409, "A rotation or re-share of the keys is not over", kGovernance, true},
    ProblemKind{"conflict", 409, "Another change came first; nothing was changed", "", true},
    ProblemKind{"consent-ended", 409, "The consent of this subject has ended", "", true},
    ProblemKind{"crypto", 500, "A cryptographic operation failed", "", false},
    ProblemKind{"duplicate-key", 400, "A JSON object has the same key twice", kBadRequest, true},
    ProblemKind{"duplicate-share", 409, "This card is in already; the progress stays", "", true},
    ProblemKind{"exhausted", 503, "A limit of the vault is reached", "", true},
    ProblemKind{"export-ended", 409, "Nothing was exported", kGovernance, true},
    ProblemKind{"failed-precondition", 409, "This can't be done in the present state", "", true},
    ProblemKind{"field-too-long", 400, "A field is too long", kBadRequest, true},
    ProblemKind{"foreign-share", 400, "This card is not one of this vault's cards; the progress stays", "", true},
    ProblemKind{"halted", 503, "The vault stopped answering", "", true},
    ProblemKind{"hsm", 503, "The vault's token refused or failed", "", false},
    ProblemKind{"hsm-gone", 503, "The vault's token is away", "", false},
    ProblemKind{"hsm-pin", 503, "The vault's token refused its PIN", "", false},
    ProblemKind{"infinite", 400, "The vector holds an infinite value", kBadRequest, true},
    ProblemKind{"integrity", 500, "Stored bytes contradict the log", "", false},
    ProblemKind{"internal", 500, "The vault failed to answer this request", "", false},
    ProblemKind{"invalid-argument", 400, "A value is outside what this call allows", kBadRequest, true},
    ProblemKind{"io", 500, "The operating system refused an operation", "", false},
    ProblemKind{"json-too-deep", 400, "The JSON text is nested too deeply", kBadRequest, true},
    ProblemKind{"json-too-large", 413, "The JSON text has too many values", kBadRequest, true},
    ProblemKind{"malformed", 400, "A value is not in the form that it should have", kBadRequest, true},
    ProblemKind{"method-not-allowed", 405, "This path does not take that method", kBadRequest, true},
    ProblemKind{"missing-field", 400, "A field is missing", kBadRequest, true},
    ProblemKind{"missing-parameter", 400, "A query parameter is missing", kBadRequest, true},
    ProblemKind{"no-consent", 400, "There is no enrolment without a consent record", kBadRequest, true},
    ProblemKind{"no-custodian", 403, "This takes a custodian whose end date has not passed", kRole, true},
    ProblemKind{"no-ticket", 409, "There is no restart ticket for this", "", true},
    ProblemKind{"no-uses-left", 409, "The result was given to this custodian as often as its rule allows", kGovernance,
                true},
    ProblemKind{"no-veto", 403, "This proposal can't be vetoed by this person", kGovernance, true},
    ProblemKind{"nonce-reused", 409, "This signed probe was used before", kBadProbe, true},
    ProblemKind{"norm-out-of-range", 400, "The vector's length is out of range", kBadRequest, true},
    ProblemKind{"not-a-number", 400, "The vector holds a value that is not a number", kBadRequest, true},
    ProblemKind{"not-found", 404, "There is no such thing here", "", true},
    ProblemKind{"not-in-log", 409, "This was signed over another log", kGovernance, true},
    ProblemKind{"not-json", 400, "The text is not JSON", kBadRequest, true},
    ProblemKind{"not-of-the-box", 403, "Only a custodian of the box's group confirms a restart", kGovernance, true},
    ProblemKind{"not-ready", 409, "The proposal is not ready to be carried out", kGovernance, true},
    ProblemKind{"not-your-card", 403, "This card belongs to another custodian", "", true},
    ProblemKind{"not-yours", 403, "Only its proposer withdraws a proposal", kGovernance, true},
    ProblemKind{"old-share", 400, "This card is from before the shares were renewed", "", true},
    ProblemKind{"other-probe", 403, "The probe was signed for another question", kBadProbe, true},
    ProblemKind{"other-program", 403, "Another program runs than the one that people opened", kGovernance, true},
    ProblemKind{"other-site", 403, "This key has no access to that site", kScope, true},
    ProblemKind{"other-start", 409, "The vault's last start is another one, or waits no more", "", true},
    ProblemKind{"out-of-space", 503, "The vault's disk is full or nearly so", "", true},
    ProblemKind{"over-limit", 409, "The export has more people than were approved", "", true},
    ProblemKind{"pad-too-low", 409, "The camera's attack detection is below what the site wants", kBadProbe, true},
    ProblemKind{"permission-denied", 403, "This key may not do that", kRole, true},
    ProblemKind{"proposal-ended", 409, "The proposal has ended", kGovernance, true},
    ProblemKind{"proposal-stale", 409, "Rules or custodians changed since this was signed", kGovernance, true},
    ProblemKind{"request-id-reused", 409, "This Request-Id was used with another request", "", true},
    ProblemKind{"request-in-flight", 503, "The same request is being answered already", "", true},
    ProblemKind{"reshare-due", 409, "The main token was replaced, and new cards are due first", kGovernance, true},
    ProblemKind{"sealed", 503, "The vault is sealed", kSealedSum, true},
    ProblemKind{"share-not-needed", 409, "The card is right, but its group is complete", "", true},
    ProblemKind{"signed-already", 409, "This custodian has signed already", kGovernance, true},
    ProblemKind{"signed-probe-required", 403, "This site takes signed probes alone", kBadProbe, true},
    ProblemKind{"stale-probe", 403, "The signed probe is not fresh", kBadProbe, true},
    ProblemKind{"suspended", 409, "This subject is suspended", "", true},
    ProblemKind{"suspended-custodian", 403, "This custodian is suspended", kRole, true},
    ProblemKind{"too-large", 413, "A documented limit is exceeded", kBadRequest, true},
    ProblemKind{"too-many-backups", 429, "This custodian's last backup has only just ended", "", true},
    ProblemKind{"too-many-names", 409, "This custodian's proposals bring too many names", kGovernance, true},
    ProblemKind{"too-many-proposals", 409, "This custodian has too many proposals open", kGovernance, true},
    ProblemKind{"too-many-reads", 429, "Too many openings were read in a short time", "", true},
    ProblemKind{"too-many-rows", 413, "The request has too many rows", kBadRequest, true},
    ProblemKind{"too-many-templates", 409, "A subject has at most 8 templates", "", true},
    ProblemKind{"unavailable", 503, "Something that this call needs is away for now", "", true},
    ProblemKind{"unknown-call", 404, "There is no such call on this listener", kBadRequest, true},
    ProblemKind{"unknown-camera", 403, "No camera of this place signed the probe", kBadProbe, true},
    ProblemKind{"unknown-door", 403, "This key does not drive that door", kScope, true},
    ProblemKind{"unknown-field", 400, "A field is not known", kBadRequest, true},
    ProblemKind{"unknown-key", 403, "This key is not registered, or its time is over", kRole, true},
    ProblemKind{"unknown-model", 404, "The vault has no model of that name", "", true},
    ProblemKind{"unknown-override", 409, "There is no such vetoed proposal of the same action", kGovernance, true},
    ProblemKind{"unknown-parameter", 400, "A query parameter is not known", kBadRequest, true},
    ProblemKind{"unknown-proposal", 404, "There is no such proposal", kGovernance, true},
    ProblemKind{"unknown-subjects", 404, "The export names somebody who is not enrolled", kGovernance, true},
    ProblemKind{"witnesses-missing", 503, "Too few of the log's witnesses were heard lately", "", true},
    ProblemKind{"wrong-dimension", 400, "The vector does not have the model's dimension", kBadRequest, true},
    ProblemKind{"wrong-role", 403, "This key's role may not make that call", kRole, true},
    ProblemKind{"wrong-type", 400, "A field is not of the type that it should have", kBadRequest, true},
    ProblemKind{"zero-vector", 400, "The vector is zero and has no direction", kBadRequest, true},
};
static_assert(std::is_sorted(kKinds.begin(), kKinds.end(),
                             [](const ProblemKind& a, const ProblemKind& b) { return a.name < b.name; }));
static_assert(std::adjacent_find(kKinds.begin(), kKinds.end(), [](const ProblemKind& a, const ProblemKind& b) {
                return a.name == b.name;
              }) == kKinds.end());

const ProblemKind* find(std::string_view name) {
  const auto at = std::lower_bound(kKinds.begin(), kKinds.end(), name,
                                   [](const ProblemKind& k, std::string_view n) { return k.name < n; });
  return at != kKinds.end() && at->name == name ? &*at : nullptr;
}

}  // namespace

std::span<const ProblemKind> problem_kinds() {
  return kKinds;
}

const ProblemKind& kind_of(const Error& error) {
  if (error.problem != nullptr) {
    if (const auto* kind = find(error.problem)) return *kind;
  }
  if (const auto* kind = find(to_string(error.code))) return *kind;
  return *find("internal");
}

http::Problem to_problem(const Error& error, Audience audience) {
  const ProblemKind& kind = kind_of(error);
  http::Problem out{std::string(kind.name), std::string(kind.title), kind.status, "", ""};
  if (kind.name == "halted" && audience != Audience::kCustodian) {
    out.detail = "whether a change that was just asked for is in the log can't be said now";
    out.hint = "the vault's journal says why, and `facekeep status` tells custodians";
  } else if (kind.show_detail) {
    out.detail = error.message;
    out.hint = error.hint;
  } else {
    out.hint = "look at the vault's journal";
  }
  return out;
}

http::Response to_response(const Error& error, Audience audience) {
  const http::Problem problem = to_problem(error, audience);
  std::vector<std::pair<std::string, std::string>> headers;
  // A halted vault restarts in a few seconds; a sealed one waits for people.
  if (problem.status == 429) headers.emplace_back("Retry-After", "1");
  if (problem.status == 503) headers.emplace_back("Retry-After", error.code == Errc::kSealed ? "30" : "5");
  return http::problem_response(problem, std::move(headers));
}

}  // namespace facekeep::api
