#include "tools/facekeepd/mirror.h"
#include "vault/ledger/event.h"
#include "vault/log/sequencer/access_opening.h"
#include "vault/log/sequencer/recovery.h"
#include "vault/store/keys.h"

namespace facekeep::daemon {

using audit::OpeningState;
namespace {

Result<audit::Opening> opening_of(const store::Store& store, std::uint64_t entry, const ledger::PrivateLeaf& leaf,
                                  const ledger::State& state) {
  FK_TRY(const auto stored, store.get(store::keys::opening(entry)));
  if (leaf.event_class == ledger::EventClass::kCustody) {
    if (!stored) return make_error(Errc::kIntegrity, "log entry " + std::to_string(entry) + ": its opening is missing");
    return audit::Opening{OpeningState::kThere, *stored};
  }
  if (!stored) return audit::Opening{OpeningState::kLost, {}};  // else the log was not recovered
  FK_TRY(const auto header, log::parse_access_opening(*stored));
  const bool has_key = state.period_keys().contains({"access", header.site, header.period});
  return audit::Opening{has_key ? OpeningState::kSealed : OpeningState::kDestroyed, {}};
}

Status append_entry(const store::Store& store, std::uint64_t index, const ledger::State& state, MirrorWriter& mirror) {
  FK_TRY(const auto entry, store.get(store::keys::entry(index)));
  if (!entry) return make_error(Errc::kIntegrity, "log entry " + std::to_string(index) + " is missing");
  FK_TRY(const ledger::Leaf leaf, ledger::decode_leaf(as_chars(*entry)));
  audit::Opening opening;
  if (const auto* hidden = std::get_if<ledger::PrivateLeaf>(&leaf)) {
    FK_TRY(opening, opening_of(store, index, *hidden, state));
  }
  return mirror.append(*entry, std::move(opening));
}

}  // namespace

Status export_log(const store::Store& store, const std::filesystem::path& dir,
                  const std::optional<ledger::BehindBackup>& unlogged) {
  FK_TRY(const log::Recovered recovered, log::recover(store, {}, unlogged));
  if (!recovered.checkpoint) {
    return make_error(Errc::kFailedPrecondition, "the log has no signed checkpoint", "start the daemon once");
  }
  FK_TRY(MirrorWriter mirror, MirrorWriter::create(dir, true));
  for (std::uint64_t i = 0; i < recovered.checkpoint->size; ++i) {
    FK_CHECK(append_entry(store, i, recovered.state, mirror));
  }
  log::FollowedKeys followed;
  FK_TRY(followed.keys, log::LogKeys::of(recovered.state));
  for (const auto& h : recovered.state.handovers()) {
    FK_TRY(const auto note, store.get(store::keys::checkpoint_at(h.entry + 1)));
    if (!note || h.entry >= recovered.checkpoint->size) {
      return make_error(Errc::kFailedPrecondition, "the log's last change of its key is not published yet",
                        "start the daemon once");
    }
    followed.notes.emplace_back(as_chars(*note));
  }
  return mirror.finish(recovered.checkpoint_note, recovered.state.genesis().log_key, followed);
}

}  // namespace facekeep::daemon
