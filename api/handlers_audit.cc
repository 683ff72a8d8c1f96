#include "api/handlers.h"

namespace facekeep::api {

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
  FK_CHECK(check_query(call.request, {}));
  FK_TRY(const auto parts, api.service.people(call.request.peer_spki));
  OrderedJson later = OrderedJson::array();
  for (const auto& [entry, names] : parts) {
    if (entry != 0) later.push_back({{"entry", entry}, {"people", OrderedJson(ledger::to_json(names))}});
  }
  return json_response({{"people", OrderedJson(ledger::to_json(parts.at(0)))}, {"later", std::move(later)}});
}

}  // namespace facekeep::api
