// Shamir's secret sharing over GF(256), one level, as SLIP-0039 section "Shamir's secret sharing"
// defines it: polynomial x^8+x^4+x^3+x+1, the secret at x = 255, a digest of it at x = 254.
//
// Secret values never index a table and never decide a branch; x coordinates are public.
#pragma once

#include <cstdint>
#include <vector>

#include "vault/base/result.h"
#include "vault/base/secret_bytes.h"

namespace facekeep::seal {

inline constexpr std::uint8_t kMaxShares = 16;
inline constexpr std::size_t kMinSecret = 16;  // bytes, always an even number of them
inline constexpr std::size_t kMaxSecret = 64;

struct ShamirPoint {
  std::uint8_t x = 0;  // 0 to 15
  SecretBytes y;
};

// `count` points with x = 0 .. count-1, any `threshold` of which give the secret. kInvalidArgument
// unless 1 <= threshold <= count <= 16 and the secret has 16 to 64 bytes, an even number. With
// threshold 1 every point is the secret itself.
Result<std::vector<ShamirPoint>> shamir_split(ByteView secret, std::uint8_t threshold, std::uint8_t count);

// kInvalidArgument: fewer points than `threshold`, the same x twice, lengths that differ. kCrypto:
// the points do not belong together (their digest differs).
Result<SecretBytes> shamir_combine(const std::vector<ShamirPoint>& points, std::uint8_t threshold);

// Exposed for tests: multiplication and inverse in the field.
std::uint8_t gf_mul(std::uint8_t a, std::uint8_t b) noexcept;
std::uint8_t gf_inverse(std::uint8_t a) noexcept;  // 0 for 0

}  // namespace facekeep::seal
