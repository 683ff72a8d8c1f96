// Openings of access events: the parts of what is accepted are the whole input.
#include "vault/log/sequencer/access_opening.h"

#include "tests/fuzz/fuzz.h"
#include "vault/log/sequencer/recovery.h"

using namespace facekeep;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input(data, size);
  const auto header = log::parse_access_opening(input);
  if (!header) return 0;
  const Bytes head = {log::kOpeningSealed, static_cast<std::uint8_t>(header->site.size())};
  FUZZ_CHECK(concat(head, as_bytes(header->site), as_bytes(header->period), header->blob) == to_bytes(input));
  FUZZ_CHECK(ledger::is_slug(header->site));
  FUZZ_CHECK(header->period.size() == 7);
  return 0;
}
