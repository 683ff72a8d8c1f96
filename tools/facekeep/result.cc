// facekeep result: fetches what a quorum had exported. Nothing is kept that is not, byte for byte, what the log says.
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tools/common/progress.h"
#include "tools/facekeep/commands.h"
#include "tools/facekeep/log_entries.h"
#include "tools/facekeep/receipt.h"
#include "tools/facekeep/start_check.h"
#include "tools/facekeep/vault_api.h"
#include "vault/base/digest.h"
#include "vault/export/manifest.h"
#include "vault/export/sha256_stream.h"

namespace facekeep::tools {
namespace {

struct Options {
  std::string id;
  std::string out;
  std::string receipt;
};

Error other_export() {
  return say_error(Errc::kIntegrity, "other-export", Msg::kExportOther, Msg::kCliTellHint);
}

// The log's own word on this export, under a checkpoint that continues the one which this machine remembers.
Result<ledger::ExportSealed> prove_sealed(VaultApi& api, const log::Checkpoint& head, std::uint64_t entry,
                                          const Id128& proposal) {
  FK_TRY(const ledger::Leaf leaf, prove_entry(api, head, entry));
  const auto* event = std::get_if<ledger::Event>(&leaf);
  const auto* sealed = event == nullptr ? nullptr : std::get_if<ledger::ExportSealed>(&event->body);
  if (sealed == nullptr || sealed->proposal != proposal) return other_export();
  return *sealed;
}

Result<exporter::Manifest> check_manifest(const std::string& text, const Notice& notice,
                                          const ledger::ExportSealed& sealed) {
  if (sha256(as_bytes(text)) != sealed.manifest) return other_export();
  FK_TRY(exporter::Manifest m, exporter::parse_manifest(text));
  bool same = m.vault == notice.vault && m.proposal == sealed.proposal && m.subjects == sealed.subjects &&
              m.templates == sealed.templates && m.damaged == sealed.damaged && m.parts.size() == sealed.parts.size();
  for (std::size_t i = 0; same && i < m.parts.size(); ++i) {
    same = m.parts[i].bytes == sealed.parts[i].bytes && m.parts[i].digest == sealed.parts[i].digest;
  }
  return same ? Result<exporter::Manifest>(std::move(m)) : Result<exporter::Manifest>(other_export());
}

// One part, piece by piece, into a new file; removed again unless it is the one in the log.
Status fetch_part(VaultApi& api, const std::string& id, std::size_t number, const exporter::SealedSize& expected,
                  const std::string& path, const std::function<void(std::uint64_t)>& fetched) {
  FK_CHECK(save_text(path, "", 0600));
  std::ofstream file(path, std::ios::binary);
  exporter::Sha256Stream hash;
  std::uint64_t have = 0;
  Status status;
  while (status && have < expected.bytes) {
    auto piece = api.bytes(
        "GET", "/v1/proposals/" + id + "/result/parts/" + std::to_string(number) + "?from=" + std::to_string(have));
    if (!piece) {
      status = std::move(piece).error();
      break;
    }
    if (piece->empty()) break;
    hash.add(*piece);
    have += piece->size();
    file.write(reinterpret_cast<const char*>(piece->data()), static_cast<std::streamsize>(piece->size()));
    fetched(piece->size());
  }
  file.close();
  if (status && !file) status = make_error(Errc::kIo, "can't write " + path);
  if (status && (have != expected.bytes || hash.finish() != expected.digest)) {
    status = say_error(Errc::kIntegrity, "other-part", Msg::kExportPartOther, Msg::kCliTellHint, {path});
  }
  if (!status) ::unlink(path.c_str());
  return status;
}

Status result(Context& context, const Options& o, Reporter& report) {
  FK_TRY(const Notice notice, context.notice());
  const auto id = from_hex_exact<16>(o.id);
  if (!id) return say_error(Errc::kInvalidArgument, "unknown-proposal", Msg::kErrNotFound, Msg::kCliHintNotFound);
  FK_TRY(const Identity identity, load_identity(context));
  FK_TRY(VaultApi api, VaultApi::connect(notice, identity));
  FK_TRY(const Json answer, api.json("GET", "/v1/proposals/" + o.id + "/result"));
  const std::string text = answer.value("manifest", "");
  const Json sealed_entry = answer.value("sealed_entry", Json());
  if (!sealed_entry.is_number_unsigned()) return other_export();
  const Expected given{[&](const ledger::Event& e) {
    const auto* g = std::get_if<ledger::ExportGiven>(&e.body);
    return g != nullptr && g->proposal == *id;
  }};
  FK_CHECK(keep_receipt_of(context, notice, api, answer, given, o.receipt, report));
  FK_TRY(const CheckedVault vault, check_vault_now(context, notice, api));
  const auto entry = sealed_entry.get<std::uint64_t>();
  FK_TRY(const ledger::ExportSealed sealed, prove_sealed(api, vault.start.checkpoint, entry, *id));
  FK_TRY(const exporter::Manifest manifest, check_manifest(text, notice, sealed));

  std::error_code failed;
  std::filesystem::create_directories(o.out, failed);
  if (failed) return make_error(Errc::kIo, "can't make " + o.out + ": " + failed.message());
  std::uint64_t total = 0;
  for (const auto& p : manifest.parts) total += p.bytes;
  Progress progress(context.err, context.err_is_tty, context.lang, "result", total);
  std::uint64_t done = 0;
  for (std::size_t i = 0; i < manifest.parts.size(); ++i) {
    FK_CHECK(fetch_part(api, o.id, i + 1, manifest.parts[i], o.out + "/" + exporter::part_name(i + 1),
                        [&](std::uint64_t n) { progress.update(done += n); }));
  }
  progress.finish();
  FK_CHECK(save_text(o.out + "/" + std::string(exporter::kManifestName), text));
  report.say(Msg::kExportFetched,
             {std::to_string(manifest.parts.size()), std::to_string(manifest.subjects), o.out, std::to_string(entry)});
  report.say(Msg::kExportManifest, {to_hex(sealed.manifest)});
  report.field("manifest_digest", to_hex(sealed.manifest));
  if (manifest.damaged > 0) report.warn(Msg::kExportDamaged, {std::to_string(manifest.damaged)});
  report.say(Msg::kExportOpenHint);
  report.field("parts", manifest.parts.size());
  report.field("subjects", manifest.subjects);
  report.field("sealed_entry", entry);
  return {};
}

}  // namespace

void add_result(CLI::App& app, Context& context) {
  auto o = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("result", context.text(Msg::kHelpResult));
  command->add_option("ID", o->id, context.text(Msg::kHelpProposalId))->required();
  command->add_option("--out", o->out, context.text(Msg::kHelpResultOut))->required();
  add_receipt_option(*command, context, o->receipt);
  command->callback([o, &context] { context.run([o, &context](Reporter& r) { return result(context, *o, r); }); });
}

}  // namespace facekeep::tools
