#include "vault/ledger/key_proof.h"

namespace facekeep::ledger {

NewKeys keys_in_force(const Genesis& current) {
  NewKeys keys{current.register_epoch, current.token.root, {}, current.register_check};
  for (const Site& s : current.sites) keys.checks[s.id] = s.check;
  return keys;
}

// While a rotation is open no site is opened, and no other keys are drawn: current() still has what came with it, and
// the unseal key to which it was sealed last.
Result<std::optional<Vouched>> vouched_keys(const State& state) {
  const auto& rotation = state.rotation();
  if (!rotation) return std::optional<Vouched>();
  const Genesis& now = state.current();
  const KeyProof& p = rotation->proof;
  FK_TRY(std::string statement, new_keys_statement(now.vault, p.proposal, keys_in_force(now), now.unseal_key));
  return std::optional(Vouched{std::move(statement), p.proof});
}

// What opens a site names the unseal key of then, which is that of now: another one comes with new keys of all sites.
Result<std::vector<Vouched>> vouched_sites(const State& state) {
  const Genesis& now = state.current();
  std::vector<Vouched> out;
  for (const auto& [id, p] : state.site_proofs()) {
    const Site* site = state.site(id);
    if (site == nullptr) return make_error(Errc::kIntegrity, "the state has the proof of a site that it does not have");
    FK_TRY(std::string statement, new_site_statement(now.vault, p.proposal, *site, now.unseal_key));
    out.push_back({std::move(statement), p.proof});
  }
  return out;
}

}  // namespace facekeep::ledger
