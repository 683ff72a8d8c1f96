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

// The lower one of those that are there.
std::optional<std::uint64_t> lower(std::optional<std::uint64_t> a, std::optional<std::uint64_t> b) {
  return a && b ? std::min(a, b) : (a ? a : b);
}

}  // namespace

std::pair<std::uint64_t, std::uint64_t> range_of(const log::TileId& tile) {
  const unsigned shift = shift_of(tile.level + 1);
  return {tile.index << shift, (tile.index + 1) << shift};
}

Narrowing Narrowing::of(const log::TileId& tile, const std::vector<Milestone>& history,
                        const log::HashSource& checked) {
  Narrowing out;
  const auto [first, end] = range_of(tile);
  for (const Milestone& m : history) {
    if (m.size > first && m.size < end) out.within_.push_back(m);
  }
  if (out.within_.empty()) return out;
  // The left siblings of the first leaf are the tree in front of it.
  const auto proof = log::inclusion_proof(first, first + 1, checked);
  if (!proof) return out;
  if (auto before = log::Tree::before(first, first + 1, *proof)) out.tree_ = std::move(*before);
  return out;
}

void Narrowing::leaf(const Digest& hash) {
  if (!tree_ || broke_) return;
  tree_->append(hash);
  for (; next_ < within_.size() && within_[next_].size <= tree_->size() && !broke_; ++next_) {
    if (within_[next_].size < tree_->size()) continue;
    if (within_[next_].root == tree_->root()) {
      held_ = tree_->size();
    } else {
      broke_ = next_;
    }
  }
}

DoubtfulRange::DoubtfulRange(const log::TileId& tile, bool missing, const Digest& expected, std::uint64_t from,
                             Narrowing narrowing)
    : tile_(tile),
      missing_(missing),
      first_(range_of(tile).first),
      end_(range_of(tile).second),
      expected_(expected),
      narrowing_(std::move(narrowing)),
      whole_(from <= first_) {}

void DoubtfulRange::leaf(const Digest& hash, const std::optional<Digest>& tile_says) {
  if (tile_says && *tile_says != hash && !disagrees_) disagrees_ = first_ + tree_.size();
  tree_.append(hash);
  narrowing_.leaf(hash);
}

void DoubtfulRange::close(Findings& findings) const {
  const Milestone* broke = narrowing_.broke();
  if (whole_ && tree_.root() != expected_) {
    const std::uint64_t first = narrowing_.held().value_or(first_);
    const std::uint64_t end = broke != nullptr ? broke->size : end_;
    const auto sign = lower(findings.first_sign(first, end), disagrees_ >= first ? disagrees_ : std::nullopt);
    findings.add(Code::kEntriesAltered, sign.value_or(first), {std::to_string(first), std::to_string(end - 1)});
  } else {
    if (!missing_) {
      findings.add(Code::kTileAltered, first_, {format_path(tile_), std::to_string(first_), std::to_string(end_ - 1)});
    }
    if (whole_ && broke != nullptr) {
      findings.add(Code::kHistoryDiffers, narrowing_.held().value_or(first_),
                   {std::to_string(broke->size), broke->name});
    }
  }
  if (missing_) findings.add(Code::kTileMissing, first_, {format_path(tile_)});
}

DoubtfulLog::DoubtfulLog(log::Checkpoint head, std::string why, log::TileReader tiles, std::vector<Milestone> history)
    : head_(std::move(head)), why_(std::move(why)), tiles_(std::move(tiles)), history_(std::move(history)) {}

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

void DoubtfulLog::leaf(const Digest& hash, const std::optional<Digest>& tile_says) {
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
      other_history_.push_back({Code::kHistoryDiffers, last_good_, {std::to_string(m.size), m.name}});
      if (!first_broken_) first_broken_ = m.size;
    }
  }
}

void DoubtfulLog::blame(std::uint64_t entry, Findings& findings) const {
  findings.add(Code::kTilesNotOfCheckpoint, entry, {std::to_string(head_.size), why_});
}

void DoubtfulLog::close(Findings& findings) {
  const std::uint64_t end = first_broken_.value_or(head_.size);
  const auto sign = lower(findings.first_sign(last_good_, end), disagrees_ >= last_good_ ? disagrees_ : std::nullopt);
  if (!whole_ || tree_.root() != head_.root) {
    const std::uint64_t first = sign.value_or(last_good_);
    blame(first, findings);
    if (whole_) findings.add(Code::kRootDiffers, first, {std::to_string(last_good_), std::to_string(end - 1)});
    return;
  }
  // The entries are the checkpoint's, so the tiles are not; and checkpoints that differ are of another history.
  for (Finding& f : other_history_) findings.add(f.code, f.entry, std::move(f.args));
  const auto no_store = [](const log::TileId&) -> Result<Bytes> { return make_error(Errc::kNotFound, "no store"); };
  for (const log::TileId& id : log::partial_tiles(tree_.size())) {
    if (const auto computed = tree_.tile(id, no_store)) compare(id, *computed);
  }
  const auto by_entry = [](const Finding& a, const Finding& b) { return a.entry < b.entry; };
  const auto first = std::min_element(tiles_wrong_.begin(), tiles_wrong_.end(), by_entry);
  blame(first == tiles_wrong_.end() ? last_good_ : first->entry, findings);
  for (Finding& f : tiles_wrong_) findings.add(f.code, f.entry, std::move(f.args));
}

}  // namespace facekeep::audit
