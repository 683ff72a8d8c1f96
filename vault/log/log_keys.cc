#include "vault/log/log_keys.h"

#include <algorithm>

#include "vault/ledger/state.h"
#include "vault/log/handover_note.h"
#include "vault/log/merkle.h"

namespace facekeep::log {
namespace {

Error no_handover(const std::string& why) {
  return make_problem(Errc::kIntegrity, "handover", "this is no handover of the log's key: " + why,
                      "keep it, and the vault's checkpoint, as evidence; tell the custodians and the auditor");
}

bool names(const Note& note, const VerifierKey& key) {
  return std::any_of(note.signatures.begin(), note.signatures.end(),
                     [&](const NoteSignature& s) { return s.name == key.name && s.id == key.id; });
}

bool has_signed(const Note& note, const VerifierKey& key) {
  return names(note, key) && verify_note(note, std::span(&key, 1));
}

struct HandoverNote {
  Note note;
  Checkpoint checkpoint;
};

Result<HandoverNote> parse_handover(std::string_view bytes) {
  HandoverNote out;
  FK_TRY(out.note, parse_note(bytes));
  FK_TRY(out.checkpoint, parse_checkpoint_text(out.note.text));
  if (out.checkpoint.size > 0) return out;
  return no_handover("its tree is empty");
}

std::string line_of(const LogKey& k) {
  const std::string upto = k.upto == UINT64_MAX ? "-" : std::to_string(k.upto);
  return std::to_string(k.from) + " " + upto + " " + std::to_string(k.lost_upto) + " " +
         (k.recovered ? "recovered" : "signed") + " " + format_vkey(k.key) + "\n";
}

Result<LogKey> parse_line(std::string_view line) {
  std::string_view words[4];
  for (auto& word : words) {
    const std::size_t space = line.find(' ');
    if (space == std::string_view::npos) return make_error(Errc::kMalformed, "a line of log keys has too few words");
    word = line.substr(0, space);
    line.remove_prefix(space + 1);
  }
  LogKey k;
  FK_TRY(k.key, parse_vkey(line));
  FK_TRY(k.from, parse_decimal_u64(words[0]));
  if (words[1] != "-") {
    FK_TRY(k.upto, parse_decimal_u64(words[1]));
  }
  FK_TRY(k.lost_upto, parse_decimal_u64(words[2]));
  k.recovered = words[3] == "recovered";
  if (k.recovered || words[3] == "signed") return k;
  return make_error(Errc::kMalformed, "a log key is signed in or recovered");
}

}  // namespace

LogKeys::LogKeys(VerifierKey first) {
  chain_.push_back({std::move(first)});
}

Result<LogKeys> LogKeys::of(const ledger::State& state) {
  FK_TRY(VerifierKey first, parse_vkey(state.genesis().log_key));
  LogKeys out(std::move(first));
  for (const auto& h : state.handovers()) {
    LogKey& before = out.chain_.back();
    before.upto = h.recovered ? h.entry : h.entry + 1;
    before.lost_upto = h.loss ? h.loss->newest.size : 0;
    LogKey next;
    FK_TRY(next.key, parse_vkey(h.to));
    next.from = h.entry + 1;
    next.recovered = h.recovered;
    out.chain_.push_back(std::move(next));
  }
  return out;
}

bool LogKeys::has(const VerifierKey& key) const {
  return std::any_of(chain_.begin(), chain_.end(), [&](const LogKey& k) { return k.key == key; });
}

bool LogKeys::recovered_since(const VerifierKey& key) const {
  const auto at = std::find_if(chain_.begin(), chain_.end(), [&](const LogKey& k) { return k.key == key; });
  return at == chain_.end() || std::any_of(at + 1, chain_.end(), [](const LogKey& k) { return k.recovered; });
}

const LogKey* LogKeys::key_for(std::uint64_t size) const {
  // Of the two of a handover's own size the newer.
  const auto it = std::find_if(chain_.rbegin(), chain_.rend(), [&](const LogKey& k) { return k.from <= size; });
  return it == chain_.rend() ? nullptr : &*it;
}

Status LogKeys::append(const Checkpoint& note, LogKey next, std::uint64_t old_upto) {
  if (handovers() >= kMaxHandovers) return no_handover("there were a thousand of them");
  if (has(next.key)) return no_handover("the log had this key before");
  if (note.size <= chain_.back().from) return no_handover("it is not behind the one before it");
  chain_.back().upto = old_upto;
  next.from = note.size;
  chain_.push_back(std::move(next));
  return {};
}

Status LogKeys::hand_over(std::string_view bytes, ByteView entry, std::span<const Digest> proof) {
  if (chain_.empty()) return no_handover("no key is trusted yet");
  FK_TRY(const HandoverNote note, parse_handover(bytes));
  if (!has_signed(note.note, newest())) {
    return make_problem(Errc::kCrypto, "recovered", "the key before did not sign this handover",
                        "the custodians may have: that takes a fold of the whole log");
  }
  if (note.checkpoint.origin != newest().name) return no_handover("it is of another log");
  const std::uint64_t at = note.checkpoint.size - 1;
  if (!verify_inclusion(at, note.checkpoint.size, leaf_hash(entry), proof, note.checkpoint.root)) {
    return no_handover("the entry is not the last one of its tree");
  }
  const auto event = ledger::decode_event(as_chars(entry));
  const auto* recovered = event ? std::get_if<ledger::Recovered>(&event->body) : nullptr;
  // That by which it came to be trusted: by its reader's person, since nobody before signed it.
  if (recovered != nullptr && recovered->log_key == format_vkey(newest())) return {};
  const auto* done = event ? std::get_if<ledger::ProposalDone>(&event->body) : nullptr;
  if (done == nullptr || !done->log_key) return no_handover("its last entry brings no key");
  LogKey next;
  FK_TRY(next.key, parse_vkey(*done->log_key));
  if (next.key.name != newest().name) return no_handover("the new key is of another log");
  if (next.key == newest()) return {};  // as above
  if (!has_signed(note.note, next.key)) return no_handover("the new key did not sign it");
  return append(note.checkpoint, std::move(next), note.checkpoint.size);
}

Status LogKeys::follow(std::span<const std::string> notes, const ledger::State& state) {
  if (chain_.empty()) return no_handover("no key is trusted yet");
  FK_TRY(const LogKeys whole, of(state));
  const auto& all = whole.chain_;
  if (notes.empty() || notes.size() != whole.handovers() || state.size() != all.back().from) {
    return no_handover("the last entry of its tree brings no key");
  }
  FK_TRY(const HandoverNote last, parse_handover(notes.back()));
  if (last.checkpoint.origin != whole.newest().name) return no_handover("it is of another log");
  const auto known = std::find_if(all.begin(), all.end(), [&](const LogKey& k) { return k.key == newest(); });
  if (known == all.end()) return no_handover("the key that is trusted is none of this log's");
  // Each is signed in by the one before, or came by a recovery, or its token did not live to sign and a recovery
  // followed: custodians' signatures alone stand for a key that no key before it signed.
  for (auto i = static_cast<std::size_t>(known - all.begin()); i < notes.size(); ++i) {
    const std::string fault = handover_fault(state.handovers(), i, notes[i], {});
    if (!fault.empty()) return no_handover("the note of handover " + std::to_string(i + 1) + " " + fault);
  }
  if (handovers() + static_cast<std::size_t>(all.end() - known) > kMaxHandovers) {
    return no_handover("there were a thousand of them");
  }
  chain_.back().upto = known->upto;
  chain_.back().lost_upto = known->lost_upto;
  chain_.insert(chain_.end(), known + 1, all.end());
  return {};
}

Status LogKeys::given(const VerifierKey& key, std::uint64_t size) {
  if (chain_.empty() || key.name != newest().name) return no_handover("the new key is of another log");
  Checkpoint at;
  at.size = std::max(size, chain_.back().from) + 1;
  LogKey next;
  next.key = key;
  next.recovered = true;
  return append(at, std::move(next), at.size - 1);
}

std::string LogKeys::format() const {
  std::string out;
  for (const LogKey& k : chain_) out += line_of(k);
  return out;
}

Result<LogKeys> LogKeys::parse(std::string_view text) {
  LogKeys out;
  while (!text.empty()) {
    const std::size_t newline = text.find('\n');
    if (newline == std::string_view::npos) return make_error(Errc::kMalformed, "the log keys end within a line");
    FK_TRY(LogKey k, parse_line(text.substr(0, newline)));
    text.remove_prefix(newline + 1);
    const bool follows =
        out.chain_.empty() ? k.from == 0 : k.from > out.chain_.back().from && out.chain_.back().upto != UINT64_MAX;
    if (!follows || out.has(k.key) || out.handovers() >= kMaxHandovers) {
      return make_error(Errc::kMalformed, "the log keys do not follow each other");
    }
    out.chain_.push_back(std::move(k));
  }
  if (!out.chain_.empty() && out.chain_.back().upto == UINT64_MAX) return out;
  return make_error(Errc::kMalformed, "the log keys have no last one");
}

Result<Checkpoint> open_checkpoint(std::string_view bytes, const LogKeys& keys, Extensions extensions) {
  FK_TRY(const Note note, parse_note(bytes));
  FK_TRY(Checkpoint checkpoint, parse_checkpoint_text(note.text, extensions));
  const LogKey* ended = nullptr;
  bool in_force = false;
  for (const LogKey& k : keys.chain()) {
    if (!names(note, k.key)) continue;
    FK_CHECK(verify_note(note, std::span(&k.key, 1)));
    if (checkpoint.origin != k.key.name) {
      return make_error(Errc::kCrypto, "the checkpoint is of another log than its key",
                        "compare the origin line with the name in the verifier key");
    }
    in_force |= k.from <= checkpoint.size && checkpoint.size <= k.upto;
    if (checkpoint.size > k.upto) ended = &k;
  }
  if (in_force) return checkpoint;
  if (ended == nullptr) {
    return make_problem(Errc::kCrypto, "unknown-log-key", "no known key signed the note",
                        "compare the verifier key with the one that the vault published");
  }
  const bool lost = checkpoint.size <= ended->lost_upto;
  return make_problem(Errc::kIntegrity, lost ? "lost-tree" : "old-log-key",
                      "a checkpoint of " + std::to_string(checkpoint.size) +
                          " entries is signed by a key that ended at " + std::to_string(ended->upto) +
                          (lost ? ": these entries are lost" : ": a lost token that wasn't, or a thief's log"),
                      "keep it as evidence; tell the custodians and the auditor");
}

}  // namespace facekeep::log
