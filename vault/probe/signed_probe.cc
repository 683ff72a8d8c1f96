#include "vault/probe/signed_probe.h"

#include "vault/probe/jws.h"

namespace facekeep::probe {
namespace {

Error unknown_camera() {
  return make_problem(Errc::kPermissionDenied, "unknown-camera",
                      "the probe is signed by no camera that is registered for this place",
                      "kid is the camera's id; `facekeep propose principal` registers one with its signing key");
}

}  // namespace

Result<ledger::PrincipalRecord> decide_camera(const ledger::State& state, const std::string& kid,
                                              const std::string& site, const std::string& door, UnixMillis now) {
  const ledger::PrincipalRecord* p = state.principal(kid);
  // By its key too: that is where end dates are looked at.
  if (p == nullptr || !ledger::may_sign(*p, site, door) || state.principal_by_key(p->key, now) != p) {
    return unknown_camera();
  }
  return *p;
}

Status decide_unsigned(const ledger::Site& site) {
  if (!site.signed_probes_required) return {};
  return make_problem(Errc::kPermissionDenied, "signed-probe-required",
                      "this site takes probes and templates only as a registered camera signed them",
                      "send the camera's JWS in place of the vector");
}

Result<SignedProbe> open_signed_probe(std::string_view text, const Id128& vault, const About& about,
                                      const FindCamera& find) {
  FK_TRY(const Jws jws, parse_jws(text));
  FK_TRY(const ledger::PrincipalRecord camera, find(jws.kid));
  FK_TRY(const auto line, ledger::parse_public_key_line(camera.signing_key));
  FK_TRY(const SecretBytes payload, open_jws(jws, line.key));
  FK_TRY(Claims claims, read_claims(payload.view()));
  if (claims.use != about.use || claims.vault != vault || claims.site != about.site || claims.door != about.door ||
      claims.model != about.model) {
    return make_problem(Errc::kPermissionDenied, "other-probe",
                        "the probe was signed for another question than this one",
                        "use, vault, site, door and model are signed, and have to be those of the call");
  }
  Proof proof{camera.id, camera.key, claims.pad, claims.nonce, claims.time};
  return SignedProbe{std::move(proof), std::move(claims)};
}

Status decide_again(const ledger::State& state, const Proof& proof, const std::string& site, const std::string& door,
                    UnixMillis now) {
  FK_TRY(const ledger::PrincipalRecord camera, decide_camera(state, proof.camera, site, door, now));
  return camera.key == proof.key ? Status() : Status(unknown_camera());
}

}  // namespace facekeep::probe
