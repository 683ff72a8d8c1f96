#include "api/handlers.h"
#include "api/ndjson.h"
#include "api/problems.h"
#include "api/vector_codec.h"
#include "vault/ledger/types.h"

namespace facekeep::api {
namespace {

// What may still hold plain templates when a row or a request is refused half-way.
struct ScopedInput {
  EnrolInput input;
  ScopedInput() = default;
  ~ScopedInput() {
    for (auto& t : input.templates) cleanse_values(t.values);
  }
  ScopedInput(ScopedInput&&) noexcept = default;
  ScopedInput& operator=(ScopedInput&&) = delete;
  ScopedInput(const ScopedInput&) = delete;
  ScopedInput& operator=(const ScopedInput&) = delete;
};

Error no_consent() {
  return make_problem(Errc::kInvalidArgument, "no-consent", "there is no consent record, and without one no enrolment",
                      "send the record that the subject agreed to; its fields are in /v1/openapi.yaml");
}

Result<TemplateInput> read_template(const JsonView& value, const std::string& what) {
  Fields fields(value, what);
  TemplateInput out;
  out.model = fields.text("model");
  const auto vector = fields.take("template");
  FK_CHECK(fields.finish());
  FK_TRY(ProbeInput read, decode_probe(*vector));
  out.values = std::move(read.vector.values);
  out.signed_probe = read.jws;
  return out;
}

Result<ScopedInput> read_row(std::string_view line) {
  FK_TRY(const JsonView row, check_json(line));
  Fields fields(row, "the row");
  ScopedInput out;
  out.input.subject = fields.text("subject", 4096);  // its own limit has its own problem
  const auto consent = fields.take_optional("consent");
  const auto templates = fields.take_optional("templates");
  FK_CHECK(fields.finish());
  if (!consent) return no_consent();
  FK_TRY(out.input.consent, consent->to_json());
  if (!templates) return out;
  if (templates->kind() != JsonView::Kind::kArray) {
    return make_problem(Errc::kMalformed, "wrong-type", "the field \"templates\" is not an array");
  }
  const auto list = elements(*templates);
  if (list.size() > ledger::kMaxTemplatesPerSubject) {
    return make_problem(Errc::kExhausted, "too-many-templates", "a subject has at most 8 templates");
  }
  out.input.templates.reserve(list.size());
  for (const JsonView& element : list) {
    FK_TRY(TemplateInput t, read_template(element, "the template"));
    out.input.templates.push_back(std::move(t));
  }
  return out;
}

OrderedJson to_json(const EnrolAnswer& answer) {
  return {{"status", answer.created ? "created" : "exists"}, {"entry", answer.entry}, {"templates", answer.templates}};
}

OrderedJson refused_row(std::size_t row, const Error& error) {
  const http::Problem p = to_problem(error);
  OrderedJson out = {
      {"row", row}, {"status", "refused"}, {"type", "urn:facekeep:problem:" + p.name}, {"title", p.title}};
  if (!p.detail.empty()) out["detail"] = p.detail;
  if (!p.hint.empty()) out["hint"] = p.hint;
  return out;
}

OrderedJson result_row(std::size_t row, const Result<EnrolAnswer>& result) {
  if (!result) return refused_row(row, result.error());
  OrderedJson out = {{"row", row}};
  out.update(to_json(*result));
  return out;
}

}  // namespace

Result<http::Response> put_subject(ApiContext& api, const Call& call) {
  FK_CHECK(check_query(call.request, {}));
  if (call.request.body.empty()) return no_consent();
  FK_TRY(const JsonView body, json_body(call.request));
  EnrolInput in;
  in.subject = call.captured[1];
  FK_TRY(in.consent, body.to_json());
  if (in.consent.empty()) return no_consent();
  FK_TRY(const EnrolAnswer answer, api.service.put_subject(call.request.peer_spki, call.captured[0], std::move(in)));
  OrderedJson out = to_json(answer);
  FK_CHECK(add_receipt(api, answer.entry, out));
  return json_response(out, answer.created ? 201 : 200);
}

Result<http::Response> add_template(ApiContext& api, const Call& call) {
  FK_CHECK(check_query(call.request, {}));
  FK_TRY(const JsonView body, json_body(call.request));
  FK_TRY(TemplateInput in, read_template(body, "the request body"));
  FK_TRY(const EnrolAnswer answer,
         api.service.add_template(call.request.peer_spki, call.captured[0], call.captured[1], std::move(in)));
  OrderedJson out = to_json(answer);
  FK_CHECK(add_receipt(api, answer.entry, out));
  return json_response(out, 201);
}

Result<http::Response> enrol(ApiContext& api, const Call& call) {
  FK_CHECK(check_query(call.request, {}));
  const auto lines = split_ndjson(as_chars({call.request.body.data(), call.request.body.size()}));
  if (lines.size() > Service::kMaxBulkRows) {
    return make_problem(
        Errc::kTooLarge, "too-many-rows",
        "the request has more than " + std::to_string(Service::kMaxBulkRows) + " rows; none was enrolled",
        "send the rest in another request");
  }
  if (lines.empty()) {
    return make_problem(Errc::kMalformed, "not-json", "the request has no rows", "send one JSON object a line");
  }
  // Rows that can't be read are answered here; the others go to the service in one call, in their order.
  std::vector<std::optional<Error>> unreadable(lines.size());
  std::vector<ScopedInput> read;
  read.reserve(lines.size());
  for (std::size_t i = 0; i < lines.size(); ++i) {
    auto row = read_row(lines[i]);
    if (row) {
      read.push_back(std::move(*row));
    } else {
      unreadable[i] = std::move(row).error();
    }
  }
  std::vector<EnrolInput> inputs;
  inputs.reserve(read.size());
  for (auto& r : read) inputs.push_back(std::move(r.input));
  std::vector<Result<EnrolAnswer>> results;
  if (!inputs.empty()) results = api.service.enrol(call.request.peer_spki, call.captured[0], std::move(inputs));

  http::Response out;
  out.content_type = "application/x-ndjson";
  out.headers.emplace_back("Cache-Control", "no-store");
  const auto add_line = [&](const OrderedJson& json) {
    const std::string line = json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
    out.body.insert(out.body.end(), line.begin(), line.end());
  };
  std::size_t next = 0;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    OrderedJson row;
    if (unreadable[i]) {
      row = refused_row(i + 1, *unreadable[i]);
    } else if (next < results.size()) {
      row = result_row(i + 1, results[next++]);
    } else {
      row = refused_row(i + 1, make_error(Errc::kInternal, "the service gave no result for this row"));
    }
    add_line(row);
  }
  // It covers every row above; the proof of each is at /v1/log/proofs/{entry}.
  add_line({{"checkpoint", api.service.sequencer().checkpoint()}});
  return out;
}

Result<http::Response> erase(ApiContext& api, const Call& call) {
  FK_CHECK(check_query(call.request, {}));
  FK_CHECK(no_body(call.request));
  FK_TRY(const EraseAnswer answer, api.service.erase(call.request.peer_spki, call.captured[0], call.captured[1]));
  OrderedJson out = {{"state", answer.destroyed ? "erased" : "suspended"}, {"entry", answer.entry}};
  if (!answer.destroyed) out["due"] = format_time(answer.due);
  FK_CHECK(add_receipt(api, answer.entry, out));
  return json_response(out);
}

}  // namespace facekeep::api
