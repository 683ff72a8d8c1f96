#include "api/handlers.h"
#include "vault/ledger/decide.h"

namespace facekeep::api {
namespace {

OrderedJson to_json(const SubjectInfo& s) {
  OrderedJson templates = OrderedJson::array();
  for (const auto& t : s.templates) {
    templates.push_back({{"id", t.id}, {"model", t.model}, {"version", t.version}, {"entry", t.entry}});
  }
  return {{"subject", s.subject},
          {"until", s.until},
          {"suspended", s.suspended},
          {"entry", s.entry},
          {"templates", std::move(templates)}};
}

}  // namespace

Result<http::Response> me(ApiContext& api, const Call& call) {
  FK_CHECK(check_query(call.request, {}));
  FK_TRY(const Me who, api.service.me(call.request.peer_spki));
  const auto& p = who.principal;
  OrderedJson out = {{"id", p.id}, {"role", to_string(p.role)}, {"sites", p.sites}, {"doors", p.doors}};
  if (p.role == ledger::Role::kCustodian) {
    out["group"] = p.id.substr(0, p.id.find('/'));
    out["deputy"] = p.deputy;
  }
  out["until"] = p.until ? OrderedJson(*p.until) : OrderedJson(nullptr);
  out["registered"] = who.registered;
  out["server_key"] = to_hex(who.server_key);
  // The key that the server changes to next; none is planned until keys can be rotated.
  out["next_server_key"] = nullptr;
  return json_response(out);
}

Result<http::Response> list_subjects(ApiContext& api, const Call& call) {
  FK_CHECK(check_query(call.request, {"cursor", "limit"}));
  FK_TRY(const std::uint64_t limit, number_parameter(call.request, "limit", Service::kMaxPage, Service::kMaxPage));
  if (limit == 0) {
    return make_problem(Errc::kInvalidArgument, "bad-parameter", "the query parameter \"limit\" is zero");
  }
  const auto at = call.request.query.find("cursor");
  const std::string cursor = at == call.request.query.end() ? std::string() : at->second;
  FK_TRY(const SubjectPage page,
         api.service.list_subjects(call.request.peer_spki, call.captured[0], cursor, static_cast<std::size_t>(limit)));
  OrderedJson subjects = OrderedJson::array();
  for (const auto& s : page.subjects) subjects.push_back(to_json(s));
  OrderedJson out = {{"subjects", std::move(subjects)}};
  if (!page.damaged.empty()) out["damaged"] = page.damaged;
  if (!page.next.empty()) out["next"] = page.next;
  out["entry"] = page.entry;
  return json_response(out);
}

Result<http::Response> get_subject(ApiContext& api, const Call& call) {
  FK_CHECK(check_query(call.request, {}));
  FK_TRY(const SubjectPage page, api.service.get_subject(call.request.peer_spki, call.captured[0], call.captured[1]));
  if (page.subjects.size() != 1) {
    return ledger::no_such_subject();
  }
  const SubjectInfo& s = page.subjects.front();
  OrderedJson out = {{"subject", to_json(s)}};
  out["subject"]["consent"] = OrderedJson(s.consent);
  out["entry"] = page.entry;
  return json_response(out);
}

Result<http::Response> changes(ApiContext& api, const Call& call) {
  FK_CHECK(check_query(call.request, {"after"}));
  FK_TRY(const std::uint64_t after, number_parameter(call.request, "after", 0));
  FK_TRY(const ChangePage page, api.service.changes(call.request.peer_spki, call.captured[0], after));
  OrderedJson list = OrderedJson::array();
  for (const auto& c : page.changes) {
    OrderedJson row = {{"entry", c.entry}, {"what", c.what}};
    if (c.subject) row["subject"] = *c.subject;
    list.push_back(std::move(row));
  }
  return json_response({{"changes", std::move(list)}, {"next", page.next}, {"more", page.more}, {"entry", page.entry}});
}

}  // namespace facekeep::api
