// Strict base64 in its three forms: what is accepted has exactly one text.
#include "tests/fuzz/fuzz.h"
#include "vault/base/bytes.h"
#include "vault/base/secret_bytes.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = facekeep::fuzz::text(data, size);
  const auto plain = facekeep::from_base64(input);
  if (plain) FUZZ_CHECK(facekeep::to_base64(*plain) == input);
  const auto secret = facekeep::secret_from_base64(input);
  FUZZ_CHECK(secret.has_value() == plain.has_value());
  if (secret) FUZZ_CHECK(facekeep::constant_time_equal(secret->view(), *plain));
  const auto url = facekeep::from_base64url(input);
  if (url) FUZZ_CHECK(facekeep::to_base64url(*url) == input);

  const facekeep::ByteView bytes(data, size);
  const auto back = facekeep::from_base64(facekeep::to_base64(bytes));
  FUZZ_CHECK(back && facekeep::constant_time_equal(*back, bytes));
  return 0;
}
