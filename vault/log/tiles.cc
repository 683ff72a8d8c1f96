#include "vault/log/tiles.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <limits>

namespace facekeep::log {
namespace {

constexpr std::string_view kTilePrefix = "tile/";
constexpr std::string_view kBundlePrefix = "tile/entries/";

Error bad_path() {
  return make_error(Errc::kMalformed, "not a tile path",
                    "paths look like tile/0/x001/067, tile/1/000.p/8 or tile/entries/067.p/255");
}

std::string format_index(std::uint64_t index) {
  char group[8];
  std::snprintf(group, sizeof group, "%03u", static_cast<unsigned>(index % 1000));
  std::string text = group;
  while ((index /= 1000) != 0) {
    std::snprintf(group, sizeof group, "x%03u/", static_cast<unsigned>(index % 1000));
    text.insert(0, group);
  }
  return text;
}

std::string format_suffix(unsigned width) {
  return width == kTileWidth ? "" : ".p/" + std::to_string(width);
}

// A decimal number as std::to_string would write it.
Result<unsigned> parse_decimal(std::string_view text, unsigned max) {
  unsigned value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc() || end != text.data() + text.size() || value > max || std::to_string(value) != text) {
    return bad_path();
  }
  return value;
}

struct IndexAndWidth {
  std::uint64_t index = 0;
  unsigned width = kTileWidth;
};

// "x001/x234/067" with an optional ".p/W".
Result<IndexAndWidth> parse_index_and_width(std::string_view text) {
  IndexAndWidth out;
  if (const std::size_t dot = text.find(".p/"); dot != std::string_view::npos) {
    FK_TRY(out.width, parse_decimal(text.substr(dot + 3), kTileWidth - 1));
    if (out.width == 0) return bad_path();
    text = text.substr(0, dot);
  }
  const std::string_view whole = text;
  for (bool last = false; !last;) {
    last = !text.starts_with('x');
    if (!last) text.remove_prefix(1);
    if (text.size() < 3 || (last ? text.size() != 3 : (text.size() < 5 || text[3] != '/'))) return bad_path();
    for (const char c : text.substr(0, 3)) {
      if (c < '0' || c > '9') return bad_path();
      const std::uint64_t digit = static_cast<std::uint64_t>(c - '0');
      if (out.index > (std::numeric_limits<std::uint64_t>::max() - digit) / 10) return bad_path();
      out.index = out.index * 10 + digit;
    }
    if (!last) text.remove_prefix(4);
  }
  if (format_index(out.index) != whole) return bad_path();  // "x000/001"
  return out;
}

// Root of a power of two of hashes.
Digest complete_root(std::span<const std::uint8_t> hashes) {
  Tree tree;
  for (std::size_t at = 0; at < hashes.size(); at += sizeof(Digest)) {
    Digest hash;
    std::copy_n(hashes.begin() + static_cast<std::ptrdiff_t>(at), sizeof(Digest), hash.begin());
    tree.append(hash);
  }
  return tree.root();
}

Bytes flatten(std::span<const Digest> hashes) {
  Bytes out;
  out.reserve(hashes.size() * sizeof(Digest));
  for (const Digest& h : hashes) out.insert(out.end(), h.begin(), h.end());
  return out;
}

// Complete subtrees over 256^level leaves in a tree of `size`.
std::uint64_t hashes_at(std::uint64_t size, unsigned level) {
  return level >= kTileLevels ? 0 : size >> (kTileHeight * level);
}

}  // namespace

std::string format_path(const TileId& id) {
  return std::string(kTilePrefix) + std::to_string(id.level) + "/" + format_index(id.index) + format_suffix(id.width);
}

std::string format_path(const BundleId& id) {
  return std::string(kBundlePrefix) + format_index(id.index) + format_suffix(id.width);
}

Result<TileId> parse_tile_path(std::string_view path) {
  if (path.size() > kMaxTilePath || !path.starts_with(kTilePrefix)) return bad_path();
  path.remove_prefix(kTilePrefix.size());
  const std::size_t slash = path.find('/');
  if (slash == std::string_view::npos) return bad_path();
  FK_TRY(const unsigned level, parse_decimal(path.substr(0, slash), kMaxTileLevel));
  FK_TRY(const IndexAndWidth rest, parse_index_and_width(path.substr(slash + 1)));
  return TileId{level, rest.index, rest.width};
}

Result<BundleId> parse_bundle_path(std::string_view path) {
  if (path.size() > kMaxTilePath || !path.starts_with(kBundlePrefix)) return bad_path();
  FK_TRY(const IndexAndWidth rest, parse_index_and_width(path.substr(kBundlePrefix.size())));
  return BundleId{rest.index, rest.width};
}

unsigned tile_width_at(std::uint64_t size, unsigned level, std::uint64_t index) {
  const std::uint64_t hashes = hashes_at(size, level);
  const std::uint64_t full = hashes / kTileWidth;
  if (index < full) return kTileWidth;
  return index == full ? static_cast<unsigned>(hashes % kTileWidth) : 0;
}

std::vector<TileId> partial_tiles(std::uint64_t size) {
  std::vector<TileId> out;
  for (unsigned level = 0; level < kTileLevels; ++level) {
    const std::uint64_t hashes = hashes_at(size, level);
    if (hashes % kTileWidth != 0) {
      out.push_back({level, hashes / kTileWidth, static_cast<unsigned>(hashes % kTileWidth)});
    }
  }
  return out;
}

Result<Bytes> encode_bundle(std::span<const Bytes> entries) {
  if (entries.size() > kTileWidth) return make_error(Errc::kTooLarge, "an entry bundle holds at most 256 entries");
  Bytes out;
  for (const Bytes& entry : entries) {
    if (entry.size() > kMaxEntrySize) {
      return make_error(Errc::kTooLarge,
                        "a log entry is at most 65535 bytes, this one is " + std::to_string(entry.size()));
    }
    append_be16(out, static_cast<std::uint16_t>(entry.size()));
    out.insert(out.end(), entry.begin(), entry.end());
  }
  return out;
}

Result<std::vector<Bytes>> decode_bundle(ByteView bytes, unsigned width) {
  if (width == 0 || width > kTileWidth) return make_error(Errc::kInvalidArgument, "a bundle has 1 to 256 entries");
  std::vector<Bytes> entries;
  entries.reserve(width);
  while (!bytes.empty() && entries.size() < width) {
    if (bytes.size() < 2) return make_error(Errc::kMalformed, "the entry bundle is cut short");
    const std::size_t size = load_be16(bytes.data());
    bytes = bytes.subspan(2);
    if (bytes.size() < size) return make_error(Errc::kMalformed, "the entry bundle is cut short");
    entries.push_back(to_bytes(bytes.first(size)));
    bytes = bytes.subspan(size);
  }
  if (!bytes.empty() || entries.size() != width) {
    return make_error(Errc::kMalformed, "the entry bundle does not hold exactly " + std::to_string(width) + " entries");
  }
  return entries;
}

HashSource tile_hash_source(std::uint64_t size, TileReader reader) {
  return [size, reader = std::move(reader)](unsigned level, std::uint64_t index) -> Result<Digest> {
    if (level >= 64 || index >= size >> level) {
      return make_error(Errc::kInvalidArgument, "the tree does not hold this complete subtree");
    }
    const unsigned within = level % kTileHeight;
    const std::uint64_t first = index << within;  // hash of the tile level; can't overflow, see above
    TileId id{level / kTileHeight, first / kTileWidth, 0};
    id.width = tile_width_at(size, id.level, id.index);
    FK_TRY(const Bytes tile, reader(id));
    const std::size_t offset = (first % kTileWidth) * sizeof(Digest);
    const std::size_t length = (std::size_t{1} << within) * sizeof(Digest);
    if (tile.size() < offset + length) {
      return make_error(Errc::kIntegrity, "the tile " + format_path(id) + " is shorter than it should be");
    }
    return complete_root(ByteView(tile).subspan(offset, length));
  };
}

void TileTree::append(const Digest& leaf, std::vector<FullTile>& completed) {
  tree_.append(leaf);
  Digest hash = leaf;
  for (unsigned level = 0; level < kTileLevels; ++level) {
    std::vector<Digest>& edge = edge_[level];
    edge.push_back(hash);
    if (edge.size() < kTileWidth) return;
    FullTile tile{level, hashes_at(tree_.size(), level) / kTileWidth - 1, flatten(edge)};
    hash = complete_root(tile.hashes);
    edge.clear();
    completed.push_back(std::move(tile));
  }
}

Result<Bytes> TileTree::tile(const TileId& id, const TileReader& stored) const {
  const unsigned width = tile_width_at(size(), id.level, id.index);
  if (id.width == 0 || id.width > width) {
    return make_error(Errc::kNotFound, "the log has no such tile",
                      "ask for the tiles of a published checkpoint's size only");
  }
  if (width < kTileWidth) return flatten(std::span(edge_[id.level]).first(id.width));
  FK_TRY(Bytes bytes, stored(TileId{id.level, id.index, kTileWidth}));
  if (bytes.size() != kTileBytes) {
    return make_error(Errc::kIntegrity, "the stored tile " + format_path(TileId{id.level, id.index, kTileWidth}) +
                                            " has " + std::to_string(bytes.size()) + " bytes, not 8192");
  }
  bytes.resize(id.width * sizeof(Digest));
  return bytes;
}

HashSource TileTree::hash_source(TileReader stored) const {
  return tile_hash_source(
      size(), [this, stored = std::move(stored)](const TileId& id) -> Result<Bytes> { return tile(id, stored); });
}

}  // namespace facekeep::log
