#include "tools/facekeep/receipt.h"

#include <algorithm>

#include "vault/ledger/event.h"
#include "vault/log/merkle.h"
#include "vault/log/proof.h"

namespace facekeep::tools {
namespace {

constexpr std::uint8_t kClearOpening = 0x01;  // vault/log/FORMAT.md, section 6

Error bad_receipt(const std::string& why) {
  return say_error(Errc::kIntegrity, "bad-receipt", Msg::kCliBadReceipt, Msg::kCliTellHint, {why});
}

// The private entry that an opening opens. Private governance entries do not exist.
Result<Digest> leaf_of(ByteView opening) {
  if (opening.size() <= 33 || opening[0] != kClearOpening) {
    return make_error(Errc::kMalformed, "its extra data is no opening");
  }
  ledger::Salt salt{};
  std::copy_n(opening.begin() + 1, salt.size(), salt.begin());
  const std::string_view text = as_chars(opening.subspan(33));
  FK_TRY(const ledger::Event event, ledger::decode_event(text));
  const std::string leaf = ledger::private_leaf(ledger::class_of(event.body), ledger::commit(salt, text));
  return log::leaf_hash(as_bytes(leaf));
}

Status verify(const Notice& notice, const log::Receipt& receipt) {
  if (receipt.extra.empty()) {
    FK_TRY(const log::Checkpoint cp, log::open_checkpoint(receipt.checkpoint, notice.log_key));
    if (receipt.index < cp.size) return {};
    return make_error(Errc::kIntegrity, "its checkpoint does not cover the entry");
  }
  FK_TRY(const Digest leaf, leaf_of(receipt.extra));
  const auto proven = log::verify_receipt(receipt, leaf, notice.log_key);
  return proven ? Status() : Status(proven.error());
}

}  // namespace

void add_receipt_option(CLI::App& command, Context& context, std::string& path) {
  // Looked at before anything is changed: an existing file is never overwritten.
  command.add_option("--receipt", path, context.text(Msg::kHelpReceipt))->check(CLI::NonexistentPath);
}

Status check_receipt(const Notice& notice, const std::string& text, std::uint64_t entry) {
  const auto receipt = log::parse_receipt(text);
  if (!receipt) return bad_receipt(receipt.error().message);
  if (receipt->index != entry) return bad_receipt("it is of entry " + std::to_string(receipt->index));
  const Status ok = verify(notice, *receipt);
  return ok ? Status() : Status(bad_receipt(ok.error().message));
}

Status keep_receipt(const Notice& notice, const std::string& receipt, std::uint64_t entry, const std::string& path,
                    Reporter& report) {
  FK_CHECK(check_receipt(notice, receipt, entry));
  report.field("receipt", receipt);
  if (path.empty()) return {};
  FK_CHECK(save_text(path, receipt));
  report.say(Msg::kCliReceiptSaved, {path});
  return {};
}

Status keep_receipt_of(const Notice& notice, const Json& answer, const std::string& path, Reporter& report) {
  const Json receipt = answer.value("receipt", Json());
  const Json entry = answer.value("entry", Json());
  if (!receipt.is_string() || !entry.is_number_unsigned()) return bad_receipt("there is none");
  return keep_receipt(notice, receipt.get<std::string>(), entry.get<std::uint64_t>(), path, report);
}

}  // namespace facekeep::tools
