#include "tools/facekeep/consent_file.h"

#include "tools/facekeep/context.h"
#include "vault/subject/consent.h"

namespace facekeep::tools {

Status check_consent(const Json& record) {
  const auto consent = subject::consent_from_json(record);
  if (consent) return {};
  return say_error(Errc::kInvalidArgument, "bad-consent", Msg::kCliConsentField, Msg::kCliConsentHint,
                   {consent.error().message});
}

Result<Json> load_consent(const std::string& path) {
  FK_TRY(const std::string text, load_text(path, 64 * 1024));
  auto record = parse_json(text);
  if (!record || !record->is_object()) {
    return say_error(Errc::kMalformed, "bad-consent", Msg::kCliConsentNotJson, Msg::kCliConsentHint, {path});
  }
  FK_CHECK(check_consent(*record));
  return record;
}

}  // namespace facekeep::tools
