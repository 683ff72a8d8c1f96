#include "api/json_fields.h"

#include <algorithm>

namespace facekeep::api {

Fields::Fields(const JsonView& object, std::string what) : what_(std::move(what)) {
  if (object.kind() != JsonView::Kind::kObject) {
    fail(make_problem(Errc::kMalformed, "wrong-type", what_ + " is not a JSON object"));
    return;
  }
  members_ = members(object);
  taken_.assign(members_.size(), false);
}

std::optional<JsonView> Fields::take_optional(std::string_view key) {
  if (!ok()) return std::nullopt;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (members_[i].key != key) continue;
    taken_[i] = true;
    return members_[i].value;
  }
  return std::nullopt;
}

std::optional<JsonView> Fields::take(std::string_view key) {
  auto value = take_optional(key);
  if (!value && ok()) {
    fail(make_problem(Errc::kMalformed, "missing-field", what_ + " lacks the field \"" + std::string(key) + "\""));
  }
  return value;
}

std::string Fields::text(std::string_view key, std::size_t max_bytes) {
  const auto value = take(key);
  if (!value) return {};
  if (value->kind() != JsonView::Kind::kString) {
    fail(make_problem(Errc::kMalformed, "wrong-type", "the field \"" + std::string(key) + "\" is not a text"));
    return {};
  }
  auto decoded = value->to_json();
  if (!decoded) {
    fail(make_problem(Errc::kMalformed, "not-json", "the field \"" + std::string(key) + "\" is not a JSON text"));
    return {};
  }
  auto out = decoded->get<std::string>();
  if (out.size() > max_bytes) {
    fail(make_problem(Errc::kTooLarge, "field-too-long",
                      "the field \"" + std::string(key) + "\" has more than " + std::to_string(max_bytes) + " bytes"));
    return {};
  }
  return out;
}

void Fields::fail(Error error) {
  if (!error_) error_ = std::move(error);
}

Status Fields::finish() {
  if (error_) return *error_;
  const auto rest = std::find(taken_.begin(), taken_.end(), false);
  if (rest == taken_.end()) return {};
  // A stranger's name is repeated only where it can do no harm to a terminal or a log.
  const std::string& key = members_[static_cast<std::size_t>(rest - taken_.begin())].key;
  const bool plain =
      key.size() <= 64 && std::all_of(key.begin(), key.end(), [](char c) {
        return c == '_' || c == '-' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
      });
  return make_problem(Errc::kMalformed, "unknown-field",
                      what_ + " has the unknown field \"" + (plain ? key : std::string("(unprintable)")) + "\"",
                      "remove it, or see /v1/openapi.yaml for the fields of this call");
}

}  // namespace facekeep::api
