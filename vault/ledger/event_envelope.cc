// What stands around the body of an event, the same for every type, and its version.
#include <algorithm>

#include "vault/base/newer.h"
#include "vault/ledger/event_body.h"
#include "vault/ledger/hot_reader.h"
#include "vault/ledger/json_reader.h"

namespace facekeep::ledger {
namespace {

constexpr int kVersion = 1;  // of the event format
constexpr std::int64_t kMaxVersion = 1'000'000;

}  // namespace

Result<std::string> encode_event(const Event& e) {
  FK_TRY(std::string text, canonical_json({{"body", body_to_json(e.body)},
                                           {"class", std::string(to_string(class_of(e.body)))},
                                           {"time", format_time(e.time)},
                                           {"type", std::string(type_of(e.body))},
                                           {"uptime_ms", e.uptime_ms},
                                           {"v", kVersion}}));
  if (text.size() > kMaxLeafBytes) {
    return make_error(Errc::kTooLarge, "the " + std::string(type_of(e.body)) + " event is longer than 65,535 bytes",
                      "a log entry has a 16-bit length; name fewer things in it");
  }
  return text;
}

Result<Event> decode_event(std::string_view canonical) {
  if (auto hot = read_hot_event(canonical)) return std::move(*hot);
  return decode_event_strictly(canonical);
}

Result<Event> decode_event_strictly(std::string_view canonical) {
  if (canonical.size() > kMaxLeafBytes) return make_error(Errc::kTooLarge, "an event is longer than 65,535 bytes");
  FK_TRY(const Json j, parse_canonical_json(canonical));
  ObjectReader r(j, "event");
  Event e;
  const std::int64_t version = r.integer("v", 1, kMaxVersion);
  if (r.ok() && version > kVersion) return newer_format("an event", static_cast<std::uint64_t>(version), kVersion);
  e.time = r.time("time");
  e.uptime_ms = static_cast<std::uint64_t>(r.integer("uptime_ms", 0, 9007199254740991));
  const std::string type = r.text("type", 32);
  const std::string event_class = r.text("class", 16);
  const Json& body = r.object("body");
  FK_CHECK(r.finish());
  const auto& types = event_types();
  const auto at = std::find(types.begin(), types.end(), type);
  if (at == types.end()) return newer_name("event", type);
  FK_TRY(e.body, body_from_json(static_cast<std::size_t>(at - types.begin()), body));
  if (event_class != to_string(class_of(e.body))) return make_error(Errc::kMalformed, "event of a wrong class");
  return e;
}

}  // namespace facekeep::ledger
