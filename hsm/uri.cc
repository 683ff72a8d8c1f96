#include "hsm/uri.h"

#include <p11-kit/uri.h>

#include <algorithm>
#include <memory>
#include <set>

namespace facekeep::hsm {
namespace {

struct FreeUri {
  void operator()(P11KitUri* uri) const { p11_kit_uri_free(uri); }
};

// A field of CK_TOKEN_INFO as the URI set it: all zero if it did not, else padded with blanks.
template <std::size_t N>
std::optional<std::string> field(const unsigned char (&raw)[N]) {
  if (raw[0] == 0) return std::nullopt;
  std::string text(reinterpret_cast<const char*>(raw), N);
  text.erase(text.find_last_not_of(std::string_view(" \0", 2)) + 1);
  return text;
}

// RFC 7512 section 2.3: no attribute twice. p11-kit takes the last one without a word.
bool repeats_an_attribute(std::string_view text) {
  std::set<std::string_view> names;
  for (std::size_t from = text.find(':') + 1; from < text.size();) {
    const std::size_t end = std::min(text.find_first_of(";?&", from), text.size());
    const std::string_view attribute = text.substr(from, end - from);
    if (!attribute.empty() && !names.insert(attribute.substr(0, attribute.find('='))).second) return true;
    from = end + 1;
  }
  return false;
}

Error refused(std::string message, std::string hint) {
  return make_error(Errc::kInvalidArgument, std::move(message), std::move(hint));
}

}  // namespace

Result<TokenUri> parse_token_uri(std::string_view text) {
  constexpr const char* kExample = "write it like pkcs11:token=facekeep;serial=0123?module-path=/usr/lib/.../module.so";
  const std::unique_ptr<P11KitUri, FreeUri> uri(p11_kit_uri_new());
  // RFC 3986 section 2: no blank and no control character. p11-kit passes over blanks and stops at a zero byte.
  if (std::any_of(text.begin(), text.end(), [](char c) { return c <= 0x20 || c >= 0x7f; })) {
    return refused("the token's URI has a blank or a character that no URI has", kExample);
  }
  // Before parsing, so that a URI which does not parse can't hide a PIN from this refusal.
  if (text.find("pin-value") != std::string_view::npos) {
    return refused(
        "the token's URI carries a PIN (pin-value)",
        "remove it and change the PIN: facekeep takes PINs from a descriptor, a systemd credential or the terminal");
  }
  const int rc = p11_kit_uri_parse(std::string(text).c_str(), P11_KIT_URI_FOR_ANY, uri.get());
  if (rc != P11_KIT_URI_OK) {
    return refused(std::string("not a PKCS#11 URI (RFC 7512): ") + p11_kit_uri_message(rc), kExample);
  }
  if (repeats_an_attribute(text)) return refused("the token's URI has an attribute twice", kExample);
  if (p11_kit_uri_get_pin_value(uri.get()) != nullptr || p11_kit_uri_get_pin_source(uri.get()) != nullptr) {
    return refused("the token's URI says where its PIN is (pin-source)",
                   "remove it and use the PIN option: a descriptor, a systemd credential or the terminal");
  }
  ck_info* module = p11_kit_uri_get_module_info(uri.get());
  const bool names_library = module->manufacturer_id[0] != 0 || module->library_description[0] != 0;
  const bool names_slot = p11_kit_uri_get_slot_info(uri.get())->slot_description[0] != 0 ||
                          p11_kit_uri_get_slot_info(uri.get())->manufacturer_id[0] != 0;
  unsigned long objects = 0;
  p11_kit_uri_get_attributes(uri.get(), &objects);
  if (objects != 0 || names_library || names_slot || p11_kit_uri_any_unrecognized(uri.get()) != 0 ||
      p11_kit_uri_get_module_name(uri.get()) != nullptr) {
    return refused("the token's URI has an attribute that does not name a token",
                   "use token, serial, manufacturer, model, slot-id and module-path");
  }
  const ck_token_info* token = p11_kit_uri_get_token_info(uri.get());
  TokenUri out;
  out.label = field(token->label);
  out.manufacturer = field(token->manufacturer_id);
  out.model = field(token->model);
  out.serial = field(token->serial_number);
  const ck_slot_id_t slot = p11_kit_uri_get_slot_id(uri.get());
  if (slot != static_cast<ck_slot_id_t>(-1)) out.slot_id = slot;
  if (const char* path = p11_kit_uri_get_module_path(uri.get())) out.module_path = path;
  return out;
}

Result<KeyUri> parse_key_uri(std::string_view text) {
  constexpr const char* kExample =
      "write it like pkcs11:token=alice;object=approval?module-path=/usr/lib/.../module.so";
  const std::unique_ptr<P11KitUri, FreeUri> whole(p11_kit_uri_new());
  if (text.find('\0') != std::string_view::npos ||
      p11_kit_uri_parse(std::string(text).c_str(), P11_KIT_URI_FOR_ANY, whole.get()) != P11_KIT_URI_OK) {
    return refused("not a PKCS#11 URI (RFC 7512)", kExample);
  }
  const ck_attribute* object = p11_kit_uri_get_attribute(whole.get(), CKA_LABEL);
  if (object == nullptr || object->value_len == 0) return refused("the URI names no key of the token", kExample);
  KeyUri out;
  out.label.assign(static_cast<const char*>(object->value), object->value_len);
  // The token's own attributes, and those behind the "?".
  const std::size_t query = std::min(text.find('?'), text.size());
  out.token = "pkcs11:";
  for (std::size_t from = text.find(':') + 1; from < query;) {
    const std::size_t end = std::min(text.find(';', from), query);
    const std::string_view attribute = text.substr(from, end - from);
    if (!attribute.starts_with("object=") && !attribute.starts_with("type=")) {
      out.token += (out.token.back() == ':' ? "" : ";") + std::string(attribute);
    }
    from = end + 1;
  }
  out.token += text.substr(query);
  FK_CHECK([&]() -> Status {
    auto token = parse_token_uri(out.token);
    return token ? Status() : Status(token.error());
  }());
  return out;
}

}  // namespace facekeep::hsm
