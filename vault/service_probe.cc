// Signed probes: who signed, whether it is fresh, and that each is used once.
#include "vault/ledger/decide.h"
#include "vault/open_vault.h"
#include "vault/service.h"

namespace facekeep {
namespace {

Error stale_challenge() {
  return make_problem(Errc::kPermissionDenied, "stale-probe",
                      "the probe has no time, and its nonce is no open challenge of this site",
                      "ask for a challenge, and sign it within 30 seconds");
}

}  // namespace

Result<std::optional<probe::Proof>> Service::open_probe(const probe::About& about, std::string_view jws,
                                                        Vector& values) const {
  const std::string site(about.site);
  if (jws.empty()) {
    FK_CHECK(sequencer_->read([&](const ledger::State& st) { return probe::decide_unsigned(*st.site(site)); }));
    return std::optional<probe::Proof>();
  }
  const UnixMillis now = parts_.clock.now().wall;
  const Id128 vault = sequencer_->read([](const ledger::State& st) { return st.genesis().vault; });
  const auto find = [&](const std::string& kid) {
    return sequencer_->read(
        [&](const ledger::State& st) { return probe::decide_camera(st, kid, site, std::string(about.door), now); });
  };
  FK_TRY(probe::SignedProbe opened, probe::open_signed_probe(jws, vault, about, find));
  values = std::move(opened.claims.probe);
  return std::optional(std::move(opened.proof));
}

Status Service::check_probe(const OpenVault& vault, const std::string& site, const std::optional<probe::Proof>& proof) {
  if (!proof) return {};
  if (!vault.marks_folded) {
    return make_problem(Errc::kUnavailable, "unavailable",
                        "the vault is opening and does not know yet which signed probes were used",
                        "try again in a moment");
  }
  const Instant now = parts_.clock.now();
  if (!proof->time && !challenges_.open(site, proof->nonce, now.uptime_ms)) return stale_challenge();
  for (const auto& keys : vault.site(site).keys.all()) {
    FK_CHECK(nonces_.check(keys->nonce_tag(proof->camera, proof->nonce), proof->time, now.wall));
  }
  return {};
}

Status Service::use_probe(const OpenVault& vault, const log::Turn& turn, const probe::About& about,
                          const std::optional<probe::Proof>& proof) {
  const std::string site(about.site);
  if (!proof) return probe::decide_unsigned(*turn.state.site(site));
  FK_CHECK(probe::decide_again(turn.state, *proof, site, std::string(about.door), turn.now.wall));
  if (!proof->time && !challenges_.take(site, proof->nonce, turn.now.uptime_ms)) return stale_challenge();
  // It may have been used under the keys of another epoch; it is used now under those of its entry's tag.
  for (const auto& keys : vault.site(site).keys.all()) {
    FK_CHECK(nonces_.check(keys->nonce_tag(proof->camera, proof->nonce), proof->time, turn.now.wall));
  }
  const auto keys = vault.site(site).keys.current();
  FK_CHECK(nonces_.use(keys->nonce_tag(proof->camera, proof->nonce), proof->time, turn.now.wall));
  // Behind the use: a seal sets this first and forgets the nonces then, so whoever met a list without them sees it.
  if (!vault.closing) return {};
  return make_problem(Errc::kSealed, "sealed", "the vault is sealed", "custodians open it with `facekeep unseal`");
}

Result<Challenge> Service::challenge(const Digest& spki, const std::string& site) {
  const Instant now = parts_.clock.now();
  FK_TRY(const std::string by, sequencer_->read([&](const ledger::State& st) -> Result<std::string> {
    auto who = ledger::authorise(st, spki, ledger::Role::kDoor, now.wall);
    if (!who) who = ledger::authorise(st, spki, ledger::Role::kCamera, now.wall);
    FK_TRY(const auto* p, who);
    FK_CHECK(ledger::decide_site(st, *p, site));
    FK_CHECK(ledger::require_open(st));
    return p->id;
  }));
  return Challenge{challenges_.issue(by, site, now.uptime_ms), now.wall + probe::kFreshFor};
}

}  // namespace facekeep
