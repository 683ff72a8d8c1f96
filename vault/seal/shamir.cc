#include "vault/seal/shamir.h"

#include <algorithm>

#include "vault/base/digest.h"

namespace facekeep::seal {
namespace {

constexpr std::uint8_t kSecretX = 255;
constexpr std::uint8_t kDigestX = 254;
constexpr std::size_t kDigestSize = 4;

// The value at `x` of the polynomial through the points (Lagrange). The coefficients depend on x
// coordinates alone, which are public.
SecretBytes interpolate(const std::vector<const ShamirPoint*>& points, std::uint8_t x) {
  SecretBytes out(points.front()->y.size());
  for (const ShamirPoint* i : points) {
    std::uint8_t basis = 1;
    for (const ShamirPoint* j : points) {
      if (j == i) continue;
      const auto numerator = static_cast<std::uint8_t>(x ^ j->x);
      const auto denominator = static_cast<std::uint8_t>(i->x ^ j->x);
      basis = gf_mul(basis, gf_mul(numerator, gf_inverse(denominator)));
    }
    for (std::size_t k = 0; k < out.size(); ++k) out.data()[k] ^= gf_mul(i->y.data()[k], basis);
  }
  return out;
}

// First four bytes of HMAC-SHA256(random part, secret), then the random part.
SecretBytes digest_share(ByteView random_part, ByteView secret) {
  Digest mac = hmac_sha256(random_part, {secret});
  SecretBytes out = secret_concat({ByteView(mac).first(kDigestSize), random_part});
  cleanse(MutableByteView(mac));
  return out;
}

Status check_points(const std::vector<ShamirPoint>& points, std::uint8_t threshold) {
  if (threshold < 1 || points.size() < threshold) {
    return make_error(Errc::kInvalidArgument, "fewer shares than the threshold");
  }
  for (std::size_t i = 0; i < points.size(); ++i) {
    const std::size_t size = points[i].y.size();
    if (size != points[0].y.size() || size < kMinSecret || size > kMaxSecret) {
      return make_error(Errc::kInvalidArgument, "shares of different or wrong lengths");
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (points[i].x == points[j].x) return make_error(Errc::kInvalidArgument, "the same share twice");
    }
  }
  return {};
}

}  // namespace

std::uint8_t gf_mul(std::uint8_t a, std::uint8_t b) noexcept {
  unsigned x = a;
  unsigned y = b;
  unsigned out = 0;
  for (int i = 0; i < 8; ++i) {
    out ^= x & (0U - (y & 1U));
    y >>= 1;
    x = (x << 1) ^ (0x11bU & (0U - (x >> 7)));
  }
  return static_cast<std::uint8_t>(out);
}

std::uint8_t gf_inverse(std::uint8_t a) noexcept {
  // a^254, by Fermat.
  std::uint8_t square = a;
  std::uint8_t out = 1;
  for (int i = 0; i < 7; ++i) {
    square = gf_mul(square, square);
    out = gf_mul(out, square);
  }
  return out;
}

Result<std::vector<ShamirPoint>> shamir_split(ByteView secret, std::uint8_t threshold, std::uint8_t count) {
  if (threshold < 1 || threshold > count || count > kMaxShares) {
    return make_error(Errc::kInvalidArgument, "a threshold is between 1 and the number of shares, which is at most 16");
  }
  if (secret.size() < kMinSecret || secret.size() > kMaxSecret || secret.size() % 2 != 0) {
    return make_error(Errc::kInvalidArgument, "a secret to split has 16 to 64 bytes, an even number");
  }
  std::vector<ShamirPoint> out;
  out.reserve(count);
  const auto random_points = static_cast<std::uint8_t>(threshold == 1 ? count : threshold - 2);
  for (std::uint8_t x = 0; x < random_points; ++x) {
    out.push_back({x, threshold == 1 ? SecretBytes::copy_of(secret) : random_secret(secret.size())});
  }
  if (threshold == 1) return out;
  const SecretBytes random_part = random_secret(secret.size() - kDigestSize);
  const ShamirPoint digest{kDigestX, digest_share(random_part.view(), secret)};
  const ShamirPoint whole{kSecretX, SecretBytes::copy_of(secret)};
  std::vector<const ShamirPoint*> base;
  for (const ShamirPoint& p : out) base.push_back(&p);  // out never reallocates: reserved above
  base.push_back(&digest);
  base.push_back(&whole);
  for (std::uint8_t x = random_points; x < count; ++x) out.push_back({x, interpolate(base, x)});
  return out;
}

Result<SecretBytes> shamir_combine(const std::vector<ShamirPoint>& points, std::uint8_t threshold) {
  FK_CHECK(check_points(points, threshold));
  if (threshold == 1) {
    for (const ShamirPoint& p : points) {
      if (!constant_time_equal(p.y.view(), points[0].y.view())) {
        return make_error(Errc::kCrypto, "these shares do not belong together");
      }
    }
    return points[0].y.clone();
  }
  std::vector<const ShamirPoint*> base;
  for (const ShamirPoint& p : points) base.push_back(&p);
  SecretBytes secret = interpolate(base, kSecretX);
  const SecretBytes stored = interpolate(base, kDigestX);
  const SecretBytes expected = digest_share(stored.view().subspan(kDigestSize), secret.view());
  if (!constant_time_equal(stored.view(), expected.view())) {
    return make_error(Errc::kCrypto, "these shares do not belong together");
  }
  return secret;
}

}  // namespace facekeep::seal
