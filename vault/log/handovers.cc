#include "vault/log/handovers.h"

#include "vault/base/problem.h"
#include "vault/ledger/state.h"

namespace facekeep::log {
namespace {

Result<Checkpoint> tree_of(std::string_view bytes) {
  FK_TRY(const Note note, parse_note(bytes));
  FK_TRY(Checkpoint tree, parse_checkpoint_text(note.text));
  if (tree.size > 0) return tree;
  return make_error(Errc::kMalformed, "a handover of the log's key has an empty tree");
}

}  // namespace

Result<FollowedKeys> follow_handovers(LogKeys keys, const HandoverSource& source) {
  FollowedKeys out{std::move(keys), {}};
  bool recovered = false;
  while (out.notes.size() < kMaxHandovers) {
    auto note = source.note(out.notes.size() + 1);
    if (!note && note.error().code == Errc::kNotFound) break;
    if (!note) return std::move(note).error();
    out.notes.push_back(std::move(*note));
    if (recovered) continue;
    FK_TRY(const Checkpoint tree, tree_of(out.notes.back()));
    if (tree.size <= out.keys.chain().back().from) continue;
    FK_TRY(const HandoverSource::Last last, source.last(tree));
    const Status handed = out.keys.hand_over(out.notes.back(), last.entry, last.proof);
    if (!handed && !is_problem(handed.error(), "recovered")) return handed.error();
    recovered = !handed;
  }
  if (!recovered) return out;
  // Of the whole log, up to the latest: its fold has all keys between.
  FK_TRY(const Checkpoint tree, tree_of(out.notes.back()));
  FK_TRY(const ledger::State state, source.fold(tree));
  for (const std::string& note : out.notes) {
    FK_TRY(const Checkpoint seen, tree_of(note));
    FK_CHECK(source.goes_on(seen, tree));
  }
  FK_CHECK(out.keys.follow(out.notes, state));
  return out;
}

}  // namespace facekeep::log
