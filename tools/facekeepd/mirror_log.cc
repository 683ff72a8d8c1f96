#include "tools/facekeepd/mirror_log.h"

#include "tools/facekeep-audit/mirror.h"
#include "vault/ledger/event.h"

namespace facekeep::daemon {
namespace {

using log::kTileWidth;
using tools::Mirror;

class Bundles {
 public:
  Bundles(std::string dir, std::uint64_t size) : mirror_(std::move(dir)), size_(size) {}

  Result<backup::MirrorEntry> at(std::uint64_t index) {
    backup::MirrorEntry out;
    FK_TRY(out.entry, bytes(index));
    FK_TRY(const ledger::Leaf leaf, ledger::decode_leaf(as_chars(out.entry)));
    const auto* hidden = std::get_if<ledger::PrivateLeaf>(&leaf);
    if (hidden == nullptr || hidden->event_class != ledger::EventClass::kCustody) return out;
    FK_TRY(out.opening, opening(index));
    return out;
  }

  Result<Bytes> bytes(std::uint64_t index) {
    if (index >= size_) return make_error(Errc::kNotFound, "the mirror ends before that entry");
    if (entries_.empty() || id_.index != index / kTileWidth) FK_CHECK(load(index / kTileWidth));
    return entries_[index % kTileWidth];
  }

 private:
  Status load(std::uint64_t bundle) {
    id_ = {bundle, log::tile_width_at(size_, 0, bundle)};
    entries_.clear();
    openings_.clear();
    const auto bytes = mirror_.read(format_path(id_));
    if (!bytes) {
      return make_error(
          Errc::kNotFound,
          "the mirror lacks " + format_path(id_) + ", log entries from " + std::to_string(bundle * kTileWidth) + " on",
          "fetch the mirror again: facekeep-audit fetch");
    }
    FK_TRY(entries_, log::decode_bundle(*bytes, id_.width));
    return {};
  }

  // As it is now, else as an earlier fetch of a narrower bundle saw it.
  Result<Bytes> opening(std::uint64_t index) {
    if (openings_.empty()) {
      for (unsigned width = id_.width; width > 0; --width) {
        const auto text = mirror_.read(Mirror::opening_path({id_.index, width}));
        auto doc = text ? audit::parse_openings(as_chars(*text)) : Result<audit::OpeningsOfBundle>(text.error());
        if (doc) openings_.push_back(std::move(*doc));
      }
    }
    for (const audit::OpeningsOfBundle& doc : openings_) {
      const audit::Opening& found = doc.at(index);
      if (found.state == audit::OpeningState::kThere) return found.bytes;
    }
    return make_error(Errc::kNotFound, "the mirror lacks the custody opening of log entry " + std::to_string(index),
                      "whom it erased can't be known without it: use an auditor's mirror, which has the openings");
  }

  Mirror mirror_;
  std::uint64_t size_;
  log::BundleId id_;
  std::vector<Bytes> entries_;
  std::vector<audit::OpeningsOfBundle> openings_;
};

}  // namespace

Result<OpenedMirror> open_mirror_log(const std::string& dir) {
  const Mirror mirror(dir);
  OpenedMirror out;
  FK_TRY(out.vkey, mirror.vkey());
  FK_TRY(const auto note, mirror.checkpoint());
  if (!note) return make_error(Errc::kNotFound, "the mirror in " + dir + " has no checkpoint");
  FK_TRY(out.keys, mirror.keys());
  FK_TRY(const log::Checkpoint head, log::open_checkpoint(*note, out.keys));
  out.log.checkpoint = *note;
  while (out.log.handovers.size() < log::kMaxHandovers) {
    const auto handover = mirror.read("handover/" + std::to_string(out.log.handovers.size() + 1));
    if (!handover) break;
    out.log.handovers.emplace_back(as_chars(*handover));
  }
  const auto bundles = std::make_shared<Bundles>(dir, head.size);
  out.log.entry = [bundles](std::uint64_t index) { return bundles->at(index); };
  out.log.bytes = [bundles](std::uint64_t index) { return bundles->bytes(index); };
  return out;
}

}  // namespace facekeep::daemon
