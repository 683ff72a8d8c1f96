// Headers of stored site keys: what is accepted stands in the bytes where the format says.
#include "tests/fuzz/fuzz.h"
#include "vault/seal/site_key.h"

using namespace facekeep;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto header = seal::parse_site_key_header(ByteView(data, size));
  if (!header) return 0;
  FUZZ_CHECK(size > seal::kSiteKeyHeaderSize);
  FUZZ_CHECK(data[5] == static_cast<std::uint8_t>(header->suite));
  FUZZ_CHECK(data[6] == static_cast<std::uint8_t>(header->layer));
  FUZZ_CHECK(load_be32(data + 8) == header->epoch);
  return 0;
}
