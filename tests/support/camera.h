// Plays a camera of a test's vault.
#pragma once

#include <string>

#include "tests/support/vault_fixture.h"
#include "vault/base/digest.h"
#include "vault/probe/claims.h"
#include "vault/probe/jws.h"

namespace facekeep::test {

// What a camera of main signs about a face: for an identify at north, now, with a nonce of its own.
inline probe::Claims claims_of(const VaultFixture& f, const Vector& face, const std::string& use = "identify") {
  probe::Claims c;
  c.use = use;
  c.vault = f.genesis().vault;
  c.site = "main";
  if (use != "enrol") c.door = "north";
  c.model = "face";
  c.time = f.clock.now().wall;
  c.nonce = random_array<16>();
  c.probe = face;
  return c;
}

// By the key of `key_of`, if it is not the camera's own.
inline std::string sign(const VaultFixture& f, const probe::Claims& c, const std::string& camera = "camera/1",
                        const std::string& key_of = {}) {
  const auto text =
      probe::sign_jws(f.private_key(key_of.empty() ? camera : key_of), camera, probe::write_claims(c).view());
  return text ? std::string(as_chars(text->view())) : "no signature: " + text.error().message;
}

}  // namespace facekeep::test
