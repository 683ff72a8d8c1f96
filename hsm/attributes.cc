#include "hsm/attributes.h"

namespace facekeep::hsm {

Attributes& Attributes::add(ck_attribute_type_t type, unsigned long value) {
  return add_bytes(type, {reinterpret_cast<const std::uint8_t*>(&value), sizeof value});
}

Attributes& Attributes::add_flag(ck_attribute_type_t type, bool value) {
  const std::uint8_t byte = value ? 1 : 0;  // CK_TRUE, CK_FALSE
  return add_bytes(type, {&byte, 1});
}

Attributes& Attributes::add_bytes(ck_attribute_type_t type, ByteView value) {
  values_.push_back(to_bytes(value));
  entries_.push_back({type, values_.back().data(), values_.back().size()});
  return *this;
}

}  // namespace facekeep::hsm
