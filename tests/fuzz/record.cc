// Subject records: what is accepted is written out again byte for byte.
#include "vault/subject/record.h"

#include "tests/fuzz/fuzz.h"

using namespace facekeep;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input(data, size);
  const auto record = subject::decode_record(input);
  if (!record) return 0;
  const auto again = subject::encode_record(*record);
  FUZZ_CHECK(again && to_bytes(again->view()) == to_bytes(input));
  return 0;
}
