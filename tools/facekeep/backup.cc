// facekeep backup: has the vault take a backup of itself, fetches it, and keeps nothing that is not, byte for byte,
// what the log vouches for.
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "tools/common/progress.h"
#include "tools/facekeep/backup_verify.h"
#include "tools/facekeep/commands.h"
#include "tools/facekeep/log_entries.h"
#include "tools/facekeep/receipt.h"
#include "tools/facekeep/vault_api.h"
#include "vault/backup/file.h"
#include "vault/export/sha256_stream.h"
#include "vault/log/proof.h"

namespace facekeep::tools {
namespace {

constexpr std::chrono::milliseconds kPause{500};

struct Options {
  std::string out;
  std::string since;
  std::string receipt;
  VerifyBackups verify;
};

Error other_backup() {
  return say_error(Errc::kIntegrity, "other-backup", Msg::kBackupOther, Msg::kCliTellHint);
}

// The whole file is read: one that is cut or altered is nothing to build on.
Result<Json> request_body(const std::string& since) {
  if (since.empty()) return Json::object();
  FK_TRY(backup::Reader reader, backup::open_backup(since));
  for (bool more = true; more;) {
    FK_TRY(const auto record, reader.next());
    more = record.has_value();
  }
  return Json{{"since", {{"size", reader.header().size}, {"digest", to_hex(reader.digest())}}}};
}

Result<Json> wait_until_taken(Context& context, VaultApi& api, const std::string& target) {
  Progress progress(context.err, context.err_is_tty, context.lang, "backup", 0);
  for (;;) {
    FK_TRY(Json answer, api.json("GET", target));
    const std::string state = answer.value("state", "");
    progress.update(answer.value("bytes", std::uint64_t{0}) >> 20);  // MiB
    if (state == "running") {
      std::this_thread::sleep_for(kPause);
      continue;
    }
    progress.finish();
    if (state == "done") return answer;
    return say_error(Errc::kUnavailable, "backup-failed", Msg::kBackupFailed, Msg::kCliHintAgain,
                     {answer.value("detail", "")});
  }
}

// What the log has to have of it.
struct Promised {
  std::uint64_t entry = 0;
  std::uint64_t bytes = 0;
  ledger::BackupMade made;
};
Result<Promised> promised(const Json& answer) {
  Promised out;
  const auto number = [&](const char* field, std::uint64_t& to) {
    const Json value = answer.value(field, Json());
    if (value.is_number_unsigned()) to = value.get<std::uint64_t>();
    return value.is_number_unsigned();
  };
  const auto digest = from_hex_exact<32>(answer.value("digest", ""));
  const bool there = number("entry", out.entry) && number("bytes", out.bytes) && number("size", out.made.size) &&
                     number("since", out.made.since);
  if (!there || !digest) return other_backup();
  out.made.digest = *digest;
  return out;
}

Status fetch(Context& context, VaultApi& api, const std::string& target, const Promised& expected,
             const std::string& path) {
  FK_CHECK(save_text(path, "", 0600));
  std::ofstream file(path, std::ios::binary);
  exporter::Sha256Stream hash;
  Progress progress(context.err, context.err_is_tty, context.lang, "fetch", expected.bytes);
  std::uint64_t have = 0;
  Status status;
  while (status && have < expected.bytes) {
    auto piece = api.bytes("GET", target + "?from=" + std::to_string(have));
    if (!piece) {
      status = std::move(piece).error();
      break;
    }
    if (piece->empty()) break;
    hash.add(*piece);
    have += piece->size();
    file.write(reinterpret_cast<const char*>(piece->data()), static_cast<std::streamsize>(piece->size()));
    progress.update(have);
  }
  progress.finish();
  file.close();
  if (status && !file) status = make_error(Errc::kIo, "can't write " + path);
  if (status && (have != expected.bytes || hash.finish() != expected.made.digest)) status = other_backup();
  if (!status) ::unlink(path.c_str());
  return status;
}

// The vault's receipt with the entry itself in it, so that it vouches alone.
Status save_receipt(VaultApi& api, const Notice& notice, const std::string& text, const std::string& path) {
  if (path.empty()) return {};
  FK_TRY(log::Receipt receipt, log::parse_receipt(text));
  FK_TRY(const log::Checkpoint head, log::open_checkpoint(receipt.checkpoint, notice.keys()));
  FK_TRY(receipt.extra, fetch_entry(api, head.size, receipt.index));
  FK_TRY(const std::string whole, log::format_receipt(receipt));
  return save_text(path, whole);
}

Status take(Context& context, const Options& o, Reporter& report) {
  if (o.out.empty()) {
    return say_error(Errc::kInvalidArgument, "no-out", Msg::kBackupNoOut, Msg::kBackupNoOutHint);
  }
  FK_TRY(const Notice notice, context.notice());
  FK_TRY(const Json body, request_body(o.since));
  FK_TRY(const Identity identity, load_identity(context));
  FK_TRY(VaultApi api, VaultApi::connect(notice, identity));
  FK_TRY(const Json begun, api.json("POST", "/v1/backups", as_bytes(body.dump())));
  const std::string target = "/v1/backups/" + percent_encode(begun.value("id", ""));
  FK_TRY(const Json answer, wait_until_taken(context, api, target));
  FK_TRY(const Promised p, promised(answer));
  const Expected manifest{[&](const ledger::Event& e) {
    const auto* made = std::get_if<ledger::BackupMade>(&e.body);
    return made != nullptr && made->digest == p.made.digest && made->size == p.made.size && made->since == p.made.since;
  }};
  FK_CHECK(keep_receipt_of(context, notice, api, answer, manifest, "", report));
  FK_CHECK(fetch(context, api, target + "/file", p, o.out));
  FK_CHECK(save_receipt(api, notice, answer.value("receipt", ""), o.receipt));
  report.say(Msg::kBackupTaken,
             {o.out, std::to_string(p.made.size), std::to_string(p.bytes), answer.value("file", "")});
  report.say(Msg::kBackupDigest, {to_hex(p.made.digest), std::to_string(p.entry)});
  report.say(Msg::kBackupKeep);
  report.field("file", o.out);
  report.field("size", p.made.size);
  report.field("since", p.made.since);
  report.field("bytes", p.bytes);
  report.field("digest", to_hex(p.made.digest));
  report.field("entry", p.entry);
  return {};
}

}  // namespace

void add_backup(CLI::App& app, Context& context) {
  auto o = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("backup", context.text(Msg::kHelpBackup));
  command->add_option("--out", o->out, context.text(Msg::kHelpBackupOut))->check(CLI::NonexistentPath);
  command->add_option("--since", o->since, context.text(Msg::kHelpBackupSince));
  add_receipt_option(*command, context, o->receipt);
  CLI::App* verify = command->add_subcommand("verify", context.text(Msg::kHelpBackupVerify));
  verify->add_option("FILE", o->verify.files, context.text(Msg::kHelpBackupFiles))->required();
  verify->add_option("--mirror", o->verify.mirror, context.text(Msg::kHelpBackupMirror));
  verify->add_option("--receipt", o->verify.receipt, context.text(Msg::kHelpBackupReceipt));
  command->callback([o, verify, &context] {
    if (verify->parsed()) {
      context.run([o](Reporter& r) { return verify_backups(o->verify, r); });
    } else {
      context.run([o, &context](Reporter& r) { return take(context, *o, r); });
    }
  });
}

}  // namespace facekeep::tools
