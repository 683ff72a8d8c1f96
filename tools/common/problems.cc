#include "tools/common/problems.h"

#include <algorithm>
#include <array>
#include <set>
#include <string>

#include "tools/common/say.h"

namespace facekeep::tools {
namespace {

constexpr std::string_view kUrn = "urn:facekeep:problem:";

// Error::problem outlives every Error, so the names that a server sends are kept; a hostile one can't make
// the set grow without end.
const char* keep_name(std::string_view name) {
  static std::set<std::string, std::less<>> kept;
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  if (name.empty() || name.size() > 64 || !std::all_of(name.begin(), name.end(), plain)) return nullptr;
  const auto at = kept.find(name);
  if (at != kept.end()) return at->c_str();
  return kept.size() < 256 ? kept.emplace(name).first->c_str() : nullptr;
}

Errc code_of(int status, std::string_view name) {
  if (name == "sealed") return Errc::kSealed;
  if (name == "halted") return Errc::kHalted;
  if (name == "out-of-space") return Errc::kOutOfSpace;
  if (name == "exhausted") return Errc::kExhausted;
  if (name == "conflict" || name == "being-enrolled") return Errc::kConflict;
  if (name == "already-enrolled") return Errc::kAlreadyExists;
  switch (status) {
    case 400: return Errc::kInvalidArgument;
    case 403: return Errc::kPermissionDenied;
    case 404: return Errc::kNotFound;
    case 409: return Errc::kFailedPrecondition;
    case 413: return Errc::kTooLarge;
    case 408:
    case 429:
    case 503: return Errc::kUnavailable;
    default: return status >= 400 && status < 500 ? Errc::kInvalidArgument : Errc::kInternal;
  }
}

struct LocalText {
  std::string_view problem;
  Msg text;
};
// The vault speaks English; what doors, operators and custodians meet is said in the person's language too.
constexpr std::array kLocal = {
    LocalText{"sealed", Msg::kCliPSealed},
    LocalText{"halted", Msg::kErrHalted},
    LocalText{"already-open", Msg::kCliPAlreadyOpen},
    LocalText{"bad-share", Msg::kCliPBadShare},
    LocalText{"duplicate-share", Msg::kCliPDuplicateShare},
    LocalText{"foreign-share", Msg::kCliPForeignShare},
    LocalText{"not-your-card", Msg::kCliPNotYourCard},
    LocalText{"old-share", Msg::kCliPOldShare},
    LocalText{"share-not-needed", Msg::kCliPShareNotNeeded},
    LocalText{"already-enrolled", Msg::kCliPAlreadyEnrolled},
    LocalText{"bad-consent", Msg::kCliPBadConsent},
    LocalText{"consent-ended", Msg::kCliPConsentEnded},
    LocalText{"no-consent", Msg::kCliPBadConsent},
    LocalText{"not-found", Msg::kErrNotFound},
    LocalText{"other-site", Msg::kCliPOtherSite},
    LocalText{"overloaded", Msg::kErrUnavailable},
    LocalText{"out-of-space", Msg::kErrOutOfSpace},
    LocalText{"suspended", Msg::kCliPSuspended},
    LocalText{"too-many-templates", Msg::kCliPTooManyTemplates},
    LocalText{"unknown-door", Msg::kCliPUnknownDoor},
    LocalText{"unknown-key", Msg::kCliPUnknownKey},
    LocalText{"unknown-model", Msg::kCliPUnknownModel},
    LocalText{"wrong-dimension", Msg::kCliPWrongDimension},
    LocalText{"wrong-role", Msg::kCliPWrongRole},
    LocalText{"signed-probe-required", Msg::kCliPProbeRequired},
    LocalText{"bad-probe-signature", Msg::kCliPProbeSignature},
    LocalText{"unknown-camera", Msg::kCliPUnknownCamera},
    LocalText{"other-probe", Msg::kCliPOtherProbe},
    LocalText{"stale-probe", Msg::kCliPStaleProbe},
    LocalText{"nonce-reused", Msg::kCliPNonceReused},
    LocalText{"pad-too-low", Msg::kCliPPadTooLow},
    LocalText{"zero-vector", Msg::kCliPZeroVector},
};

std::string field(const Json& problem, const char* name) {
  const auto at = problem.find(name);
  return at != problem.end() && at->is_string() ? at->get<std::string>() : std::string();
}

Msg usual_hint(Errc code) {
  switch (code) {
    case Errc::kInvalidArgument:
    case Errc::kMalformed:
    case Errc::kTooLarge: return Msg::kCliHintValue;
    case Errc::kNotFound: return Msg::kCliHintNotFound;
    case Errc::kAlreadyExists: return Msg::kCliHintExists;
    case Errc::kPermissionDenied: return Msg::kCliHintPermission;
    case Errc::kSealed: return Msg::kCliHintSealed;
    case Errc::kHalted: return Msg::kCliHintHalted;
    case Errc::kUnavailable:
    case Errc::kExhausted:
    case Errc::kConflict: return Msg::kCliHintAgain;
    case Errc::kFailedPrecondition: return Msg::kCliHintState;
    case Errc::kCrypto:
    case Errc::kIntegrity: return Msg::kCliHintIntegrity;
    case Errc::kIo: return Msg::kCliHintIo;
    case Errc::kOutOfSpace: return Msg::kCliHintSpace;
    case Errc::kHsm:
    case Errc::kHsmPin:
    case Errc::kHsmGone: return Msg::kCliHintToken;
    case Errc::kInternal: break;
  }
  return Msg::kCliHintInternal;
}

Error to_error(int status, const Json& problem) {
  std::string name = problem.is_object() ? field(problem, "type") : std::string();
  if (!name.starts_with(kUrn)) {
    return make_problem(code_of(status, ""), "bad-answer",
                        format_message(error_lang(), Msg::kCliStatus, {std::to_string(status)}),
                        format_message(error_lang(), Msg::kCliBadAnswerHint));
  }
  name.erase(0, kUrn.size());
  Error out{code_of(status, name), field(problem, "detail"), field(problem, "hint"), keep_name(name)};
  if (out.message.empty()) out.message = field(problem, "title");
  if (error_lang() == Lang::kEnglish) return out;
  const auto* local = std::find_if(kLocal.begin(), kLocal.end(), [&](const LocalText& t) { return t.problem == name; });
  if (local != kLocal.end()) out.message = format_message(error_lang(), local->text) + "（" + out.message + "）";
  return out;
}

}  // namespace

Error problem_error(int status, ByteView body) {
  const auto json = parse_json(as_chars(body));
  return to_error(status, json ? *json : Json());
}

Error row_problem_error(const Json& problem) {
  return to_error(400, problem);
}

int report_failure(Reporter& reporter, Error error) {
  if (error.hint.empty()) error.hint = format_message(reporter.lang(), usual_hint(error.code));
  if (error.problem != nullptr) reporter.field("problem", error.problem);
  return reporter.fail(error);
}

}  // namespace facekeep::tools
