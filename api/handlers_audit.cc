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
  FK_TRY(const Json people, api.service.people(call.request.peer_spki));
  return json_response({{"people", OrderedJson(people)}});
}

}  // namespace facekeep::api
