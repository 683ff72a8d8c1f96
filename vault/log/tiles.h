// The log as static files: C2SP tlog-tiles v0.1.0 (tile height 8), its paths, its entry bundles, and the
// tree that makes the tiles.
//
// A tile of level L and index N holds up to 256 hashes; hash i of it is the root of the complete
// subtree over 256^L leaves that starts at leaf (N * 256 + i) * 256^L. A full tile never changes; a
// partial one of width w is a prefix of every later one. A tree whose size is a multiple of 256^L
// has no partial tile at level L (an empty tile does not exist), but the level above has then grown
// by one hash: size 256 is tile/0/000 and tile/1/000.p/1.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vault/base/bytes.h"
#include "vault/base/result.h"
#include "vault/log/merkle.h"

namespace facekeep::log {

inline constexpr unsigned kTileHeight = 8;
inline constexpr unsigned kTileWidth = 256;
inline constexpr std::size_t kTileBytes = kTileWidth * sizeof(Digest);  // of a full tile: 8192
inline constexpr unsigned kTileLevels = 8;                              // 256^8 leaves are all of them
inline constexpr unsigned kMaxTileLevel = 63;                           // what a path may say
inline constexpr std::size_t kMaxTilePath = 64;                         // characters; longer ones are refused unread
inline constexpr std::size_t kMaxEntrySize = 65535;                     // bytes of one log entry

// Which hashes: the first `width` (1 to 256) of the tile.
struct TileId {
  unsigned level = 0;
  std::uint64_t index = 0;
  unsigned width = kTileWidth;
  friend bool operator==(const TileId&, const TileId&) = default;
};
// Which entries: the first `width` (1 to 256) of those from index * 256 on.
struct BundleId {
  std::uint64_t index = 0;
  unsigned width = kTileWidth;
  friend bool operator==(const BundleId&, const BundleId&) = default;
};

// "tile/1/x001/x234/067.p/8", "tile/entries/000". No leading slash. Precondition: a valid width, and
// level <= kMaxTileLevel. Parsing takes exactly what formatting makes, else kMalformed.
std::string format_path(const TileId& id);
std::string format_path(const BundleId& id);
Result<TileId> parse_tile_path(std::string_view path);
Result<BundleId> parse_bundle_path(std::string_view path);

// The tile at this level and index in a tree of this size: its width is 256, 1 to 255, or 0 (there
// is none).
unsigned tile_width_at(std::uint64_t size, unsigned level, std::uint64_t index);
// The partial tiles of a tree of this size, lowest level first (at level 0 the bundle has the same width).
std::vector<TileId> partial_tiles(std::uint64_t size);

// An entry bundle: each entry behind its length as a big-endian uint16.
// kTooLarge if an entry is over kMaxEntrySize or there are more than 256.
Result<Bytes> encode_bundle(std::span<const Bytes> entries);
// Exactly `width` entries and nothing behind them, else kMalformed.
Result<std::vector<Bytes>> decode_bundle(ByteView bytes, unsigned width);

// A tile of that id, exactly id.width * 32 bytes; may also return more (a wider one), of which the
// first are used.
using TileReader = std::function<Result<Bytes>(const TileId& id)>;
// Complete subtrees of a tree of `size` out of its tiles. Asks for a full tile where the tree has
// one, else for the widest partial one.
HashSource tile_hash_source(std::uint64_t size, TileReader reader);

struct FullTile {
  unsigned level = 0;
  std::uint64_t index = 0;
  Bytes hashes;  // kTileBytes
};

// The right edge of the tiled tree: takes leaf hashes in order, hands out each tile as it becomes
// full, and keeps only the hashes of the incomplete ones (under 64 KiB in all). A plain value: the
// sequencer copies it, appends a group, and keeps the copy only if the group was committed. Not
// thread safe.
class TileTree {
 public:
  // Appends; adds every tile that this leaf completes to `completed` (one a level at most, lowest
  // level first). The caller stores them: they are not kept here.
  void append(const Digest& leaf, std::vector<FullTile>& completed);

  [[nodiscard]] std::uint64_t size() const { return tree_.size(); }
  [[nodiscard]] Digest root() const { return tree_.root(); }

  // Any tile of the tree as it is, or was at a smaller size. Incomplete ones come from memory, the
  // rest from `stored`, which is asked for full tiles only. kNotFound if the tree has no tile of
  // that width there.
  Result<Bytes> tile(const TileId& id, const TileReader& stored) const;
  // Complete subtrees, for root_at, inclusion_proof and consistency_proof at this size or a smaller
  // one. Refers to this object: it must outlive the source, and must not be appended to meanwhile.
  [[nodiscard]] HashSource hash_source(TileReader stored) const;

 private:
  Tree tree_;
  std::array<std::vector<Digest>, kTileLevels> edge_;  // under 256 hashes each
};

}  // namespace facekeep::log
