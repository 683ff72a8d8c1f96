// Recoveries in a log of the tests.
#pragma once

#include "tests/unit/ledger/proposal_maker.h"

namespace facekeep::ledger::test {

inline const std::vector<std::string>& quorum() {
  static const std::vector<std::string> people = {"property/1", "property/2", "residents/1", "residents/3"};
  return people;
}

inline void sign_recovery(Recovered& e, const Id128& vault, const std::vector<std::string>& people = quorum()) {
  e.signatures.clear();
  const std::string statement = recovery_statement(e, vault).value();
  for (const auto& by : people) e.signatures.push_back({by, sign_as(by, kRecoveryNamespace, statement)});
}

// Of the right form; the fold does not verify with it.
inline std::string vkey_of(const std::string& name, std::uint8_t n) {
  Bytes raw(33, n);
  raw[0] = 1;
  return name + "+0123456" + std::to_string(n % 10) + "+" + to_base64(raw);
}

// The main token is lost, and another one has the key; unsigned.
inline Recovered recovered(const State& state, const std::string& log_key, const Digest& root, UnixMillis made) {
  Recovered e;
  e.kind = "lost";
  e.log_key = log_key;
  e.token = state.current().token;
  e.token.serial = "of the new token";
  e.token.root = {};
  e.spare = state.current().spare_key;
  e.at = {state.size(), root};
  e.made = made;
  return e;
}

}  // namespace facekeep::ledger::test
