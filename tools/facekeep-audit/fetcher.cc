#include "tools/facekeep-audit/fetcher.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "tools/common/say.h"
#include "tools/facekeep-audit/fetch_keys.h"
#include "vault/audit/tile_chain.h"

namespace facekeep::tools {
namespace {

using log::kTileWidth;

// Tiles for a TileChain: full ones from the mirror where they are there, others from the vault. Fetched ones are kept
// in memory until the chain has checked them, then in `staged`.
class TileFetcher {
 public:
  TileFetcher(const Mirror& mirror, const Mirror& staged, const Get& get)
      : mirror_(&mirror), staged_(staged), get_(get) {}

  Result<Bytes> operator()(const log::TileId& id) {
    const std::string path = format_path(id);
    if (id.width == kTileWidth && !distrusted_.contains(path)) {
      for (const Mirror* kept : {&staged_, mirror_}) {
        if (kept != nullptr && kept->has(path)) return kept->read(path);
      }
    }
    FK_TRY(Bytes bytes, get_("/" + path));
    fresh_[path] = bytes;
    return bytes;
  }
  // Everything fetched so far was checked.
  Status keep() {
    for (const auto& [path, bytes] : fresh_) FK_CHECK(staged_.write(path, bytes));
    fresh_.clear();
    return {};
  }
  // The mirror is of another tree.
  void forget_mirror() { mirror_ = nullptr; }
  // The mirror's own copy is bad: true if it had not been found out before.
  bool distrust(const log::TileId& id) {
    const std::string path = format_path(id);
    return fresh_.erase(path) == 0 && distrusted_.insert(path).second;
  }

 private:
  const Mirror* mirror_;
  const Mirror& staged_;
  const Get& get_;
  std::map<std::string, Bytes> fresh_;
  std::set<std::string> distrusted_;
};

Error contradiction(const Mirror& mirror, bool forked, std::uint64_t before, std::uint64_t now) {
  return say_error(Errc::kIntegrity, forked ? "forked" : "rolled-back",
                   forked ? Msg::kAuditForked : Msg::kAuditRolledBack, Msg::kAuditEvidenceHint,
                   {std::to_string(before), std::to_string(now), mirror.dir() + "/checkpoints"});
}

class LogFetch {
 public:
  LogFetch(const Mirror& mirror, const log::VerifierKey& key, const Get& get, std::uint64_t whole_to)
      : mirror_(mirror),
        key_(key),
        get_(get),
        whole_to_(whole_to),
        staged_(mirror.dir() + "/fetching"),
        tiles_(mirror, staged_, get) {}

  Result<Fetched> run(const FetchProgress& progress) {
    FK_CHECK(check_key());
    FK_TRY(const Bytes served, get_("/checkpoint"));
    note_ = as_chars(served);
    FK_CHECK(open_served());
    FK_CHECK(read_before());
    if (before_ && before_->size > now_.size) return refuse(false);
    if (now_.size > 0) FK_CHECK(open_tree());
    FK_CHECK(check_first());
    FK_CHECK(mirror_.write("vkey", as_bytes(format_vkey(keys_.first()) + "\n")));
    if (new_keys_) FK_CHECK(mirror_.keep_keys(*new_keys_));
    FK_TRY(const std::uint64_t fresh, fetch_bundles(progress));
    if (kept_) FK_CHECK(set_lost_aside());
    FK_CHECK(mirror_.take_over(staged_, now_.size));
    FK_CHECK(mirror_.keep_checkpoint(now_, note_));
    FK_CHECK(mirror_.write("checkpoint", as_bytes(note_)));
    forget_partials();
    const std::size_t handed = new_keys_ ? keys_.handovers() - known_ : 0;
    return Fetched{now_, before_ ? std::optional(before_->size) : std::nullopt, fresh, keys_, handed, kept_};
  }

 private:
  // A checkpoint by a key that is not known yet is one by a key that was handed over to, or nothing.
  Status open_served() {
    auto opened = log::open_checkpoint(note_, keys_, log::Extensions::kTolerate);
    if (!opened && is_unknown_log_key(opened.error())) {
      FK_TRY(auto followed, follow_served_keys(keys_, note_, mirror_, get_));
      opened = log::open_checkpoint(note_, followed.keys, log::Extensions::kTolerate);
      keys_ = followed.keys;
      new_keys_ = std::move(followed);
    }
    if (!opened) return say_log_key(opened.error());
    now_ = std::move(*opened);
    return {};
  }

  // What came over a recovery to a mirror that has nothing to compare with.
  Status check_first() {
    if (!new_keys_ || before_ || kept_) return {};
    const auto source = [this](const log::TileId& id) { return tile(id); };
    return check_anchor(keys_, mirror_, new_keys_->notes, [&](std::uint64_t size) -> std::optional<Digest> {
      if (size > now_.size) return std::nullopt;
      auto root = log::root_at(size, log::tile_hash_source(now_.size, source));
      return root ? std::optional(*root) : std::nullopt;
    });
  }

  Status check_key() {
    if (!mirror_.has("vkey")) {
      keys_ = key_;
      return {};
    }
    FK_TRY(keys_, mirror_.keys());
    known_ = keys_.handovers();
    if (keys_.has(key_)) return {};
    return say_error(Errc::kInvalidArgument, "other-log", Msg::kAuditOtherKey, Msg::kAuditOtherKeyHint);
  }

  Status read_before() {
    FK_TRY(const auto note, mirror_.checkpoint());
    if (!note) return {};
    auto before = log::open_checkpoint(*note, keys_, log::Extensions::kTolerate);
    if (!before && is_lost_tree(before.error())) return compare_lost(*note);
    if (!before) return say_log_key(before.error());
    before_ = std::move(*before);
    return {};
  }

  // The mirror is of the log before a restore that accepted a loss: what both share must be the same.
  Status compare_lost(const std::string& note) {
    const auto& chain = keys_.chain();
    const auto by_known = [&](const log::LogKey& k) { return log::open_checkpoint(note, k.key).has_value(); };
    const auto ended = std::find_if(chain.begin(), chain.end(), by_known);
    if (ended == chain.end()) return make_error(Errc::kIntegrity, "the mirror's checkpoint is of no key of this log");
    FK_TRY(const log::Checkpoint lost, log::open_checkpoint(note, ended->key));
    const std::uint64_t shared = ended->upto;
    FK_TRY(audit::TileChain old, audit::TileChain::open(lost.size, lost.root, mirror_.files().tile));
    FK_TRY(const Digest before, log::root_at(shared, old.hash_source()));
    const auto served = [this](const log::TileId& id) { return get_("/" + format_path(id)); };
    FK_TRY(audit::TileChain fresh, audit::TileChain::open(now_.size, now_.root, served));
    FK_TRY(const Digest after, log::root_at(shared, fresh.hash_source()));
    before_ = lost;
    if (before != after) return refuse(true);
    before_.reset();
    lost_ = lost.size;
    kept_ = shared;
    tiles_.forget_mirror();
    // Nor is what an interrupted fetch left of the log before any of this one's.
    std::error_code error;
    std::filesystem::remove_all(staged_.dir(), error);
    return {};
  }

  // Once the log that goes on is here whole. What was seen of the part that both share stays with this one.
  Status set_lost_aside() {
    FK_TRY(const auto seen, mirror_.seen());
    FK_CHECK(mirror_.set_aside("lost-" + std::to_string(lost_)));
    for (const auto& s : seen) {
      const auto shared = log::open_checkpoint(s.note, keys_, log::Extensions::kTolerate);
      if (shared) FK_CHECK(mirror_.keep_checkpoint(*shared, s.note));
    }
    return {};
  }

  Error refuse(bool forked) {
    for (const auto& kept : {mirror_.keep_checkpoint(now_, note_)}) {
      if (!kept) return kept.error();
    }
    return contradiction(mirror_, forked, before_->size, now_.size);
  }

  Status open_tree() {
    // The same size under another root needs no tiles to be a fork.
    if (before_ && before_->size == now_.size && before_->root != now_.root) return refuse(true);
    FK_TRY(audit::TileChain chain, audit::TileChain::open(now_.size, now_.root, std::ref(tiles_)));
    chain_.emplace(std::move(chain));
    if (before_) {
      const auto source = [this](const log::TileId& id) { return tile(id); };
      FK_TRY(const Digest root, log::root_at(before_->size, log::tile_hash_source(now_.size, source)));
      if (root != before_->root) return refuse(true);
    }
    return tiles_.keep();
  }

  Result<Bytes> tile(const log::TileId& id) {
    for (;;) {
      auto bytes = chain_->tile(id);
      const bool again =
          !bytes && bytes.error().code == Errc::kIntegrity && chain_->broken() && tiles_.distrust(*chain_->broken());
      if (!again) return bytes;
    }
  }

  Result<std::uint64_t> fetch_bundles(const FetchProgress& progress) {
    const std::uint64_t had = before_ ? before_->size : 0;
    for (std::uint64_t b = (kept_ ? 0 : whole_to_) / kTileWidth; b * kTileWidth < now_.size; ++b) {
      const log::BundleId id{b, log::tile_width_at(now_.size, 0, b)};
      const std::string path = format_path(id);
      if (id.width < kTileWidth || ((kept_ || !mirror_.has(path)) && !staged_.has(path))) FK_CHECK(fetch_bundle(id));
      if (progress) progress(FetchStep::kEntries, b * kTileWidth + id.width, now_.size);
    }
    return now_.size - std::min(had, now_.size);
  }

  Status fetch_bundle(const log::BundleId& id) {
    FK_TRY(const Bytes hashes, tile({0, id.index, id.width}));
    FK_CHECK(tiles_.keep());
    FK_TRY(const Bytes bytes, get_("/" + format_path(id)));
    FK_TRY(const auto entries, log::decode_bundle(bytes, id.width));
    for (std::size_t i = 0; i < entries.size(); ++i) {
      const Digest leaf = log::leaf_hash(entries[i]);
      if (!std::equal(leaf.begin(), leaf.end(), hashes.begin() + static_cast<std::ptrdiff_t>(i * leaf.size()))) {
        return served_bad(Msg::kAuditServedBadBundle, id.index * kTileWidth + i);
      }
    }
    return staged_.write(format_path(id), bytes);
  }

  void forget_partials() const {
    if (!before_ || before_->size == now_.size) return;
    for (const log::TileId& id : log::partial_tiles(before_->size)) {
      if (log::tile_width_at(now_.size, id.level, id.index) == id.width) continue;
      mirror_.forget(format_path(id));
      if (id.level == 0) mirror_.forget(format_path(log::BundleId{id.index, id.width}));
    }
  }

  const Mirror& mirror_;
  const log::VerifierKey& key_;
  const Get& get_;
  const std::uint64_t whole_to_;
  log::LogKeys keys_;
  std::size_t known_ = 0;  // handovers before this fetch
  std::optional<log::FollowedKeys> new_keys_;
  std::optional<std::uint64_t> kept_;
  std::uint64_t lost_ = 0;  // with kept_: entries of the log before
  const Mirror staged_;
  TileFetcher tiles_;
  std::string note_;
  log::Checkpoint now_;
  std::optional<log::Checkpoint> before_;
  std::optional<audit::TileChain> chain_;
};

}  // namespace

Error served_bad(Msg what, std::uint64_t entry) {
  return say_error(Errc::kIntegrity, "served-bad", what, Msg::kAuditServedBadHint, {std::to_string(entry)});
}

Result<Fetched> fetch_log(const Mirror& mirror, const log::VerifierKey& key, const Get& get,
                          const FetchProgress& progress, std::uint64_t whole_to) {
  return LogFetch(mirror, key, get, whole_to).run(progress);
}

Result<std::string> fetch_cosigned(const Mirror& mirror, const Get& get) {
  const auto served = get("/v1/log/cosigned");
  if (!served && served.error().code != Errc::kNotFound) return served.error();
  std::string note(served ? as_chars(*served) : std::string_view());
  if (note.size() > log::kMaxNoteSize) return make_error(Errc::kTooLarge, "the cosigned checkpoint is too large");
  FK_CHECK(mirror.write("cosigned", as_bytes(note)));
  return note;
}

}  // namespace facekeep::tools
