// The register of people comes in pages, so that nobody's proposals make an answer that is too large to be read.
#include "tools/facekeep-audit/fetcher.h"
#include "vault/base/json.h"

namespace facekeep::tools {
namespace {

Error no_register() {
  return make_error(Errc::kMalformed, "the vault answered with something that is no page of the register");
}

Status add_list(const Json& page, const char* key, Json& to) {
  if (!page.contains(key)) return {};
  if (!page[key].is_array()) return no_register();
  for (const Json& one : page[key]) to.push_back(one);
  return {};
}

}  // namespace

Result<Bytes> fetch_register(const Get& get) {
  Json whole = {{"people", Json::object()}, {"later", Json::array()}};
  Json damaged = Json::array();
  for (std::uint64_t from = 0;;) {
    FK_TRY(const Bytes bytes, get("/v1/log/register" + (from == 0 ? "" : "?from=" + std::to_string(from))));
    FK_TRY(const Json page, parse_json(as_chars(bytes)));
    if (!page.is_object() || !page.contains("people")) return no_register();
    if (from == 0) whole["people"] = page["people"];
    FK_CHECK(add_list(page, "later", whole["later"]));
    FK_CHECK(add_list(page, "damaged", damaged));
    if (!page.contains("next")) break;
    const Json& next = page["next"];
    if (!next.is_number_unsigned() || next.get<std::uint64_t>() <= from) return no_register();
    from = next.get<std::uint64_t>();
  }
  if (!damaged.empty()) whole["damaged"] = std::move(damaged);
  return to_bytes(whole.dump());
}

}  // namespace facekeep::tools
