// The subject record: what the vault keeps of a person beside the templates, as one plaintext that is
// sealed under the subject's key K (make_record_aad, seal_blob). Bytes in vault/seal/FORMAT.md.
//
// It goes when K goes, and with it the two secrets in it: the key of the daily pseudonyms (nobody can
// tell the person's accesses any more) and the blinding of the digests in the log.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "vault/base/bytes.h"
#include "vault/base/result.h"
#include "vault/base/secret_bytes.h"

namespace facekeep::subject {

inline constexpr std::size_t kRecordSecretSize = 32;
inline constexpr std::size_t kMaxSubjectIdBytes = 128;
inline constexpr std::size_t kMaxRecordSize = 8192;

// Move-only, for its secrets.
struct SubjectRecord {
  SecretBytes log_key;   // 32 bytes: HMAC key of the daily pseudonyms
  SecretBytes blinding;  // 32 bytes: of the consent's digest in the log
  std::string subject;   // the access system's own id: 1 to 128 bytes of UTF-8
  std::string consent;   // canonical JSON (canonical_consent)
};

// With fresh random secrets.
SubjectRecord make_record(std::string subject, std::string canonical_consent);

// kInvalidArgument if a member is outside its limits, or the consent is not canonical.
Result<SecretBytes> encode_record(const SubjectRecord& record);
// Total: any bytes give a record or kMalformed. What it accepts, encode_record writes the same.
Result<SubjectRecord> decode_record(ByteView bytes);

// The person's name in the access log for one UTC day ("2026-11-22"): the first 16 bytes of
// HMAC-SHA-256(log_key, "facekeep/pseudonym/v1" || 0x00 || day). kInvalidArgument if the day does
// not exist or the key has not 32 bytes.
Result<Id128> pseudonym(ByteView log_key, std::string_view day);

}  // namespace facekeep::subject
