// A probe as a registered camera signed it: from the compact text to the vector, and what is asked again in log order.
//
// The key is the one that the log has for `kid`; a camera that was revoked, has ended, has no signing key or serves
// another place is no camera. Problems: "bad-jws" (its form), "bad-probe-signature", "unknown-camera", "other-probe"
// (signed for something else than is asked), "signed-probe-required".
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "vault/ledger/state.h"
#include "vault/probe/claims.h"

namespace facekeep::probe {

// What a call asks, and the claims have to say too.
struct About {
  std::string_view use;  // "verify", "identify", "enrol"
  std::string_view site;
  std::string_view door;  // empty: enrolment
  std::string_view model;
};

// The camera, or "unknown-camera", which says no more.
Result<ledger::PrincipalRecord> decide_camera(const ledger::State& state, const std::string& kid,
                                              const std::string& site, const std::string& door, UnixMillis now);

// May a probe without a signature come at all? "signed-probe-required".
Status decide_unsigned(const ledger::Site& site);

// A signature that held, without the vector: what the decision in log order needs.
struct Proof {
  std::string camera;
  Digest key{};  // that it held under
  std::uint32_t pad = 0;
  Id128 nonce{};
  std::optional<UnixMillis> time;  // none: the nonce is a challenge
};
struct SignedProbe {
  Proof proof;
  Claims claims;  // with the probe
};
using FindCamera = std::function<Result<ledger::PrincipalRecord>(const std::string& kid)>;
// Parses, finds the camera, verifies, reads the claims, and holds them against what is asked.
Result<SignedProbe> open_signed_probe(std::string_view jws, const Id128& vault, const About& about,
                                      const FindCamera& find);

// The camera still may, with the key that it had.
Status decide_again(const ledger::State& state, const Proof& proof, const std::string& site, const std::string& door,
                    UnixMillis now);

}  // namespace facekeep::probe
