// A state that an audit confirmed, as a file to start the next audit from. Whoever can write the file answers for it:
// keep it as the report is kept.
//
// The first line is "root <base64>", that of the log at the state's size; then vault/ledger/state_text.h; the last
// line, "sha256 <hex>", is a running hash: acc = SHA-256(acc || line || 0x0a) from 32 zero bytes.
#pragma once

#include <string>

#include "vault/ledger/state.h"

namespace facekeep::tools {

struct Snapshot {
  ledger::State state;
  Digest root{};
};

// Replaces the file whole. kIo, kOutOfSpace.
Status save_snapshot(const std::string& path, const ledger::State& state, const Digest& root);
// kNotFound, kMalformed, kIntegrity.
Result<Snapshot> load_snapshot(const std::string& path);

}  // namespace facekeep::tools
