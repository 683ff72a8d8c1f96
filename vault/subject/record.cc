#include "vault/subject/record.h"

#include <algorithm>

#include "vault/base/clock.h"
#include "vault/base/digest.h"
#include "vault/subject/consent.h"

namespace facekeep::subject {
namespace {

constexpr std::uint8_t kHead[5] = {'F', 'K', 'S', 'R', 1};
constexpr std::size_t kFixedSize = sizeof(kHead) + 2 * kRecordSecretSize + 2;  // up to the subject id

bool id_ok(std::string_view id) {
  const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  return !id.empty() && id.size() <= kMaxSubjectIdBytes && is_valid_utf8(id) &&
         std::none_of(id.begin(), id.end(), control);
}

bool consent_ok(std::string_view canonical) {
  const auto consent = parse_consent(canonical);
  return consent && canonical_consent(*consent) == canonical;
}

Error malformed(const char* why) {
  return make_error(Errc::kMalformed, std::string("a subject record ") + why);
}

}  // namespace

SubjectRecord make_record(std::string subject, std::string canonical_consent) {
  return {random_secret(kRecordSecretSize), random_secret(kRecordSecretSize), std::move(subject),
          std::move(canonical_consent)};
}

Result<SecretBytes> encode_record(const SubjectRecord& r) {
  if (r.log_key.size() != kRecordSecretSize || r.blinding.size() != kRecordSecretSize) {
    return make_error(Errc::kInvalidArgument, "a subject record's secrets have 32 bytes each");
  }
  if (!id_ok(r.subject)) {
    return make_error(Errc::kInvalidArgument, "a subject id has 1 to 128 bytes of UTF-8 without control characters");
  }
  if (!consent_ok(r.consent)) return make_error(Errc::kInvalidArgument, "a subject record needs a canonical consent");
  Bytes id_size;
  append_be16(id_size, static_cast<std::uint16_t>(r.subject.size()));
  Bytes consent_size;
  append_be32(consent_size, static_cast<std::uint32_t>(r.consent.size()));
  return secret_concat(
      {kHead, r.log_key.view(), r.blinding.view(), id_size, as_bytes(r.subject), consent_size, as_bytes(r.consent)});
}

Result<SubjectRecord> decode_record(ByteView bytes) {
  if (bytes.size() < kFixedSize || bytes.size() > kMaxRecordSize) return malformed("has the wrong length");
  if (!std::equal(std::begin(kHead), std::end(kHead), bytes.begin())) return malformed("has an unknown header");
  SubjectRecord out;
  ByteView rest = bytes.subspan(sizeof(kHead));
  out.log_key = SecretBytes::copy_of(rest.first(kRecordSecretSize));
  out.blinding = SecretBytes::copy_of(rest.subspan(kRecordSecretSize, kRecordSecretSize));
  rest = bytes.subspan(kFixedSize);
  const std::size_t id_size = load_be16(bytes.data() + kFixedSize - 2);
  if (rest.size() < id_size + 4) return malformed("is cut short");
  out.subject = as_chars(rest.first(id_size));
  rest = rest.subspan(id_size);
  const std::size_t consent_size = load_be32(rest.data());
  rest = rest.subspan(4);
  if (rest.size() != consent_size) return malformed("is cut short or has more behind its end");
  out.consent = as_chars(rest);
  if (!id_ok(out.subject)) return malformed("has a subject id that can't be");
  if (!consent_ok(out.consent)) return malformed("has a consent that is not canonical");
  return out;
}

Result<Id128> pseudonym(ByteView log_key, std::string_view day) {
  if (log_key.size() != kRecordSecretSize) return make_error(Errc::kInvalidArgument, "a log key has 32 bytes");
  if (!parse_day(day)) return make_error(Errc::kInvalidArgument, "a pseudonym needs a day such as 2026-11-22");
  const Digest mac = hmac_sha256(log_key, {as_bytes(std::string_view("facekeep/pseudonym/v1\0", 22)), as_bytes(day)});
  Id128 out{};
  std::copy_n(mac.begin(), out.size(), out.begin());
  return out;
}

}  // namespace facekeep::subject
