// facekeep enrol: one subject with the consent record and, in the same request, the first templates, so that
// the subject is enrolled whole or not at all. facekeep template add: a further template.
#include "api/ndjson.h"
#include "tools/common/problems.h"
#include "tools/facekeep/commands.h"
#include "tools/facekeep/consent_file.h"
#include "tools/facekeep/receipt.h"
#include "tools/facekeep/vault_api.h"
#include "tools/facekeep/vector_input.h"

namespace facekeep::tools {
namespace {

struct Options {
  std::string site;
  std::string subject;
  std::string consent;
  std::vector<std::string> templates;
  std::string receipt;
};

std::string subject_path(const Options& o) {
  return "/v1/sites/" + percent_encode(o.site) + "/subjects/" + percent_encode(o.subject);
}

// The first line of an answer to a bulk request of one row; the second is the checkpoint.
Result<Json> only_row(const Bytes& answer) {
  const auto lines = api::split_ndjson(as_chars(answer));
  auto row = parse_json(lines.empty() ? std::string_view() : lines.front());
  if (!row || !row->is_object() || lines.size() != 2) {
    return say_error(Errc::kInternal, "bad-answer", Msg::kCliBadAnswer, Msg::kCliBadAnswerHint, {"enrolments"});
  }
  if (row->value("status", "") == "refused") return row_problem_error(*row);
  return row;
}

Status enrol(Context& context, const Options& o, Reporter& report) {
  FK_TRY(const Notice notice, context.notice());
  FK_TRY(const Json consent, load_consent(o.consent));
  http::CleansedBytes line;
  append_text(line, "{\"subject\":" + Json(o.subject).dump() + ",\"consent\":" + consent.dump() + ",\"templates\":[");
  for (std::size_t i = 0; i < o.templates.size(); ++i) {
    FK_TRY(const TemplateFile file, parse_template_option(o.templates[i]));
    FK_TRY(const api::ScopedVector vector, load_vector(file.path));
    if (i > 0) append_text(line, ",");
    append_template(line, file.model, vector.values);
  }
  append_text(line, "]}\n");
  FK_TRY(const Identity identity, load_identity(context));
  FK_TRY(VaultApi api, VaultApi::connect(notice, identity));
  FK_TRY(const Bytes answer,
         api.bytes("POST", "/v1/sites/" + percent_encode(o.site) + "/enrolments", line, "application/x-ndjson"));
  FK_TRY(const Json row, only_row(answer));
  const bool created = row.value("status", "") == "created";
  const std::size_t held = row.value("templates", Json::array()).size();
  const std::string entry = row.value("entry", Json()).dump();
  report.say(created ? Msg::kCliEnrolled : Msg::kCliEnrolledBefore, {o.subject, std::to_string(held), entry});
  if (!created && held < o.templates.size()) report.warn(Msg::kCliTemplatesNotAdded);
  for (const char* key : {"status", "entry", "templates"}) report.field(key, row.value(key, Json()));
  FK_TRY(const Bytes proof, api.bytes("GET", "/v1/log/proofs/" + entry));
  // This call's receipts bring no opening: what the entry is the vault alone says.
  const auto at_site = [&](const auto* event) { return event != nullptr && event->site == o.site; };
  const Expected expected{[&](const ledger::Event& e) {
                            return at_site(std::get_if<ledger::Enrolled>(&e.body)) ||
                                   at_site(std::get_if<ledger::TemplateAdded>(&e.body));
                          },
                          true};
  return keep_receipt(context, notice, api, std::string(as_chars(proof)), row.value("entry", std::uint64_t{0}),
                      expected, o.receipt, report);
}

Status add_one(Context& context, const Options& o, Reporter& report) {
  FK_TRY(const Notice notice, context.notice());
  FK_TRY(const TemplateFile file, parse_template_option(o.templates.front()));
  FK_TRY(const api::ScopedVector vector, load_vector(file.path));
  http::CleansedBytes body;
  append_template(body, file.model, vector.values);
  FK_TRY(const Identity identity, load_identity(context));
  FK_TRY(VaultApi api, VaultApi::connect(notice, identity));
  FK_TRY(const std::string by, proven_id(context, notice, api, identity));
  FK_TRY(const Json answer, api.json("POST", subject_path(o) + "/templates", body));
  report.say(Msg::kCliTemplateAdded, {o.subject, answer.value("entry", Json()).dump()});
  for (const char* key : {"status", "entry", "templates"}) report.field(key, answer.value(key, Json()));
  const Expected expected{[&](const ledger::Event& e) {
    const auto* added = std::get_if<ledger::TemplateAdded>(&e.body);
    return added != nullptr && added->site == o.site && added->by == by && added->model == file.model;
  }};
  return keep_receipt_of(context, notice, api, answer, expected, o.receipt, report);
}

}  // namespace

void add_enrol(CLI::App& app, Context& context) {
  auto o = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("enrol", context.text(Msg::kHelpEnrol));
  command->add_option("--site", o->site, context.text(Msg::kHelpSite))->required();
  command->add_option("--subject", o->subject, context.text(Msg::kHelpSubject))->required();
  command->add_option("--consent", o->consent, context.text(Msg::kHelpConsent))->required();
  command->add_option("--template", o->templates, context.text(Msg::kHelpTemplate))->expected(1)->take_all();
  add_receipt_option(*command, context, o->receipt);
  command->callback([o, &context] { context.run([o, &context](Reporter& r) { return enrol(context, *o, r); }); });
}

void add_template_command(CLI::App& app, Context& context) {
  CLI::App* group = app.add_subcommand("template", context.text(Msg::kHelpTemplateCommand));
  group->require_subcommand(1);
  auto o = std::make_shared<Options>();
  CLI::App* command = group->add_subcommand("add", context.text(Msg::kHelpTemplateAdd));
  command->add_option("TEMPLATE", o->templates, context.text(Msg::kHelpTemplate))->required()->expected(1);
  command->add_option("--site", o->site, context.text(Msg::kHelpSite))->required();
  command->add_option("--subject", o->subject, context.text(Msg::kHelpSubject))->required();
  add_receipt_option(*command, context, o->receipt);
  command->callback([o, &context] { context.run([o, &context](Reporter& r) { return add_one(context, *o, r); }); });
}

}  // namespace facekeep::tools
