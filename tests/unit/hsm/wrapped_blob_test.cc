#include "hsm/wrapped_blob.h"

#include "tests/support/catch.h"

using namespace facekeep;
using namespace facekeep::hsm;

namespace {

Bytes gcm_blob() {
  return format_blob({WrapMechanism::kAesGcm, 7, Bytes(12, 0xaa), Bytes(48, 0xbb)});
}

}  // namespace

TEST_CASE("a blob's bytes are as the header of wrapped_blob.h says") {
  CHECK(to_hex(gcm_blob()) == "464b573101000000070c" + to_hex(Bytes(12, 0xaa)) + to_hex(Bytes(48, 0xbb)));
  CHECK(to_hex(blob_header(WrapMechanism::kRsaOaep, 0x01020304)) == "464b5731020102030400");
}

TEST_CASE("a blob comes back the same") {
  for (const auto& bytes : {gcm_blob(), format_blob({WrapMechanism::kRsaOaep, 0xffffffff, {}, Bytes(384, 1)})}) {
    auto blob = parse_blob(bytes);
    REQUIRE(blob);
    CHECK(format_blob(*blob) == bytes);
  }
}

TEST_CASE("bytes that are no blob are refused") {
  const Bytes good = gcm_blob();
  for (std::size_t n = 0; n < kBlobHeaderSize + kGcmIvSize + kGcmTagSize; ++n) {
    CHECK_FALSE(parse_blob(ByteView(good).first(n)));
  }
  const auto altered = [&](std::size_t at, std::uint8_t value) {
    Bytes b = good;
    b[at] = value;
    return b;
  };
  CHECK_FALSE(parse_blob(altered(0, 'X')));
  CHECK(parse_blob(altered(3, '2')).error().message.find("format 2") != std::string::npos);
  CHECK_FALSE(parse_blob(altered(4, 0)));
  CHECK_FALSE(parse_blob(altered(4, 3)));
  CHECK_FALSE(parse_blob(altered(4, 2)));  // mechanism 2 has no IV
  CHECK_FALSE(parse_blob(altered(9, 0)));
  CHECK_FALSE(parse_blob(altered(9, 255)));
  CHECK_FALSE(parse_blob(concat(good, Bytes(64))));
  CHECK_FALSE(parse_blob(concat(blob_header(WrapMechanism::kRsaOaep, 1), Bytes(255))));
  CHECK_FALSE(parse_blob(concat(blob_header(WrapMechanism::kRsaOaep, 1), Bytes(1025))));
}
