#include "vault/export/row.h"

#include <openssl/evp.h>

#include <algorithm>
#include <bit>

#include "vault/base/json.h"

namespace facekeep::exporter {
namespace {

static_assert(std::endian::native == std::endian::little && sizeof(float) == 4, "vectors are little-endian float32");

Error too_long() {
  return make_error(Errc::kTooLarge, "a subject's row has more than 65536 bytes");
}

}  // namespace

Status RowBuilder::append(std::string_view text) {
  if (text.size() > buffer_.size() - used_) return too_long();
  std::copy(text.begin(), text.end(), buffer_.data() + used_);
  used_ += text.size();
  return {};
}

Status RowBuilder::begin(const RowHead& head) {
  buffer_ = SecretBytes(kMaxRow);
  used_ = 0;
  first_ = true;
  FK_TRY(const Json consent, parse_json(head.consent));
  const Json row = {{"consent", consent},
                    {"record", {{"entry", head.entry}, {"site", std::string(head.site)}}},
                    {"subject", std::string(head.subject)}};
  FK_TRY(std::string text, canonical_json(row));
  text.back() = ',';  // where the object ended; "templates" is last in canonical order
  FK_CHECK(append(text));
  return append(R"("templates":[)");
}

Status RowBuilder::add_template(const PlainTemplateAccess&, const RowTemplate& about,
                                std::span<const float> components) {
  if (!first_) FK_CHECK(append(","));
  first_ = false;
  const Json facts = {{"entry", about.entry}, {"model", std::string(about.model)}};
  FK_TRY(std::string text, canonical_json(facts));
  text.back() = ',';
  FK_CHECK(append(text));
  FK_CHECK(append(R"("template":")"));
  const std::size_t encoded = (components.size_bytes() + 2) / 3 * 4;
  if (encoded + 1 > buffer_.size() - used_) return too_long();  // EVP_EncodeBlock ends with a zero byte
  EVP_EncodeBlock(buffer_.data() + used_, reinterpret_cast<const unsigned char*>(components.data()),
                  static_cast<int>(components.size_bytes()));
  used_ += encoded;
  return append(R"(","version":)" + std::to_string(about.version) + "}");
}

Result<ByteView> RowBuilder::finish() {
  FK_CHECK(append("]}\n"));
  return buffer_.view().first(used_);
}

}  // namespace facekeep::exporter
