#include "vault/seal/blob.h"

#include <algorithm>
#include <array>

#include "vault/base/digest.h"
#include "vault/base/newer.h"

namespace facekeep::seal {
namespace {

constexpr std::uint8_t kVersion = 1;

std::array<std::uint8_t, kBlobHeaderSize> make_header(Purpose purpose) {
  return {'F',
          'K',
          'B',
          'L',
          kVersion,
          static_cast<std::uint8_t>(Suite::kAes256GcmSha256),
          static_cast<std::uint8_t>(purpose),
          0};
}

// Header and associated data in one piece, on the stack: the hot path of opening a gallery.
class FullAad {
 public:
  FullAad(ByteView header, const Aad& aad) : size_(header.size() + aad.view().size()) {
    std::copy(aad.view().begin(), aad.view().end(), std::copy(header.begin(), header.end(), bytes_.begin()));
  }
  ByteView view() const { return ByteView(bytes_).first(size_); }

 private:
  std::array<std::uint8_t, kBlobHeaderSize + kMaxAadSize> bytes_;
  std::size_t size_;
};

}  // namespace

Result<BlobHeader> parse_blob_header(ByteView blob) {
  if (blob.size() < kBlobOverhead) return make_error(Errc::kMalformed, "a sealed blob is too short");
  if (blob.size() > kBlobOverhead + kMaxBlobPlain) return make_error(Errc::kTooLarge, "a sealed blob is too long");
  const bool ours = as_chars(blob.first(4)) == "FKBL";
  if (ours && blob[4] > kVersion) return newer_or_damaged("a sealed blob", blob[4], kVersion);
  const auto purpose = purpose_from_byte(blob[6]);
  if (!ours || blob[4] != kVersion || !purpose || blob[7] != 0) {
    return make_error(Errc::kMalformed, "a sealed blob has an unknown header");
  }
  if (blob[5] != static_cast<std::uint8_t>(Suite::kAes256GcmSha256)) {
    return newer_or_damaged("the suite of a sealed blob", blob[5], static_cast<std::uint8_t>(Suite::kAes256GcmSha256));
  }
  return BlobHeader{Suite::kAes256GcmSha256, *purpose};
}

Result<Bytes> seal_blob(AeadKey& key, const Aad& aad, ByteView plaintext) {
  if (plaintext.size() > kMaxBlobPlain) return make_error(Errc::kTooLarge, "a sealed blob holds at most 16 MiB");
  const auto header = make_header(aad.purpose());
  Bytes out(kBlobOverhead + plaintext.size());
  std::copy(header.begin(), header.end(), out.begin());
  FK_CHECK(key.seal_into(FullAad(header, aad).view(), plaintext, MutableByteView(out).subspan(kBlobHeaderSize)));
  return out;
}

Status open_blob_into(const AeadKey& key, const Aad& aad, ByteView blob, MutableByteView out) {
  FK_TRY(const BlobHeader header, parse_blob_header(blob));
  if (header.purpose != aad.purpose()) return make_error(Errc::kMalformed, "a sealed blob is of another purpose");
  if (out.size() != blob.size() - kBlobOverhead) {
    return make_error(Errc::kInternal, "the buffer for a sealed blob has the wrong size");
  }
  const FullAad full(blob.first(kBlobHeaderSize), aad);
  return key.open_into(full.view(), blob.subspan(kBlobHeaderSize), out);
}

Result<SecretBytes> open_blob(const AeadKey& key, const Aad& aad, ByteView blob) {
  FK_CHECK(parse_blob_header(blob));
  SecretBytes out(blob.size() - kBlobOverhead);
  FK_CHECK(open_blob_into(key, aad, blob, out.mutable_view()));
  return out;
}

Result<Bytes> wrap_key(AeadKey& wrapping, const Aad& aad, const AeadKey& key) {
  return seal_blob(wrapping, aad, key.bytes());
}

Result<AeadKey> unwrap_key(const AeadKey& wrapping, const Aad& aad, ByteView record, std::uint64_t used) {
  if (record.size() != kKeyRecordSize) return make_error(Errc::kMalformed, "a wrapped key has 68 bytes");
  FK_TRY(SecretBytes key, open_blob(wrapping, aad, record));
  return AeadKey::create(std::move(key), used);
}

Digest blob_digest(ByteView blob) {
  return sha256(blob);
}

}  // namespace facekeep::seal
