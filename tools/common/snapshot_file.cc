#include "tools/common/snapshot_file.h"

#include <algorithm>
#include <fstream>

#include "tools/common/files.h"
#include "tools/common/say.h"
#include "vault/base/digest.h"
#include "vault/ledger/state_text.h"

namespace facekeep::tools {
namespace {

constexpr std::string_view kRoot = "root ";
constexpr std::string_view kSum = "sha256 ";

Error not_one(const std::string& path) {
  return make_error(Errc::kMalformed, path + " is not a snapshot", "facekeep-audit replay --save-snapshot writes one");
}

// A sum over lines, each hashed on top of the one before.
class RunningSum {
 public:
  void line(std::string_view text) { acc_ = sha256({acc_, as_bytes(text), as_bytes("\n")}); }
  [[nodiscard]] std::string text() const { return std::string(kSum) + to_hex(acc_); }

 private:
  Digest acc_{};
};

}  // namespace

Status save_snapshot(const std::string& path, const ledger::State& state, const Digest& root) {
  std::string out = std::string(kRoot) + to_base64(root) + "\n" + write_state_head(state);
  for (const Id128& ref : state.refs_in_order()) out += state.digest_lines(ref);
  RunningSum sum;
  for (std::size_t at = 0; at < out.size();) {
    const std::size_t end = out.find('\n', at);
    sum.line(std::string_view(out).substr(at, end - at));
    at = end + 1;
  }
  return replace_file(path, out + sum.text() + "\n");
}

Result<Snapshot> load_snapshot(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return say_error(Errc::kNotFound, "no-file", Msg::kCliNoFile, Msg::kCliNoFileHint, {path});
  Snapshot out;
  ledger::StateTextReader reader;
  RunningSum sum;
  std::string line;
  for (std::size_t n = 0; std::getline(in, line); ++n) {
    if (n == 0) {
      const auto root = line.starts_with(kRoot) ? from_base64(line.substr(kRoot.size())) : Result<Bytes>(not_one(path));
      if (!root || root->size() != out.root.size()) return not_one(path);
      std::copy(root->begin(), root->end(), out.root.begin());
    } else if (line.starts_with(kSum)) {
      if (line != sum.text() || in.peek() != std::ifstream::traits_type::eof()) {
        return make_error(Errc::kIntegrity, path + " was altered since it was written");
      }
      FK_TRY(out.state, std::move(reader).finish());
      return out;
    } else {
      FK_CHECK(reader.line(line));
    }
    sum.line(line);
  }
  return not_one(path);
}

}  // namespace facekeep::tools
