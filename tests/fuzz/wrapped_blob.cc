// Wrapped blobs and anchors: what is accepted is written out again byte for byte.
#include "hsm/wrapped_blob.h"

#include "hsm/anchor.h"
#include "tests/fuzz/fuzz.h"

using namespace facekeep;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView bytes(data, size);
  const auto blob = hsm::parse_blob(bytes);
  if (blob) FUZZ_CHECK(hsm::format_blob(*blob) == to_bytes(bytes));
  const Id128 vault{};
  const auto anchor = hsm::parse_anchor(vault, bytes);
  if (anchor) FUZZ_CHECK(hsm::format_anchor(vault, *anchor) == to_bytes(bytes));
  return 0;
}
