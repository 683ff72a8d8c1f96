// Certificates of recipients, PEM and DER: what is accepted is accepted again from its DER, as the same recipient.
#include "vault/export/recipient.h"

#include "tests/fuzz/fuzz.h"

using namespace facekeep;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto r = exporter::parse_recipient({data, size});
  if (!r) return 0;
  FUZZ_CHECK(r->certificate.size() <= exporter::kMaxCertificate);
  const auto again = exporter::parse_recipient(r->certificate);
  FUZZ_CHECK(again && again->spki == r->spki && again->key == r->key);
  return 0;
}
