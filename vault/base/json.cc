#include "vault/base/json.h"

#include <set>
#include <vector>

namespace facekeep {
namespace {

constexpr std::int64_t kMaxSafe = 9007199254740991;  // 2^53 - 1

// Builds the document while checking what nlohmann's own parser lets pass: duplicate keys, depth
// and size.
class StrictSax final : public nlohmann::json_sax<Json> {
 public:
  explicit StrictSax(const JsonLimits& limits) : limits_(limits) {}

  bool null() override { return put(nullptr); }
  bool boolean(bool v) override { return put(v); }
  bool number_integer(number_integer_t v) override { return put(v); }
  bool number_unsigned(number_unsigned_t v) override { return put(v); }
  bool number_float(number_float_t v, const string_t&) override { return put(v); }
  bool string(string_t& v) override { return put(std::move(v)); }
  bool binary(binary_t&) override { return fail("binary value"); }
  bool start_object(std::size_t) override { return open(Json::object()); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& k) override {
    if (stack_.back()->contains(k)) return fail("an object has the same key twice");
    key_ = std::move(k);
    return true;
  }
  // Never quotes the text: it may hold a share or an embedding.
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& e) override {
    if (error_.empty()) {
      error_ = e.id == 406 ? "a number is out of range" : "not JSON, at byte " + std::to_string(position);
    }
    return false;
  }

  Json root;
  [[nodiscard]] const std::string& error() const { return error_; }

 private:
  bool fail(const char* why) {
    error_ = why;
    return false;
  }
  Json* place(Json v) {
    if (stack_.empty()) {
      root = std::move(v);
      return &root;
    }
    Json& top = *stack_.back();
    if (top.is_array()) {
      top.push_back(std::move(v));
      return &top.back();
    }
    return &(top[key_] = std::move(v));
  }
  bool put(Json v) {
    if (++values_ > limits_.max_values) return fail("too many values");
    place(std::move(v));
    return true;
  }
  bool open(Json v) {
    if (++values_ > limits_.max_values) return fail("too many values");
    if (stack_.size() >= limits_.max_depth) return fail("nested too deeply");
    stack_.push_back(place(std::move(v)));
    return true;
  }
  bool close() {
    stack_.pop_back();
    return true;
  }

  JsonLimits limits_;
  std::size_t values_ = 0;
  std::vector<Json*> stack_;
  std::string key_;
  std::string error_;
};

Status check_canonical(const Json& v) {
  switch (v.type()) {
    case Json::value_t::object:
      for (const auto& [k, child] : v.items()) {
        for (const char c : k) {
          if (c < 0x20 || c > 0x7e) {
            return make_error(Errc::kInvalidArgument, "a key of a log entry is not printable ASCII");
          }
        }
        FK_CHECK(check_canonical(child));
      }
      return {};
    case Json::value_t::array:
      for (const auto& child : v) FK_CHECK(check_canonical(child));
      return {};
    case Json::value_t::number_unsigned:
      if (v.get<std::uint64_t>() > static_cast<std::uint64_t>(kMaxSafe)) break;
      return {};
    case Json::value_t::number_integer:
      if (v.get<std::int64_t>() > kMaxSafe || v.get<std::int64_t>() < -kMaxSafe) break;
      return {};
    case Json::value_t::string:
      if (!is_valid_utf8(v.get_ref<const std::string&>())) {
        return make_error(Errc::kInvalidArgument, "a text is not UTF-8");
      }
      return {};
    case Json::value_t::boolean:
    case Json::value_t::null: return {};
    default: return make_error(Errc::kInvalidArgument, "only integers, texts, lists and objects can be logged");
  }
  return make_error(Errc::kInvalidArgument, "an integer is beyond 2^53 - 1");
}

}  // namespace

Result<Json> parse_json(std::string_view text, const JsonLimits& limits) {
  // nlohmann's parser takes a zero byte for the end of the text, and passes over a byte order mark (RFC 8259, 8.1).
  if (text.find('\0') != std::string_view::npos) return make_error(Errc::kMalformed, "not JSON: it has a zero byte");
  if (text.starts_with("\xef\xbb\xbf")) return make_error(Errc::kMalformed, "not JSON: it has a byte order mark");
  StrictSax sax(limits);
  if (!Json::sax_parse(text, &sax)) {
    return make_error(Errc::kMalformed, sax.error().empty() ? "not JSON" : sax.error());
  }
  return std::move(sax.root);
}

Result<std::string> canonical_json(const Json& value) {
  FK_CHECK(check_canonical(value));
  // nlohmann keeps object keys in byte order, writes no white space, and escapes exactly what
  // RFC 8785 section 3.2.2.2 asks for; with the restrictions above its output is canonical.
  return value.dump();
}

Result<Json> parse_canonical_json(std::string_view text, const JsonLimits& limits) {
  FK_TRY(Json value, parse_json(text, limits));
  FK_TRY(const std::string again, canonical_json(value));
  if (again != text) return make_error(Errc::kMalformed, "not in canonical form (RFC 8785)");
  return value;
}

}  // namespace facekeep
