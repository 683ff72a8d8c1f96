// Receipts of the commands that change something: checked, and kept where --receipt says.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "tools/facekeep/context.h"
#include "vault/base/json.h"

namespace facekeep::tools {

// --receipt FILE
void add_receipt_option(CLI::App& command, Context& context, std::string& path);

// Checks a tlog-proof of log entry `entry`: its checkpoint is signed with the notice's log key, and, where it brings
// the entry's opening, the entry is in the log. kIntegrity ("bad-receipt") if not.
Status check_receipt(const Notice& notice, const std::string& receipt, std::uint64_t entry);

// Checks it, reports it as the field "receipt", and writes it to `path` unless that is empty.
Status keep_receipt(const Notice& notice, const std::string& receipt, std::uint64_t entry, const std::string& path,
                    Reporter& report);
// The same with an answer's members "receipt" and "entry".
Status keep_receipt_of(const Notice& notice, const Json& answer, const std::string& path, Reporter& report);

}  // namespace facekeep::tools
