// Tiles of a log, each checked up to a checkpoint's root before it is handed out.
//
// The root vouches for the right edge (the incomplete tiles); each full tile's root is a hash in the tile above it.
// Formats: C2SP tlog-tiles v0.1.0 (vault/log/tiles.h). One object a thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "vault/log/tiles.h"

namespace facekeep::audit {

// Root of the hashes of a full tile, or of any power of two of hashes.
Digest root_of_tile(ByteView hashes);

class TileChain {
 public:
  // Reads the right edge. kIntegrity if it does not lead to `root`; `raw`'s own errors (kNotFound for a tile that is
  // not there) pass through. `raw` is kept, and asked only for tiles of a tree of this size.
  static Result<TileChain> open(std::uint64_t size, const Digest& root, log::TileReader raw);

  // The tile, exactly id.width hashes. kIntegrity if it, or one above it, is not of this tree; kNotFound if one is
  // missing: broken() then says which. Reading in order reads each tile once.
  Result<Bytes> tile(const log::TileId& id);
  // The root that a full tile must have, from the tile above it.
  Result<Digest> expected_root(unsigned level, std::uint64_t index);
  // The outermost tile at which the last failed call stopped.
  [[nodiscard]] const std::optional<log::TileId>& broken() const { return broken_; }

  // Complete subtrees out of checked tiles; refers to this object.
  log::HashSource hash_source();
  [[nodiscard]] std::uint64_t size() const { return size_; }

 private:
  TileChain(std::uint64_t size, log::TileReader raw) : size_(size), raw_(std::move(raw)) {}
  struct Kept {
    std::uint64_t index = 0;
    Bytes hashes;
  };
  std::uint64_t size_;
  log::TileReader raw_;
  std::array<Bytes, log::kTileLevels> edge_;                // the incomplete tiles
  std::array<std::optional<Kept>, log::kTileLevels> full_;  // the last full tile of each level
  std::optional<log::TileId> broken_;
};

}  // namespace facekeep::audit
