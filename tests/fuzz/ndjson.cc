// Rows of a bulk body: parts of the text, in its order, none with a line end and none of white space alone.
#include "api/ndjson.h"

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = facekeep::fuzz::text(data, size);
  const char* at = text.data();
  for (const std::string_view row : facekeep::api::split_ndjson(text)) {
    FUZZ_CHECK(row.data() >= at);
    at = row.data() + row.size();
    FUZZ_CHECK(at <= text.data() + text.size());
    FUZZ_CHECK(row.find('\n') == std::string_view::npos);
    FUZZ_CHECK(row.find_first_not_of(" \t\r") != std::string_view::npos);
  }
  return 0;
}
