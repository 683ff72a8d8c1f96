// Reads one JSON object field by field and refuses what was not asked for.
//
// The allow-list of the log is made of these: every field of every event is read by name and type,
// and finish() fails on any other.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "vault/base/clock.h"
#include "vault/base/json.h"

namespace facekeep::ledger {

// Usage: construct, read fields, then finish(). The first failure sticks; later reads return
// defaults. `what` names the object in errors ("enrolled event"). The Json must outlive the reader.
class ObjectReader {
 public:
  ObjectReader(const Json& value, std::string what);

  std::string text(const char* key, std::size_t max_bytes = 256);
  std::string slug(const char* key);
  std::int64_t integer(const char* key, std::int64_t min, std::int64_t max);
  bool boolean(const char* key);
  UnixMillis time(const char* key);
  std::string day(const char* key);  // checked, kept as text
  template <std::size_t N>
  std::array<std::uint8_t, N> hex(const char* key) {
    std::array<std::uint8_t, N> out{};
    const std::string t = text(key, 2 * N);
    if (!ok()) return out;
    auto v = from_hex_exact<N>(t);
    if (v) return *v;
    fail(std::string(key) + " is not " + std::to_string(N) + " bytes of lower-case hexadecimal");
    return out;
  }
  // True if the key is there; an optional field is then read by the calls above.
  bool has(const char* key);
  // The child value, or null (with the failure set) if it is missing or of another type.
  const Json& object(const char* key);
  const Json& array(const char* key, std::size_t max_items);

  void fail(const std::string& why);
  [[nodiscard]] bool ok() const { return !error_.has_value(); }
  // The first failure, or a failure if the object has a field that nobody read.
  Status finish();

 private:
  const Json* find(const char* key, Json::value_t type, const char* type_name);

  const Json& value_;
  std::string what_;
  std::set<std::string> seen_;
  std::optional<Error> error_;
};

}  // namespace facekeep::ledger
