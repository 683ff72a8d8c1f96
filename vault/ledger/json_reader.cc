#include "vault/ledger/json_reader.h"

#include "vault/ledger/types.h"

namespace facekeep::ledger {
namespace {
const Json& null_json() {
  static const Json null;
  return null;
}
}  // namespace

ObjectReader::ObjectReader(const Json& value, std::string what) : value_(value), what_(std::move(what)) {
  if (!value_.is_object()) fail("is not an object");
}

void ObjectReader::fail(const std::string& why) {
  if (!error_) error_ = make_error(Errc::kMalformed, what_ + ": " + why);
}

bool ObjectReader::has(const char* key) {
  return ok() && value_.contains(key);
}

const Json* ObjectReader::find(const char* key, Json::value_t type, const char* type_name) {
  if (!ok()) return nullptr;
  const auto it = value_.find(key);
  if (it == value_.end()) {
    error_ = make_problem(Errc::kMalformed, "missing-field", what_ + ": field \"" + key + "\" is missing");
    return nullptr;
  }
  seen_.insert(key);
  const bool integers = type == Json::value_t::number_integer && it->is_number_integer();
  if (it->type() != type && !integers) {
    fail(std::string(key) + " is not " + type_name);
    return nullptr;
  }
  return &*it;
}

std::string ObjectReader::text(const char* key, std::size_t max_bytes) {
  const Json* v = find(key, Json::value_t::string, "a text");
  if (v == nullptr) return {};
  const auto& s = v->get_ref<const std::string&>();
  if (s.size() > max_bytes) {
    fail(std::string(key) + " is longer than " + std::to_string(max_bytes) + " bytes");
    return {};
  }
  return s;
}

std::string ObjectReader::slug(const char* key) {
  std::string s = text(key, kMaxSlug);
  if (ok() && !is_slug(s)) fail(std::string(key) + " is not a name of a-z, 0-9 and '-'");
  return s;
}

std::int64_t ObjectReader::integer(const char* key, std::int64_t min, std::int64_t max) {
  const Json* v = find(key, Json::value_t::number_integer, "an integer");
  if (v == nullptr) return min;
  const bool huge = v->is_number_unsigned() && v->get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX);
  if (huge || v->get<std::int64_t>() < min || v->get<std::int64_t>() > max) {
    fail(std::string(key) + " is not between " + std::to_string(min) + " and " + std::to_string(max));
    return min;
  }
  return v->get<std::int64_t>();
}

bool ObjectReader::boolean(const char* key) {
  const Json* v = find(key, Json::value_t::boolean, "true or false");
  return v != nullptr && v->get<bool>();
}

UnixMillis ObjectReader::time(const char* key) {
  const std::string s = text(key, 24);
  if (!ok()) return 0;
  auto t = parse_time(s);
  if (t) return *t;
  fail(std::string(key) + " is " + t.error().message);
  return 0;
}

std::string ObjectReader::day(const char* key) {
  std::string s = text(key, 10);
  if (ok() && !parse_day(s)) fail(std::string(key) + " is not a date of the form 2026-01-31");
  return s;
}

const Json& ObjectReader::object(const char* key) {
  const Json* v = find(key, Json::value_t::object, "an object");
  return v != nullptr ? *v : null_json();
}

const Json& ObjectReader::array(const char* key, std::size_t max_items) {
  const Json* v = find(key, Json::value_t::array, "a list");
  if (v == nullptr) return null_json();
  if (v->size() > max_items) {
    fail(std::string(key) + " has more than " + std::to_string(max_items) + " items");
    return null_json();
  }
  return *v;
}

Status ObjectReader::finish() {
  if (error_) return *error_;
  for (const auto& [k, v] : value_.items()) {
    if (!seen_.contains(k)) {
      return make_problem(Errc::kMalformed, "unknown-field",
                          what_ + ": unknown field \"" + (is_valid_utf8(k) ? k.substr(0, 64) : "?") + "\"");
    }
  }
  return {};
}

}  // namespace facekeep::ledger
