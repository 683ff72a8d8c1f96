// Receipts of the commands that change something: checked, and kept where --receipt says.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "tools/facekeep/context.h"
#include "tools/facekeep/vault_api.h"
#include "vault/base/json.h"
#include "vault/ledger/event.h"
#include "vault/log/checkpoint.h"

namespace facekeep::tools {

// --receipt FILE
void add_receipt_option(CLI::App& command, Context& context, std::string& path);

// What a receipt has to prove of its entry.
struct Expected {
  // True for the event that was asked for. A private entry's event comes from the opening in the receipt, a governance
  // entry is the event.
  std::function<bool(const ledger::Event&)> is;
  // Takes a custody entry without its opening, for the one call whose receipts bring none (bulk enrolment): such a
  // receipt proves that the vault changed something about a subject, not what.
  bool unopened_custody = false;
};

// Checks a tlog-proof of log entry `entry`: the notice's log key signed its checkpoint, the entry is in that tree, and
// it is what is expected. `served` is the entry as the log has it; needed where the receipt brings no opening, and
// proven by it like an opening. Pure. kIntegrity ("bad-receipt").
Result<log::Checkpoint> check_receipt(const Notice& notice, const std::string& receipt, std::uint64_t entry,
                                      const Expected& expected, ByteView served);

// The end of a command that changed the vault: checks the receipt, that the log's head now continues both it and what
// this machine saw before (and remembers that head), reports it, and writes it to `path` unless that is empty. A vault
// that can't be asked now is a warning, since the change was acknowledged. kIntegrity.
Status keep_receipt(const Context& context, const Notice& notice, VaultApi& api, const std::string& receipt,
                    std::uint64_t entry, const Expected& expected, const std::string& path, Reporter& report);
// The same with an answer's members "receipt" and "entry".
Status keep_receipt_of(const Context& context, const Notice& notice, VaultApi& api, const Json& answer,
                       const Expected& expected, const std::string& path, Reporter& report);

// The id under which the log, folded here, has this key registered now: whose events the receipts of a command are.
Result<std::string> proven_id(const Context& context, const Notice& notice, VaultApi& api, const Identity& identity);

}  // namespace facekeep::tools
