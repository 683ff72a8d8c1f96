#include "tools/facekeep/import_sealed.h"

#include "tests/support/catch.h"
#include "vault/base/json.h"

using namespace facekeep;
using namespace facekeep::tools;

namespace {

std::string row_of(const std::string& line) {
  const auto row = enrolment_row(line);
  return row ? std::string(as_chars({row->data(), row->size()})) : "refused: " + row.error().message;
}

constexpr const char* kLine =
    R"({"consent":{"controller":"c"},"record":{"entry":7,"site":"main"},"subject":"a\"b","templates":[)"
    R"({"entry":8,"model":"face","template":"AAAA","version":3},{"entry":9,"model":"other","template":"BBBB","version":1}]})";

}  // namespace

TEST_CASE("a line of an export becomes a row of an enrolment") {
  const std::string row = row_of(kLine);
  CHECK(row == R"({"consent":{"controller":"c"},"subject":"a\"b","templates":[{"model":"face","template":"AAAA"},)"
               R"({"model":"other","template":"BBBB"}]})"
               "\n");
}

TEST_CASE("a subject without templates keeps none") {
  CHECK(row_of(R"({"consent":{},"record":{},"subject":"a","templates":[]})") ==
        "{\"consent\":{},\"subject\":\"a\",\"templates\":[]}\n");
}

TEST_CASE("what is no line of an export is refused") {
  for (const char* line :
       {"", "[]", "{}", R"({"consent":{},"record":{},"subject":"a"})", R"({"consent":{},"subject":"a","templates":[]})",
        R"({"consent":{},"record":{},"subject":"a","templates":{}})",
        R"({"consent":{},"record":{},"subject":"a","templates":[1]})",
        R"({"consent":{},"record":{},"subject":"a","templates":[{"model":"face","template":"AAAA"}]})",
        R"({"consent":{},"more":1,"record":{},"subject":"a","templates":[]})"}) {
    CAPTURE(line);
    CHECK(row_of(line).starts_with("refused"));
  }
}

TEST_CASE("a part of an export is told by its name") {
  CHECK(is_sealed_part("x/part-0001.cms"));
  CHECK_FALSE(is_sealed_part("faces.ndjson"));
}
