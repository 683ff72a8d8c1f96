#include "hsm/wrapped_blob.h"

#include <algorithm>

#include "vault/base/newer.h"

namespace facekeep::hsm {
namespace {

constexpr std::uint8_t kMagic[] = {'F', 'K', 'W', '1'};
constexpr std::size_t kMinRsaBlock = 256;

std::uint8_t iv_size(WrapMechanism mechanism) {
  return mechanism == WrapMechanism::kAesGcm ? kGcmIvSize : 0;
}

Error malformed(const char* what) {
  return make_error(Errc::kMalformed, std::string("wrapped blob: ") + what);
}

}  // namespace

Bytes blob_header(WrapMechanism mechanism, std::uint32_t epoch) {
  Bytes out(std::begin(kMagic), std::end(kMagic));
  out.push_back(static_cast<std::uint8_t>(mechanism));
  append_be32(out, epoch);
  out.push_back(iv_size(mechanism));
  return out;
}

Bytes format_blob(const WrappedBlob& blob) {
  return concat(blob_header(blob.mechanism, blob.epoch), blob.iv, blob.ciphertext);
}

Result<WrappedBlob> parse_blob(ByteView bytes) {
  if (bytes.size() < kBlobHeaderSize) return malformed("too short");
  if (!std::equal(std::begin(kMagic), std::end(kMagic) - 1, bytes.begin())) return malformed("unknown format");
  if (bytes[3] > kMagic[3] && bytes[3] <= '9') {
    return newer_or_damaged("a wrapped key", bytes[3] - '0', kMagic[3] - '0');
  }
  if (bytes[3] != kMagic[3]) return malformed("unknown format");
  if (bytes[4] != 1 && bytes[4] != 2) return malformed("unknown mechanism");
  WrappedBlob blob;
  blob.mechanism = static_cast<WrapMechanism>(bytes[4]);
  blob.epoch = load_be32(&bytes[5]);
  const std::size_t n = iv_size(blob.mechanism);
  if (bytes[9] != n) return malformed("wrong length of the IV");
  if (bytes.size() < kBlobHeaderSize + n) return malformed("too short");
  blob.iv = to_bytes(bytes.subspan(kBlobHeaderSize, n));
  blob.ciphertext = to_bytes(bytes.subspan(kBlobHeaderSize + n));
  const bool gcm = blob.mechanism == WrapMechanism::kAesGcm;
  const std::size_t least = gcm ? kGcmTagSize : kMinRsaBlock;
  const std::size_t most = gcm ? kGcmTagSize + kMaxWrappedSecret : kMaxRsaBlock;
  if (blob.ciphertext.size() < least || blob.ciphertext.size() > most) {
    return malformed("impossible length of the ciphertext");
  }
  return blob;
}

}  // namespace facekeep::hsm
