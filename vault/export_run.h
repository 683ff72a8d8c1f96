// One approved export, from the open vault into its folder: the third and last place that opens templates, each for as
// long as it takes to write its row into the cipher. Nothing plain touches the disk.
#pragma once

#include <string>
#include <vector>

#include "vault/export/folder.h"
#include "vault/ledger/proposal.h"
#include "vault/log/sequencer/sequencer.h"
#include "vault/open_vault.h"
#include "vault/store/store.h"

namespace facekeep {

struct ExportJob {
  ledger::ProposalMade made;    // an ExportTemplates
  std::uint64_t before = 0;     // entry of its proposal-done: who and what came later is not in it
  std::vector<Id128> selected;  // ledger::export_selection
};

struct ExportOutcome {
  std::vector<Id128> refs;      // who is in the parts; sorted
  ledger::ExportSealed sealed;  // valid if `ended` is empty
  std::string ended;            // else why there is none
};

// Writes the parts and the manifest, durable when it returns. kSealed if the vault is closed meanwhile; kIo and
// kOutOfSpace. After an Error it may be tried again from the start.
Result<ExportOutcome> run_export(OpenVault& vault, const log::Sequencer& sequencer, const store::Store& store,
                                 const ExportJob& job, const exporter::ExportFolder& folder, std::uint64_t part_size);

}  // namespace facekeep
