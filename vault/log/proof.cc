#include "vault/log/proof.h"

#include <algorithm>

namespace facekeep::log {
namespace {

constexpr std::string_view kHeader = "c2sp.org/tlog-proof@v1";
constexpr std::string_view kExtra = "extra ";
constexpr std::string_view kIndex = "index ";

Error malformed(const char* what) {
  return make_error(Errc::kMalformed, what, "a receipt starts with the line c2sp.org/tlog-proof@v1");
}

// The text up to the next newline, taken off the front together with it; all of it if there is none.
std::string_view take_line(std::string_view& text) {
  const std::size_t newline = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, newline);
  text.remove_prefix(std::min(newline + 1, text.size()));
  return line;
}

}  // namespace

Result<std::string> format_receipt(const Receipt& receipt) {
  if (receipt.extra.size() > kMaxReceiptExtra || receipt.hashes.size() > kMaxInclusionHashes) {
    return make_error(Errc::kInvalidArgument, "a receipt holds at most 64 KiB of extra data and 64 hashes");
  }
  if (auto note = parse_note(receipt.checkpoint); !note) {
    return make_error(Errc::kInvalidArgument, "the checkpoint of the receipt is not valid: " + note.error().message);
  }
  std::string text = std::string(kHeader) + "\n";
  if (!receipt.extra.empty()) text.append(kExtra).append(to_base64(receipt.extra)).append("\n");
  text.append(kIndex).append(std::to_string(receipt.index)).append("\n");
  for (const Digest& hash : receipt.hashes) text.append(to_base64(hash)).append("\n");
  return text.append("\n").append(receipt.checkpoint);
}

Result<Receipt> parse_receipt(std::string_view text) {
  if (text.size() > kMaxReceiptSize) return make_error(Errc::kTooLarge, "the receipt is too large");
  if (take_line(text) != kHeader) return malformed("not a receipt of a transparency log");
  Receipt receipt;
  std::string_view line = take_line(text);
  if (line.starts_with(kExtra)) {
    FK_TRY(receipt.extra, from_base64(line.substr(kExtra.size())));
    if (receipt.extra.empty()) return malformed("the receipt has an empty line of extra data");
    if (receipt.extra.size() > kMaxReceiptExtra) {
      return make_error(Errc::kTooLarge, "the receipt has over 64 KiB of extra data");
    }
    line = take_line(text);
  }
  if (!line.starts_with(kIndex)) return malformed("the receipt names no entry");
  FK_TRY(receipt.index, parse_decimal_u64(line.substr(kIndex.size())));
  for (line = take_line(text); !line.empty(); line = take_line(text)) {
    FK_TRY(const Bytes bytes, from_base64(line));
    Digest hash;
    if (bytes.size() != hash.size()) return malformed("a hash of the receipt is not 32 bytes");
    if (receipt.hashes.size() == kMaxInclusionHashes) {
      return make_error(Errc::kTooLarge, "the receipt has more than 64 hashes");
    }
    std::copy(bytes.begin(), bytes.end(), hash.begin());
    receipt.hashes.push_back(hash);
  }
  FK_CHECK(parse_note(text));  // also where the empty line or everything behind it is missing
  receipt.checkpoint = text;
  return receipt;
}

Result<Checkpoint> verify_receipt(const Receipt& receipt, const Digest& leaf, const LogKeys& log_keys,
                                  Extensions extensions) {
  FK_TRY(Checkpoint checkpoint, open_checkpoint(receipt.checkpoint, log_keys, extensions));
  if (receipt.index >= checkpoint.size) {
    return make_error(Errc::kIntegrity, "the receipt names an entry that its checkpoint does not hold");
  }
  FK_CHECK(verify_inclusion(receipt.index, checkpoint.size, leaf, receipt.hashes, checkpoint.root));
  return checkpoint;
}

}  // namespace facekeep::log
