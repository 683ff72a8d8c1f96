#include "vault/log/sequencer/handover.h"

#include "vault/log/handover_note.h"
#include "vault/log/log_keys.h"
#include "vault/store/keys.h"

namespace facekeep::log {
namespace {

using Handover = ledger::State::Handover;

// Those whose signatures the checkpoint of a handover has, in order.
Result<std::vector<VerifierKey>> signers_of(const Handover& h) {
  std::vector<VerifierKey> out;
  if (!h.recovered) {
    FK_TRY(VerifierKey before, parse_vkey(h.from));
    out.push_back(std::move(before));
  }
  FK_TRY(VerifierKey next, parse_vkey(h.to));
  out.push_back(std::move(next));
  return out;
}

Error wrong(const Handover& h, const std::string& why) {
  return make_error(Errc::kIntegrity,
                    "the checkpoint with which the log's key changed at entry " + std::to_string(h.entry) + " " + why,
                    "put it back from an auditor's mirror (handover/): nobody can sign it again");
}

}  // namespace

Result<VerifierKey> log_key_at(const ledger::State& state, std::uint64_t size) {
  FK_TRY(const LogKeys keys, LogKeys::of(state));
  return keys.key_for(size)->key;
}

Result<Checkpoint> open_own_checkpoint(const ledger::State& state, std::string_view note) {
  FK_TRY(const LogKeys keys, LogKeys::of(state));
  return open_checkpoint(note, keys);
}

Result<std::string> sign_handover(const Handover& h, const Digest& root, Custody& custody, const Handover* recovery) {
  FK_TRY(const auto signers, signers_of(recovery != nullptr ? *recovery : h));
  std::string note;
  for (const VerifierKey& key : signers) {
    FK_TRY(const std::string one,
           sign_checkpoint(Checkpoint{key.name, h.entry + 1, root, {}}, key,
                           [&](ByteView message) { return custody.sign_checkpoint(key.public_key, message); }));
    FK_TRY(const Note parsed, parse_note(one));
    note += note.empty() ? one : format_signature_line(parsed.signatures.front());
  }
  const std::string fault = handover_fault(h, recovery, note, root);
  if (!fault.empty()) return wrong(h, fault);
  return note;
}

Status check_handover(const std::vector<Handover>& all, std::size_t i, std::string_view note, const Digest& root) {
  const std::string fault = handover_fault(all, i, note, root);
  return fault.empty() ? Status() : Status(wrong(all[i], fault));
}

Result<std::size_t> check_stored_handovers(const store::Store& store, const ledger::State& state,
                                           const RootAt& root_at) {
  const auto& all = state.handovers();
  for (std::size_t i = 0; i < all.size(); ++i) {
    FK_TRY(const auto stored, store.get(store::keys::checkpoint_at(all[i].entry + 1)));
    if (!stored && i + 1 == all.size()) return i;
    if (!stored) return wrong(all[i], "is missing");
    FK_TRY(const Digest root, root_at(all[i].entry + 1));
    FK_CHECK(check_handover(all, i, as_chars(*stored), root));
  }
  return all.size();
}

}  // namespace facekeep::log
