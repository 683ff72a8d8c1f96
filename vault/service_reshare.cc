// New cards while those of the last re-share have opened nothing: the keys that came with those stay, and are sealed to
// other cards. It is the way on when new cards are found bad or lost; the cards before them open the vault until some
// have. Nothing is drawn, so nothing is left of an attempt that fails.
#include "vault/ledger/cards.h"
#include "vault/ledger/decide.h"
#include "vault/ledger/key_proof.h"
#include "vault/open_vault.h"
#include "vault/service.h"
#include "vault/site_rows.h"

namespace facekeep {

using ledger::State;
using log::Turn;
using log::Write;

namespace {

struct CardChange {
  State::Rotation rotation;
  ledger::Genesis now;
  Digest u_public{};
};

Result<CardChange> card_change_in(const State& st, const Id128& id, const Instant& now) {
  FK_CHECK(decide_carry_out(st, id, st.moment_at(now)));
  const ledger::Action& action = st.proposals().at(id).made.action;
  if (!renews_cards_alone(st, action)) {
    return make_error(Errc::kConflict, "the rotation ended meanwhile; the proposal is carried out at the next try");
  }
  return CardChange{*st.rotation(), st.current(), std::get<ledger::Reshare>(action).unseal_key};
}

// The keys of one name, in both epochs.
template <class Keys>
Status reseal(const CardChange& change, const std::string& name, const EpochKeys<Keys>& keys,
              std::vector<store::Batch::Put>& puts) {
  for (const std::uint32_t epoch : {change.rotation.from, change.rotation.to}) {
    const auto k = keys.of(epoch);
    if (!k) return make_error(Errc::kInternal, "the keys of a rotation are not open");
    FK_TRY(const auto sealed, seal::seal_token_wraps({change.now.vault, name, epoch}, change.u_public, k->token_wraps));
    // What the cards before open of the old keys stays in its own rows.
    FK_CHECK(put_site_key(name, epoch, sealed, puts, epoch == change.rotation.from));
  }
  return {};
}

}  // namespace

// Under key_change_mutex_.
Status Service::renew_cards(const Id128& id) {
  const std::lock_guard phase_lock(phase_mutex_);
  const Instant now = parts_.clock.now();
  FK_TRY(const CardChange change, sequencer_->read([&](const State& st) { return card_change_in(st, id, now); }));
  FK_TRY(const auto vault, open_vault());
  std::vector<store::Batch::Put> puts;
  for (const auto& site : change.now.sites) FK_CHECK(reseal(change, site.id, vault->site(site.id).keys, puts));
  FK_CHECK(reseal(change, std::string(seal::kVaultKeyName), vault->people(), puts));
  const auto vouches = vault->people().of(change.rotation.from);
  FK_TRY(const std::string statement,
         ledger::new_keys_statement(change.now.vault, id, ledger::keys_in_force(change.now), change.u_public));
  FK_CHECK(sequencer_->submit([&](const Turn& turn) -> Result<Write> {
    FK_TRY(const CardChange still, card_change_in(turn.state, id, turn.now));
    if (still.rotation.to != change.rotation.to || still.now.unseal_key != change.now.unseal_key) {
      return make_error(Errc::kConflict, "the vault changed while its keys were being sealed; they are sealed anew");
    }
    Write w;
    w.drafts.push_back({ledger::ProposalDone{id, {}, {}, vouches->prove(statement)}, {}});
    w.puts = puts;
    w.checkpoint = true;
    w.after = [&] { collectors_stale_ = true; };
    return w;
  }));
  return settle_collectors();
}

}  // namespace facekeep
