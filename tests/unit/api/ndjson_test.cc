#include "api/ndjson.h"

#include "tests/support/catch.h"

namespace facekeep::api {
namespace {

using Rows = std::vector<std::string_view>;

TEST_CASE("rows end at line feeds, the last one with or without") {
  REQUIRE(split_ndjson("a\nb\n") == Rows{"a", "b"});
  REQUIRE(split_ndjson("a\nb") == Rows{"a", "b"});
}

TEST_CASE("carriage returns before line feeds are part of the line end") {
  REQUIRE(split_ndjson("a\r\nb\r\n") == Rows{"a", "b"});
  REQUIRE(split_ndjson("a\rb\n") == Rows{"a\rb"});
}

TEST_CASE("rows of white space are not rows") {
  REQUIRE(split_ndjson("").empty());
  REQUIRE(split_ndjson("\n \t\n\r\n").empty());
  REQUIRE(split_ndjson("\n\na\n\nb\n\n") == Rows{"a", "b"});
}

}  // namespace
}  // namespace facekeep::api
