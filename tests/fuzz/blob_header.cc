// Headers of sealed blobs; and no blob that was not sealed opens.
#include "tests/fuzz/fuzz.h"
#include "vault/seal/blob.h"

using namespace facekeep;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const seal::AeadKey key = seal::AeadKey::generate();
  const ByteView input(data, size);
  const auto header = seal::parse_blob_header(input);
  if (!header) return 0;
  FUZZ_CHECK(seal::purpose_from_byte(data[6]) == header->purpose);
  FUZZ_CHECK(!seal::purpose_label(header->purpose).empty());
  const seal::AadPlace place{Id128{}, "gate"};
  const auto aad = header->purpose == seal::Purpose::kTemplate        ? seal::make_template_aad(place, {})
                   : header->purpose == seal::Purpose::kSubjectRecord ? seal::make_record_aad(place, Id128{})
                                                                      : seal::make_aad(place, 0, header->purpose, {});
  FUZZ_CHECK(aad && !seal::open_blob(key, *aad, input));
  return 0;
}
