// Decisions: pure functions of the state, the principal, the request's facts and the time. The service
// calls them twice: when a request arrives, and again in log order, just before its event is written.
//
// None does I/O or looks at a template; each returns what the handler needs to go on, or an Error with
// the problem's stable name.
#pragma once

#include <string>

#include "vault/ledger/state.h"

namespace facekeep::ledger {

// Every state question starts with: is this principal still registered, of this role?
// kPermissionDenied ("unknown-key", "wrong-role").
Result<const PrincipalRecord*> authorise(const State& state, const Digest& spki, Role role, UnixMillis now);

// kSealed ("sealed"), unless the vault is open.
Status require_open(const State& state);

struct MatchGrant {
  Model model;
  std::string site;
  bool hide_subject = false;
};
// May this door ask about `door` of `site` with `model`? "other-site", "unknown-door", "unknown-model".
Result<MatchGrant> decide_match(const State& state, const PrincipalRecord& door, const std::string& site,
                                const std::string& door_id, const std::string& model);

// May this operator act at `site`? "unknown-site", "other-site". A site that exists but is out of scope
// and one that does not exist answer alike.
Result<const Site*> decide_site(const State& state, const PrincipalRecord& who, const std::string& site);

// "not-found", for a subject that a caller named.
Error no_such_subject();

// May a template of `model` be added to this subject? "unknown-model", "too-many-templates",
// "suspended", "consent-ended".
Result<const Model*> decide_add_template(const State& state, const SubjectState& subject, const std::string& model,
                                         UnixMillis now, std::size_t adding = 1);

enum class EraseMode : std::uint8_t { kDestroy, kSuspend };
// Within the operator's daily allowance an erasure destroys at once; beyond it the subject is suspended
// at once and destroyed after 72 hours, in which a quorum may cancel (P2: one person can't destroy
// everything). "not-found", "suspended".
Result<EraseMode> decide_erase(const State& state, const PrincipalRecord& by, const std::string& site, const Id128& ref,
                               UnixMillis now);

// True when a suspension's delay has passed on both clocks, and no proposal holds the erasure (erasure_is_held).
bool erase_is_due(const State& state, const SubjectState& subject, const Instant& now);

// True if this subject may match now: not suspended, not in doubt, consent not ended.
bool may_match(const State& state, const SubjectState& subject, UnixMillis now);

// While the vault is not open, openings are read up to this many entries behind the last start, so that auditors can't
// put it out of the custodians' reach, who read every entry since the start before they give a share.
inline constexpr std::uint64_t kMaxReadsBehindStart = 131'072;
// May an auditor's reading be logged now? The register needs an open vault ("sealed"); "too-many-reads".
Status decide_openings_read(const State& state, const OpeningsRead& event);

// May this custodian hand in this card? Only one who counts ("no-custodian", "suspended-custodian") and whose it is
// (cards.h): "not-your-card"; "already-open"; "duplicate-share". `before`: of the set before the one in force;
// "old-share" if that opens nothing any more.
Status decide_unseal_share(const State& state, const PrincipalRecord& by, const std::string& group, std::uint32_t share,
                           const Moment& now, bool before = false);

// True when every group has its threshold of shares, counting `group`/`share` as in.
bool completes_quorum(const State& state, const std::string& group, std::uint32_t share);

}  // namespace facekeep::ledger
