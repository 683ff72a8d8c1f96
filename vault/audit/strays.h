// Files of a mirror that a replay does not ask for: narrower tiles and bundles of older checkpoints, which must be
// the front of today's, and what no tree of this size has. One thread.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "vault/audit/finding.h"
#include "vault/audit/log_replay.h"
#include "vault/audit/tile_chain.h"

namespace facekeep::audit {

// A mirror's tiles, each at most as wide as its id: what a file holds beyond it is a finding, once, and left aside.
class TrimmedTiles {
 public:
  TrimmedTiles(log::TileReader raw, Findings& findings) : raw_(std::move(raw)), findings_(findings) {}
  Result<Bytes> operator()(const log::TileId& id);

 private:
  log::TileReader raw_;
  Findings& findings_;
  std::set<std::string> named_;
};

// `chain`: the checked tiles of the tree of `size`; nothing: older files can't be compared, and nothing vouches for
// them. Fails where the files can't be listed or read.
Status check_strays(const LogFiles& files, std::uint64_t size, TileChain* chain, Findings& findings);

}  // namespace facekeep::audit
