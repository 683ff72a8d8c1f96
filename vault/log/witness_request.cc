#include "vault/log/witness_request.h"

#include <algorithm>

#include "vault/log/checkpoint.h"
#include "vault/log/note.h"

namespace facekeep::log {
namespace {

constexpr std::string_view kOld = "old ";

Error malformed(const char* what) {
  return make_error(Errc::kMalformed, what, "the request is an old size, a proof, an empty line and a checkpoint");
}

// The size that a checkpoint states, signatures unchecked.
Result<std::uint64_t> stated_size(std::string_view checkpoint) {
  FK_TRY(const Note note, parse_note(checkpoint));
  FK_TRY(const Checkpoint cp, parse_checkpoint_text(note.text, Extensions::kTolerate));
  return cp.size;
}

}  // namespace

Result<std::string> format_witness_request(const WitnessRequest& r) {
  if (r.proof.size() > kMaxWitnessProof) {
    return make_error(Errc::kInvalidArgument, "a request to a witness has at most 63 hashes");
  }
  FK_CHECK(stated_size(r.checkpoint));
  std::string out = std::string(kOld) + std::to_string(r.old_size) + "\n";
  for (const Digest& hash : r.proof) out += to_base64(hash) + "\n";
  return out + "\n" + r.checkpoint;
}

Result<WitnessRequest> parse_witness_request(std::string_view body) {
  WitnessRequest out;
  const auto next_line = [&body]() -> Result<std::string_view> {
    const std::size_t newline = body.find('\n');
    if (newline == body.npos) return malformed("the request ends within a line");
    const std::string_view line = body.substr(0, newline);
    body.remove_prefix(newline + 1);
    return line;
  };
  FK_TRY(std::string_view line, next_line());
  if (!line.starts_with(kOld)) return malformed("the request does not begin with an old size");
  FK_TRY(out.old_size, parse_decimal_u64(line.substr(kOld.size())));
  for (;;) {
    FK_TRY(line, next_line());
    if (line.empty()) break;
    FK_TRY(const Bytes bytes, from_base64(line));
    Digest hash;
    if (bytes.size() != hash.size()) return malformed("a hash of the proof is not 32 bytes");
    if (out.proof.size() == kMaxWitnessProof) return make_error(Errc::kTooLarge, "the proof has more than 63 hashes");
    std::copy(bytes.begin(), bytes.end(), hash.begin());
    out.proof.push_back(hash);
  }
  FK_TRY(const std::uint64_t size, stated_size(body));
  if (out.old_size > size) return malformed("the old size is above the checkpoint's");
  if (out.old_size == 0 && !out.proof.empty()) return malformed("a proof from size zero is empty");
  out.checkpoint = body;
  return out;
}

std::string format_witness_size(std::uint64_t size) {
  return std::to_string(size) + "\n";
}

Result<std::uint64_t> parse_witness_size(std::string_view body) {
  if (body.ends_with('\n')) body.remove_suffix(1);
  return parse_decimal_u64(body);
}

}  // namespace facekeep::log
