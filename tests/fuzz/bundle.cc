// Entry bundles: what is accepted is written out again byte for byte. The first byte of the input is the width.
#include "tests/fuzz/fuzz.h"
#include "vault/log/tiles.h"

using namespace facekeep;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const unsigned width = data[0] + 1U;
  const ByteView bytes(data + 1, size - 1);
  const auto entries = log::decode_bundle(bytes, width);
  if (entries) {
    FUZZ_CHECK(entries->size() == width);
    const auto again = log::encode_bundle(*entries);
    FUZZ_CHECK(again && *again == to_bytes(bytes));
  }
  return 0;
}
