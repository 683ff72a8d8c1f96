// The public notice of a vault: what a ceremony hands to everybody who will talk to the vault.
//
// JSON. It is public but must come from the ceremony: whoever can change it points the reader at
// another vault. Fields that are not named here are ignored (the notice also carries texts for people).
//
//   vault        32 hexadecimal digits
//   name         text, for people
//   origin       of the log's checkpoints; the name in vkey
//   vkey         the log's key (C2SP signed-note)
//   api, public  https://host:port of the two listeners
//   server_key   SHA-256 of the SubjectPublicKeyInfo of the daemon's TLS key, hexadecimal: the pin
//   next_server_key  optional: the key that the server changes to next
//   rehearsal    true or false
//   shares       optional: [{"group","number","commitment"}], a commitment for each card
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "vault/base/bytes.h"
#include "vault/base/result.h"
#include "vault/log/log_keys.h"

namespace facekeep::tools {

struct NoticeCard {
  std::string group;
  std::uint32_t number = 0;
  Digest commitment{};
};

struct Notice {
  Id128 vault{};
  std::string name;
  std::string origin;
  log::VerifierKey log_key;  // as printed; what checks a signature is keys()
  std::string api;
  std::string public_url;
  std::vector<Digest> server_pins;  // the current key first
  bool rehearsal = false;
  std::string checkpoint;  // the ceremony's, over entry 0; empty in a notice that has none
  std::vector<NoticeCard> cards;

  // The key above and those that followed it, as far as this process has checked them (log_key_chain.h). Copies of a
  // notice share it. One thread.
  [[nodiscard]] log::LogKeys& keys() const {
    if (!followed) followed = std::make_shared<log::LogKeys>(log_key);
    return *followed;
  }
  mutable std::shared_ptr<log::LogKeys> followed = {};
};

// Pure. kMalformed names the field.
Result<Notice> parse_notice(std::string_view json_text);

}  // namespace facekeep::tools
