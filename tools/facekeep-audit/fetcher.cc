#include "tools/facekeep-audit/fetcher.h"

#include <algorithm>
#include <map>
#include <set>

#include "tools/common/say.h"
#include "vault/audit/tile_chain.h"
#include "vault/ledger/opening.h"

namespace facekeep::tools {
namespace {

using log::kTileWidth;

// Tiles for a TileChain: full ones from the mirror where they are there, others from the vault. Fetched ones are kept
// in memory until the chain has checked them.
class TileFetcher {
 public:
  TileFetcher(const Mirror& mirror, const Get& get) : mirror_(mirror), get_(get) {}

  Result<Bytes> operator()(const log::TileId& id) {
    const std::string path = format_path(id);
    if (id.width == kTileWidth && !distrusted_.contains(path) && mirror_.has(path)) return mirror_.read(path);
    FK_TRY(Bytes bytes, get_("/" + path));
    fresh_[path] = bytes;
    return bytes;
  }
  // Everything fetched so far was checked.
  Status keep() {
    for (const auto& [path, bytes] : fresh_) FK_CHECK(mirror_.write(path, bytes));
    fresh_.clear();
    return {};
  }
  // The mirror's own copy is bad: true if it had not been found out before.
  bool distrust(const log::TileId& id) {
    const std::string path = format_path(id);
    return fresh_.erase(path) == 0 && distrusted_.insert(path).second;
  }

 private:
  const Mirror& mirror_;
  const Get& get_;
  std::map<std::string, Bytes> fresh_;
  std::set<std::string> distrusted_;
};

Error contradiction(const Mirror& mirror, bool forked, std::uint64_t before, std::uint64_t now) {
  return say_error(Errc::kIntegrity, forked ? "forked" : "rolled-back",
                   forked ? Msg::kAuditForked : Msg::kAuditRolledBack, Msg::kAuditEvidenceHint,
                   {std::to_string(before), std::to_string(now), mirror.dir() + "/checkpoints"});
}

Error served_bad(Msg what, std::uint64_t entry) {
  return say_error(Errc::kIntegrity, "served-bad", what, Msg::kAuditServedBadHint, {std::to_string(entry)});
}

class LogFetch {
 public:
  LogFetch(const Mirror& mirror, const log::VerifierKey& key, const Get& get, std::uint64_t whole_to)
      : mirror_(mirror), key_(key), get_(get), whole_to_(whole_to), tiles_(mirror, get) {}

  Result<Fetched> run(const FetchProgress& progress) {
    FK_CHECK(check_key());
    FK_TRY(const Bytes served, get_("/checkpoint"));
    note_ = as_chars(served);
    FK_TRY(now_, log::open_checkpoint(note_, key_, log::Extensions::kTolerate));
    FK_CHECK(read_before());
    if (before_ && before_->size > now_.size) return refuse(false);
    if (now_.size > 0) FK_CHECK(open_tree());
    FK_CHECK(mirror_.write("vkey", as_bytes(format_vkey(key_) + "\n")));
    FK_TRY(const std::uint64_t fresh, fetch_bundles(progress));
    FK_CHECK(mirror_.keep_checkpoint(now_, note_));
    FK_CHECK(mirror_.write("checkpoint", as_bytes(note_)));
    forget_partials();
    return Fetched{now_, before_ ? std::optional(before_->size) : std::nullopt, fresh};
  }

 private:
  Status check_key() const {
    if (!mirror_.has("vkey")) return {};
    FK_TRY(const log::VerifierKey kept, mirror_.vkey());
    if (kept == key_) return {};
    return say_error(Errc::kInvalidArgument, "other-log", Msg::kAuditOtherKey, Msg::kAuditOtherKeyHint);
  }

  Status read_before() {
    FK_TRY(const auto note, mirror_.checkpoint());
    if (!note) return {};
    FK_TRY(before_, log::open_checkpoint(*note, key_, log::Extensions::kTolerate));
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
    for (std::uint64_t b = whole_to_ / kTileWidth; b * kTileWidth < now_.size; ++b) {
      const log::BundleId id{b, log::tile_width_at(now_.size, 0, b)};
      if (id.width < kTileWidth || !mirror_.has(format_path(id))) FK_CHECK(fetch_bundle(id));
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
    return mirror_.write(format_path(id), bytes);
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
  TileFetcher tiles_;
  std::string note_;
  log::Checkpoint now_;
  std::optional<log::Checkpoint> before_;
  std::optional<audit::TileChain> chain_;
};

// The commitments of a bundle's private entries, by entry.
Result<std::map<std::uint64_t, Digest>> commitments_of(const Mirror& mirror, const log::BundleId& id) {
  std::map<std::uint64_t, Digest> out;
  FK_TRY(const Bytes bytes, mirror.read(format_path(id)));
  FK_TRY(const auto entries, log::decode_bundle(bytes, id.width));
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto leaf = ledger::decode_leaf(as_chars(entries[i]));
    const auto* hidden = leaf ? std::get_if<ledger::PrivateLeaf>(&*leaf) : nullptr;
    if (hidden != nullptr) out[id.index * kTileWidth + i] = hidden->commitment;
  }
  return out;
}

bool fits(const Digest& commitment, ByteView bytes) {
  const auto opening = ledger::parse_clear_opening(bytes);
  return opening && ledger::commit(opening->salt, opening->event) == commitment;
}

Status check_openings(const audit::OpeningsOfBundle& doc, const std::map<std::uint64_t, Digest>& commitments) {
  for (const auto& [entry, commitment] : commitments) {
    const audit::Opening& o = doc.at(entry);
    if (o.state == audit::OpeningState::kThere && !fits(commitment, o.bytes)) {
      return served_bad(Msg::kAuditServedBadOpening, entry);
    }
  }
  return {};
}

struct KeptOpenings {
  std::string path;
  Bytes text;
  audit::OpeningsOfBundle doc;
};

// What the mirror has of this bundle, as it is now or as an earlier fetch saw it.
std::optional<KeptOpenings> kept_openings(const Mirror& mirror, const log::BundleId& id) {
  for (unsigned w = id.width; w > 0; --w) {
    std::string path = Mirror::opening_path({id.index, w});
    if (!mirror.has(path)) continue;
    auto text = mirror.read(path);
    auto doc = text ? audit::parse_openings(as_chars(*text)) : Result<audit::OpeningsOfBundle>(text.error());
    if (doc) return KeptOpenings{std::move(path), std::move(*text), std::move(*doc)};
  }
  return std::nullopt;
}

// True if asking again would give nothing more.
bool covers(const audit::OpeningsOfBundle& doc, const std::map<std::uint64_t, Digest>& commitments, bool retry_sealed) {
  return std::all_of(commitments.begin(), commitments.end(), [&](const auto& c) {
    const audit::OpeningState state = doc.at(c.first).state;
    const bool later = state == audit::OpeningState::kSealed || state == audit::OpeningState::kDamaged;
    return state != audit::OpeningState::kAbsent && (!later || !retry_sealed);
  });
}

// Openings of the narrower bundles that an earlier fetch saw.
void forget_narrower(const Mirror& mirror, const log::BundleId& id) {
  for (unsigned w = 1; w < id.width; ++w) {
    const std::string path = Mirror::opening_path({id.index, w});
    if (mirror.has(path)) mirror.forget(path);
  }
}

// One bundle's openings, from the mirror or from the vault. True if some are sealed.
Result<bool> openings_of(const Mirror& mirror, const log::BundleId& id,
                         const std::map<std::uint64_t, Digest>& commitments, const Get& get, bool retry_sealed,
                         FetchedOpenings& out) {
  if (commitments.empty()) return false;
  const std::string path = Mirror::opening_path(id);
  auto kept = kept_openings(mirror, id);
  if (!kept || !covers(kept->doc, commitments, retry_sealed)) {
    auto bytes = get("/v1/log/openings/" + std::to_string(id.index));
    if (!bytes && bytes.error().code == Errc::kSealed) {
      out.sealed = out.refused = true;
      return true;
    }
    if (!bytes) return std::move(bytes).error();
    FK_TRY(auto doc, audit::parse_openings(as_chars(*bytes)));
    if (doc.bundle != id.index) {
      return make_error(Errc::kMalformed, "the vault answered with openings of another bundle");
    }
    FK_CHECK(check_openings(doc, commitments));
    ++out.bundles;
    kept = KeptOpenings{{}, std::move(*bytes), std::move(doc)};
  }
  if (kept->path != path) {
    FK_CHECK(mirror.write(path, kept->text));
    forget_narrower(mirror, id);
  }
  return kept->doc.any_sealed();
}

}  // namespace

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

Result<FetchedOpenings> fetch_openings(const Mirror& mirror, const log::Checkpoint& checkpoint, const Get& get,
                                       const FetchProgress& progress, const OpeningsScope& scope) {
  FetchedOpenings out;
  out.whole = scope.first;
  for (std::uint64_t b = scope.first; b * kTileWidth < checkpoint.size; ++b) {
    const log::BundleId id{b, log::tile_width_at(checkpoint.size, 0, b)};
    if (progress) progress(FetchStep::kOpenings, b * kTileWidth + id.width, checkpoint.size);
    FK_TRY(const auto commitments, commitments_of(mirror, id));
    FK_TRY(const bool sealed, openings_of(mirror, id, commitments, get, scope.retry_sealed, out));
    if (out.refused) return out;
    out.sealed = out.sealed || sealed;
    if (out.whole == b && id.width == kTileWidth && !sealed) ++out.whole;
  }
  return out;
}

}  // namespace facekeep::tools
