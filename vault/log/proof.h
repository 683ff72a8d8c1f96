// Receipts: the C2SP tlog-proof format, a self-contained proof that an entry is in a log.
//
// Lines: "c2sp.org/tlog-proof@v1", optionally "extra <base64>", "index <decimal>", the hashes of the
// RFC 6962 inclusion proof in base64 from the leaf's sibling upwards, an empty line, and the
// checkpoint verbatim with all its cosignatures. File extension .tlog-proof. Pure functions, thread
// safe.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vault/base/bytes.h"
#include "vault/base/result.h"
#include "vault/log/checkpoint.h"
#include "vault/log/log_keys.h"
#include "vault/log/merkle.h"
#include "vault/log/note.h"

namespace facekeep::log {

inline constexpr std::size_t kMaxReceiptExtra = 64 * 1024;  // bytes of extra data
// Bytes of a whole receipt: checkpoint, extra data in base64, and 64 hashes and a few words.
inline constexpr std::size_t kMaxReceiptSize = kMaxNoteSize + kMaxReceiptExtra * 4 / 3 + 8 * 1024;

struct Receipt {
  Bytes extra;  // empty: no such line. Not authenticated by anything: never trust it
  std::uint64_t index = 0;
  std::vector<Digest> hashes;
  std::string checkpoint;  // the signed note
};

// kInvalidArgument over the limits, or if the checkpoint is not a signed note.
Result<std::string> format_receipt(const Receipt& receipt);
// Checks the form only (the checkpoint's too), no hash and no signature. kTooLarge over the limits,
// else kMalformed.
Result<Receipt> parse_receipt(std::string_view text);

// Verifies that the key in force for its size signed the checkpoint and that the entry with this leaf hash is in it, at
// the receipt's index; returns the checkpoint. kCrypto, kIntegrity, kMalformed. Cosignatures are the
// caller's to check, over receipt.checkpoint.
Result<Checkpoint> verify_receipt(const Receipt& receipt, const Digest& leaf, const LogKeys& log_keys,
                                  Extensions extensions = Extensions::kRefuse);

}  // namespace facekeep::log
