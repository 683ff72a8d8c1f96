// facekeepd: the vault's daemon.
//
//   facekeepd --config FILE [--pin-fd N] [--ready-fd N] [--ready-file FILE]
//   facekeepd check --config FILE [--json] [--export DIR]
//   facekeepd digest --config FILE [--json]
//   facekeepd restore --config FILE --backup FILE [--backup INCREMENT...] --mirror DIR [--checkpoint FILE...]
//                     [--without-witness NAME...] [--accept-loss] [--pin-fd N] [--json]
//   facekeepd recover --config FILE [--kind lost|stolen|broken] --newest FILE... --statement-out FILE [--pin-fd N]
//   facekeepd recover --config FILE --statement FILE --signature FILE... [--pin-fd N] [--json]
//   facekeepd --version
#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "tools/facekeepd/check.h"
#include "tools/facekeepd/daemon.h"
#include "tools/facekeepd/files.h"
#include "tools/facekeepd/mirror.h"
#include "tools/facekeepd/recover.h"
#include "tools/facekeepd/restore.h"
#include "vault/backup/mark.h"
#include "vault/base/digest.h"

namespace {

using facekeep::Error;
namespace daemon = facekeep::daemon;

int fail(const Error& error) {
  std::fprintf(stderr, "error: %s\n", error.message.c_str());
  if (!error.hint.empty()) std::fprintf(stderr, "hint: %s\n", error.hint.c_str());
  return daemon::exit_code(error);
}

int check(const daemon::Config& config, bool json, const std::string& export_dir) {
  auto files = daemon::open_vault_files(config);
  if (!files) return fail(files.error());
  const auto unlogged = facekeep::backup::read_mark(config.data_dir);
  if (!unlogged) return fail(unlogged.error());
  const auto report = daemon::check_vault(*files->store, *files->slots, {}, *unlogged);
  if (!report) {
    fail(report.error());
    return daemon::kExitFailed;
  }
  if (!export_dir.empty()) {
    if (const auto exported = daemon::export_log(*files->store, export_dir, *unlogged); !exported) {
      fail(exported.error());
      return daemon::kExitFailed;
    }
  }
  const std::string text = json ? daemon::to_json_text(*report) : daemon::to_text(*report);
  std::fputs(text.c_str(), stdout);
  return report->faults.empty() ? 0 : daemon::kExitFailed;
}

// What the start event of this installation says, computed without starting: for custodians to compare.
int digest(const daemon::Config& config, bool json) {
  const auto files = daemon::what_runs(config);
  if (!files) return fail(files.error());
  const std::string text = daemon::loaded_text(*files);
  const std::string program = facekeep::to_hex(facekeep::sha256(facekeep::as_bytes(text)));
  if (json) {
    const nlohmann::ordered_json out = {
        {"program", program}, {"config", facekeep::to_hex(config.digest)}, {"files", text}};
    std::printf("%s\n", out.dump(2).c_str());
  } else {
    std::printf("%sprogram %s\nconfig  %s\n", text.c_str(), program.c_str(), facekeep::to_hex(config.digest).c_str());
  }
  return 0;
}

CLI::App* add_recover(CLI::App& app, std::string& config, daemon::RunOptions& run, daemon::RecoverOptions& r) {
  CLI::App* command = app.add_subcommand("recover", "put a new, empty main token in the place of a lost one");
  command->add_option("--config", config, "the configuration file (TOML); its token.uri names the new token");
  command->add_option("--kind", r.kind, "what happened to the old one")
      ->check(CLI::IsMember({"lost", "stolen", "broken", "restored"}));
  command->add_option("--origin", r.origin, "of a loss: the log's new name");
  command->add_option("--newest", r.newest, "the newest checkpoint that somebody has; the log must reach it");
  command->add_flag("--no-newest", r.no_newest, "nobody has one: an older disk would be believed");
  command->add_flag("--accept-loss", r.accept_loss,
                    "behind a restore with --accept-loss: what --newest has and this log does not is given up");
  command->add_option("--statement-out", r.statement_out, "first step: write what the custodians sign here");
  command->add_option("--statement", r.statement, "second step: what they signed");
  command->add_option("--signature", r.signatures, "a custodian's signature of it (facekeep sign-recovery)");
  command->add_option("--pin-fd", run.pin_fd, "read the new token's PIN from this descriptor");
  command->add_flag("--json", r.json, "print JSON");
  return command;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("facekeepd: a vault for face templates");
  app.set_version_flag("--version", std::string("facekeepd ") + FACEKEEP_VERSION);
  std::string path;
  daemon::RunOptions options;
  bool json = false;
  std::string export_dir;
  app.add_option("--config", path, "the configuration file (TOML)");
  app.add_option("--pin-fd", options.pin_fd, "read the token's PIN from this descriptor");
  app.add_option("--ready-fd", options.ready_fd, "write one line of JSON with the bound addresses here, once serving");
  app.add_option("--ready-file", options.ready_file, "likewise, into this file");
  CLI::App* check_command = app.add_subcommand("check", "verify a stopped vault's files; needs no token");
  check_command->add_option("--config", path, "the configuration file (TOML)");
  check_command->add_flag("--json", json, "print JSON");
  check_command->add_option("--export", export_dir, "write the log and its custody openings into this new folder");
  CLI::App* digest_command = app.add_subcommand("digest", "print the digests that a start event of this program has");
  digest_command->add_option("--config", path, "the configuration file (TOML)");
  digest_command->add_flag("--json", json, "print JSON");
  daemon::RestoreOptions restore;
  CLI::App* restore_command =
      app.add_subcommand("restore", "put a vault back from backups and a mirror of its log, beside its token");
  restore_command->add_option("--config", path, "the configuration file (TOML); its data_dir has no vault");
  restore_command->add_option("--backup", restore.backups,
                              "a backup: the whole one first, then each that builds on it");
  restore_command->add_option("--mirror", restore.mirror, "an auditor's mirror of the log, with custody openings");
  restore_command->add_option("--checkpoint", restore.checkpoints,
                              "a checkpoint of this log that somebody kept: the mirror must reach it");
  restore_command->add_flag("--accept-loss", restore.accept_loss,
                            "end the log where the backup does; custodians then sign for what is lost (recover)");
  restore_command->add_flag(
      "--token-lost", restore.token_lost,
      "the main token is lost too: nobody asks it, and custodians then sign for a new one (recover)");
  restore_command->add_option("--without-witness", restore.without_witness,
                              "go on though this witness can't be asked: what it has seen behind the mirror is not "
                              "known then, and may stop the restored vault");
  restore_command->add_option("--pin-fd", options.pin_fd, "read the token's PIN from this descriptor");
  restore_command->add_flag("--json", restore.json, "print JSON");
  daemon::RecoverOptions recover;
  CLI::App* recover_command = add_recover(app, path, options, recover);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);  // --help, --version
    return fail(facekeep::make_error(facekeep::Errc::kInvalidArgument, e.what(), "facekeepd --help shows the options"));
  }
  try {
    if (path.empty()) {
      return fail(facekeep::make_error(facekeep::Errc::kInvalidArgument, "--config is missing",
                                       "facekeepd --config /etc/facekeep/facekeepd.toml"));
    }
    const auto config = daemon::load_config(path);
    if (!config) return fail(config.error());
    if (digest_command->parsed()) return digest(*config, json);
    if (restore_command->parsed()) return daemon::run_restore(*config, options, restore);
    if (recover_command->parsed()) return daemon::run_recover(*config, options, recover);
    return check_command->parsed() ? check(*config, json, export_dir) : daemon::run_daemon(*config, options);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "error: the daemon failed: %s\n", e.what());
    return daemon::kExitFailed;
  }
}
