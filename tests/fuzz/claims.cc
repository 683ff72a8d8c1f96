// The payload of a signed probe: what is read is within its bounds, and written again it is the same text.
#include "vault/probe/claims.h"

#include "tests/fuzz/fuzz.h"

using namespace facekeep;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto claims = probe::read_claims(ByteView(data, size));
  if (!claims) {
    FUZZ_CHECK(claims.error().problem != nullptr);
    return 0;
  }
  FUZZ_CHECK(!claims->probe.empty() && claims->probe.size() <= 1024 && claims->pad <= 3);
  FUZZ_CHECK(claims->door.empty() == (claims->use == "enrol"));
  const SecretBytes again = probe::write_claims(*claims);
  FUZZ_CHECK(as_chars(again.view()) == fuzz::text(data, size));
  return 0;
}
