#include "vault/log/checkpoint.h"

#include <algorithm>
#include <charconv>

#include "vault/log/merkle.h"

namespace facekeep::log {
namespace {

Error malformed(const char* what) {
  return make_error(Errc::kMalformed, what, "a checkpoint is the origin, the tree size and the root hash, a line each");
}

// Takes the text up to the next newline off the front. False if there is no newline or the line is
// empty.
bool take_line(std::string_view& text, std::string_view& line) {
  const std::size_t newline = text.find('\n');
  if (newline == std::string_view::npos || newline == 0) return false;
  line = text.substr(0, newline);
  text.remove_prefix(newline + 1);
  return true;
}

bool is_line(std::string_view text) {
  return !text.empty() && is_valid_utf8(text) &&
         std::none_of(text.begin(), text.end(), [](char c) { return c >= 0 && c < ' '; });
}

}  // namespace

Result<std::uint64_t> parse_decimal_u64(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc() || end != text.data() + text.size() || (text.size() > 1 && text[0] == '0')) {
    return make_error(Errc::kMalformed, "not a decimal number without leading zeros");
  }
  return value;
}

Result<std::string> format_checkpoint_text(const Checkpoint& checkpoint) {
  if (!is_line(checkpoint.origin) || checkpoint.origin.size() > kMaxOrigin) {
    return make_error(Errc::kInvalidArgument, "the origin of a checkpoint is one line of 1 to 255 bytes");
  }
  if (checkpoint.size == 0 && checkpoint.root != empty_root()) {
    return make_error(Errc::kInvalidArgument, "the root of an empty log is SHA-256 of nothing");
  }
  std::string text =
      checkpoint.origin + "\n" + std::to_string(checkpoint.size) + "\n" + to_base64(checkpoint.root) + "\n";
  for (const std::string& line : checkpoint.extensions) {
    if (!is_line(line)) return make_error(Errc::kInvalidArgument, "an extension of a checkpoint is one line of text");
    text += line + "\n";
  }
  if (text.size() > kMaxCheckpointText) return make_error(Errc::kInvalidArgument, "the checkpoint is over 8192 bytes");
  return text;
}

Result<Checkpoint> parse_checkpoint_text(std::string_view text, Extensions extensions) {
  if (text.size() > kMaxCheckpointText) return make_error(Errc::kTooLarge, "the checkpoint is over 8192 bytes");
  std::string_view origin;
  std::string_view size;
  std::string_view root;
  if (!take_line(text, origin) || !take_line(text, size) || !take_line(text, root)) {
    return malformed("the checkpoint has fewer than three lines");
  }
  if (!is_line(origin) || origin.size() > kMaxOrigin) return malformed("the origin of the checkpoint is not valid");
  Checkpoint checkpoint;
  checkpoint.origin = origin;
  FK_TRY(checkpoint.size, parse_decimal_u64(size));
  FK_TRY(const Bytes hash, from_base64(root));
  if (hash.size() != checkpoint.root.size()) return malformed("the root hash of the checkpoint is not 32 bytes");
  std::copy(hash.begin(), hash.end(), checkpoint.root.begin());
  if (checkpoint.size == 0 && checkpoint.root != empty_root()) {
    return malformed("the checkpoint is of an empty log, but its root is not SHA-256 of nothing");
  }
  if (!text.empty() && extensions == Extensions::kRefuse) return malformed("the checkpoint has extension lines");
  while (!text.empty()) {
    std::string_view line;
    if (!take_line(text, line) || !is_line(line)) return malformed("an extension line of the checkpoint is not valid");
    checkpoint.extensions.emplace_back(line);
  }
  return checkpoint;
}

Result<std::string> sign_checkpoint(const Checkpoint& checkpoint, const VerifierKey& signer, const Sign& sign) {
  if (checkpoint.origin != signer.name) {
    return make_error(Errc::kInvalidArgument, "the origin of the checkpoint is not the name of the log's key");
  }
  FK_TRY(const std::string text, format_checkpoint_text(checkpoint));
  return format_note(text, signer, sign);
}

Result<Checkpoint> open_checkpoint(std::string_view note_bytes, const VerifierKey& log_key, Extensions extensions) {
  FK_TRY(const Note note, parse_note(note_bytes));
  FK_CHECK(verify_note(note, std::span(&log_key, 1)));
  FK_TRY(Checkpoint checkpoint, parse_checkpoint_text(note.text, extensions));
  if (checkpoint.origin != log_key.name) {
    return make_error(Errc::kCrypto, "the checkpoint is of another log than its key",
                      "compare the origin line with the name in the verifier key");
  }
  return checkpoint;
}

}  // namespace facekeep::log
