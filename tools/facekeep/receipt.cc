#include "tools/facekeep/receipt.h"

#include "tools/facekeep/folded_log.h"
#include "tools/facekeep/log_entries.h"
#include "tools/facekeep/start_check.h"
#include "vault/ledger/opening.h"
#include "vault/log/merkle.h"
#include "vault/log/proof.h"

namespace facekeep::tools {
namespace {

Error bad_receipt(const std::string& why) {
  return say_error(Errc::kIntegrity, "bad-receipt", Msg::kCliBadReceipt, Msg::kCliTellHint, {why});
}

Error unexpected() {
  return make_error(Errc::kIntegrity, "its entry is another event than the one that was asked for");
}

// The bytes of the entry that the receipt is for, if it is what is expected.
Result<std::string> expected_entry(const log::Receipt& receipt, const Expected& expected, ByteView served) {
  if (!receipt.extra.empty()) {
    FK_TRY(ledger::OpenedEntry opened, ledger::open_clear(receipt.extra));
    if (!expected.is(opened.event)) return unexpected();
    return std::move(opened.entry);
  }
  if (served.empty()) return make_error(Errc::kIntegrity, "it brings no opening, and the log did not show its entry");
  FK_TRY(const ledger::Leaf leaf, ledger::decode_leaf(as_chars(served)));
  if (const auto* event = std::get_if<ledger::Event>(&leaf)) {
    if (!expected.is(*event)) return unexpected();
  } else {
    const bool custody = std::get<ledger::PrivateLeaf>(leaf).event_class == ledger::EventClass::kCustody;
    if (!expected.unopened_custody || !custody) {
      return make_error(Errc::kIntegrity, "it brings no opening of its entry, so that it proves nothing of it");
    }
  }
  return std::string(as_chars(served));
}

Result<log::Checkpoint> verify(const Notice& notice, const log::Receipt& receipt, const Expected& expected,
                               ByteView served) {
  FK_TRY(const std::string entry, expected_entry(receipt, expected, served));
  return log::verify_receipt(receipt, log::leaf_hash(as_bytes(entry)), notice.keys());
}

bool is_away(const Error& error) {
  return error.code == Errc::kUnavailable || error.code == Errc::kHalted;
}

// What only the running vault shows: the entry where the receipt has no opening, and the log's head.
Status check_with_log(const Context& context, const Notice& notice, VaultApi& api, const std::string& text,
                      std::uint64_t entry, const Expected& expected) {
  // First: it follows the log to the key that signs now.
  FK_TRY(const CheckedVault vault, check_vault_now(context, notice, api));
  Bytes served;
  const auto receipt = log::parse_receipt(text);
  if (receipt && receipt->extra.empty()) {
    const auto stated = log::open_checkpoint(receipt->checkpoint, notice.keys());
    if (!stated) return bad_receipt(stated.error().message);
    if (entry >= stated->size) return bad_receipt("its checkpoint does not cover the entry");
    FK_TRY(served, fetch_entry(api, stated->size, entry));
  }
  FK_TRY(const log::Checkpoint proven, check_receipt(notice, text, entry, expected, served));
  return check_same_log(api, proven, vault.start.checkpoint);
}

}  // namespace

void add_receipt_option(CLI::App& command, Context& context, std::string& path) {
  // Looked at before anything is changed: an existing file is never overwritten.
  command.add_option("--receipt", path, context.text(Msg::kHelpReceipt))->check(CLI::NonexistentPath);
}

Result<log::Checkpoint> check_receipt(const Notice& notice, const std::string& text, std::uint64_t entry,
                                      const Expected& expected, ByteView served) {
  const auto receipt = log::parse_receipt(text);
  if (!receipt) return bad_receipt(receipt.error().message);
  if (receipt->index != entry) return bad_receipt("it is of entry " + std::to_string(receipt->index));
  auto proven = verify(notice, *receipt, expected, served);
  if (!proven) return bad_receipt(proven.error().message);
  return proven;
}

Status keep_receipt(const Context& context, const Notice& notice, VaultApi& api, const std::string& receipt,
                    std::uint64_t entry, const Expected& expected, const std::string& path, Reporter& report) {
  const Status proven = check_with_log(context, notice, api, receipt, entry, expected);
  report.field("proven", proven.has_value());
  if (!proven && !is_away(proven.error())) return proven;
  const std::string number = std::to_string(entry);
  if (proven) {
    report.say(Msg::kCliLogged, {number});
  } else {
    report.warn(Msg::kCliNotProven, {number, proven.error().message});
  }
  report.field("receipt", receipt);
  if (path.empty()) return {};
  FK_CHECK(save_text(path, receipt));
  report.say(Msg::kCliReceiptSaved, {path});
  return {};
}

Status keep_receipt_of(const Context& context, const Notice& notice, VaultApi& api, const Json& answer,
                       const Expected& expected, const std::string& path, Reporter& report) {
  const Json receipt = answer.value("receipt", Json());
  const Json entry = answer.value("entry", Json());
  if (!receipt.is_string() || !entry.is_number_unsigned()) return bad_receipt("there is none");
  return keep_receipt(context, notice, api, receipt.get<std::string>(), entry.get<std::uint64_t>(), expected, path,
                      report);
}

Result<std::string> proven_id(const Context& context, const Notice& notice, VaultApi& api, const Identity& identity) {
  FK_TRY(const FoldedVault vault, fold_vault_now(context, notice, api));
  FK_TRY(const Digest key, http::spki_digest(identity.cert.get()));
  const auto* own = vault.state.principal_by_key(key, vault.state.last_time());
  if (own != nullptr) return own->id;
  return say_error(Errc::kNotFound, "unknown-key", Msg::kCliUnknownKey, Msg::kCliUnknownKeyHint);
}

}  // namespace facekeep::tools
