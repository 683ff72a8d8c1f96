// The bodies of the events of backup.h as JSON: one writer and one strict reader each, for event_json.cc.
#pragma once

#include "vault/base/json.h"
#include "vault/ledger/backup.h"

namespace facekeep::ledger {

Json to_json(const BackupMade& e);
Json to_json(const Restored& e);

// Of one of these two. kMalformed, as every reader of events.
template <class E>
Result<E> backup_event_from_json(const Json& j);

}  // namespace facekeep::ledger
