// An attribute template for PKCS#11 calls, which owns its values.
#pragma once

#include <deque>
#include <vector>

#include "hsm/pkcs11.h"
#include "vault/base/bytes.h"

namespace facekeep::hsm {

// Built by chaining: Attributes().add(CKA_CLASS, CKO_DATA).add_flag(CKA_TOKEN, true). Nothing secret
// goes into a template. Not thread safe; movable, not copyable (the entries point into the values).
class Attributes {
 public:
  Attributes() = default;
  Attributes(Attributes&&) = default;
  Attributes& operator=(Attributes&&) = default;
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;

  Attributes& add(ck_attribute_type_t type, unsigned long value);
  Attributes& add_flag(ck_attribute_type_t type, bool value);
  Attributes& add_bytes(ck_attribute_type_t type, ByteView value);
  Attributes& add_text(ck_attribute_type_t type, std::string_view value) { return add_bytes(type, as_bytes(value)); }

  // Valid until the next add or the end of this object.
  [[nodiscard]] ck_attribute* data() noexcept { return entries_.data(); }
  [[nodiscard]] unsigned long size() const noexcept { return entries_.size(); }

 private:
  std::deque<Bytes> values_;  // a deque keeps its elements where they are
  std::vector<ck_attribute> entries_;
};

}  // namespace facekeep::hsm
