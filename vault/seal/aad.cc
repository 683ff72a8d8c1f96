#include "vault/seal/aad.h"

#include <array>

namespace facekeep::seal {

// Fields in a fixed order, each behind its length in 16 bits: two different places never give the
// same bytes. The number of fields follows from the purpose.
class AadBuilder {
 public:
  AadBuilder(const AadPlace& place, std::optional<std::uint32_t> epoch, Purpose purpose, ByteView ref)
      : purpose_(purpose) {
    bytes_.reserve(192);
    field(as_bytes("facekeep/aad/v1"));
    const auto suite = static_cast<std::uint8_t>(Suite::kAes256GcmSha256);
    field(ByteView(&suite, 1));
    field(place.vault);
    Bytes number;
    if (epoch) append_be32(number, *epoch);
    field(number);
    field(as_bytes(purpose_label(purpose)));
    text(place.site, kMaxSiteText);
    text(as_chars(ref), kMaxAadRef);
  }

  void field(ByteView v) {
    append_be16(bytes_, static_cast<std::uint16_t>(v.size()));
    bytes_.insert(bytes_.end(), v.begin(), v.end());
  }
  void text(std::string_view v, std::size_t limit) {
    too_long_ = too_long_ || v.size() > limit;
    if (!too_long_) field(as_bytes(v));
  }

  Result<Aad> build() && {
    if (too_long_) return make_error(Errc::kInvalidArgument, "a site, model or ref is longer than 128 bytes");
    return Aad(std::move(bytes_), purpose_);
  }

 private:
  Bytes bytes_;
  Purpose purpose_;
  bool too_long_ = false;
};

namespace {
constexpr std::array<std::string_view, kPurposeCount + 1> kLabels = {
    "",         "site-key/token", "site-key/spare", "site-key/custodians", "subject-key",
    "template", "subject-record", "register",       "period-key",          "opening",
    "change",   "share",          "ticket-half",    "ticket-deposit",      "ticket-return",
};
}  // namespace

std::string_view purpose_label(Purpose purpose) {
  const auto i = static_cast<std::size_t>(purpose);
  return i < kLabels.size() ? kLabels[i] : std::string_view{};
}

std::optional<Purpose> purpose_from_byte(std::uint8_t b) {
  if (b < 1 || b > kPurposeCount) return std::nullopt;
  return static_cast<Purpose>(b);
}

Result<Aad> make_aad(const AadPlace& place, std::uint32_t epoch, Purpose purpose, ByteView ref) {
  if (purpose == Purpose::kTemplate || purpose == Purpose::kSubjectRecord || purpose_label(purpose).empty()) {
    return make_error(Errc::kInternal, "templates and records have associated data of their own");
  }
  return AadBuilder(place, epoch, purpose, ref).build();
}

Result<Aad> make_record_aad(const AadPlace& place, const Id128& subject_ref) {
  return AadBuilder(place, std::nullopt, Purpose::kSubjectRecord, subject_ref).build();
}

Result<Aad> make_template_aad(const AadPlace& place, const TemplateIdentity& identity) {
  AadBuilder b(place, std::nullopt, Purpose::kTemplate, identity.subject_ref);
  b.field(identity.template_id);
  b.text(identity.model, kMaxSiteText);
  Bytes version;
  append_be32(version, identity.model_version);
  b.field(version);
  b.field(identity.consent);
  return std::move(b).build();
}

}  // namespace facekeep::seal
