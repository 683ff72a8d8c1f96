// A state as text: what is accepted is written out again as the same state.
#include "vault/ledger/state_text.h"

#include <algorithm>
#include <string>

#include "tests/fuzz/fuzz.h"

using namespace facekeep;

namespace {

Result<ledger::State> read(std::string_view text) {
  ledger::StateTextReader reader;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    FK_CHECK(reader.line(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return std::move(reader).finish();
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto state = read(fuzz::text(data, size));
  if (state) {
    std::string text = write_state_head(*state);
    for (const Id128& ref : state->refs_in_order()) text += state->digest_lines(ref);
    const auto again = read(text);
    FUZZ_CHECK(again && again->digest() == state->digest());
  }
  return 0;
}
