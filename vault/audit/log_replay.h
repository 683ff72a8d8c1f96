// The replay of a whole log as a mirror holds it: checkpoints, tiles, entry bundles, openings. Every byte is checked up
// to the checkpoint's signature; what does not fit is a finding that names the first entry it is about.
//
// Pure: what it reads comes through functions. One thread.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "vault/audit/finding.h"
#include "vault/audit/replay.h"
#include "vault/log/log_keys.h"
#include "vault/log/note.h"
#include "vault/log/tiles.h"

namespace facekeep::audit {

// A log of which entries are lost, kept beside the one that goes on from it: its last checkpoint, and its tiles.
struct LostLog {
  std::string note;
  log::TileReader tile;
};

// What a mirror gives. kNotFound: it does not have that. Any other error ends the replay.
struct LogFiles {
  log::TileReader tile;  // may hold more than its id says: the rest is a finding, and left aside
  std::function<Result<Bytes>(const log::BundleId&)> bundle;
  std::function<Result<Bytes>(const log::BundleId&)> openings;  // asked at Level::kAuditor only
  // Hands over each path under tile/ until `visit` fails. Empty: nobody can tell what else is there.
  std::function<Status(const std::function<Status(const std::string& path)>& visit)> list;
  // The n-th handover note of the log key, from 1. Empty: the mirror keeps none, and nobody asks.
  std::function<Result<Bytes>(std::uint64_t n)> handover;
  std::vector<LostLog> lost = {};
};

// A checkpoint that somebody saw: the signed note, and what to call it in findings.
struct SeenCheckpoint {
  std::string name;
  std::string note;
};

// A tree that an earlier audit confirmed. Size 0: from the start.
struct Confirmed {
  std::uint64_t size = 0;
  Digest root = log::empty_root();
};

struct Verified {
  log::Checkpoint checkpoint;  // the newest one with a good signature
  std::string note;
};

// Entries done and the total.
using ReplayProgress = std::function<void(std::uint64_t done, std::uint64_t total)>;

// Checks everything, handing each entry to `entries`, which stands at confirmed.size. `latest` is the mirror's
// checkpoint, `seen` those before it. kIntegrity if no checkpoint has a good signature: there is nothing to compare
// with then. `log_keys`: those that the reader trusts; the fold must come to the same. Calls entries.finish().
Result<Verified> replay_log(const log::LogKeys& log_keys, const SeenCheckpoint& latest,
                            const std::vector<SeenCheckpoint>& seen, const LogFiles& files, Level level,
                            const Confirmed& confirmed, Replay& entries, Findings& findings,
                            const ReplayProgress& progress = {});

}  // namespace facekeep::audit
