// Decisions about exports. Pure; the service calls them in log order, and the fold calls them for every event: what
// they refuse can stand in no log.
#pragma once

#include <vector>

#include "vault/ledger/state.h"

namespace facekeep::ledger {

// The export action of a proposal; "unknown-proposal", also for one of another kind.
Result<const ExportTemplates*> export_action(const State& state, const Id128& proposal);

// "bad-action" unless this is the list that the proposal commits to, and the first.
Status decide_export_subjects(const State& state, const ExportSubjects& list);
// "not-ready" unless the export is decided and neither sealed nor ended. "bad-action": people of another site, out of
// order, or recorded already; and, for readers who have every opening, whoever may not be in it (export_selection, the
// end of consents aside).
Status decide_exported(const State& state, const Exported& exported);
Status decide_export_ended(const State& state, const ExportEnded& ended);
// "not-ready" as above; "over-limit" beyond the approved number; kIntegrity if `exported` events name another number
// of people (readers who have not every opening can't tell, and don't ask).
Status decide_export_sealed(const State& state, const ExportSealed& sealed);
// "no-custodian", "suspended-custodian", "unknown-proposal", "not-ready", "export-ended" (nothing was exported, and
// why), "proposal-ended" (its lifetime is over), "no-uses-left" (by this custodian).
Status decide_export_given(const State& state, const ExportGiven& given, const Moment& now);

// Whom the export takes, by ref: those of its list, or of the site, enrolled before it was decided, and not suspended
// now; unless a legal order is the basis, only whose consent has not ended on that day. Whose consent covers the basis
// is in sealed records. Precondition: the export is decided.
std::vector<Id128> export_selection(const State& state, const Id128& proposal, const std::string& day);

// Exports that are decided and neither sealed nor ended.
std::vector<Id128> pending_exports(const State& state);

// True once the result is no longer given out: the proposal's lifetime is over.
bool export_is_over(const State& state, const Id128& proposal, const Moment& now);

}  // namespace facekeep::ledger
