// The openings of a mirror: what is asked for, what is kept of the answers.
#include <algorithm>
#include <chrono>
#include <map>
#include <thread>

#include "tools/common/say.h"
#include "tools/facekeep-audit/fetcher.h"
#include "vault/base/json.h"
#include "vault/ledger/event.h"
#include "vault/ledger/opening.h"

namespace facekeep::tools {
namespace {

using log::kTileWidth;

constexpr int kRoundsToTheEnd = 2;  // a reading is an entry: the second fetches that of the first
constexpr std::chrono::milliseconds kCheckpointLag{1500};  // a vault signs one at least every second

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

// True if the older document has an opening that the newer one lacks.
bool has_more(const audit::OpeningsOfBundle& older, const audit::OpeningsOfBundle& newer) {
  return std::any_of(older.entries.begin(), older.entries.end(), [&](const auto& e) {
    return e.second.state == audit::OpeningState::kThere && newer.at(e.first).state != audit::OpeningState::kThere;
  });
}

// What the mirror has of narrower bundles, as earlier fetches saw them, into the document. Not while the vault is
// sealed: a document is one answer, and openings beside sealed ones would look picked out.
bool fill_from_narrower(const Mirror& mirror, const log::BundleId& id,
                        const std::map<std::uint64_t, Digest>& commitments, audit::OpeningsOfBundle& doc) {
  bool any = false;
  for (unsigned w = id.width; w > 0 && !doc.any_sealed(); --w) {
    const auto text = mirror.read(Mirror::opening_path({id.index, w}));
    const auto older = text ? audit::parse_openings(as_chars(*text)) : Result<audit::OpeningsOfBundle>(text.error());
    if (!older || !has_more(*older, doc)) continue;
    for (const auto& [entry, opening] : older->entries) {
      const auto leaf = commitments.find(entry);
      const bool good = opening.state == audit::OpeningState::kThere && leaf != commitments.end() &&
                        fits(leaf->second, opening.bytes);
      if (!good || doc.at(entry).state == audit::OpeningState::kThere) continue;
      doc.entries[entry] = opening;
      any = true;
    }
  }
  return any;
}

// Openings of the narrower bundles that an earlier fetch saw, but for those that nothing else has.
void forget_narrower(const Mirror& mirror, const log::BundleId& id, const audit::OpeningsOfBundle& doc) {
  for (unsigned w = 1; w < id.width; ++w) {
    const std::string path = Mirror::opening_path({id.index, w});
    if (!mirror.has(path)) continue;
    const auto text = mirror.read(path);
    const auto older = text ? audit::parse_openings(as_chars(*text)) : Result<audit::OpeningsOfBundle>(text.error());
    if (!older || !has_more(*older, doc)) mirror.forget(path);
  }
}

// The vault may have published more since the checkpoint that this mirror is of.
bool drop_later(audit::OpeningsOfBundle& doc, const log::BundleId& id) {
  const std::uint64_t end = id.index * kTileWidth + id.width;
  return std::erase_if(doc.entries, [&](const auto& e) { return e.first >= end; }) > 0;
}

// True if the answer calls something destroyed that was not known to be.
bool says_ended(const audit::OpeningsOfBundle& doc, const std::optional<KeptOpenings>& before) {
  return std::any_of(doc.entries.begin(), doc.entries.end(), [&](const auto& e) {
    return e.second.state == audit::OpeningState::kDestroyed &&
           (!before || before->doc.at(e.first).state != audit::OpeningState::kDestroyed);
  });
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
    out.ended = out.ended || says_ended(doc, kept);
    const bool dropped = drop_later(doc, id);
    if (fill_from_narrower(mirror, id, commitments, doc) || dropped) *bytes = to_bytes(audit::openings_text(doc));
    // What is sealed now was there before at this very width: the answer has nothing new.
    const bool worse = kept && kept->path == path && has_more(kept->doc, doc);
    if (!worse) kept = KeptOpenings{{}, std::move(*bytes), std::move(doc)};
  }
  if (kept->path != path) {
    FK_CHECK(mirror.write(path, kept->text));
    forget_narrower(mirror, id, kept->doc);
  }
  return kept->doc.any_sealed();
}

// The log once more, up to a checkpoint over all that was written before the call.
Status fetch_more(const Mirror& mirror, const log::VerifierKey& key, Fetched& log, const Get& get,
                  const FetchProgress& progress) {
  std::this_thread::sleep_for(kCheckpointLag);
  FK_TRY(const Fetched more, fetch_log(mirror, key, get, progress, log.checkpoint.size));
  log.checkpoint = more.checkpoint;
  log.new_entries += more.new_entries;
  return {};
}

}  // namespace

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

Result<FetchedOpenings> fetch_openings_and_ends(const Mirror& mirror, const log::VerifierKey& key, Fetched& log,
                                                const Get& get, const Get& openings, const FetchProgress& progress,
                                                const OpeningsScope& scope) {
  FK_TRY(FetchedOpenings out, fetch_openings(mirror, log.checkpoint, openings, progress, scope));
  if (!out.ended || out.refused) return out;
  FK_CHECK(fetch_more(mirror, key, log, get, progress));
  FK_TRY(FetchedOpenings rest,
         fetch_openings(mirror, log.checkpoint, openings, progress, {out.whole, scope.retry_sealed}));
  rest.bundles += out.bundles;
  rest.sealed = rest.sealed || out.sealed;
  return rest;
}

Result<FetchedOpenings> fetch_to_the_end(const Mirror& mirror, const log::VerifierKey& key, Fetched& log,
                                         const Get& get, const Get& openings, const FetchProgress& progress) {
  FetchedOpenings out;
  for (int round = 0; round < kRoundsToTheEnd; ++round) {
    FK_CHECK(fetch_more(mirror, key, log, get, progress));
    FK_TRY(const FetchedOpenings read, fetch_openings(mirror, log.checkpoint, openings, progress, {0, false}));
    out.bundles += read.bundles;
    out.sealed = out.sealed || read.sealed;
    if (read.bundles == 0 || read.refused) break;
  }
  return out;
}

}  // namespace facekeep::tools
