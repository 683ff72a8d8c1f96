// What the tests of the service ask, and how they read its answers.
#pragma once

#include <optional>
#include <string>

#include "tests/support/vault_fixture.h"
#include "vault/service.h"

namespace facekeep::test {

#define NEEDS_TOKEN()                                            \
  if (!SoftHsm::available()) {                                   \
    WARN("SKIP softhsm2 is not installed: no token to test on"); \
    return;                                                      \
  }

// The name of a refusal, or "ok".
template <class T>
inline std::string problem(const Result<T>& r) {
  if (r) return "ok";
  return r.error().problem != nullptr ? r.error().problem
                                      : std::string(to_string(r.error().code)) + ": " + r.error().message;
}

inline std::string decision(const Result<MatchAnswer>& r) {
  return r ? r->decision : problem(r);
}

inline EnrolInput person(const std::string& id, const Vector& face, const std::string& until = "2030-12-31") {
  EnrolInput in;
  in.subject = id;
  in.consent = VaultFixture::consent(until);
  in.templates.push_back({"face", face});
  return in;
}

inline MatchCall ask(const Vector& probe, std::optional<std::string> subject = std::nullopt) {
  MatchCall c;
  c.door = "north";
  c.model = "face";
  c.subject = std::move(subject);
  c.probe = probe;
  return c;
}

}  // namespace facekeep::test
