#include "vault/audit/tile_chain.h"

#include <algorithm>

namespace facekeep::audit {
namespace {

Digest hash_at(ByteView hashes, std::uint64_t i) {
  Digest out;
  std::copy_n(hashes.begin() + static_cast<std::ptrdiff_t>(i * sizeof(Digest)), sizeof(Digest), out.begin());
  return out;
}

Error not_of_tree(const log::TileId& id) {
  return make_error(Errc::kIntegrity, "the tile " + format_path(id) + " is not of the checkpoint's tree",
                    "it was altered, or it is of another log");
}

}  // namespace

Digest root_of_tile(ByteView hashes) {
  log::Tree tree;
  for (std::size_t i = 0; i < hashes.size() / sizeof(Digest); ++i) tree.append(hash_at(hashes, i));
  return tree.root();
}

Result<TileChain> TileChain::open(std::uint64_t size, const Digest& root, log::TileReader raw) {
  TileChain chain(size, std::move(raw));
  for (const log::TileId& id : log::partial_tiles(size)) {
    auto bytes = chain.raw_(id);
    if (!bytes) return std::move(bytes).error();
    if (bytes->size() < id.width * sizeof(Digest)) return not_of_tree(id);
    bytes->resize(id.width * sizeof(Digest));
    chain.edge_[id.level] = std::move(*bytes);
  }
  // Every peak of the tree is a run of hashes of one incomplete tile, so nothing else is asked for.
  const auto edge = [&chain](const log::TileId& id) -> Result<Bytes> { return chain.edge_.at(id.level); };
  FK_TRY(const Digest found, log::root_at(size, log::tile_hash_source(size, edge)));
  if (found != root) {
    return make_error(Errc::kIntegrity, "the tiles do not lead to the root of the checkpoint",
                      "they were altered, or they are of another log");
  }
  return chain;
}

Result<Digest> TileChain::expected_root(unsigned level, std::uint64_t index) {
  const std::uint64_t above = index / log::kTileWidth;
  FK_TRY(const Bytes parent, tile({level + 1, above, log::tile_width_at(size_, level + 1, above)}));
  return hash_at(parent, index % log::kTileWidth);
}

Result<Bytes> TileChain::tile(const log::TileId& id) {
  const unsigned width = log::tile_width_at(size_, id.level, id.index);
  if (id.width == 0 || id.width > width) return make_error(Errc::kInvalidArgument, "the tree has no such tile");
  if (width < log::kTileWidth) {
    const Bytes& edge = edge_.at(id.level);
    return Bytes(edge.begin(), edge.begin() + static_cast<std::ptrdiff_t>(id.width * sizeof(Digest)));
  }
  auto& kept = full_.at(id.level);
  if (!kept || kept->index != id.index) {
    FK_TRY(const Digest expected, expected_root(id.level, id.index));
    const log::TileId whole{id.level, id.index, log::kTileWidth};
    broken_ = whole;
    FK_TRY(Bytes bytes, raw_(whole));
    if (bytes.size() != log::kTileBytes || root_of_tile(bytes) != expected) return not_of_tree(whole);
    broken_.reset();
    kept = Kept{id.index, std::move(bytes)};
  }
  return Bytes(kept->hashes.begin(), kept->hashes.begin() + static_cast<std::ptrdiff_t>(id.width * sizeof(Digest)));
}

log::HashSource TileChain::hash_source() {
  return log::tile_hash_source(size_, [this](const log::TileId& id) { return tile(id); });
}

}  // namespace facekeep::audit
