#include "tools/facekeep/import_sealed.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <thread>

#include "api/json_fields.h"
#include "api/ndjson.h"
#include "tools/common/escape.h"
#include "tools/common/files.h"
#include "tools/common/progress.h"
#include "tools/facekeep/import_batch.h"
#include "tools/facekeep/key_files.h"
#include "tools/facekeep/vault_api.h"
#include "tools/facekeep/vector_input.h"
#include "vault/base/digest.h"
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
    if (!body_.empty() && body_.size() + row.size() > kImportBatchBytes) FK_CHECK(flush());
    ++tally.rows;
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

// The digest that the manifest must have: named, or looked at by a person who knows it.
Result<Digest> agreed_digest(Context& context, const SealedImport& o, const std::string& manifest) {
  const Digest found = sha256(as_bytes(manifest));
  if (!o.manifest_digest.empty()) {
    const auto named = from_hex_exact<32>(o.manifest_digest);
    if (!named) return say_error(Errc::kInvalidArgument, "bad-digest", Msg::kErrInvalidArgument, Msg::kCliHintValue);
    return *named;
  }
  FK_TRY(const exporter::Manifest m, exporter::parse_manifest(manifest));
  auto person = context.terminal();
  if (!person) return say_error(Errc::kInvalidArgument, "no-terminal", Msg::kImportAskDigest, Msg::kHelpImportDigest);
  for (const auto& line :
       {context.text(Msg::kImportManifestIs, {to_hex(m.vault), m.site, std::to_string(m.subjects), to_hex(m.proposal)}),
        context.text(Msg::kImportManifestDigest, {to_hex(found)})}) {
    FK_CHECK((*person)->show(escape_untrusted(line) + "\n"));
  }
  FK_TRY(const bool go, (*person)->confirm(context.lang, context.text(Msg::kImportAskDigest)));
  if (!go) return say_error(Errc::kInvalidArgument, "cancelled", Msg::kCancelled, Msg::kImportNoPartHint);
  return found;
}

Status check_origin(Context& context, const SealedImport& o, ByteView part) {
  const std::string path =
      !o.manifest.empty()
          ? o.manifest
          : (std::filesystem::path(o.path).parent_path() / std::string(exporter::kManifestName)).string();
  FK_TRY(const std::string manifest, load_text(path, exporter::kMaxManifest));
  FK_TRY(const Digest expected, agreed_digest(context, o, manifest));
  const auto checked = check_part(manifest, expected, part, o);
  return checked ? Status() : Status(checked.error());
}

}  // namespace

Result<exporter::Manifest> check_part(std::string_view manifest, const Digest& expected, ByteView part,
                                      const SealedImport& options) {
  const Digest found = sha256(as_bytes(manifest));
  if (found != expected) {
    return say_error(Errc::kIntegrity, "other-manifest", Msg::kImportOtherManifest, Msg::kImportNoPartHint,
                     {to_hex(found)});
  }
  FK_TRY(exporter::Manifest m, exporter::parse_manifest(manifest));
  const Digest digest = sha256(part);
  const bool there = std::any_of(m.parts.begin(), m.parts.end(), [&](const exporter::SealedSize& p) {
    return p.bytes == part.size() && p.digest == digest;
  });
  if (there) return m;
  return say_error(Errc::kIntegrity, "no-part", Msg::kImportNoPart, Msg::kImportNoPartHint,
                   {options.path, options.manifest.empty() ? std::string(exporter::kManifestName) : options.manifest});
}

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
  FK_CHECK(check_origin(context, o, sealed));
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
