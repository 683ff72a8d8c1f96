// One subject as a line of an export: canonical JSON with LF, in memory that is cleansed. Format:
// vault/export/FORMAT.md.
//
// A line is also a row of POST /v1/sites/{site}/enrolments once its extra members are left out.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "vault/base/bytes.h"
#include "vault/base/secret_bytes.h"
#include "vault/seal/plain_template_access.h"

namespace facekeep::exporter {

inline constexpr std::size_t kMaxRow = std::size_t{64} << 10;  // bytes; 8 templates of 1024 components make 45,000

struct RowHead {
  std::string_view subject;  // the access system's id
  std::string_view consent;  // canonical JSON (subject/consent.h)
  std::string_view site;
  std::uint64_t entry = 0;  // log position of the enrolment
};

struct RowTemplate {
  std::string_view model;  // slug
  std::uint32_t version = 0;
  std::uint64_t entry = 0;  // log position
};

// Builds one line after the other in one buffer. Not thread safe.
class RowBuilder {
 public:
  // Begins a line; whatever was there is cleansed. kInvalidArgument if the consent is not JSON or a text not UTF-8.
  Status begin(const RowHead& head);
  // kTooLarge beyond kMaxRow.
  Status add_template(const PlainTemplateAccess& access, const RowTemplate& about, std::span<const float> components);
  // The line; it lasts until the next call. kTooLarge beyond kMaxRow.
  Result<ByteView> finish();
  void clear() { buffer_.reset(); }

 private:
  Status append(std::string_view text);
  SecretBytes buffer_;
  std::size_t used_ = 0;
  bool first_ = true;
};

}  // namespace facekeep::exporter
