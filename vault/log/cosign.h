// Cosignatures: C2SP tlog-cosignature v1 (https://c2sp.org/tlog-cosignature), with Ed25519 keys (type 0x04).
//
// A witness signs, with the time, the text of a checkpoint that it found consistent with all that it saw before; the
// signature is one more line of the checkpoint's note. Pure functions, thread safe.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vault/base/clock.h"
#include "vault/ledger/witness.h"
#include "vault/log/log_keys.h"
#include "vault/log/note.h"

namespace facekeep::log {

// POSIX seconds; the specification ends them at 2^63 - 1.
using CosignTime = std::uint64_t;

// What is signed: "cosignature/v1", "time T", the text of the note. `note_text` with its final newline.
std::string cosigned_message(std::string_view note_text, CosignTime time);

// Signs, and checks the signature under `key` before it is returned. kInvalidArgument: a time beyond the limit.
Result<NoteSignature> cosign(const ledger::WitnessKey& key, std::string_view note_text, CosignTime time,
                             const Sign& sign);

// The time of a cosignature of this key over this text. kMalformed: not one of its name, id and size. kCrypto:
// wrong signature.
Result<CosignTime> verify_cosignature(const ledger::WitnessKey& key, std::string_view note_text,
                                      const NoteSignature& signature);

struct Cosignature {
  std::size_t witness = 0;  // position in `known`
  CosignTime time = 0;
  NoteSignature line;
};
// The cosignatures of the known keys, one each (the latest), in their order; others' are ignored. kCrypto if one of a
// known key is wrong. That the log itself signed is the caller's to check.
Result<std::vector<Cosignature>> find_cosignatures(const Note& note, std::span<const ledger::WitnessKey> known);

// A checkpoint with a quorum of a log's witnesses.
struct Cosigned {
  Checkpoint checkpoint;
  std::uint32_t witnesses = 0;  // how many have cosigned it: at least the quorum
  // The quorum's own time: of the latest `quorum` cosignatures the earliest. So many have seen the log then or later.
  UnixMillis time = 0;
};
// kMalformed: no such note. kCrypto: not signed by the log, or a wrong cosignature. kIntegrity: fewer witnesses than
// the quorum. That the checkpoint is of the same log as another is the caller's to check.
Result<Cosigned> open_cosigned(std::string_view note, const LogKeys& log_keys, const ledger::Witnesses& witnesses);

}  // namespace facekeep::log
