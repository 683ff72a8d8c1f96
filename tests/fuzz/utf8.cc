// UTF-8: valid texts joined are valid, and the JSON reader has the same opinion of a string.
#include <string>

#include "tests/fuzz/fuzz.h"
#include "vault/base/json.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string input(facekeep::fuzz::text(data, size));
  const bool valid = facekeep::is_valid_utf8(input);
  if (valid) FUZZ_CHECK(facekeep::is_valid_utf8(input + input));
  for (const char c : input) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == '"' || byte == '\\') return 0;
  }
  const auto string = facekeep::parse_json('"' + input + '"');
  FUZZ_CHECK(string.has_value() == valid);
  if (string) FUZZ_CHECK(string->get<std::string>() == input);
  return 0;
}
