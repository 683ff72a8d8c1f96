// Logs of mirrors whose key changes hands.
#pragma once

#include "tests/unit/audit/decisions.h"
#include "tests/unit/ledger/keys_maker.h"
#include "tests/unit/ledger/recovery_maker.h"
#include "vault/audit/public_fold.h"
#include "vault/log/handovers.h"

namespace facekeep::audit_test {

inline log::Checkpoint tree_of(const MemoryMirror& m, const std::string& origin) {
  return {origin, m.entries.size(), root_of(m), {}};
}

// Over the log as it stands, by each of them.
inline std::string note_by(const MemoryMirror& m, const std::vector<log_test::TestSigner>& signers) {
  const log::Checkpoint head = tree_of(m, signers.front().key.name);
  std::string note;
  for (const auto& s : signers) {
    const std::string own = log::sign_checkpoint(head, s.key, s.sign()).value();
    note += note.empty() ? own : own.substr(own.rfind("\n\n") + 2);
  }
  return note;
}

// The handover note, under the paths of a mirror and of the vault; from here on `next` signs.
inline void put_handover(MemoryMirror& m, const std::string& note, const log_test::TestSigner& next) {
  const std::string n = std::to_string(m.state.handovers().size());
  m.files["handover/" + n] = m.files["log/handover/" + n] = to_bytes(note);
  m.signer = next;
}

inline void hand_over(MemoryMirror& m, const log_test::TestSigner& next, std::uint8_t id = 1) {
  const auto made = lt::made_by("property/1", id, ledger::RotateLogKey{});
  m.add(made);
  approve(m, "property/2", made.id);
  approve(m, "residents/1", made.id);
  m.wait(lt::kDayMs);
  ledger::ProposalDone done{made.id};
  done.log_key = log::format_vkey(next.key);
  m.add(done);
  put_handover(m, note_by(m, {m.signer, next}), next);
}

// Of a log that just ended.
inline ledger::Recovered recovery(const MemoryMirror& m, const log_test::TestSigner& next) {
  return lt::recovered(m.state, log::format_vkey(next.key), root_of(m), m.wall);
}
inline void recover(MemoryMirror& m, const log_test::TestSigner& next, ledger::Recovered e) {
  lt::sign_recovery(e, m.state.genesis().vault);
  m.wait(lt::kDayMs);
  m.uptime = 0;
  m.add(std::move(e));
  put_handover(m, note_by(m, {next}), next);
}
inline void recover(MemoryMirror& m, const log_test::TestSigner& next) {
  recover(m, next, recovery(m, next));
}

// As a vault would show it to a reader who trusts nothing of it.
inline log::HandoverSource source_of(const MemoryMirror& m) {
  log::HandoverSource out;
  out.note = [&m](std::uint64_t n) -> Result<std::string> {
    const auto it = m.files.find("handover/" + std::to_string(n));
    if (it == m.files.end()) return make_error(Errc::kNotFound, "no such handover");
    return std::string(as_chars(it->second));
  };
  out.last = [&m](const log::Checkpoint& tree) -> Result<log::HandoverSource::Last> {
    log::TileTree tiles;
    std::vector<log::FullTile> full;
    for (const Bytes& e : m.entries) tiles.append(log::leaf_hash(e), full);
    const auto stored = [&full](const log::TileId& id) -> Result<Bytes> {
      for (const auto& t : full) {
        if (t.level == id.level && t.index == id.index) return t.hashes;
      }
      return make_error(Errc::kNotFound, "no such tile");
    };
    log::HandoverSource::Last last{m.entries.at(tree.size - 1), {}};
    FK_TRY(last.proof, log::inclusion_proof(tree.size - 1, tree.size, tiles.hash_source(stored)));
    return last;
  };
  out.fold = [&m](const log::Checkpoint& tree) -> Result<ledger::State> {
    PublicFold fold;
    for (std::uint64_t i = 0; i < tree.size; ++i) FK_CHECK(fold.entry(m.entries.at(i)));
    if (fold.tree().root() != tree.root) return make_error(Errc::kIntegrity, "other entries");
    return std::move(fold).take();
  };
  out.goes_on = [&m](const log::Checkpoint& seen, const log::Checkpoint&) -> Status {
    PublicFold fold;
    for (std::uint64_t i = 0; i < seen.size; ++i) FK_CHECK(fold.entry(m.entries.at(i)));
    return fold.tree().root() == seen.root ? Status() : Status(make_error(Errc::kIntegrity, "another history"));
  };
  return out;
}

}  // namespace facekeep::audit_test
