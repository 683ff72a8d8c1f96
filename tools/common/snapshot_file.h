// A state that was checked up to a root, as a file to go on from: an audit from a report's, a client from its own last
// look. Whoever can write the file answers for it: keep it as the report, or the memory, is kept.
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
