#include "vault/audit/key_check.h"

#include <algorithm>

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
                 const RootAt& root_at) {
  if (!keys.recovered_since(trusted)) return true;
  const log::LogKeys before = keys.before_recovery(trusted);
  return std::any_of(notes.begin(), notes.end(), [&](const std::string& note) {
    const auto seen = log::open_checkpoint(note, before, log::Extensions::kTolerate);
    return seen && seen->size > 0 && root_at(seen->size) == seen->root;
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
