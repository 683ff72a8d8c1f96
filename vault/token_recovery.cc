#include "vault/token_recovery.h"

#include <algorithm>

#include "vault/ledger/event.h"
#include "vault/ledger/sshsig.h"
#include "vault/log/merkle.h"
#include "vault/log/sequencer/handover.h"
#include "vault/site_rows.h"
#include "vault/store/keys.h"

namespace facekeep {

using ledger::State;
namespace keys = store::keys;

namespace {

void reach(const TokenRecovery::Point& point, const char* name) {
  if (point) point(name);
}

// The custodian whose approval key made it.
Result<std::string> signer_of(const State& state, const std::string& armored, const std::string& statement) {
  for (const ledger::PrincipalRecord& p : state.current().principals) {
    if (p.role != ledger::Role::kCustodian) continue;
    if (ledger::verify_sshsig(armored, p.approval_key, ledger::kRecoveryNamespace, as_bytes(statement))) return p.id;
  }
  return make_error(Errc::kPermissionDenied, "a signature is no custodian's over this statement",
                    "each custodian signs this very file with the own approval key: facekeep sign-recovery");
}

}  // namespace

Result<TokenRecovery> TokenRecovery::open(store::Store& store, const std::optional<ledger::BehindBackup>& unlogged) {
  FK_TRY(log::Recovered log, log::recover(store, {}, unlogged));
  if (log.tree.size() == 0) {
    return make_error(Errc::kFailedPrecondition, "there is no vault in this directory", "name its data_dir");
  }
  return TokenRecovery(store, std::move(log));
}

Status TokenRecovery::check_newest(std::string_view note) const {
  FK_TRY(const log::Checkpoint newest, log::open_own_checkpoint(state(), note));
  if (newest.size > size()) {
    return make_error(Errc::kIntegrity,
                      "the log has " + std::to_string(size()) + " entries here, but somebody has a checkpoint of " +
                          std::to_string(newest.size) + ": the database is an older one",
                      "put the newest database back. To go on without these entries is a loss that a quorum accepts: "
                      "behind a restore "
                      "with --accept-loss, --accept-loss here too");
  }
  FK_TRY(const Digest root, log::root_at(newest.size, log_.tree.hash_source(log::tile_reader(*store_))));
  if (root == newest.root) return {};
  return make_error(Errc::kIntegrity,
                    "the checkpoint of " + std::to_string(newest.size) + " entries is of another history than this log",
                    "the vault has signed two: keep both, they are the proof, and find out who did it");
}

Result<ledger::TreeAt> TokenRecovery::newest_lost(const std::vector<std::string>& notes,
                                                  const std::optional<Anchor>& anchor) const {
  ledger::TreeAt newest{size(), log_.tree.root()};
  for (const std::string& note : notes) {
    FK_TRY(const log::Checkpoint cp, log::open_own_checkpoint(state(), note));
    if (cp.size <= size()) FK_CHECK(check_newest(note));
    if (cp.size > newest.size) newest = {cp.size, cp.root};
  }
  if (anchor && anchor->size > newest.size) newest = {anchor->size, anchor->root};
  if (newest.size > size()) return newest;
  return make_error(
      Errc::kFailedPrecondition, "nothing is known to be missing behind this log's end",
      "start the daemon; if its token is lost, recover without --accept-loss. A loss that nobody knows of needs no "
      "signatures");
}

Result<ledger::Recovered> TokenRecovery::draw_up(const std::string& kind, const NewMainToken& token, UnixMillis now,
                                                 const std::optional<ledger::Loss>& loss) const {
  const ledger::Genesis& current = state().current();
  FK_TRY(const log::VerifierKey key,
         log::make_verifier_key(loss ? loss->origin : current.origin,
                                static_cast<log::SignatureType>(token.log_key.type), token.log_key.bytes));
  ledger::Recovered e;
  e.kind = kind;
  e.log_key = format_vkey(key);
  e.token = token.evidence;
  if (loses_token(e)) e.spare = current.spare_key;
  e.at = {size(), log_.tree.root()};
  e.loss = loss;
  e.made = now;
  if (loses_token(e) && !e.spare) {
    return make_error(Errc::kFailedPrecondition, "this vault has no spare token",
                      "without its main token nothing opens it any more");
  }
  if (loses_token(e)) FK_CHECK(rows_without_spare(*store_, state()));
  constexpr bool kUnsigned = false;
  FK_CHECK(decide_recovered(state(), e, {now, state().public_clock()}, kUnsigned));
  return e;
}

Result<ledger::Recovered> TokenRecovery::with_signatures(std::string_view statement,
                                                         const std::vector<std::string>& armored) const {
  const Id128& vault = state().genesis().vault;
  FK_TRY(ledger::Recovered e, ledger::recovery_from_statement(statement, vault));
  FK_TRY(const std::string text, recovery_statement(e, vault));
  for (const std::string& signature : armored) {
    FK_TRY(std::string by, signer_of(state(), signature, text));
    e.signatures.push_back({std::move(by), signature});
  }
  std::sort(e.signatures.begin(), e.signatures.end(), [](const auto& a, const auto& b) { return a.by < b.by; });
  return e;
}

Status TokenRecovery::carry_out(const ledger::Recovered& e, Custody& token, const Instant& now, const Point& point) {
  if (e.at.root != log_.tree.root()) {
    return make_error(Errc::kIntegrity, "the statement is about another log than this one",
                      "make a new statement here, and have that signed");
  }
  FK_CHECK(decide_recovered(state(), e, {now.wall, state().public_clock()}));
  FK_TRY(const auto anchor, token.read_anchor());
  if (e.loss && anchor && anchor->size > e.loss->newest.size) {
    return make_error(Errc::kIntegrity,
                      "the token has seen " + std::to_string(anchor->size) + " entries, and those from " +
                          std::to_string(e.loss->newest.size) + " on are not in what was signed for",
                      "make a new statement, and have that signed");
  }
  // Found behind the entry it could not be undone.
  if (loses_token(e) && anchor) {
    return make_error(Errc::kFailedPrecondition, "the new main token has an anchor of this vault already",
                      "it is not a new one: take an empty token");
  }
  std::vector<Bytes> in_the_way;
  if (loses_token(e)) {
    FK_TRY(in_the_way, rows_without_spare(*store_, state()));
  }
  const ledger::Event event{now.wall, 0, e};
  FK_TRY(const std::string leaf, encode_event(event));
  const std::uint64_t index = size();
  // The token broke between a new log key's entry and the note that both keys were to sign.
  std::optional<std::pair<State::Handover, Digest>> not_signed;
  if (log_.handovers < state().handovers().size()) {
    const State::Handover& h = state().handovers().back();
    FK_TRY(const Digest root, log::root_at(h.entry + 1, log_.tree.hash_source(log::tile_reader(*store_))));
    not_signed.emplace(h, root);
  }
  FK_CHECK(apply(log_.state, event));
  std::vector<log::FullTile> completed;
  log_.tree.append(log::leaf_hash(as_bytes(leaf)), completed);
  const State::Handover& done = state().handovers().back();
  store::Batch batch;
  if (not_signed) {
    const auto& [handover, root] = *not_signed;
    FK_TRY(const std::string instead, log::sign_handover(handover, root, token, &done));
    batch.puts.push_back({keys::checkpoint_at(handover.entry + 1), to_bytes(as_bytes(instead))});
  }
  FK_TRY(const std::string note, log::sign_handover(done, log_.tree.root(), token));
  reach(point, "recovery-signed");
  batch.deletes = std::move(in_the_way);
  batch.head_before = index;
  batch.head_after = index + 1;
  batch.puts.push_back({keys::entry(index), to_bytes(leaf)});
  for (log::FullTile& tile : completed) {
    batch.puts.push_back({keys::tile(static_cast<std::uint8_t>(tile.level), tile.index), std::move(tile.hashes)});
  }
  batch.puts.push_back({keys::checkpoint_at(index + 1), to_bytes(note)});
  batch.puts.push_back({keys::checkpoint_latest(), to_bytes(note)});
  FK_CHECK(store_->commit(batch, store::Urgency::kNarrowing));
  reach(point, "recovery-committed");
  return finish(token, now, point);
}

Result<bool> TokenRecovery::is_done_with(const std::vector<LogPublicKey>& present) const {
  const auto& all = state().handovers();
  if (all.empty() || !all.back().recovered) return false;
  FK_TRY(const log::VerifierKey key, log::parse_vkey(all.back().to));
  return std::any_of(present.begin(), present.end(), [&](const auto& k) { return k.bytes == key.public_key; });
}

Status TokenRecovery::finish(Custody& token, const Instant& now, const Point& point) const {
  FK_TRY(const auto anchor, token.read_anchor());
  const auto& all = state().handovers();
  const bool just_now = !all.empty() && all.back().recovered && all.back().entry + 1 == size();
  const Anchor here{size(), log_.tree.root(), now.wall};
  if (anchor) {
    Status fits = log::check_anchor(*anchor, log_.tree, log::tile_reader(*store_));
    if (fits || !just_now || !all.back().loss) return fits;
    // Of what was given up. The entries in front of the recovery are those that were signed for, and fit.
    const bool of_lost = anchor->size > all.back().entry && anchor->size <= all.back().loss->newest.size;
    if (!of_lost) return fits;
    FK_CHECK(token.restart_anchor(here));
    reach(point, "recovery-anchored");
    return {};
  }
  if (!just_now) {
    return make_error(Errc::kIntegrity, "the token has no rollback anchor, and the log has gone on since the recovery",
                      "its objects were removed; the log can't be shown to be the newest");
  }
  FK_CHECK(token.write_anchor(here));
  reach(point, "recovery-anchored");
  return {};
}

}  // namespace facekeep
