// Backups: asked for, followed, fetched.
#include <chrono>
#include <thread>

#include "api/handlers.h"

namespace facekeep::api {
namespace {

constexpr std::chrono::milliseconds kPause{10};
constexpr int kLooks = 100;

Result<Id128> id_segment(const std::string& text) {
  const auto id = from_hex_exact<16>(text);
  return id ? Result<Id128>(*id) : Result<Id128>(make_error(Errc::kNotFound, "there is no such backup"));
}

Result<std::optional<backup::Since>> since_of(const std::optional<JsonView>& field) {
  if (!field) return std::optional<backup::Since>();
  if (field->kind() != JsonView::Kind::kObject) {
    return make_problem(Errc::kMalformed, "wrong-type", "the field \"since\" is not an object");
  }
  Fields fields(*field, "since");
  backup::Since out;
  const auto size = fields.take("size");
  const auto digest = from_hex_exact<32>(fields.text("digest", 64));
  FK_CHECK(fields.finish());
  FK_TRY(const Json number, size->to_json());
  if (!number.is_number_unsigned() || !digest) {
    return make_problem(Errc::kMalformed, "wrong-type", "since takes a number of entries and a SHA-256 in hexadecimal");
  }
  out.size = number.get<std::uint64_t>();
  out.digest = *digest;
  return std::optional(out);
}

OrderedJson to_json(const BackupStatus& s) {
  OrderedJson out = {{"id", to_hex(s.id)}, {"state", s.state}, {"entries", s.entries}, {"bytes", s.bytes}};
  if (s.state == "failed") {
    out["detail"] = s.why;
    out["hint"] = s.hint;
  }
  if (s.state != "done") return out;
  out["file"] = s.file;
  out["size"] = s.made.size;
  out["root"] = to_hex(s.made.root);
  out["digest"] = to_hex(s.made.digest);
  out["since"] = s.made.since;
  out["entry"] = s.entry;
  return out;
}

Result<http::Response> answer(ApiContext& api, const BackupStatus& s, int status) {
  OrderedJson out = to_json(s);
  if (s.state == "done") FK_CHECK(add_receipt(api, s.entry, out));
  return json_response(out, status);
}

}  // namespace

Result<http::Response> begin_backup(ApiContext& api, const Call& call) {
  FK_CHECK(check_query(call.request, {}));
  FK_TRY(const JsonView body, json_body(call.request));
  Fields fields(body, "the request body");
  const auto field = fields.take_optional("since");
  FK_CHECK(fields.finish());
  FK_TRY(const auto since, since_of(field));
  FK_TRY(BackupStatus s, api.service.begin_backup(call.request.peer_spki, since));
  // A small one is done at once, and its manifest in the log.
  for (int i = 0; i < kLooks && s.state == "running"; ++i) {
    std::this_thread::sleep_for(kPause);
    FK_TRY(s, api.service.backup_status(call.request.peer_spki, s.id));
  }
  return answer(api, s, 202);
}

Result<http::Response> get_backup(ApiContext& api, const Call& call) {
  FK_CHECK(check_query(call.request, {}));
  FK_TRY(const Id128 id, id_segment(call.captured[0]));
  FK_TRY(const BackupStatus s, api.service.backup_status(call.request.peer_spki, id));
  return answer(api, s, 200);
}

Result<http::Response> get_backup_piece(ApiContext& api, const Call& call) {
  FK_CHECK(check_query(call.request, {"from"}));
  FK_TRY(const Id128 id, id_segment(call.captured[0]));
  FK_TRY(const std::uint64_t from, number_parameter(call.request, "from", 0, 9007199254740991));
  http::Response out;
  FK_TRY(out.body, api.service.backup_piece(call.request.peer_spki, id, from));
  out.content_type = "application/octet-stream";
  out.headers.emplace_back("Cache-Control", "no-store");
  return out;
}

}  // namespace facekeep::api
