// The calls that the suites here make of a vault, in short.
#pragma once

#include <unistd.h>

#include <string>

#include "tests/support/catch.h"
#include "tests/support/vault_fixture.h"

#define NEEDS_TOKEN()                                            \
  if (!facekeep::test::SoftHsm::available()) {                   \
    WARN("SKIP softhsm2 is not installed: no token to test on"); \
    return;                                                      \
  }

namespace facekeep::test {

// What a call came to: "ok", or the problem's name and its message.
template <class T>
std::string said(const Result<T>& r) {
  if (r) return "ok";
  const Error& e = r.error();
  return (e.problem != nullptr ? std::string(e.problem) : std::string(to_string(e.code))) + ": " + e.message;
}

template <class T>
Errc code_of(const Result<T>& r) {
  REQUIRE_FALSE(r);
  return r.error().code;
}

inline Result<EnrolAnswer> enrol(const VaultFixture& f, Service& s, const std::string& id, const Vector& face) {
  EnrolInput in;
  in.subject = id;
  in.consent = VaultFixture::consent();
  in.templates.push_back({"face", face});
  return s.put_subject(f.key("operator/1"), "main", std::move(in));
}
inline Result<EraseAnswer> erase(const VaultFixture& f, Service& s, const std::string& id) {
  return s.erase(f.key("operator/1"), "main", id);
}
// Verify with an id, identify without one.
inline Result<MatchAnswer> ask(const VaultFixture& f, Service& s, const Vector& probe, const std::string& id = {}) {
  MatchCall call;
  call.door = "north";
  call.model = "face";
  if (!id.empty()) call.subject = id;
  call.probe = probe;
  return s.match(f.key("door/1"), "main", std::move(call));
}
// "match anna", "no_match", or why there was no decision.
inline std::string decided(const Result<MatchAnswer>& r) {
  if (!r) return said(r);
  return r->decision + (r->subject ? " " + *r->subject : "");
}

// Opens and waits until the galleries answer.
inline Status open_vault(VaultFixture& f, Service& s) {
  FK_CHECK(f.unseal(s));
  for (int i = 0; i < 5000; ++i) {
    if (!decided(ask(f, s, VaultFixture::random_face(64, 1))).starts_with("refer")) return {};
    usleep(2000);
  }
  return make_error(Errc::kInternal, "the galleries do not become ready");
}

}  // namespace facekeep::test
