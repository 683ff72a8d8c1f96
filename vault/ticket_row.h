// What the database keeps of a restart ticket: the token's half, wrapped, and what the tokens made of every key that
// the vault had open, sealed to the ticket's key. It is not trusted: what opens is held against the log. In no backup.
#pragma once

#include <string>
#include <vector>

#include "vault/base/bytes.h"
#include "vault/base/result.h"
#include "vault/seal/site_key.h"

namespace facekeep {

struct TicketRow {
  Bytes half;  // Custody::wrap_half
  struct Key {
    std::string name;  // of a site, or seal::kVaultKeyName
    std::uint32_t epoch = 0;
    seal::SealedSiteKey sealed;
  };
  std::vector<Key> keys;

  // Null if it has none of that name and epoch.
  [[nodiscard]] const seal::SealedSiteKey* find(const std::string& name, std::uint32_t epoch) const;
};

// Canonical {"half","keys":[{"epoch","main","name","spare"?}],"v":1}, bytes in base64.
Result<Bytes> format_ticket_row(const TicketRow& row);
// kMalformed.
Result<TicketRow> parse_ticket_row(ByteView bytes);

}  // namespace facekeep
