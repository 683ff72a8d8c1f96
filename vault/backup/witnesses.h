// What the witnesses of a log have seen of it, for a restore: a mirror that is short of one of them is refused.
//
// Asked in the words of C2SP tlog-witness (https://c2sp.org/tlog-witness), add-checkpoint, with the mirror's own
// checkpoint as if the witness had cosigned it last. One that is elsewhere answers 409 and its size; one that is there
// cosigns it again. No witness learns anything from it. One thread.
#pragma once

#include <set>
#include <string>

#include "vault/backup/restore.h"
#include "vault/ledger/witness.h"

namespace facekeep::backup {

// kIntegrity: a witness has seen more entries than the checkpoint has (both positions), or another history;
// kUnavailable: one does not answer, or not so that it says what it has seen; kInvalidArgument: `without` names one
// that the log does not name.
Status witnesses_reached(const ledger::Witnesses& named, const std::string& checkpoint, const AskWitness& ask,
                         const std::set<std::string>& without);

}  // namespace facekeep::backup
