#include "tools/facekeep/import_sealed.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "api/json_fields.h"
#include "api/ndjson.h"
#include "tools/common/progress.h"
#include "tools/facekeep/import_batch.h"
#include "tools/facekeep/key_files.h"
#include "tools/facekeep/vault_api.h"
#include "tools/facekeep/vector_input.h"
#include "vault/export/cms_open.h"
#include "vault/export/parts.h"

namespace facekeep::tools {
namespace {

constexpr int kAttempts = 5;

// A sealed file, so nothing that has to be overwritten.
Result<Bytes> read_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat s {};
  if (fd < 0 || ::fstat(fd, &s) != 0 || s.st_size < 0) {
    if (fd >= 0) ::close(fd);
    return make_error(Errc::kNotFound, "can't read " + path, "check the path and its permissions");
  }
  Bytes out(std::min(static_cast<std::uint64_t>(s.st_size), exporter::kMaxPartSize + 1));
  std::size_t have = 0;
  ssize_t n = 1;
  while (have < out.size() && (n = ::read(fd, out.data() + have, out.size() - have)) > 0) {
    have += static_cast<std::size_t>(n);
  }
  ::close(fd);
  if (n < 0) return make_error(Errc::kIo, "can't read " + path);
  out.resize(have);
  return out;
}

Status append_template_of(http::CleansedBytes& out, const api::JsonView& value) {
  api::Fields fields(value, "the template");
  const auto model = fields.take("model");
  const auto vector = fields.take("template");
  static_cast<void>(fields.take("entry"));
  static_cast<void>(fields.take("version"));
  FK_CHECK(fields.finish());
  append_text(out, R"({"model":)");
  append_text(out, model->text());
  append_text(out, R"(,"template":)");
  append_text(out, vector->text());
  append_text(out, "}");
  return {};
}

struct Tally {
  std::size_t rows = 0;
  std::size_t enrolled = 0;
  std::size_t existing = 0;
  std::size_t refused = 0;
};

class Sender {
 public:
  Sender(VaultApi& api, const std::string& site, Reporter& report)
      : api_(api), target_("/v1/sites/" + percent_encode(site) + "/enrolments"), report_(report) {}

  Status add(http::CleansedBytes row) {
    ++tally.rows;
    if (!body_.empty() && body_.size() + row.size() > kImportBatchBytes) FK_CHECK(flush());
    body_.reserve(kImportBatchBytes);
    http::append(body_, row);
    ++rows_;
    return rows_ == kImportBatchRows ? flush() : Status();
  }

  Status flush() {
    if (rows_ == 0) return {};
    FK_TRY(const auto answers, send());
    for (std::size_t i = 0; i < answers.size(); ++i) FK_CHECK(settle(answers[i], tally.rows - rows_ + i + 1));
    http::release(body_);
    rows_ = 0;
    return {};
  }

  Tally tally;

 private:
  Result<std::vector<GroupAnswer>> send() {
    for (int attempt = 0;; ++attempt) {
      const auto answer = api_.bytes("POST", target_, body_, "application/x-ndjson");
      if (answer) return parse_enrolment_answers(*answer, rows_);
      if (answer.error().code != Errc::kUnavailable || attempt == kAttempts) return answer.error();
      std::this_thread::sleep_for(std::chrono::seconds(1 << attempt));
    }
  }
  Status settle(const GroupAnswer& answer, std::size_t number) {
    if (answer.kind == GroupAnswer::Kind::kCreated) ++tally.enrolled;
    if (answer.kind == GroupAnswer::Kind::kExists) ++tally.existing;
    if (answer.kind != GroupAnswer::Kind::kRefused) return {};
    if (stops_import(*answer.error)) return *answer.error;
    ++tally.refused;
    report_.warn(Msg::kImportSealedRefused, {std::to_string(number), answer.error->message});
    return {};
  }

  VaultApi& api_;
  const std::string target_;
  Reporter& report_;
  http::CleansedBytes body_;
  std::size_t rows_ = 0;
};

}  // namespace

bool is_sealed_part(const std::string& path) {
  return path.ends_with(".cms");
}

Result<http::CleansedBytes> enrolment_row(std::string_view line) {
  FK_TRY(const api::JsonView view, api::check_json(line));
  api::Fields fields(view, "the row");
  const auto consent = fields.take("consent");
  const auto subject = fields.take("subject");
  const auto templates = fields.take("templates");
  static_cast<void>(fields.take("record"));
  FK_CHECK(fields.finish());
  if (templates->kind() != api::JsonView::Kind::kArray) {
    return make_error(Errc::kMalformed, "the field \"templates\" is not an array");
  }
  http::CleansedBytes out;
  out.reserve(line.size() + 16);
  append_text(out, R"({"consent":)");
  append_text(out, consent->text());
  append_text(out, R"(,"subject":)");
  append_text(out, subject->text());
  append_text(out, R"(,"templates":[)");
  bool first = true;
  for (const api::JsonView& t : elements(*templates)) {
    if (!first) append_text(out, ",");
    first = false;
    if (t.kind() != api::JsonView::Kind::kObject) return make_error(Errc::kMalformed, "a template is not an object");
    FK_CHECK(append_template_of(out, t));
  }
  append_text(out, "]}\n");
  return out;
}

Status import_sealed(Context& context, const SealedImport& o, Reporter& report) {
  if (o.recipient_key.empty()) {
    return say_error(Errc::kInvalidArgument, "no-recipient-key", Msg::kImportKeyNeeded, Msg::kImportKeyHint);
  }
  FK_TRY(const Notice notice, context.notice());
  FK_TRY(const http::KeyPtr key, load_key(o.recipient_key, context.passphrase_for(o.recipient_key)));
  FK_TRY(const Identity identity, load_identity(context));
  FK_TRY(const Bytes sealed, read_file(o.path));
  FK_TRY(const SecretBytes content, exporter::open_cms(sealed, key.get()));
  FK_TRY(VaultApi api, VaultApi::connect(notice, identity));
  const auto lines = api::split_ndjson(as_chars(content.view()));
  Progress progress(context.err, context.err_is_tty, context.lang, "import", lines.size());
  Sender sender(api, o.site, report);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    auto row = enrolment_row(lines[i]);
    if (!row) {
      return say_error(Errc::kMalformed, "bad-row", Msg::kImportBadRow, Msg::kExportOpenHint, {std::to_string(i + 1)});
    }
    FK_CHECK(sender.add(std::move(*row)));
    progress.update(i + 1);
  }
  FK_CHECK(sender.flush());
  progress.finish();
  const Tally& t = sender.tally;
  report.say(Msg::kImportSealedDone, {std::to_string(t.rows), std::to_string(t.enrolled), std::to_string(t.existing),
                                      std::to_string(t.refused)});
  report.field("rows", t.rows);
  report.field("enrolled", t.enrolled);
  report.field("exists", t.existing);
  report.field("rejected", t.refused);
  if (t.rows > 0 && t.refused == t.rows) {
    return say_error(Errc::kFailedPrecondition, "all-rejected", Msg::kCliImportNone, Msg::kCliImportNoneHint,
                     {o.path, std::to_string(t.rows)});
  }
  return {};
}

}  // namespace facekeep::tools
