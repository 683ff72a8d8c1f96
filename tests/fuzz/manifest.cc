// Manifests of exports: what is accepted is written out the same.
#include "vault/export/manifest.h"

#include "tests/fuzz/fuzz.h"

using namespace facekeep;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto m = exporter::parse_manifest(fuzz::text(data, size));
  if (!m) return 0;
  const auto text = exporter::encode_manifest(*m);
  FUZZ_CHECK(text && *text == fuzz::text(data, size));
  return 0;
}
