// CSV and NDJSON rows: a row is good or rejected, never both, and rows are numbered in order.
#include "tools/common/rows.h"

#include <cmath>
#include <sstream>

#include "tests/fuzz/fuzz.h"
#include "vault/base/bytes.h"

using namespace facekeep;

namespace {

void drain(tools::RowSource& source) {
  std::uint64_t last = 0;
  while (true) {
    auto row = source.next();
    if (!row || !*row) return;
    tools::Row& one = **row;
    FUZZ_CHECK(one.number > last);
    last = one.number;
    tools::check_row(one, 0);
    FUZZ_CHECK(one.error.has_value() == one.values.empty());
    if (one.error) continue;
    FUZZ_CHECK(!one.subject.empty() && one.subject.size() <= tools::kMaxSubjectBytes);
    FUZZ_CHECK(is_valid_utf8(one.subject));
    for (const float value : one.values) FUZZ_CHECK(std::isfinite(value));
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(fuzz::text(data, size));
  std::istringstream csv(text);
  if (auto source = tools::csv_rows(csv, 0)) drain(**source);
  std::istringstream ndjson(text);
  drain(*tools::ndjson_rows(ndjson, 0));
  return 0;
}
