// Chunked bodies: decoding does not depend on how the bytes arrive, and never gives more than the limit.
#include <algorithm>

#include "api/http/framing.h"
#include "tests/fuzz/fuzz.h"

using namespace facekeep;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::uint64_t kMaxBody = 1024;
  const auto text = fuzz::text(data, size);
  http::ChunkDecoder at_once(kMaxBody);
  http::CleansedBytes body;
  const auto whole = at_once.feed(text, body);
  FUZZ_CHECK(body.size() <= kMaxBody && whole.used <= text.size());

  http::ChunkDecoder in_pieces(kMaxBody);
  http::CleansedBytes pieces;
  std::size_t used = 0;
  auto state = http::ChunkDecoder::State::kMore;
  while (used < text.size() && state == http::ChunkDecoder::State::kMore) {
    const auto step = in_pieces.feed(text.substr(used, 1), pieces);
    used += step.used;
    state = step.state;
    if (step.used == 0) break;
  }
  if (!text.empty()) FUZZ_CHECK(state == whole.state);
  if (whole.state == http::ChunkDecoder::State::kDone) {
    FUZZ_CHECK(used == whole.used);
    FUZZ_CHECK(std::equal(body.begin(), body.end(), pieces.begin(), pieces.end()));
  }
  return 0;
}
