// Openings as a vault serves them: what is accepted lies in its bundle, each entry once.
#include "vault/audit/openings.h"

#include "tests/fuzz/fuzz.h"

using namespace facekeep;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto doc = audit::parse_openings(fuzz::text(data, size));
  if (doc) {
    FUZZ_CHECK(doc->entries.size() <= 2 * audit::kMaxOpenings);
    for (const auto& [entry, opening] : doc->entries) {
      FUZZ_CHECK(entry / 256 == doc->bundle);
      FUZZ_CHECK(opening.bytes.empty() || opening.state == audit::OpeningState::kThere);
      FUZZ_CHECK(doc->at(entry).state == opening.state);
    }
  }
  return 0;
}
