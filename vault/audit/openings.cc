#include "vault/audit/openings.h"

#include <algorithm>
#include <optional>

#include "vault/base/json.h"
#include "vault/base/text_cursor.h"
#include "vault/ledger/json_reader.h"
#include "vault/log/tiles.h"

namespace facekeep::audit {
namespace {

constexpr std::int64_t kMaxEntry = 9007199254740991;  // 2^53 - 1

constexpr std::pair<std::string_view, OpeningState> kReasons[] = {{"sealed", OpeningState::kSealed},
                                                                  {"destroyed", OpeningState::kDestroyed},
                                                                  {"damaged", OpeningState::kDamaged},
                                                                  {"lost", OpeningState::kLost}};

std::optional<OpeningState> state_of(std::string_view reason) {
  for (const auto& [name, state] : kReasons) {
    if (name == reason) return state;
  }
  return std::nullopt;
}

Status add(OpeningsOfBundle& out, std::int64_t entry, Opening opening) {
  const auto n = static_cast<std::uint64_t>(entry);
  if (n / log::kTileWidth != out.bundle) {
    return make_error(Errc::kMalformed, "it has an opening of an entry that is not in its bundle");
  }
  if (!out.entries.emplace(n, std::move(opening)).second) {
    return make_error(Errc::kMalformed, "it names entry " + std::to_string(n) + " twice");
  }
  return {};
}

// The document as a vault writes it, its fields in that order and nothing between them; nothing for any other text.
std::optional<OpeningsOfBundle> read_as_served(std::string_view json) {
  TextCursor c(json);
  OpeningsOfBundle out;
  out.entries.reserve(kMaxOpenings);
  c.expect("{\"bundle\":");
  out.bundle = c.number(kMaxEntry / log::kTileWidth);
  c.expect(",\"openings\":[");
  for (std::size_t n = 0; n < kMaxOpenings && c.maybe(n == 0 ? "{\"entry\":" : ",{\"entry\":"); ++n) {
    const auto entry = static_cast<std::int64_t>(c.number(kMaxEntry));
    c.expect(",\"opening\":\"");
    auto bytes = from_base64(c.text(2 * log::kMaxEntrySize));
    c.expect("}");
    if (!c.ok() || !bytes || !add(out, entry, {OpeningState::kThere, std::move(*bytes)})) return std::nullopt;
  }
  c.expect("],\"missing\":[");
  for (std::size_t n = 0; n < kMaxOpenings && c.maybe(n == 0 ? "{\"entry\":" : ",{\"entry\":"); ++n) {
    const auto entry = static_cast<std::int64_t>(c.number(kMaxEntry));
    c.expect(",\"reason\":\"");
    const auto why = state_of(c.text(16));
    c.expect("}");
    if (!c.ok() || !why || !add(out, entry, {*why, {}})) return std::nullopt;
  }
  c.expect("]}");
  c.maybe("\n");
  return c.at_end() ? std::optional(std::move(out)) : std::nullopt;
}

}  // namespace

const Opening& OpeningsOfBundle::at(std::uint64_t entry) const {
  static const Opening none;
  const auto it = entries.find(entry);
  return it == entries.end() ? none : it->second;
}

bool OpeningsOfBundle::any_sealed() const {
  return std::any_of(entries.begin(), entries.end(),
                     [](const auto& e) { return e.second.state == OpeningState::kSealed; });
}

bool OpeningsOfBundle::ask_again() const {
  return any_sealed() || std::any_of(entries.begin(), entries.end(),
                                     [](const auto& e) { return e.second.state == OpeningState::kDamaged; });
}

Result<OpeningsOfBundle> parse_openings(std::string_view json) {
  if (json.size() > kMaxOpeningsText) return make_error(Errc::kTooLarge, "openings of over 64 MiB");
  if (auto served = read_as_served(json)) return std::move(*served);
  FK_TRY(const Json doc, parse_json(json));
  ledger::ObjectReader r(doc, "openings");
  OpeningsOfBundle out;
  out.bundle = static_cast<std::uint64_t>(r.integer("bundle", 0, kMaxEntry / log::kTileWidth));
  const Json& there = r.array("openings", kMaxOpenings);
  const Json& missing = r.array("missing", kMaxOpenings);
  FK_CHECK(r.finish());
  for (const Json& item : there) {
    ledger::ObjectReader o(item, "opening");
    const std::int64_t entry = o.integer("entry", 0, kMaxEntry);
    const std::string text = o.text("opening", 2 * log::kMaxEntrySize);
    FK_CHECK(o.finish());
    FK_TRY(Bytes bytes, from_base64(text));
    FK_CHECK(add(out, entry, {OpeningState::kThere, std::move(bytes)}));
  }
  for (const Json& item : missing) {
    ledger::ObjectReader o(item, "missing opening");
    const std::int64_t entry = o.integer("entry", 0, kMaxEntry);
    const std::string reason = o.text("reason", 16);
    const auto why = state_of(reason);
    if (!why) o.fail("reason is none of sealed, destroyed and damaged");
    FK_CHECK(o.finish());
    FK_CHECK(add(out, entry, {*why, {}}));
  }
  return out;
}

std::string openings_text(const OpeningsOfBundle& doc) {
  nlohmann::ordered_json openings = nlohmann::ordered_json::array();
  nlohmann::ordered_json missing = nlohmann::ordered_json::array();
  const std::uint64_t first = doc.bundle * log::kTileWidth;
  for (std::uint64_t entry = first; entry < first + log::kTileWidth; ++entry) {
    const Opening& o = doc.at(entry);
    if (o.state == OpeningState::kThere) {
      openings.push_back({{"entry", entry}, {"opening", to_base64(o.bytes)}});
      continue;
    }
    for (const auto& [name, state] : kReasons) {
      if (state == o.state) missing.push_back({{"entry", entry}, {"reason", name}});
    }
  }
  return nlohmann::ordered_json{{"bundle", doc.bundle}, {"openings", openings}, {"missing", missing}}.dump();
}

}  // namespace facekeep::audit
