// Calls of people to a box of restart tickets, pinned by its box.json.
#pragma once

#include <optional>
#include <string>

#include "tools/facekeep/box/box_folder.h"
#include "tools/facekeep/vault_api.h"

namespace facekeep::tools {

// The JSON object of a 2xx answer; a body: POST. Refusals as those of a vault.
Result<Json> ask_box(const ledger::TicketBox& box, const Identity& identity, const std::string& path,
                     const std::optional<Json>& body = {});

// What waits at the box, as `GET /v1/box` says: nothing if no start does. kMalformed.
struct WaitingStart {
  ledger::Restart restart;  // without a time
  std::string version;
  std::string since;
  bool confirmed = false;
};
Result<std::optional<WaitingStart>> parse_waiting(const Json& answer);

}  // namespace facekeep::tools
