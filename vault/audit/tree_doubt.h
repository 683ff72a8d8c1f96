// Where a tile or a checkpoint does not hold, the entries themselves are hashed up to the nearest hash that does: so an
// altered tile is told from altered entries, and the entries are named as closely as the hashes allow.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "vault/audit/finding.h"
#include "vault/log/checkpoint.h"
#include "vault/log/tiles.h"

namespace facekeep::audit {

// A checkpoint of this log, verified.
struct Milestone {
  std::uint64_t size = 0;
  Digest root{};
  std::string name;
};

// What checkpoints within a run of entries say of it: how far it is as it was signed, and where it no longer is.
class Narrowing {
 public:
  // Of the entries under a full tile. `history` by size; `checked`: hashes known to be as signed. Without those in
  // front of the tile nothing can be said.
  static Narrowing of(const log::TileId& tile, const std::vector<Milestone>& history, const log::HashSource& checked);
  void leaf(const Digest& hash);
  // The size of the largest checkpoint that held; the first one that did not.
  [[nodiscard]] std::optional<std::uint64_t> held() const { return held_; }
  [[nodiscard]] const Milestone* broke() const { return broke_ ? &within_[*broke_] : nullptr; }

 private:
  std::optional<log::Tree> tree_;  // from the log's first leaf on
  std::vector<Milestone> within_;  // by size
  std::size_t next_ = 0;
  std::optional<std::uint64_t> held_;
  std::optional<std::size_t> broke_;
};

// The entries under one full tile that is altered or missing, against its hash in the tile above. One thread.
class DoubtfulRange {
 public:
  // The range of the tile. `from`: the first entry that will come; of a range that began before it, the tile is blamed.
  DoubtfulRange(const log::TileId& tile, bool missing, const Digest& expected, std::uint64_t from, Narrowing narrowing);
  [[nodiscard]] std::uint64_t first() const { return first_; }
  [[nodiscard]] std::uint64_t end() const { return end_; }  // behind the last
  // The next entry's leaf hash, and what the leaf tile in doubt says of it, if that is there.
  void leaf(const Digest& hash, const std::optional<Digest>& tile_says);
  // Entries that could not be read: nothing can be said.
  void lost() { whole_ = false; }
  // After the last entry of the range: it was the tile, or the entries.
  void close(Findings& findings) const;

 private:
  log::TileId tile_;
  bool missing_;
  std::uint64_t first_;
  std::uint64_t end_;
  Digest expected_;
  log::Tree tree_;
  Narrowing narrowing_;
  bool whole_;
  std::optional<std::uint64_t> disagrees_;  // the first entry that differs from its leaf tile
};

// The entries of a full tile.
std::pair<std::uint64_t, std::uint64_t> range_of(const log::TileId& tile);  // first, behind the last

// A whole log whose right edge does not lead to its checkpoint: everything is hashed again. One thread.
class DoubtfulLog {
 public:
  // `why`: what its tiles come to. `history` by size.
  DoubtfulLog(log::Checkpoint head, std::string why, log::TileReader tiles, std::vector<Milestone> history);
  void leaf(const Digest& hash, const std::optional<Digest>& tile_says);
  void lost() { whole_ = false; }
  void close(Findings& findings);

 private:
  void compare(const log::TileId& id, const Bytes& computed);
  void blame(std::uint64_t entry, Findings& findings) const;

  log::Checkpoint head_;
  std::string why_;
  log::TileReader tiles_;
  std::vector<Milestone> history_;
  std::size_t next_milestone_ = 0;
  std::uint64_t last_good_ = 0;                // size of the largest checkpoint that held
  std::optional<std::uint64_t> first_broken_;  // of the smallest that did not
  log::TileTree tree_;
  std::vector<log::FullTile> completed_;
  bool whole_ = true;
  std::optional<std::uint64_t> disagrees_;
  std::vector<Finding> tiles_wrong_;
  std::vector<Finding> other_history_;
};

}  // namespace facekeep::audit
