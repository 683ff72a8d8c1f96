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
  const ledger::Genesis& g = st.genesis();
  return SiteToOpen{std::get<ledger::OpenSite>(st.proposals().at(id).made.action).site, g.vault, g.unseal_key,
                    g.spare_key, st.current().models};
}

Result<std::optional<SpareToken>> spare_of(const store::Store& store, const std::optional<Digest>& fingerprint) {
  if (!fingerprint) return std::optional<SpareToken>();
  FK_TRY(const auto pem, store.get(store::keys::meta_spare()));
  if (!pem) {
    return make_error(Errc::kIntegrity, "the public key of the spare token is missing from the database",
                      "restore the database");
  }
  return std::optional(SpareToken{std::string(as_chars(*pem)), *fingerprint});
}

}  // namespace

// The rows of the key and the entry that names its check are one batch. An open vault gets the site before, so that
// nobody finds it in the state and not there; a sealed one opens it at the next unseal.
Status Service::open_site(const Id128& id) {
  // An unseal that is under way would miss the site.
  const std::lock_guard phase_lock(phase_mutex_);
  const Instant now = parts_.clock.now();
  FK_TRY(SiteToOpen o, sequencer_->read([&](const State& st) { return opening_in(st, id, now); }));
  const seal::SiteKey key = seal::SiteKey::generate();
  o.site.epoch = 1;
  o.site.check = key.check();
  FK_TRY(const auto spare, spare_of(parts_.store, o.spare_key));
  FK_TRY(const auto sealed,
         seal::seal_site_key_for_all(parts_.custody, {o.vault, o.site.id, o.site.epoch}, o.u_public, spare, key));
  const auto vault = open_vault();
  if (vault) {
    FK_CHECK(make_galleries(o.site.id, o.models, *engine_));
    (*vault)->add_site(o.site, key, 0, true);
  }
  bool durable = false;
  const auto written = sequencer_->submit([&](const Turn& turn) -> Result<Write> {
    FK_CHECK(decide_carry_out(turn.state, id, turn.state.moment_at(turn.now)));
    Write w;
    w.drafts.push_back({ledger::ProposalDone{id, o.site.check}, {}});
    w.checkpoint = true;
    FK_CHECK(put_site_key(o.site.id, o.site.epoch, sealed, w.puts));
    w.after = [&] { durable = true; };
    return w;
  });
  if (written) return {};
  // After a failed commit nobody knows; then the vault has stopped, and nothing is taken out under a request.
  if (vault && !durable && !halted()) (*vault)->remove_site(o.site.id);
  return written.error();
}

}  // namespace facekeep
