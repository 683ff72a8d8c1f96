// Parts of exports that somebody else made: whatever the bytes, they open or they don't.
#include "vault/export/cms_open.h"

#include <openssl/ec.h>
#include <openssl/evp.h>

#include "tests/fuzz/fuzz.h"

using namespace facekeep;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static EVP_PKEY* const key = EVP_EC_gen("P-256");
  FUZZ_CHECK(!exporter::open_cms({data, size}, key));  // nobody sealed anything to this key
  return 0;
}
