#include "vault/audit/tree_doubt.h"

#include <algorithm>
#include <limits>

namespace facekeep::audit {
namespace {

constexpr std::size_t kMaxTilesNamed = 100;

// Entries under hash i of a tile of this level: [i << shift, (i + 1) << shift).
unsigned shift_of(unsigned level) {
  return level * log::kTileHeight;
}

}  // namespace

DoubtfulRange::DoubtfulRange(const log::TileId& tile, bool missing, const Digest& expected, std::uint64_t from)
    : tile_(tile),
      missing_(missing),
      first_(tile.index << shift_of(tile.level + 1)),
      end_((tile.index + 1) << shift_of(tile.level + 1)),
      expected_(expected),
      whole_(from <= first_) {}

void DoubtfulRange::leaf(const Digest& hash, const std::optional<Digest>& tile_says) {
  if (tile_says && *tile_says != hash && !disagrees_) disagrees_ = first_ + tree_.size();
  tree_.append(hash);
}

void DoubtfulRange::close(Findings& findings) const {
  const std::vector<std::string> range = {std::to_string(first_), std::to_string(end_ - 1)};
  if (whole_ && tree_.root() != expected_) {
    findings.add(Code::kEntriesAltered, disagrees_.value_or(first_), range);
  } else if (!missing_) {
    findings.add(Code::kTileAltered, first_, {format_path(tile_), range[0], range[1]});
  }
  if (missing_) findings.add(Code::kTileMissing, first_, {format_path(tile_)});
}

DoubtfulLog::DoubtfulLog(const Digest& root, log::TileReader tiles, std::vector<Milestone> history)
    : root_(root), tiles_(std::move(tiles)), history_(std::move(history)) {}

void DoubtfulLog::compare(const log::TileId& id, const Bytes& computed) {
  const auto stored = tiles_(id);
  if (tiles_wrong_.size() == kMaxTilesNamed) return;
  if (!stored) {
    tiles_wrong_.push_back({Code::kTileMissing, id.index << shift_of(id.level + 1), {format_path(id)}});
    return;
  }
  const auto differs = std::mismatch(computed.begin(), computed.end(), stored->begin(), stored->end()).first;
  if (differs == computed.end()) return;
  const auto hash = static_cast<std::uint64_t>(differs - computed.begin()) / sizeof(Digest);
  const std::uint64_t at = id.index * log::kTileWidth + hash;
  const std::uint64_t first = at << shift_of(id.level);
  const std::uint64_t last = ((at + 1) << shift_of(id.level)) - 1;
  tiles_wrong_.push_back({Code::kTileAltered, first, {format_path(id), std::to_string(first), std::to_string(last)}});
}

void DoubtfulLog::leaf(const Digest& hash, const std::optional<Digest>& tile_says, Findings& findings) {
  if (tile_says && *tile_says != hash && !disagrees_) disagrees_ = tree_.size();
  completed_.clear();
  tree_.append(hash, completed_);
  for (const log::FullTile& t : completed_) compare({t.level, t.index, log::kTileWidth}, t.hashes);
  for (; next_milestone_ < history_.size() && history_[next_milestone_].size <= tree_.size(); ++next_milestone_) {
    const Milestone& m = history_[next_milestone_];
    if (!whole_ || m.size < tree_.size()) continue;
    if (m.root == tree_.root()) {
      last_good_ = m.size;
    } else {
      findings.add(Code::kHistoryDiffers, last_good_, {std::to_string(m.size), m.name});
    }
  }
}

void DoubtfulLog::close(Findings& findings) {
  if (!whole_) return;
  if (tree_.root() != root_) {
    const std::uint64_t first = disagrees_.value_or(last_good_);
    findings.add(Code::kRootDiffers, first, {std::to_string(first), std::to_string(tree_.size())});
    return;
  }
  // The entries are the checkpoint's, so the tiles are not.
  const auto no_store = [](const log::TileId&) -> Result<Bytes> { return make_error(Errc::kNotFound, "no store"); };
  for (const log::TileId& id : log::partial_tiles(tree_.size())) {
    if (const auto computed = tree_.tile(id, no_store)) compare(id, *computed);
  }
  for (Finding& f : tiles_wrong_) findings.add(f.code, f.entry, std::move(f.args));
}

}  // namespace facekeep::audit
