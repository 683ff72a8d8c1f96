#include "vault/log/handover_note.h"

#include <algorithm>

#include "vault/log/note.h"

namespace facekeep::log {
namespace {

// By every one of them, over the log that the last one is of.
bool is_signed(const Note& note, const std::string& origin, const std::vector<std::string>& vkeys) {
  std::vector<VerifierKey> keys;
  for (const std::string& vkey : vkeys) {
    auto key = parse_vkey(vkey);
    if (!key) return false;
    keys.push_back(std::move(*key));
  }
  const auto signers = verify_note(note, keys);
  return signers && signers->size() == keys.size() && origin == keys.back().name;
}

}  // namespace

using Handover = ledger::State::Handover;

std::string handover_fault(const Handover& h, const Handover* next, std::string_view bytes,
                           const std::optional<Digest>& root) {
  const auto note = parse_note(bytes);
  const auto tree = note ? parse_checkpoint_text(note->text) : Result<Checkpoint>(note.error());
  if (!tree) return "is no signed checkpoint";
  if (tree->size != h.entry + 1) return "is of another tree, of " + std::to_string(tree->size) + " entries";
  if (root && tree->root != *root) return "is of another history than the entries";
  const bool before_recovery = !h.recovered && next != nullptr && next->recovered;
  const bool good = is_signed(*note, tree->origin, h.recovered ? std::vector{h.to} : std::vector{h.from, h.to}) ||
                    (before_recovery && is_signed(*note, tree->origin, {next->to}));
  return good ? "" : "lacks a signature";
}

std::string handover_fault(const std::vector<Handover>& all, std::size_t i, std::string_view note,
                           const std::optional<Digest>& root) {
  return handover_fault(all[i], i + 1 < all.size() ? &all[i + 1] : nullptr, note, root);
}

}  // namespace facekeep::log
