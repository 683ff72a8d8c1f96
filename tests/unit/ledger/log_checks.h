// What the ledger's tests ask of a log: that it refuses an event and is as before, and that its state reads back.
#pragma once

#include <sstream>

#include "tests/unit/ledger/log_maker.h"
#include "vault/ledger/state_text.h"

namespace facekeep::ledger::test {

inline void refuse(Log& log, Body body, const std::string& why) {
  const Digest before = log.state.digest();
  CAPTURE(why, std::string(type_of(body)));
  const Status s = log.add(std::move(body));
  REQUIRE_FALSE(s);
  CAPTURE(s.error().message);
  CHECK(s.error().code == Errc::kIntegrity);
  CHECK(s.error().message.find(why) != std::string::npos);
  CHECK(log.state.digest() == before);
}

inline std::string problem_of(const Status& s) {
  return s || s.error().problem == nullptr ? "" : s.error().problem;
}

// Through its text, with every subject.
inline State read_back(const State& state) {
  StateTextReader reader;
  std::istringstream text(write_state_head(state));
  for (std::string line; std::getline(text, line);) REQUIRE(reader.line(line));
  for (const Id128& ref : state.refs_in_order()) {
    std::istringstream lines(state.digest_lines(ref));
    for (std::string line; std::getline(lines, line);) REQUIRE(reader.line(line));
  }
  auto back = std::move(reader).finish();
  INFO((back ? "" : back.error().message));
  REQUIRE(back);
  return std::move(*back);
}

}  // namespace facekeep::ledger::test
