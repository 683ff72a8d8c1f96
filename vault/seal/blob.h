// The sealed blob: what lies in the store and in key slots. Byte by byte in vault/seal/FORMAT.md:
//
//   "FKBL" | version 1 | suite | purpose | 0 | nonce 12 | ciphertext | tag 16
//
// The header is authenticated together with the associated data, and the header's purpose must be
// that of the associated data.
#pragma once

#include "vault/base/bytes.h"
#include "vault/base/result.h"
#include "vault/base/secret_bytes.h"
#include "vault/seal/aad.h"
#include "vault/seal/aead.h"

namespace facekeep::seal {

inline constexpr std::size_t kBlobHeaderSize = 8;
inline constexpr std::size_t kBlobOverhead = kBlobHeaderSize + kSealOverhead;  // 36
inline constexpr std::size_t kMaxBlobPlain = std::size_t{16} << 20;
inline constexpr std::size_t kKeyRecordSize = kBlobOverhead + kKeySize;  // 68: a wrapped key, for a slot

struct BlobHeader {
  Suite suite = Suite::kAes256GcmSha256;
  Purpose purpose = Purpose::kTemplate;
};

// Total: any bytes give a header or kMalformed. Looks at the header and the length alone.
Result<BlobHeader> parse_blob_header(ByteView blob);

// Seals up to 16 MiB (kTooLarge). Counts one use of the key (kExhausted). Thread safe.
Result<Bytes> seal_blob(AeadKey& key, const Aad& aad, ByteView plaintext);
// kMalformed: not a blob, or of another purpose. kCrypto: another key, place, or altered bytes.
Result<SecretBytes> open_blob(const AeadKey& key, const Aad& aad, ByteView blob);
// Into `out`, which must have blob.size() - kBlobOverhead bytes. Nothing remains in it on failure.
Status open_blob_into(const AeadKey& key, const Aad& aad, ByteView blob, MutableByteView out);

// A 32-byte key under another one: a blob of kKeyRecordSize bytes, which fits a key slot.
Result<Bytes> wrap_key(AeadKey& wrapping, const Aad& aad, const AeadKey& key);
// `used`: what the ledger knows of the inner key's encryptions.
Result<AeadKey> unwrap_key(const AeadKey& wrapping, const Aad& aad, ByteView record, std::uint64_t used);

// What the log holds of a blob: SHA-256 of all its bytes.
Digest blob_digest(ByteView blob);

}  // namespace facekeep::seal
