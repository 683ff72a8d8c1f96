// facekeep import: many subjects from a file, in batches, resumable.
#include <chrono>
#include <filesystem>
#include <thread>

#include "tools/common/progress.h"
#include "tools/facekeep/commands.h"
#include "tools/facekeep/consent_file.h"
#include "tools/facekeep/import_batch.h"
#include "tools/facekeep/import_sealed.h"
#include "tools/facekeep/import_state.h"
#include "tools/facekeep/vault_api.h"
#include "tools/facekeep/vector_input.h"

namespace facekeep::tools {
namespace {

struct Options {
  RowFile file;
  std::string site;
  std::string model;
  std::string consent;
  std::string recipient_key;
  std::string manifest;
  std::string manifest_digest;
};

class Import {
 public:
  Import(const Options& o, VaultApi& api, Json consent, ImportState state, Progress& progress)
      : o_(o),
        api_(api),
        files_(o.file.path),
        batcher_(o.model, std::move(consent)),
        state_(std::move(state)),
        progress_(progress) {}

  Result<ImportState> run(ImportSource& source) {
    FK_TRY(const auto rejected, files_.rejected_before(state_.next));
    for (std::uint64_t number = 1;; ++number) {
      FK_TRY(auto row, source.next());
      if (!row) break;
      if (number < state_.next) {
        if (!row->row.error && rejected.count(number) == 0) batcher_.count_earlier(row->row.subject);
        continue;
      }
      FK_CHECK(take(std::move(*row)));
      last_ = number;
      if (batcher_.full()) FK_CHECK(flush());
    }
    FK_CHECK(flush());
    files_.finish();
    return state_;
  }

 private:
  Status take(ImportRow row) {
    const std::uint64_t number = row.row.number;
    const std::string subject = row.row.subject;
    if (row.row.error) return reject(number, subject, *row.row.error);
    if (const auto refused = batcher_.add(std::move(row))) return reject(number, subject, *refused);
    return {};
  }

  Status reject(std::uint64_t number, const std::string& subject, const Error& error) {
    ++state_.rejected;
    return files_.reject(number, subject, error);
  }

  // Sends what is gathered. A failure leaves the state before the batch: the next run sends it again, and the
  // vault's answers tell what of it was done.
  Status flush() {
    if (!batcher_.empty()) {
      FK_TRY(const auto answers, send());
      for (std::size_t i = 0; i < answers.size(); ++i) FK_CHECK(settle(batcher_.groups()[i], answers[i]));
      batcher_.clear();
    }
    if (last_ < state_.next) return {};
    state_.next = last_ + 1;
    progress_.update(last_);
    return files_.save(state_);
  }

  Result<std::vector<GroupAnswer>> send() {
    const http::CleansedBytes body = batcher_.body();
    const std::string target = "/v1/sites/" + percent_encode(o_.site) + "/enrolments";
    for (int attempt = 0;; ++attempt) {
      const auto answer = api_.bytes("POST", target, body, "application/x-ndjson");
      if (answer) return parse_enrolment_answers(*answer, batcher_.groups().size());
      if (answer.error().code != Errc::kUnavailable || attempt == kAttempts) return answer.error();
      std::this_thread::sleep_for(std::chrono::seconds(1 << attempt));
    }
  }

  Status settle(const ImportGroup& group, const GroupAnswer& answer) {
    const Settlement s = batcher_.settle(group, answer);
    if (s.refused) {
      if (stops_import(*s.refused)) return *s.refused;
      for (const Row& row : group.rows) FK_CHECK(reject(row.number, group.subject, *s.refused));
      return {};
    }
    state_.enrolled += s.enrolled;
    state_.existing += s.existing;
    std::size_t in = s.enrolled + s.existing;
    for (const std::size_t i : s.add) {
      http::CleansedBytes body;
      append_template(body, o_.model, group.rows[i].values);
      const auto added = api_.json(
          "POST", "/v1/sites/" + percent_encode(o_.site) + "/subjects/" + percent_encode(group.subject) + "/templates",
          body);
      if (added) {
        ++state_.enrolled;
        ++in;
      } else if (stops_import(added.error())) {
        return added.error();
      } else {
        FK_CHECK(reject(group.rows[i].number, group.subject, added.error()));
      }
    }
    batcher_.count(group.subject, in);
    return {};
  }

  static constexpr int kAttempts = 5;
  const Options& o_;
  VaultApi& api_;
  ImportFiles files_;
  ImportBatcher batcher_;
  ImportState state_;
  Progress& progress_;
  std::uint64_t last_ = 0;
};

Status import(Context& context, const Options& o, Reporter& report) {
  if (is_sealed_part(o.file.path)) {
    return import_sealed(context, {o.file.path, o.recipient_key, o.site, o.manifest, o.manifest_digest}, report);
  }
  if (o.model.empty() || o.consent.empty()) {
    return say_error(Errc::kInvalidArgument, "missing-option", Msg::kImportNeeds, Msg::kCliHintValue);
  }
  FK_TRY(const Notice notice, context.notice());
  FK_TRY(Json consent, load_consent(o.consent));
  FK_TRY(const auto source, open_import(o.file));
  const ImportFiles files(o.file.path);
  ImportState fresh{to_hex(notice.vault), o.site, o.model, std::filesystem::file_size(o.file.path)};
  FK_TRY(const ImportState state, files.resume(fresh));
  if (state.next > 1) report.say(Msg::kCliImportResumes, {std::to_string(state.next)});
  FK_TRY(const Identity identity, load_identity(context));
  FK_TRY(VaultApi api, VaultApi::connect(notice, identity));
  Progress progress(context.err, context.err_is_tty, context.lang, "import", source->total().value_or(0));
  auto done = Import(o, api, std::move(consent), state, progress).run(*source);
  if (!done) {
    Error e = std::move(done).error();
    e.hint += (e.hint.empty() ? "" : "; ") + context.text(Msg::kCliImportAgain);
    return e;
  }
  progress.finish();
  report.say(Msg::kCliImportDone, {std::to_string(done->next - 1), std::to_string(done->enrolled),
                                   std::to_string(done->existing), std::to_string(done->rejected)});
  if (done->existing > 0) report.say(Msg::kCliImportExisting);
  if (done->rejected > 0) report.warn(Msg::kCliImportRejects, {std::to_string(done->rejected), files.rejects_path()});
  report.field("rows", done->next - 1);
  report.field("enrolled", done->enrolled);
  report.field("exists", done->existing);
  report.field("rejected", done->rejected);
  if (done->rejected > 0) report.field("rejected_file", files.rejects_path());
  if (done->rejected > 0 && done->enrolled + done->existing == 0) {
    return say_error(Errc::kFailedPrecondition, "all-rejected", Msg::kCliImportNone, Msg::kCliImportNoneHint,
                     {files.rejects_path(), std::to_string(done->rejected)});
  }
  return {};
}

}  // namespace

void add_import(CLI::App& app, Context& context) {
  auto o = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("import", context.text(Msg::kHelpImport));
  command->add_option("FILE", o->file.path, context.text(Msg::kHelpImportFile))->required();
  command->add_option("--site", o->site, context.text(Msg::kHelpSite))->required();
  command->add_option("--model", o->model, context.text(Msg::kHelpModel));
  command->add_option("--consent", o->consent, context.text(Msg::kHelpConsentAll));
  command->add_option("--recipient-key", o->recipient_key, context.text(Msg::kHelpImportKey));
  command->add_option("--manifest", o->manifest, context.text(Msg::kHelpImportManifest));
  command->add_option("--manifest-digest", o->manifest_digest, context.text(Msg::kHelpImportDigest));
  command->add_option("--labels", o->file.labels, context.text(Msg::kHelpLabels));
  command->add_option("--column", o->file.column, context.text(Msg::kHelpColumn));
  command->add_option("--dimension", o->file.dimension, context.text(Msg::kHelpDimension));
  command->callback([o, &context] { context.run([o, &context](Reporter& r) { return import(context, *o, r); }); });
}

}  // namespace facekeep::tools
