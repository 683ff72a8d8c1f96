#include "vault/audit/log_replay.h"

#include <algorithm>
#include <optional>

#include "vault/audit/key_check.h"
#include "vault/audit/strays.h"
#include "vault/audit/tile_chain.h"
#include "vault/audit/tree_doubt.h"

namespace facekeep::audit {
namespace {

using log::kTileWidth;

// The entries that can be read off the front of a bundle, at most `width`; `rest` is what is left behind them.
std::vector<ByteView> split_bundle(ByteView bytes, unsigned width, ByteView& rest) {
  std::vector<ByteView> out;
  out.reserve(width);
  while (out.size() < width && bytes.size() >= 2) {
    const std::size_t size = load_be16(bytes.data());
    if (bytes.size() - 2 < size) break;
    out.push_back(bytes.subspan(2, size));
    bytes = bytes.subspan(2 + size);
  }
  rest = bytes;
  return out;
}

std::optional<Digest> hash_in(const Bytes* tile, std::size_t i) {
  if (tile == nullptr || tile->size() < (i + 1) * sizeof(Digest)) return std::nullopt;
  Digest out;
  std::copy_n(tile->begin() + static_cast<std::ptrdiff_t>(i * sizeof(Digest)), sizeof(Digest), out.begin());
  return out;
}

bool is_missing(const Error& e) {
  return e.code == Errc::kNotFound;
}

class Replayer {
 public:
  Replayer(const log::LogKeys& keys, const LogFiles& files, Level level, const Confirmed& confirmed, Replay& entries,
           Findings& findings)
      : keys_(keys),
        files_(files),
        level_(level),
        confirmed_(confirmed),
        entries_(entries),
        findings_(findings),
        tiles_(files.tile, findings) {}

  Status choose_checkpoint(const SeenCheckpoint& latest, const std::vector<SeenCheckpoint>& seen);
  Status open_tree();
  Status run(const ReplayProgress& progress);
  // Out of checked tiles; nothing where one is in doubt.
  std::optional<Digest> root_at(std::uint64_t size);
  Verified result() && { return {std::move(checkpoint_), std::move(note_)}; }

 private:
  std::optional<log::Checkpoint> opened(const SeenCheckpoint& seen);
  void check_history();
  Status bundle(const log::BundleId& id);
  void missing_bundle(const log::BundleId& id, unsigned width);
  void close_missing();
  Status leaf_tile(const log::TileId& id);
  Status doubt(const Error& why);
  Result<OpeningsOfBundle> openings(const log::BundleId& id);
  void leaf(std::uint64_t entry, const Digest& hash, std::size_t i);
  void lost();

  const log::LogKeys& keys_;
  const LogFiles& files_;
  const Level level_;
  const Confirmed& confirmed_;
  Replay& entries_;
  Findings& findings_;
  TrimmedTiles tiles_;

  log::Checkpoint checkpoint_;
  std::string note_;
  std::vector<Milestone> history_;
  std::optional<TileChain> chain_;
  std::optional<DoubtfulLog> doubtful_log_;
  std::optional<DoubtfulRange> doubtful_range_;
  Bytes leaf_tile_;
  bool tile_held_ = false;                                        // leaf_tile_ was checked up to the root
  bool tile_there_ = false;                                       // there is one at all
  std::optional<std::pair<std::uint64_t, std::string>> missing_;  // the first entry of a run of missing bundles
};

std::optional<log::Checkpoint> Replayer::opened(const SeenCheckpoint& seen) {
  auto checkpoint = log::open_checkpoint(seen.note, keys_, log::Extensions::kTolerate);
  if (checkpoint) return std::move(*checkpoint);
  if (!old_key_finding(seen, keys_, findings_)) {
    findings_.add(Code::kBadCheckpoint, 0, {checkpoint.error().message, seen.name});
  }
  return std::nullopt;
}

Status Replayer::choose_checkpoint(const SeenCheckpoint& latest, const std::vector<SeenCheckpoint>& seen) {
  auto chosen = opened(latest);
  if (chosen) note_ = latest.note;
  for (const SeenCheckpoint& s : seen) {
    auto checkpoint = opened(s);
    if (!checkpoint) continue;
    history_.push_back({checkpoint->size, checkpoint->root, s.name});
    if (note_ != latest.note && (!chosen || checkpoint->size > chosen->size)) {
      chosen = std::move(checkpoint);
      note_ = s.note;
    }
  }
  if (!chosen) {
    return make_error(Errc::kIntegrity, "no checkpoint here is signed by the log's key",
                      "compare the key with the one that the vault published; without one nothing can be checked");
  }
  checkpoint_ = std::move(*chosen);
  std::stable_sort(history_.begin(), history_.end(),
                   [](const Milestone& a, const Milestone& b) { return a.size < b.size; });
  for (const Milestone& m : history_) {
    if (m.size <= checkpoint_.size) continue;
    findings_.add(Code::kCheckpointBeyond, checkpoint_.size,
                  {std::to_string(checkpoint_.size), std::to_string(m.size), m.name});
  }
  return {};
}

Status Replayer::open_tree() {
  if (confirmed_.size > checkpoint_.size) {
    return make_error(Errc::kIntegrity,
                      "the log has " + std::to_string(checkpoint_.size) + " entries, the snapshot is of " +
                          std::to_string(confirmed_.size) + ": the log was cut or rolled back, or the mirror is older",
                      "fetch again; if it stays so, keep both as evidence");
  }
  auto chain = TileChain::open(checkpoint_.size, checkpoint_.root, std::ref(tiles_));
  if (chain) {
    chain_.emplace(std::move(*chain));
    if (confirmed_.size > 0) {
      FK_TRY(const Digest root, log::root_at(confirmed_.size, chain_->hash_source()));
      if (root != confirmed_.root) {
        return make_error(Errc::kIntegrity,
                          "the log does not continue the one that the snapshot is of, at " +
                              std::to_string(confirmed_.size) + " entries",
                          "keep the snapshot and this mirror as evidence: one of them is of another history");
      }
    }
    check_history();
    return {};
  }
  if (!is_missing(chain.error()) && chain.error().code != Errc::kIntegrity) return std::move(chain).error();
  if (confirmed_.size > 0) {
    return make_error(Errc::kIntegrity, "the tiles do not lead to the checkpoint, so a snapshot can't be joined to it",
                      "replay from the first entry, without the snapshot");
  }
  doubtful_log_.emplace(checkpoint_, chain.error().message, std::ref(tiles_), history_);
  return {};
}

void Replayer::check_history() {
  std::uint64_t held = 0;  // the largest size below this one at which a checkpoint held
  std::uint64_t held_here = 0;
  for (const Milestone& m : history_) {
    if (m.size > checkpoint_.size) break;
    if (m.size > held_here) held = held_here;
    const auto root = log::root_at(m.size, chain_->hash_source());
    if (!root) continue;  // a broken tile, which the entries' own pass names
    if (*root == m.root) {
      held_here = m.size;
    } else {
      findings_.add(Code::kHistoryDiffers, held, {std::to_string(m.size), m.name});
    }
  }
}

std::optional<Digest> Replayer::root_at(std::uint64_t size) {
  if (!chain_ || size > checkpoint_.size) return std::nullopt;
  auto root = log::root_at(size, chain_->hash_source());
  return root ? std::optional(*root) : std::nullopt;
}

Status Replayer::run(const ReplayProgress& progress) {
  const std::uint64_t size = checkpoint_.size;
  entries_.use_tree([this](std::uint64_t at) { return root_at(at); });
  for (std::uint64_t b = confirmed_.size / kTileWidth; b * kTileWidth < size; ++b) {
    FK_CHECK(bundle({b, log::tile_width_at(size, 0, b)}));
    if (progress) progress(entries_.next(), size);
  }
  close_missing();
  if (doubtful_log_) doubtful_log_->close(findings_);
  entries_.use_tree({});
  entries_.finish();
  return check_strays(files_, size, chain_ ? &*chain_ : nullptr, findings_);
}

// A tile does not hold: its range is hashed again, up to the tile above it, which does.
Status Replayer::doubt(const Error& why) {
  if (!chain_->broken()) return why;
  const log::TileId tile = *chain_->broken();
  FK_TRY(const Digest expected, chain_->expected_root(tile.level, tile.index));
  doubtful_range_.emplace(tile, is_missing(why), expected, confirmed_.size,
                          Narrowing::of(tile, history_, chain_->hash_source()));
  return {};
}

Status Replayer::leaf_tile(const log::TileId& id) {
  tile_held_ = false;
  tile_there_ = false;
  if (chain_ && !doubtful_range_) {
    auto tile = chain_->tile(id);
    if (tile) {
      leaf_tile_ = std::move(*tile);
      tile_held_ = tile_there_ = true;
      return {};
    }
    if (!is_missing(tile.error()) && tile.error().code != Errc::kIntegrity) return std::move(tile).error();
    FK_CHECK(doubt(tile.error()));
  }
  auto raw = tiles_(id);
  tile_there_ = raw.has_value();
  if (raw) leaf_tile_ = std::move(*raw);
  return {};
}

Result<OpeningsOfBundle> Replayer::openings(const log::BundleId& id) {
  OpeningsOfBundle none;
  if (level_ == Level::kPublic) return none;
  auto text = files_.openings(id);
  if (!text && is_missing(text.error())) return none;
  if (!text) return std::move(text).error();
  auto parsed = parse_openings(as_chars(*text));
  if (parsed && parsed->bundle == id.index) return parsed;
  findings_.add(Code::kOpeningMalformed, std::max(id.index * kTileWidth, entries_.next()),
                {parsed ? "the document is of another bundle" : parsed.error().message});
  return none;
}

void Replayer::lost() {
  if (doubtful_range_) doubtful_range_->lost();
  if (doubtful_log_) doubtful_log_->lost();
}

void Replayer::missing_bundle(const log::BundleId& id, unsigned width) {
  const std::uint64_t first = std::max(id.index * kTileWidth, entries_.next());
  if (!missing_) missing_.emplace(first, format_path(id));
  entries_.skip(id.index * kTileWidth + width - first);
  lost();
}

void Replayer::close_missing() {
  if (!missing_) return;
  findings_.add(Code::kBundleMissing, missing_->first, {missing_->second, std::to_string(entries_.next() - 1)});
  missing_.reset();
}

void Replayer::leaf(std::uint64_t entry, const Digest& hash, std::size_t i) {
  const auto says = hash_in(tile_there_ ? &leaf_tile_ : nullptr, i);
  if (tile_held_) {
    if (says != hash) findings_.add(Code::kEntryAltered, entry);
    return;
  }
  if (doubtful_range_) doubtful_range_->leaf(hash, says);
  if (doubtful_log_) doubtful_log_->leaf(hash, says);
}

Status Replayer::bundle(const log::BundleId& id) {
  const std::uint64_t first = id.index * kTileWidth;
  FK_CHECK(leaf_tile({0, id.index, id.width}));
  auto bytes = files_.bundle(id);
  if (!bytes && !is_missing(bytes.error())) return std::move(bytes).error();
  if (!bytes) {
    missing_bundle(id, id.width);
  } else {
    close_missing();
    ByteView rest;
    const auto found = split_bundle(*bytes, id.width, rest);
    FK_TRY(const OpeningsOfBundle open, openings(id));
    for (std::size_t i = 0; i < found.size(); ++i) {
      const std::uint64_t n = first + i;
      leaf(n, log::leaf_hash(found[i]), i);
      if (n >= entries_.next()) entries_.entry(found[i], open.at(n));
    }
    const bool all = found.size() == id.width;
    if (!all || !rest.empty()) {
      findings_.add(Code::kBundleMalformed, first + (all ? id.width - 1 : found.size()),
                    {format_path(id), all ? "there is something behind its last entry" : "it is cut short"});
    }
    if (!all) {
      entries_.skip(first + id.width - entries_.next());
      lost();
    }
  }
  if (doubtful_range_ && first + id.width >= doubtful_range_->end()) {
    doubtful_range_->close(findings_);
    doubtful_range_.reset();
  }
  return {};
}

// An earlier audit that confirmed a tree of this log looked for it.
Status check_anchor(const log::LogKeys& keys, const SeenCheckpoint& latest, const std::vector<SeenCheckpoint>& seen,
                    const LogFiles& files, const RootAt& root_at, Findings& findings) {
  std::vector<std::string> notes = {latest.note};
  for (const SeenCheckpoint& s : seen) notes.push_back(s.note);
  for (std::uint64_t n = 1; files.handover && n <= log::kMaxHandovers; ++n) {
    const auto note = files.handover(n);
    if (!note && is_missing(note.error())) break;
    if (!note) return note.error();
    notes.emplace_back(as_chars(*note));
  }
  if (!is_anchored(keys, keys.first(), notes, root_at, files.lost)) findings.add(Code::kNoAnchor, 0);
  return {};
}

}  // namespace

Result<Verified> replay_log(const log::LogKeys& log_keys, const SeenCheckpoint& latest,
                            const std::vector<SeenCheckpoint>& seen, const LogFiles& files, Level level,
                            const Confirmed& confirmed, Replay& entries, Findings& findings,
                            const ReplayProgress& progress) {
  Replayer replayer(log_keys, files, level, confirmed, entries, findings);
  FK_CHECK(replayer.choose_checkpoint(latest, seen));
  FK_CHECK(replayer.open_tree());
  FK_CHECK(replayer.run(progress));
  const RootAt root_at = [&replayer](std::uint64_t size) { return replayer.root_at(size); };
  if (confirmed.size == 0) FK_CHECK(check_anchor(log_keys, latest, seen, files, root_at, findings));
  if (entries.state().phase() != ledger::Phase::kNew) {
    check_log_keys(entries.state(), log_keys, entries.rules_held(), findings);
    if (entries.rules_held()) check_signers(entries.state(), log_keys, latest, seen, findings);
    if (entries.rules_held() && files.handover) {
      FK_CHECK(check_handover_notes(entries.state(), files, root_at, findings));
    }
  }
  return std::move(replayer).result();
}

}  // namespace facekeep::audit
