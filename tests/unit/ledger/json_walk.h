// Visits every field of every object in a JSON document, for tests that damage one field at a time.
#pragma once

#include <functional>
#include <string>

#include "vault/base/json.h"

namespace facekeep::ledger::test {

// `visit` gets the path of the object ("/principals/0", "" for the whole) and the key of the field.
inline void walk_fields(const Json& value, const std::string& path,
                        const std::function<void(const std::string& object, const std::string& key)>& visit) {
  if (value.is_object()) {
    for (const auto& [key, child] : value.items()) {
      visit(path, key);
      walk_fields(child, path + "/" + key, visit);
    }
  } else if (value.is_array()) {
    for (std::size_t i = 0; i < value.size(); ++i) walk_fields(value[i], path + "/" + std::to_string(i), visit);
  }
}

inline Json& at(Json& document, const std::string& path) {
  return document.at(Json::json_pointer(path));
}

}  // namespace facekeep::ledger::test
