#include "vault/ledger/access_reader.h"

#include <algorithm>
#include <cstdint>
#include <initializer_list>

#include "vault/base/text_cursor.h"

namespace facekeep::ledger {
namespace {

constexpr std::uint64_t kMaxUptime = 9007199254740991;  // 2^53 - 1
constexpr std::size_t kTimeSize = 24;

std::string slug(TextCursor& c) {
  const std::string_view t = c.text(kMaxSlug);
  if (!is_slug(t)) c.fail();
  return std::string(t);
}

std::string one_of(TextCursor& c, std::initializer_list<std::string_view> allowed) {
  const std::string_view t = c.text(64);
  if (std::find(allowed.begin(), allowed.end(), t) == allowed.end()) c.fail();
  return std::string(t);
}

// Behind `"by":"...",`.
Match match_body(TextCursor& c, std::string by) {
  Match e;
  e.by = std::move(by);
  e.identify = one_of(c, {"verify", "identify"}) == "identify";
  c.expect(",\"decision\":\"");
  e.decision = one_of(c, {"match", "no_match", "refer"});
  c.expect(",\"door\":\"");
  e.door = slug(c);
  c.expect(",\"model\":\"");
  e.model = slug(c);
  if (c.maybe(",\"request\":{\"body\":\"")) {
    RequestMark mark;
    mark.body = c.hex<32>();
    c.expect(",\"id\":\"");
    mark.id = c.hex<32>();
    c.expect("}");
    e.request = mark;
  }
  c.expect(",\"site\":\"");
  e.site = slug(c);
  if (c.maybe(",\"subject\":\"")) e.subject = c.hex<16>();
  return e;
}

MetadataRead read_body(TextCursor& c, std::string by) {
  MetadataRead e;
  e.by = std::move(by);
  e.site = slug(c);
  if (c.maybe(",\"subject\":\"")) e.subject = c.hex<16>();
  c.expect(",\"what\":\"");
  e.what = one_of(c, {"list", "subject", "changes"});
  return e;
}

}  // namespace

std::optional<Event> read_access_event(std::string_view canonical) {
  TextCursor c(canonical);
  c.expect("{\"body\":{\"by\":\"");
  std::string by(c.text(kMaxSlug + 8));
  Event e;
  const bool match = c.maybe(",\"call\":\"");
  if (match) {
    e.body = match_body(c, std::move(by));
  } else {
    c.expect(",\"site\":\"");
    e.body = read_body(c, std::move(by));
  }
  c.expect("},\"class\":\"access\",\"time\":\"");
  const std::string_view time = c.text(kTimeSize);
  c.expect(match ? ",\"type\":\"match\",\"uptime_ms\":" : ",\"type\":\"metadata-read\",\"uptime_ms\":");
  e.uptime_ms = c.number(kMaxUptime);
  c.expect(",\"v\":1}");
  if (!c.at_end()) return std::nullopt;
  const auto wall = parse_time(time);
  if (!wall) return std::nullopt;
  e.time = *wall;
  return e;
}

}  // namespace facekeep::ledger
