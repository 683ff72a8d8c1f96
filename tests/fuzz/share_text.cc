// Share texts: words and numbers of what was read give the same words; a share that decodes encodes to itself.
#include "tests/fuzz/fuzz.h"
#include "vault/seal/slip39.h"
#include "vault/seal/slip39_words.h"

using namespace facekeep;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto words = seal::parse_share_text(fuzz::text(data, size));
  if (!words) return 0;
  for (const auto& text : {seal::share_words_text(*words), seal::share_numbers_text(*words)}) {
    const auto again = seal::parse_share_text(as_chars(text.view()));
    FUZZ_CHECK(again && constant_time_equal(again->view(), words->view()));
  }
  const auto share = seal::decode_share(*words);
  if (share) {
    const auto again = seal::encode_share(*share);
    FUZZ_CHECK(again && constant_time_equal(again->view(), words->view()));
  }
  return 0;
}
