// Compares a text with its reviewed copy in tests/snapshots.
#pragma once

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "tests/support/catch.h"
#include "tests/support/paths.h"

namespace facekeep::ledger::test {

inline void require_snapshot(const std::string& name, const std::string& text) {
  const std::string path = facekeep::test::source_dir() + "/tests/snapshots/" + name;
  if (std::getenv("FACEKEEP_UPDATE_SNAPSHOTS") != nullptr) std::ofstream(path) << text;
  std::ifstream in(path);
  std::ostringstream want;
  want << in.rdbuf();
  INFO("if the change is meant: FACEKEEP_UPDATE_SNAPSHOTS=1 test_ledger, and have the diff reviewed");
  REQUIRE_FALSE(text.empty());
  REQUIRE(text == want.str());
}

}  // namespace facekeep::ledger::test
