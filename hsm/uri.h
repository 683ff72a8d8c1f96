// Names a token by a PKCS#11 URI (RFC 7512), over p11-kit's parser.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "hsm/pkcs11.h"
#include "vault/base/result.h"

namespace facekeep::hsm {

// What the URI asks of a token; an absent field matches every token.
struct TokenUri {
  std::optional<std::string> label;         // "token"
  std::optional<std::string> manufacturer;  // "manufacturer"
  std::optional<std::string> model;         // "model"
  std::optional<std::string> serial;        // "serial"
  std::optional<ck_slot_id_t> slot_id;      // "slot-id"; slots may be renumbered at each start
  std::string module_path;                  // "module-path", may be empty
};

// Refuses: what is not a PKCS#11 URI; attributes that name an object (object, id, type) or that
// facekeep does not honour; pin-value (kInvalidArgument: a PIN is never configuration) and pin-source
// (the PIN's place is an option of its own). An error never repeats the URI.
Result<TokenUri> parse_token_uri(std::string_view text);

}  // namespace facekeep::hsm
