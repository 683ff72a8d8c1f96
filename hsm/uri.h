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

// A key pair on a token: the token's URI, and the label of both its objects.
struct KeyUri {
  std::string token;  // for parse_token_uri
  std::string label;
};
// Takes a URI that names the pair by `object`; `type` may say what it is. kInvalidArgument without it, with an `id`, or
// for what is no URI of a token besides. An error never repeats the URI.
Result<KeyUri> parse_key_uri(std::string_view text);

}  // namespace facekeep::hsm
