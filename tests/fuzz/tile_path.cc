// tlog-tiles paths: what is accepted has exactly one text.
#include "tests/fuzz/fuzz.h"
#include "vault/log/tiles.h"

using namespace facekeep;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text(data, size);
  const auto tile = log::parse_tile_path(text);
  const auto bundle = log::parse_bundle_path(text);
  FUZZ_CHECK(!(tile && bundle));
  if (tile) FUZZ_CHECK(log::format_path(*tile) == text);
  if (bundle) FUZZ_CHECK(log::format_path(*bundle) == text);
  return 0;
}
