#include "tools/facekeepd/restore.h"

#include <cstdio>

#include "tools/facekeepd/mirror_log.h"
#include "tools/facekeepd/start.h"
#include "tools/facekeepd/witness_client.h"
#include "vault/backup/file.h"
#include "vault/base/json.h"

namespace facekeep::daemon {
namespace {

constexpr std::size_t kNamed = 50;  // entries; more are only counted
constexpr std::size_t kMaxCheckpoint = std::size_t{64} << 10;

Result<backup::RestoreReport> restore_vault(const Config& config, const RunOptions& options, const RestoreOptions& r) {
  if (r.mirror.empty() && !r.accept_loss) {
    return make_error(Errc::kInvalidArgument,
                      "a restore takes the log's entries behind the backup from an auditor's mirror: --mirror DIR",
                      "to go on without them is a loss that a quorum accepts (--accept-loss): the log goes on under "
                      "another name, and "
                      "nobody matches until confirmed");
  }
  OpenedMirror mirror;
  if (!r.mirror.empty()) {
    FK_TRY(mirror, open_mirror_log(r.mirror));
  }
  const auto ask_token = [&](const ledger::Genesis& current,
                             std::optional<std::uint32_t> old_root) -> Result<backup::TokenFacts> {
    FK_TRY(SecretBytes pin, read_pin(config, options));
    FK_TRY(const auto custody, open_custody(config, current.vault, current.token, std::move(pin)));
    backup::TokenFacts out;
    FK_TRY(out.log_keys, custody->log_keys());
    FK_TRY(out.anchor, custody->read_anchor());
    // A lost root is in no token; its site keys open with the spare.
    FK_TRY(out.has_root, custody->has_root(current.register_epoch));
    if (old_root) {
      FK_TRY(out.has_old_root, custody->has_root(*old_root));
    }
    return out;
  };
  const auto ask_witness = [](const ledger::Witness& witness, const std::string& body) -> Result<log::WitnessAnswer> {
    FK_TRY(WitnessLine line, WitnessLine::open(witness));
    return line.add_checkpoint(body);
  };
  std::vector<std::string> checkpoints;
  for (const std::string& path : r.checkpoints) {
    FK_TRY(const Bytes note, backup::read_piece(path, 0, kMaxCheckpoint));
    checkpoints.emplace_back(as_chars(note));
  }
  return backup::restore({r.backups,
                          mirror.log,
                          ask_token,
                          config.data_dir,
                          std::move(checkpoints),
                          ask_witness,
                          {r.without_witness.begin(), r.without_witness.end()},
                          r.accept_loss,
                          r.token_lost,
                          {}});
}

std::string entries_text(const std::vector<std::uint64_t>& entries) {
  std::string out;
  for (std::size_t i = 0; i < std::min(entries.size(), kNamed); ++i) {
    out += (i == 0 ? "" : ", ") + std::to_string(entries[i]);
  }
  return entries.size() > kNamed ? out + " and " + std::to_string(entries.size() - kNamed) + " more" : out;
}

constexpr const char* kLossText =
    "restored up to the backup, with a loss. The daemon does not start with it before the custodians have signed for\n"
    "that: facekeepd recover --kind restored. The log then goes on under another name, and nobody matches until both\n"
    "groups confirm them.\n";

constexpr const char* kTokenLostText =
    "restored, without the main token. The daemon does not start beside a new, empty one before the custodians have\n"
    "signed for that: facekeepd recover --kind lost, stolen or broken. The spare token opens the vault then.\n";

constexpr const char* kAllLostText =
    "restored up to the backup, with a loss and without the main token. The daemon does not start beside a new, empty "
    "one\n"
    "before the custodians have signed for both: facekeepd recover --kind lost, stolen or broken, with --accept-loss "
    "and the\n"
    "newest checkpoint that anybody has. The log then goes on under another name, and nobody matches until both "
    "groups\n"
    "confirm them.\n";

std::string to_text(const backup::RestoreReport& r, const RestoreOptions& options) {
  const bool loss = options.accept_loss;
  std::string out = "log         " + std::to_string(r.size + r.entries) + " entries: " + std::to_string(r.size) +
                    " from the backup, " + std::to_string(r.entries) + " from the mirror\n";
  if (!loss)
    out += "mirror      ends at " + std::to_string(r.size + r.entries) +
           " entries: whatever the vault published behind them is lost, and nobody will miss it but who kept it\n";
  out += "state       " + r.digest + "\n";
  out += "subjects    " + std::to_string(r.subjects) + ", with " + std::to_string(r.templates) + " templates\n";
  if (r.dropped > 0) {
    out += "left out    " + std::to_string(r.dropped) + " people whom the log erased behind their backup\n";
  }
  if (!r.lost.empty()) {
    out += "lost        " + std::to_string(r.lost.size()) +
           " people enrolled behind the backup, to be enrolled again: log entries " + entries_text(r.lost) + "\n";
  }
  if (r.lost_templates > 0) {
    out += "lost        " + std::to_string(r.lost_templates) + " templates added behind the backup\n";
  }
  if (!r.without_key.empty()) {
    out += "warning: no backup has the key of those of log entries " + entries_text(r.without_key) +
           "; they do not match: erase them and enrol them again\n";
  }
  if (r.old_cards) {
    out +=
        "warning: new cards were made behind the backup, and do not open it: the cards before them do. Make new cards "
        "once it is open\n";
  }
  if (r.newer) {
    out += "warning: the log has a newer backup, of " + std::to_string(r.newer->size) + " entries (log entry " +
           std::to_string(r.newer->entry) + "). Whoever has its file: take db/, keys/ and restored.json away before " +
           (options.token_lost ? "facekeepd recover" : "the first start") +
           " and restore from that one, and fewer people are lost\n";
  }
  for (const std::string& fault : r.faults) out += "warning: left out: " + fault + "\n";
  if (loss) return out + (options.token_lost ? kAllLostText : kLossText);
  if (options.token_lost) return out + kTokenLostText;
  return out +
         "restored. Start the daemon; custodians open the vault as ever. Its log will say that it was restored.\n";
}

std::string to_json_text(const backup::RestoreReport& r) {
  nlohmann::ordered_json out = {{"size", r.size},
                                {"entries", r.entries},
                                {"digest", r.digest},
                                {"subjects", r.subjects},
                                {"templates", r.templates},
                                {"dropped", r.dropped},
                                {"lost", r.lost},
                                {"lost_templates", r.lost_templates},
                                {"without_key", r.without_key},
                                {"old_cards", r.old_cards},
                                {"faults", r.faults}};
  if (r.newer) out["newer"] = {{"entry", r.newer->entry}, {"size", r.newer->size}};
  return out.dump(2) + "\n";
}

}  // namespace

int run_restore(const Config& config, const RunOptions& options, const RestoreOptions& restore) {
  const auto report = restore_vault(config, options, restore);
  if (!report) {
    std::fprintf(stderr, "error: %s\n", report.error().message.c_str());
    if (!report.error().hint.empty()) std::fprintf(stderr, "hint: %s\n", report.error().hint.c_str());
    return exit_code(report.error());
  }
  std::fputs((restore.json ? to_json_text(*report) : to_text(*report, restore)).c_str(), stdout);
  return 0;
}

}  // namespace facekeep::daemon
