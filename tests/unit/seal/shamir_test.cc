#include "vault/seal/shamir.h"

#include "tests/support/catch.h"
#include "vault/base/digest.h"

using namespace facekeep;
using namespace facekeep::seal;

TEST_CASE("the field multiplies as FIPS 197 section 4.2 shows") {
  CHECK(gf_mul(0x57, 0x83) == 0xc1);
  CHECK(gf_mul(0x57, 0x13) == 0xfe);
  CHECK(gf_inverse(0x53) == 0xca);
  CHECK(gf_inverse(0) == 0);
  for (unsigned a = 1; a < 256; ++a) {
    const auto x = static_cast<std::uint8_t>(a);
    CHECK(gf_mul(x, gf_inverse(x)) == 1);
    CHECK(gf_mul(x, 1) == x);
    CHECK(gf_mul(x, 0) == 0);
  }
}

TEST_CASE("any threshold of points gives the secret, one less does not") {
  const SecretBytes secret = random_secret(32);
  for (std::uint8_t threshold = 1; threshold <= 5; ++threshold) {
    auto points = *shamir_split(secret.view(), threshold, 5);
    REQUIRE(points.size() == 5);
    for (unsigned mask = 0; mask < 32; ++mask) {
      std::vector<ShamirPoint> some;
      for (std::uint8_t i = 0; i < 5; ++i) {
        if ((mask >> i) & 1U) some.push_back({points[i].x, points[i].y.clone()});
      }
      const bool enough = some.size() >= threshold;
      const auto combined = shamir_combine(some, threshold);
      REQUIRE(combined.has_value() == enough);
      if (enough) CHECK(constant_time_equal(combined->view(), secret.view()));
    }
  }
}
