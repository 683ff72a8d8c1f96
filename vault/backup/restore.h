// A restore: backups, the log's entries behind them from a mirror, and the vault's own token make a data directory
// again, as if the vault had stopped where the mirror ends.
//
// Every erasure, revocation and suspension behind the backups is replayed before anything can be opened: rows and key
// slots of everybody whom the log erased are not written at all. What was sealed behind the backups is in no backup:
// the first start logs it as lost (`restored`). A vault whose log has to be cut is not restored here.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "vault/backup/chain.h"
#include "vault/log/witness_request.h"
#include "vault/seal/custody.h"

namespace facekeep::backup {

struct MirrorEntry {
  Bytes entry;
  std::optional<Bytes> opening;  // of custody events alone: 0x01 || salt || event
};
// A log as an auditor's mirror has it. Nothing in it is trusted but what the note's signature covers.
struct MirrorLog {
  std::string checkpoint;              // signed note
  std::vector<std::string> handovers;  // checkpoints with which the log's key changed, in order
  std::function<Result<MirrorEntry>(std::uint64_t entry)> entry;
  std::function<Result<Bytes>(std::uint64_t entry)> bytes;  // of the entry alone: a public mirror has no openings
};

// What a witness of the log answers to a question that tells it nothing (tlog-witness, add-checkpoint): `named` is the
// policy where the mirror ends.
using AskWitness = std::function<Result<log::WitnessAnswer>(const ledger::Witness& named, const std::string& body)>;

// What the token says: asked once it is known which it is, in the state where the mirror ends.
struct TokenFacts {
  std::vector<LogPublicKey> log_keys;
  std::optional<Anchor> anchor;
  bool has_root = false;      // of current's root epoch
  bool has_old_root = false;  // that of the epoch asked about
};
// `old_root`: the epoch of the root key that a rotation which has not ended in the log is to destroy.
using AskToken =
    std::function<Result<TokenFacts>(const ledger::Genesis& current, std::optional<std::uint32_t> old_root)>;

struct RestoreReport {
  std::uint64_t size = 0;     // entries in the backups
  std::uint64_t entries = 0;  // behind them, from the mirror
  std::string digest;         // of the state where the mirror ends, hexadecimal: FORMAT.md, "State digest"
  std::uint64_t subjects = 0;
  std::uint64_t templates = 0;
  std::uint64_t dropped = 0;               // records of people whom the log erased behind their backup
  std::vector<std::uint64_t> lost;         // entries of those who were enrolled behind the backups
  std::uint64_t lost_templates = 0;        // behind the backups, of others
  std::optional<Chain::Made> newer;        // a backup that the log has and that was not given: less would be lost
  std::vector<std::uint64_t> without_key;  // entries of those whose key no backup has
  std::vector<std::string> faults;         // rows that did not fit the log and were left out
  bool old_cards = false;                  // new cards came behind the backups: those before them alone open it
};

struct RestoreParts {
  std::vector<std::string> files;  // backups: the whole one first
  MirrorLog mirror;
  AskToken token;
  std::string data_dir;
  // Signed notes of this log that somebody kept. kIntegrity if the mirror ends before one of them, or had another root
  // at its size.
  std::vector<std::string> checkpoints;
  AskWitness witness;                     // each that the log names is asked
  std::set<std::string> without_witness;  // names of those that are not asked; empty where nobody is away
  // Entries behind the backups that no mirror has are gone, with what they erased and revoked. The log ends where the
  // backups do, the mirror is asked for handovers alone, no witness is asked, and no daemon starts with it before the
  // custodians have signed for the loss (vault/token_recovery.h).
  bool accept_loss = false;
  // The main token is gone too, and not asked: what the backups have opens with the spare token. No daemon starts
  // beside another before the custodians have put that in its place (vault/token_recovery.h).
  bool token_lost = false;
  std::function<void(const char*)> at_point = {};  // fault tests stop the process here: restore.cc
};

// Into a directory without a vault (db/ and keys/; other files in it stay). An interrupted restore is begun anew.
// Errors: those of Chain; kIntegrity (the mirror's log is another one, lacks an entry or a custody opening, or the
// token or a witness has seen a longer log: both positions); kUnavailable (a witness does not answer);
// kOutOfSpace (begun only with room for all of it); kFailedPrecondition (the directory has a vault; a backup that the
// log does not vouch for; another token; an older root key; a site that was opened behind the backups; a lost token and
// no spare).
Result<RestoreReport> restore(const RestoreParts& parts);

}  // namespace facekeep::backup
