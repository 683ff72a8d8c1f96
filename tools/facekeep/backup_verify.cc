#include "tools/facekeep/backup_verify.h"

#include <map>

#include "tools/facekeep-audit/mirror.h"
#include "tools/facekeepd/mirror_log.h"
#include "vault/audit/key_check.h"
#include "vault/audit/public_fold.h"
#include "vault/backup/chain.h"
#include "vault/backup/file.h"
#include "vault/log/merkle.h"
#include "vault/log/proof.h"

namespace facekeep::tools {
namespace {

Error other_log(Msg what) {
  return say_error(Errc::kIntegrity, "other-log", what, Msg::kCliTellHint);
}

Result<std::uint64_t> stated_size(const std::string& note) {
  FK_TRY(const log::Note parsed, log::parse_note(note));
  FK_TRY(const log::Checkpoint tree, log::parse_checkpoint_text(parsed.text));
  return tree.size;
}

// The mirror's entries, from the first: which keys may sign the log is what they come to, not what a file beside them
// says. From the last backup to the end they vouch for the backups.
Status vouch_by_mirror(backup::Chain& chain, const std::string& dir) {
  FK_TRY(const daemon::OpenedMirror mirror, daemon::open_mirror_log(dir));
  FK_TRY(const auto seen, Mirror(dir).seen());
  std::vector<std::string> notes = mirror.log.handovers;
  for (const auto& s : seen) notes.push_back(s.note);
  std::map<std::uint64_t, Digest> roots;  // at the sizes that the notes are of
  for (const std::string& note : notes) {
    if (const auto size = stated_size(note)) roots.emplace(*size, Digest{});
  }
  FK_TRY(const std::uint64_t size, stated_size(mirror.log.checkpoint));
  if (size < chain.tree().size()) return other_log(Msg::kBackupOtherMirror);
  audit::PublicFold fold;
  for (std::uint64_t i = 0; i < size; ++i) {
    FK_TRY(const Bytes entry, mirror.log.bytes(i));
    FK_CHECK(fold.entry(entry));
    if (i >= chain.tree().size()) chain.attest(entry);
    if (const auto at = roots.find(i + 1); at != roots.end()) at->second = fold.tree().root();
  }
  FK_TRY(const log::LogKeys keys, log::LogKeys::of(fold.state()));
  const auto head = log::open_checkpoint(mirror.log.checkpoint, keys);
  const auto root_at = [&roots](std::uint64_t at) -> std::optional<Digest> {
    const auto found = roots.find(at);
    return found == roots.end() ? std::nullopt : std::optional(found->second);
  };
  const bool good = head && keys.has(mirror.vkey) && head->root == fold.tree().root() &&
                    head->root == chain.tree().root() && audit::is_anchored(keys, mirror.vkey, notes, root_at);
  return good ? Status() : Status(other_log(Msg::kBackupOtherMirror));
}

// The entry of the last one's manifest, as the receipt proves it.
Result<std::uint64_t> vouch_by_receipt(const backup::FileReport& file, const log::LogKeys& key,
                                       const std::string& path) {
  FK_TRY(const std::string text, load_text(path, log::kMaxReceiptSize));
  FK_TRY(const log::Receipt receipt, log::parse_receipt(text));
  const auto head = log::verify_receipt(receipt, log::leaf_hash(receipt.extra), key);
  const auto leaf = ledger::decode_leaf(as_chars(receipt.extra));
  const auto* event = leaf ? std::get_if<ledger::Event>(&*leaf) : nullptr;
  const auto* made = event == nullptr ? nullptr : std::get_if<ledger::BackupMade>(&event->body);
  if (!head || made == nullptr || !backup::is_manifest_of(*made, file)) return other_log(Msg::kBackupOtherReceipt);
  return receipt.index;
}

Json to_json(const std::string& path, const backup::FileReport& f) {
  Json out = {{"file", path},
              {"size", f.header.size},
              {"since", f.header.from()},
              {"root", to_hex(f.header.root)},
              {"digest", to_hex(f.digest)},
              {"bytes", f.bytes},
              {"records", f.records},
              {"templates", f.templates},
              {"slots", f.slots},
              {"slots_missing", f.slots_missing}};
  if (f.manifest) out["manifest"] = *f.manifest;
  return out;
}

void tell(const std::string& path, const backup::FileReport& f, Reporter& report) {
  report.say(Msg::kBackupFileGood, {path, std::to_string(f.header.size), std::to_string(f.records),
                                    std::to_string(f.templates), std::to_string(f.slots), to_hex(f.digest)});
  if (f.slots_missing > 0) report.warn(Msg::kBackupErasedMeanwhile, {std::to_string(f.slots_missing)});
  if (f.manifest) {
    report.say(Msg::kBackupVouched, {std::to_string(*f.manifest)});
  } else {
    report.warn(Msg::kBackupNotVouched);
  }
}

}  // namespace

Status verify_backups(const VerifyBackups& o, Reporter& report) {
  backup::Chain chain;
  for (const std::string& path : o.files) {
    FK_TRY(backup::Reader reader, backup::open_backup(path));
    FK_CHECK(chain.add(std::move(reader)));
  }
  FK_CHECK(chain.finish());
  const ledger::Genesis& genesis = chain.state().genesis();
  FK_TRY(const log::LogKeys key, log::LogKeys::of(chain.state()));
  if (!o.mirror.empty()) FK_CHECK(vouch_by_mirror(chain, o.mirror));
  std::vector<backup::FileReport> files = chain.files();
  if (!o.receipt.empty()) {
    FK_TRY(files.back().manifest, vouch_by_receipt(files.back(), key, o.receipt));
  }
  report.say(Msg::kBackupOfVault, {to_hex(genesis.vault), genesis.origin});
  Json list = Json::array();
  for (std::size_t i = 0; i < files.size(); ++i) {
    // A mirror that goes on behind a backup, or a backup that builds on it, has its entry.
    const bool must = !o.mirror.empty() || i + 1 < files.size();
    if (must && !files[i].manifest) {
      return say_error(Errc::kIntegrity, "unknown-backup", Msg::kBackupUnknown, Msg::kCliTellHint, {o.files[i]});
    }
    tell(o.files[i], files[i], report);
    list.push_back(to_json(o.files[i], files[i]));
  }
  report.field("vault", to_hex(genesis.vault));
  report.field("origin", genesis.origin);
  report.field("files", std::move(list));
  report.field("faults", chain.faults());
  if (chain.fault_count() == 0) return {};
  for (const std::string& fault : chain.faults()) report.line(fault);
  return say_error(Errc::kIntegrity, "bad-rows", Msg::kBackupFaulty, Msg::kCliTellHint,
                   {std::to_string(chain.fault_count())});
}

}  // namespace facekeep::tools
