#include "vault/audit/openings.h"

#include <algorithm>

#include "vault/base/json.h"
#include "vault/ledger/json_reader.h"
#include "vault/log/tiles.h"

namespace facekeep::audit {
namespace {

constexpr std::int64_t kMaxEntry = 9007199254740991;  // 2^53 - 1

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

Result<OpeningsOfBundle> parse_openings(std::string_view json) {
  if (json.size() > kMaxOpeningsText) return make_error(Errc::kTooLarge, "openings of over 64 MiB");
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
    if (reason != "sealed" && reason != "destroyed") o.fail("reason is neither sealed nor destroyed");
    FK_CHECK(o.finish());
    FK_CHECK(add(out, entry, {reason == "sealed" ? OpeningState::kSealed : OpeningState::kDestroyed, {}}));
  }
  return out;
}

}  // namespace facekeep::audit
