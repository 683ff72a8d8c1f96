// What a camera signs about a probe: for what, where, by which model, when, once, and how sure it is of a live face.
//
// The payload of the JWS is RFC 8785 canonical JSON of exactly these members; texts are ASCII without escapes:
//
//   door   slug; of a door's question alone, an enrolment has none
//   model  slug
//   nonce  16 bytes in base64url: random, or the vault's challenge
//   pad    int 0..3, level of presentation attack detection (ledger::kMaxPadLevel)
//   probe  base64 (RFC 4648 section 4) of 1 to 1,024 little-endian float32
//   site   slug
//   time   RFC 3339 in UTC with milliseconds, of the capture; a camera without a clock leaves it out, and signs a
//   challenge use    "verify", "identify" or "enrol" vault  hex16, the vault's id
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "vault/base/bytes.h"
#include "vault/base/clock.h"
#include "vault/base/secret_bytes.h"

namespace facekeep::probe {

struct Claims {
  std::string use;
  Id128 vault{};
  std::string site;
  std::string door;  // empty: enrolment
  std::string model;
  std::optional<UnixMillis> time;
  Id128 nonce{};
  std::uint32_t pad = 0;
  std::vector<float> probe;  // overwritten with the claims; what the caller moves out is the caller's

  Claims() = default;
  ~Claims();
  Claims(Claims&&) noexcept = default;
  Claims& operator=(Claims&&) = delete;
  Claims(const Claims&) = delete;
  Claims& operator=(const Claims&) = delete;
};

// kMalformed ("bad-jws"), quoting nothing. Any float32 is taken: what a probe must be is the engine's to say.
Result<Claims> read_claims(ByteView payload);
// The reverse, for who plays a camera. Precondition: the fields are as above.
SecretBytes write_claims(const Claims& claims);

}  // namespace facekeep::probe
