// Opening a vault: every template goes from the store into the gallery, each checked against the digest
// that the log has for it. Runs beside the serving threads; a site answers "refer" until it is ready.
#pragma once

#include "vault/base/clock.h"
#include "vault/log/sequencer/sequencer.h"
#include "vault/match/engine.h"
#include "vault/open_vault.h"
#include "vault/store/store.h"

namespace facekeep {

// The gallery in which a subject's templates stand: those whose consent has the scope "identify" in the
// site's own, the others in one that only verify looks at.
std::string gallery_of(const std::string& site, const subject::Consent& consent);
// Asks the state by then, for OpenVault::find_ref(); not from within a decision in log order, which has the state.
OpenVault::IsEnrolled enrolled_in(const log::Sequencer& sequencer);
// Makes every gallery of every site and model; those that exist stay.
Status make_galleries(const log::Sequencer& sequencer, match::Engine& engine);
// Those of one site.
Status make_galleries(const std::string& site, const std::vector<ledger::Model>& models, match::Engine& engine);

// Loads what the log had before entry `upto` (the unseal's own); what came later, its enrolment puts in.
// Two threads. Ends early when vault.closing is set. A template that does not open, or is not the one in
// the log, is left out and counted in templates_refused; its subject keeps its other templates.
void load_galleries(OpenVault& vault, const log::Sequencer& sequencer, const store::Store& store, match::Engine& engine,
                    std::uint64_t upto, UnixMillis now);

}  // namespace facekeep
