// facekeep-audit proof: receipts (C2SP tlog-proof), made from a mirror and checked with nothing but the log's key.
#include "vault/log/proof.h"

#include <memory>

#include "tools/common/files.h"
#include "tools/common/say.h"
#include "tools/facekeep-audit/commands.h"
#include "tools/facekeep-audit/fetch_keys.h"
#include "tools/facekeep-audit/mirror.h"
#include "vault/audit/tile_chain.h"
#include "vault/ledger/opening.h"

namespace facekeep::tools {
namespace {

struct Options {
  std::string dir;
  std::uint64_t entry = 0;
  std::string out;
  std::string receipt;
  std::string vkey;
  std::string entry_file;
};

Status make(Reporter& report, const Options& o) {
  const Mirror mirror(o.dir);
  FK_TRY(const log::LogKeys key, keys_of(mirror));
  FK_TRY(const auto note, mirror.checkpoint());
  if (!note) return say_error(Errc::kNotFound, "no-mirror", Msg::kAuditNoMirror, Msg::kAuditNoMirrorHint, {o.dir});
  FK_TRY(const log::Checkpoint head, log::open_checkpoint(*note, key, log::Extensions::kTolerate));
  if (o.entry >= head.size) {
    return say_error(Errc::kNotFound, "no-entry", Msg::kAuditProofBeyond, Msg::kAuditProofBeyondHint,
                     {std::to_string(o.entry), std::to_string(head.size)});
  }
  FK_TRY(audit::TileChain chain, audit::TileChain::open(head.size, head.root, mirror.files().tile));
  log::Receipt receipt;
  receipt.index = o.entry;
  receipt.checkpoint = *note;
  FK_TRY(receipt.hashes, log::inclusion_proof(o.entry, head.size, chain.hash_source()));
  const std::uint64_t bundle = o.entry / log::kTileWidth;
  const log::BundleId id{bundle, log::tile_width_at(head.size, 0, bundle)};
  FK_TRY(const Bytes bytes, mirror.read(format_path(id)));
  FK_TRY(auto entries, log::decode_bundle(bytes, id.width));
  receipt.extra = std::move(entries[o.entry % log::kTileWidth]);
  // A receipt that does not hold is not given out: the mirror may be altered.
  FK_CHECK(log::verify_receipt(receipt, log::leaf_hash(receipt.extra), key, log::Extensions::kTolerate));
  FK_TRY(const std::string text, log::format_receipt(receipt));
  const std::string out = o.out.empty() ? std::to_string(o.entry) + ".tlog-proof" : o.out;
  FK_CHECK(save_text(out, text));
  report.field("receipt", out);
  report.field("entry", o.entry);
  report.say(Msg::kAuditProofMade, {std::to_string(o.entry), out});
  return {};
}

// The entry that a receipt is for, and what to show of it: the extra data are the entry itself, or the opening of a
// private one, as the vault's own receipts have it.
struct Claimed {
  std::string entry;
  std::string text;
};
Result<Claimed> claimed_entry(const log::Receipt& receipt, const std::string& entry_file) {
  Bytes given = receipt.extra;
  if (!entry_file.empty()) {
    FK_TRY(const std::string text, load_text(entry_file));
    given = to_bytes(text);
  }
  if (given.empty()) {
    return say_error(Errc::kInvalidArgument, "no-entry", Msg::kAuditProofEntry, Msg::kAuditProofEntryHint);
  }
  if (!ledger::looks_like_opening(given)) return Claimed{std::string(as_chars(given)), std::string(as_chars(given))};
  FK_TRY(ledger::OpenedEntry opened, ledger::open_clear(given));
  FK_TRY(std::string text, ledger::encode_event(opened.event));
  return Claimed{std::move(opened.entry), std::move(text)};
}

Status check(Reporter& report, const Options& o) {
  FK_TRY(const log::VerifierKey key, log::parse_vkey(o.vkey));
  FK_TRY(const std::string text, load_text(o.receipt, log::kMaxReceiptSize));
  FK_TRY(const log::Receipt receipt, log::parse_receipt(text));
  FK_TRY(const Claimed claimed, claimed_entry(receipt, o.entry_file));
  const auto verified =
      log::verify_receipt(receipt, log::leaf_hash(as_bytes(claimed.entry)), key, log::Extensions::kTolerate);
  if (!verified && is_unknown_log_key(verified.error())) {
    return say_error(Errc::kCrypto, "unknown-log-key", Msg::kLogKeyRecovered, Msg::kLogKeyRecoveredHint);
  }
  if (!verified) return verified.error();
  const log::Checkpoint& head = *verified;
  report.say(Msg::kAuditProofHolds, {std::to_string(receipt.index), head.origin, std::to_string(head.size)});
  report.line(claimed.text);
  report.field("holds", true);
  report.field("entry", receipt.index);
  report.field("origin", head.origin);
  report.field("size", head.size);
  report.field("text", claimed.text);
  report.field("opened", claimed.text != claimed.entry);
  return {};
}

}  // namespace

void add_proof(CLI::App& app, Frame& frame) {
  auto o = std::make_shared<Options>();
  CLI::App* c = app.add_subcommand("proof", frame.text(Msg::kAuditHelpProof));
  c->require_subcommand(1);
  CLI::App* m = c->add_subcommand("make", frame.text(Msg::kAuditHelpProofMake));
  m->add_option("DIR", o->dir, frame.text(Msg::kAuditHelpDir))->required();
  m->add_option("ENTRY", o->entry, frame.text(Msg::kAuditHelpEntry))->required();
  m->add_option("--out", o->out, frame.text(Msg::kAuditHelpReceiptOut));
  m->callback([&frame, o] { frame.run([o](Reporter& r) { return make(r, *o); }); });
  CLI::App* k = c->add_subcommand("check", frame.text(Msg::kAuditHelpProofCheck));
  k->add_option("FILE", o->receipt, frame.text(Msg::kAuditHelpReceipt))->required();
  k->add_option("--vkey", o->vkey, frame.text(Msg::kAuditHelpVkey))->required();
  k->add_option("--entry", o->entry_file, frame.text(Msg::kAuditHelpEntryFile));
  k->callback([&frame, o] { frame.run([o](Reporter& r) { return check(r, *o); }); });
}

}  // namespace facekeep::tools
