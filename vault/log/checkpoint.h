// Checkpoints: C2SP tlog-checkpoint v1.0.0, the signed head of a log.
//
// The text of the note is three lines, each ended by a newline: origin, tree size, base64 of the
// root hash; then extension lines, which facekeep never writes. Pure functions, thread safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "vault/base/bytes.h"
#include "vault/base/result.h"
#include "vault/log/note.h"

namespace facekeep::log {

inline constexpr std::size_t kMaxOrigin = 255;           // bytes; the origin is the log's key name
inline constexpr std::size_t kMaxCheckpointText = 8192;  // bytes of the text, extensions included

struct Checkpoint {
  std::string origin;
  std::uint64_t size = 0;
  Digest root{};
  std::vector<std::string> extensions;  // without newlines, none empty
  friend bool operator==(const Checkpoint&, const Checkpoint&) = default;
};

// Extension lines escape the log's auditors, so our own logs have none; other logs' may.
enum class Extensions : std::uint8_t { kRefuse, kTolerate };

// The text to sign. kInvalidArgument if the origin or an extension line is empty, over-long or not
// one line.
Result<std::string> format_checkpoint_text(const Checkpoint& checkpoint);
// kMalformed for everything but the form above. At size 0 the root must be SHA-256("").
Result<Checkpoint> parse_checkpoint_text(std::string_view text, Extensions extensions = Extensions::kRefuse);

// Signs `checkpoint` (see format_note). kInvalidArgument unless its origin is the signer's name.
Result<std::string> sign_checkpoint(const Checkpoint& checkpoint, const VerifierKey& signer, const Sign& sign);

// Parses a whole checkpoint, verifies the log's signature (others are ignored) and that its origin
// is the key's name. kMalformed, kTooLarge; kCrypto if the key did not sign it.
Result<Checkpoint> open_checkpoint(std::string_view note, const VerifierKey& log_key,
                                   Extensions extensions = Extensions::kRefuse);

// Decimal without sign or leading zeros, the only form of a size or index in these formats.
Result<std::uint64_t> parse_decimal_u64(std::string_view text);

}  // namespace facekeep::log
