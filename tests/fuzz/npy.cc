// .npy headers: what is accepted stays within the documented limits, and our own header reads back.
#include "tests/fuzz/fuzz.h"
#include "tools/common/matrix_file.h"
#include "tools/common/rows.h"

using namespace facekeep;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto header = tools::parse_npy_header(ByteView(data, size));
  if (header) {
    FUZZ_CHECK(header->dimension >= 1 && header->dimension <= tools::kMaxDimension);
    FUZZ_CHECK(header->value_size == 4 || header->value_size == 8);
    FUZZ_CHECK(header->data_offset <= size && header->data_offset <= tools::kMaxNpyHeader);
    const auto again = tools::parse_npy_header(tools::npy_header(header->rows, header->dimension));
    FUZZ_CHECK(again && again->rows == header->rows && again->dimension == header->dimension);
  }
  return 0;
}
