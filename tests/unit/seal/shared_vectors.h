// Other people's vectors, read where they lie beside the checkout; tests skip when they are absent.
#pragma once

#include <fstream>
#include <optional>
#include <sstream>
#include <string>

#include "tests/support/catch.h"
#include "tests/support/paths.h"
#include "vault/base/json.h"

namespace facekeep::test {

inline std::optional<Json> shared_json(const std::string& name) {
  std::ifstream in(facekeep::test::shared_dir() + "/vectors/" + name);
  if (!in) {
    WARN("SKIPPED: the shared vectors " + name + " are not there");
    return std::nullopt;
  }
  std::stringstream text;
  text << in.rdbuf();
  auto json = parse_json(text.str());
  REQUIRE(json);
  return std::move(*json);
}

}  // namespace facekeep::test
