// Writes logs of made-up entries as mirrors, for other people's readers: make_log DIR ed25519|p256 SIZE...
// Each log is in DIR/SIZE, and a smaller one is the beginning of every larger one. The key is drawn at each run.
#include <charconv>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "tests/unit/log/note_keys.h"
#include "tools/facekeepd/mirror.h"
#include "vault/base/digest.h"
#include "vault/log/checkpoint.h"

namespace {

using namespace facekeep;

// Most are as long as a private entry; some are empty, short, or as long as an entry may be.
Bytes entry_of(std::uint64_t index) {
  const std::string name = "entry " + std::to_string(index);
  const std::string text = to_hex(sha256(as_bytes(name)));
  if (index % 97 == 5) return {};
  if (index % 10007 == 3) return Bytes(log::kMaxEntrySize, static_cast<std::uint8_t>(index));
  Bytes out = to_bytes(text + text);
  out.resize(index % 3 == 0 ? 105 : 1 + index % 128);
  return out;
}

Status write_log(const std::string& dir, std::uint64_t size, const log_test::TestSigner& signer) {
  FK_TRY(auto mirror, daemon::MirrorWriter::create(dir, false));
  for (std::uint64_t i = 0; i < size; ++i) FK_CHECK(mirror.append(entry_of(i)));
  const log::Checkpoint head{signer.key.name, size, mirror.tree().root(), {}};
  FK_TRY(const std::string note, log::sign_checkpoint(head, signer.key, signer.sign()));
  return mirror.finish(note, log::format_vkey(signer.key));
}

int fail(const std::string& why) {
  std::fprintf(stderr, "error: %s\n", why.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string name = "example.org/made-up-log";
  if (argc < 4) return fail("usage: make_log DIR ed25519|p256 SIZE...");
  const bool p256 = std::strcmp(argv[2], "p256") == 0;
  if (!p256 && std::strcmp(argv[2], "ed25519") != 0) return fail("the key is ed25519 or p256");
  const auto signer = p256 ? log_test::TestSigner::p256(name) : log_test::TestSigner::ed25519(name);
  for (int i = 3; i < argc; ++i) {
    const auto size = log::parse_decimal_u64(argv[i]);
    if (!size) return fail(size.error().message);
    const Status written = write_log(std::string(argv[1]) + "/" + argv[i], *size, signer);
    if (!written) return fail(written.error().message);
  }
  return 0;
}
