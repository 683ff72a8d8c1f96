// Consent records: what is accepted has one canonical form, which reads back as the same record.
#include "vault/subject/consent.h"

#include "tests/fuzz/fuzz.h"
#include "vault/base/clock.h"

using namespace facekeep;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text(data, size);
  const auto consent = subject::parse_consent(text);
  if (consent) {
    const std::string canonical = subject::canonical_consent(*consent);
    FUZZ_CHECK(canonical.size() <= subject::kMaxConsentJson);
    const auto again = subject::parse_consent(canonical);
    FUZZ_CHECK(again && *again == *consent);
    FUZZ_CHECK(subject::canonical_consent(*again) == canonical);
  }
  const auto time = subject::parse_rfc3339(text);
  if (time) FUZZ_CHECK(parse_time(format_time(*time)).value() == *time);
  return 0;
}
