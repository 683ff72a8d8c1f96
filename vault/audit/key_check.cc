#include "vault/audit/key_check.h"

#include <algorithm>
#include <array>

#include "vault/audit/tile_chain.h"
#include "vault/base/problem.h"
#include "vault/log/handover_note.h"

namespace facekeep::audit {
namespace {

// The last size that the key which signed the note may sign.
std::uint64_t last_size(const std::string& note, const log::LogKeys& keys) {
  const auto parsed = log::parse_note(note);
  if (!parsed) return 0;
  for (auto k = keys.chain().rbegin(); k != keys.chain().rend(); ++k) {
    const auto& all = parsed->signatures;
    const bool by =
        std::any_of(all.begin(), all.end(), [&](const auto& s) { return s.id == k->key.id && s.name == k->key.name; });
    if (by) return k->upto;
  }
  return 0;
}

std::uint64_t size_of(const std::string& note) {
  const auto parsed = log::parse_note(note);
  const auto tree = parsed ? log::parse_checkpoint_text(parsed->text, log::Extensions::kTolerate)
                           : Result<log::Checkpoint>(parsed.error());
  return tree ? tree->size : 0;
}

// A note of the tree just behind the entry that brings `next`, by both keys.
bool is_handed_over(const log::LogKey& key, const log::LogKey& next, const std::vector<std::string>& notes,
                    const RootAt& root_at) {
  const std::array both = {key.key, next.key};
  return std::any_of(notes.begin(), notes.end(), [&](const std::string& text) {
    const auto note = log::parse_note(text);
    const auto signers = note ? log::verify_note(*note, both) : Result<std::vector<std::size_t>>(note.error());
    if (!signers || signers->size() != both.size()) return false;
    const auto tree = log::parse_checkpoint_text(note->text);
    return tree && tree->size == next.from && root_at(tree->size) == tree->root;
  });
}

// The note is a checkpoint of this log that the key signed while it might.
bool shows(const std::string& note, const log::LogKey& key, const RootAt& root_at) {
  const auto seen = log::open_checkpoint(note, key.key, log::Extensions::kTolerate);
  return seen && seen->size > 0 && seen->size >= key.from && seen->size <= key.upto &&
         root_at(seen->size) == seen->root;
}

// What the lost log and this one share is the same, by a checkpoint of that key.
bool goes_on_from(const LostLog& lost, const log::LogKey& key, const RootAt& root_at) {
  const auto seen = log::open_checkpoint(lost.note, key.key, log::Extensions::kTolerate);
  if (!seen || seen->size < key.upto) return false;
  auto tree = TileChain::open(seen->size, seen->root, lost.tile);
  if (!tree) return false;
  const auto shared = log::root_at(key.upto, tree->hash_source());
  return shared && root_at(key.upto) == *shared;
}

}  // namespace

bool old_key_finding(const SeenCheckpoint& seen, const log::LogKeys& keys, Findings& findings) {
  const auto opened = log::open_checkpoint(seen.note, keys, log::Extensions::kTolerate);
  if (opened || is_problem(opened.error(), "lost-tree")) return !opened;
  if (!is_problem(opened.error(), "old-log-key")) return false;
  findings.add(Code::kOldLogKey, 0,
               {std::to_string(size_of(seen.note)), std::to_string(last_size(seen.note, keys)), seen.name});
  return true;
}

void check_log_keys(const ledger::State& state, const log::LogKeys& trusted, bool folded, Findings& findings) {
  const ledger::Genesis& g = state.genesis();
  const auto all = log::LogKeys::of(state);
  const auto wrong = [&](const std::string& expected, const log::VerifierKey& key) {
    findings.add(Code::kWrongLogKey, 0, {expected, format_vkey(key)});
  };
  if (!all || trusted.chain().empty()) return findings.add(Code::kWrongLogKey, 0, {g.log_key, "-"});
  const auto& chain = all->chain();
  auto at = std::find_if(chain.begin(), chain.end(), [&](const auto& k) { return k.key == trusted.first(); });
  if (at == chain.end()) {
    if (g.origin != trusted.first().name) findings.add(Code::kWrongOrigin, 0, {g.origin, trusted.first().name});
    if (folded || chain.size() == 1) wrong(g.log_key, trusted.first());
    return;
  }
  for (const log::LogKey& k : trusted.chain()) {
    if (at == chain.end()) return folded ? wrong(format_vkey(chain.back().key), k.key) : void();
    const bool placed = k.from == 0 || (k.from == at->from && k.recovered == at->recovered);
    if (k.key != at->key || !placed) return wrong(format_vkey(at->key), k.key);
    ++at;
  }
}

void check_signers(const ledger::State& state, const log::LogKeys& trusted, const SeenCheckpoint& latest,
                   const std::vector<SeenCheckpoint>& seen, Findings& findings) {
  const auto all = log::LogKeys::of(state);
  // What the reader's own keys refused has its finding.
  if (!all || trusted.handovers() >= all->handovers()) return;
  const auto look = [&](const SeenCheckpoint& s) {
    if (log::open_checkpoint(s.note, trusted, log::Extensions::kTolerate)) old_key_finding(s, *all, findings);
  };
  look(latest);
  for (const SeenCheckpoint& s : seen) look(s);
}

bool is_anchored(const log::LogKeys& keys, const log::VerifierKey& trusted, const std::vector<std::string>& notes,
                 const RootAt& root_at, const std::vector<LostLog>& lost) {
  const auto& chain = keys.chain();
  auto at = std::find_if(chain.begin(), chain.end(), [&](const log::LogKey& k) { return k.key == trusted; });
  if (at == chain.end()) return false;
  std::vector<log::LogKey> proven = {*at};
  bool whole = true;
  for (auto next = at + 1; next != chain.end(); at = next++) {
    const bool handed = !next->recovered && is_handed_over(*at, *next, notes, root_at);
    // What the token did not live to sign, the recovery behind it did.
    const bool left = next + 1 != chain.end() && (next + 1)->recovered;
    if (!handed && !next->recovered && !left) return false;
    whole = whole && handed;
    if (whole) proven.push_back(*next);
  }
  return whole || std::any_of(proven.begin(), proven.end(), [&](const log::LogKey& k) {
           return std::any_of(notes.begin(), notes.end(), [&](const auto& n) { return shows(n, k, root_at); }) ||
                  std::any_of(lost.begin(), lost.end(), [&](const auto& l) { return goes_on_from(l, k, root_at); });
         });
}

Status check_handover_notes(const ledger::State& state, const LogFiles& files, const RootAt& root_at,
                            Findings& findings) {
  const auto& all = state.handovers();
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto note = files.handover(i + 1);
    if (!note && note.error().code != Errc::kNotFound) return note.error();
    const std::uint64_t size = all[i].entry + 1;
    const std::string why = note ? log::handover_fault(all, i, as_chars(*note), root_at(size)) : "is not in the mirror";
    if (!why.empty()) findings.add(Code::kHandoverWrong, all[i].entry, {std::to_string(i + 1), "it " + why});
  }
  return {};
}

}  // namespace facekeep::audit
