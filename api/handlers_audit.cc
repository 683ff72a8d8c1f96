#include "api/handlers.h"

namespace facekeep::api {
namespace {

constexpr std::uint64_t kMaxEntry = (std::uint64_t{1} << 53) - 1;  // that JSON can hold

}  // namespace

Result<http::Response> openings(ApiContext& api, const Call& call) {
  FK_CHECK(check_query(call.request, {}));
  FK_TRY(const std::uint64_t bundle, number_segment(call.captured[0]));
  FK_TRY(const auto list, api.service.openings(call.request.peer_spki, bundle));
  OrderedJson opened = OrderedJson::array();
  OrderedJson missing = OrderedJson::array();
  for (const Opening& o : list) {
    if (o.missing.empty()) {
      opened.push_back({{"entry", o.entry}, {"opening", to_base64(o.opening)}});
    } else {
      missing.push_back({{"entry", o.entry}, {"reason", o.missing}});
    }
  }
  return json_response({{"bundle", bundle}, {"openings", std::move(opened)}, {"missing", std::move(missing)}});
}

Result<http::Response> people(ApiContext& api, const Call& call) {
  FK_CHECK(check_query(call.request, {"from"}));
  FK_TRY(const std::uint64_t from, number_parameter(call.request, "from", 0, kMaxEntry));
  FK_TRY(const auto page, api.service.people(call.request.peer_spki, from));
  OrderedJson people = OrderedJson::object();
  OrderedJson later = OrderedJson::array();
  for (const auto& [entry, names] : page.parts) {
    if (entry == 0) {
      people = OrderedJson(ledger::to_json(names));
    } else {
      later.push_back({{"entry", entry}, {"people", OrderedJson(ledger::to_json(names))}});
    }
  }
  OrderedJson out = {{"people", std::move(people)}, {"later", std::move(later)}};
  if (!page.damaged.empty()) out["damaged"] = page.damaged;
  if (page.next) out["next"] = *page.next;
  return json_response(out);
}

}  // namespace facekeep::api
