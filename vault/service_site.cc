// A proposal that opens a site: its key is drawn here, when the proposal is carried out.
#include "vault/ledger/decide.h"
#include "vault/open_vault.h"
#include "vault/opening.h"
#include "vault/service.h"
#include "vault/site_rows.h"
#include "vault/store/keys.h"

namespace facekeep {

using ledger::State;
using log::Turn;
using log::Write;

namespace {

// What the state says of a site that is to be opened.
struct SiteToOpen {
  ledger::Site site;
  Id128 vault{};
  Digest u_public{};
  std::optional<Digest> spare_key;
  std::vector<ledger::Model> models;
};

Result<SiteToOpen> opening_in(const State& st, const Id128& id, const Instant& now) {
  FK_CHECK(decide_carry_out(st, id, st.moment_at(now)));
  const ledger::Genesis& g = st.current();
  SiteToOpen out{std::get<ledger::OpenSite>(st.proposals().at(id).made.action).site, g.vault, g.unseal_key, g.spare_key,
                 g.models};
  out.site.epoch = st.root_epoch();
  return out;
}

}  // namespace

// The rows of the key and the entry that names its check are one batch. The vault is open, and gets the site before, so
// that nobody finds it in the state and not there; its own key vouches for the site's.
Status Service::open_site(const Id128& id) {
  const Instant now = parts_.clock.now();
  const auto asked = [&] { return sequencer_->read([&](const State& st) { return opening_in(st, id, now); }); };
  FK_TRY(SiteToOpen o, asked());
  const seal::SiteKey key = seal::SiteKey::generate();
  o.site.check = key.check();
  const seal::SiteKeyPlace place{o.vault, o.site.id, o.site.epoch};
  FK_TRY(const auto spare, stored_spare(parts_.store, o.spare_key));
  FK_TRY(auto wraps, seal::wrap_site_key(parts_.custody, place, spare, key));
  FK_TRY(const auto sealed, seal::seal_token_wraps(place, o.u_public, wraps));
  // An unseal that is under way would miss the site. What the token did is behind us: sealing waits for this lock.
  const std::lock_guard phase_lock(phase_mutex_);
  FK_TRY(const SiteToOpen still, asked());  // another thread may have been faster, or have added a model
  FK_TRY(const auto vault, open_vault());
  const auto people = vault->people().of(o.site.epoch);
  if (!people) return make_error(Errc::kConflict, "the keys were rotated while the site was being opened");
  FK_TRY(const std::string statement, ledger::new_site_statement(o.vault, id, o.site, o.u_public));
  FK_CHECK(make_galleries(o.site.id, still.models, *engine_));
  FK_CHECK(vault->add_site(o.site.id, std::make_shared<SiteKeys>(o.site.epoch, key, std::move(wraps), 0), true));
  bool durable = false;
  const auto written = sequencer_->submit([&](const Turn& turn) -> Result<Write> {
    FK_CHECK(decide_carry_out(turn.state, id, turn.state.moment_at(turn.now)));
    if (turn.state.root_epoch() != o.site.epoch || turn.state.current().unseal_key != o.u_public) {
      return make_error(Errc::kConflict, "the keys were rotated while the site was being opened");
    }
    Write w;
    w.drafts.push_back({ledger::ProposalDone{id, o.site.check, {}, people->prove(statement)}, {}});
    w.checkpoint = true;
    FK_CHECK(put_site_key(o.site.id, o.site.epoch, sealed, w.puts));
    w.after = [&] { durable = true; };
    return w;
  });
  if (written) return {};
  // After a failed commit nobody knows: the halt is fatal then, and nothing is taken out under a request. Any other
  // halt passes, and the site is opened anew, with another key.
  const auto halt = halted();
  if (!durable && !(halt && halt->fatal)) vault->remove_site(o.site.id);
  return written.error();
}

}  // namespace facekeep
