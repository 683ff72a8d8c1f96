// The tamper table: one change to one file of a mirror, or one log that no honest daemon writes; each is found, and the
// first bad entry is named.
#include "tests/unit/audit/memory_mirror.h"

using namespace facekeep;
using namespace facekeep::audit_test;

namespace {

constexpr std::size_t kSize = 620;  // full bundles 0 and 1, 108 entries in bundle 2

void flip(Bytes& bytes, std::size_t at) {
  bytes.at(at) ^= 0x01;
}
// Where entry i of a bundle begins.
std::size_t offset_of(const Bytes& bundle, std::size_t i) {
  std::size_t at = 0;
  for (; i > 0; --i) at += 2 + load_be16(bundle.data() + at);
  return at + 2;
}

struct Change {
  const char* what;
  void (*make)(MemoryMirror&);
  const char* first_error;
};

void sign_head(MemoryMirror& m, const std::string& path, std::uint64_t size, const Digest& root) {
  const log::Checkpoint head{"vault.example/test", size, root, {}};
  m.files[path] = to_bytes(log::sign_checkpoint(head, log_signer().key, log_signer().sign()).value());
}
// Another entry in the place of entry n: bundle and leaf tile agree, the tiles above are those signed.
void forge(MemoryMirror& m, std::size_t n) {
  const auto kept = m.files;
  m.entries[n] = to_bytes(ledger::private_leaf(ledger::EventClass::kAccess, lt::digest_of("forged")));
  m.write_tiles();
  for (const auto& [path, bytes] : kept) {
    if (!path.starts_with("tile/0/") && !path.starts_with("tile/entries/")) m.files[path] = bytes;
  }
}

const Change kChanges[] = {
    {"a bit in an access entry of a full bundle",
     [](MemoryMirror& m) { flip(m.files["tile/entries/001"], offset_of(m.files["tile/entries/001"], 44) + 50); },
     "entry-altered@300"},
    {"a bit in an entry of the last bundle",
     [](MemoryMirror& m) {
       flip(m.files["tile/entries/002.p/108"], offset_of(m.files["tile/entries/002.p/108"], 8) + 50);
     },
     "entry-altered@520"},
    {"a bit in genesis", [](MemoryMirror& m) { flip(m.files["tile/entries/000"], 200); }, "entry-altered@0"},
    {"a bit in the length of an entry",
     [](MemoryMirror& m) { flip(m.files["tile/entries/001"], offset_of(m.files["tile/entries/001"], 10) - 1); },
     "entry-altered@266"},
    {"an entry cut off a bundle",
     [](MemoryMirror& m) { m.files["tile/entries/001"].resize(offset_of(m.files["tile/entries/001"], 255) - 2); },
     "bundle-malformed@511"},
    {"something behind the last entry", [](MemoryMirror& m) { m.files["tile/entries/001"].push_back(0); },
     "bundle-malformed@511"},
    {"two entries swapped",
     [](MemoryMirror& m) {
       std::swap(m.entries[400], m.entries[401]);
       m.write_bundle(256);
     },
     "entry-altered@400"},
    {"an entry removed from the middle",
     [](MemoryMirror& m) {
       m.entries.erase(m.entries.begin() + 300);
       m.openings.erase(m.openings.begin() + 300);
       m.write_bundle(256);
     },
     "entry-altered@300"},
    {"the last bundle missing", [](MemoryMirror& m) { m.files.erase("tile/entries/002.p/108"); }, "bundle-missing@512"},
    {"a bundle in the middle missing", [](MemoryMirror& m) { m.files.erase("tile/entries/001"); },
     "bundle-missing@256"},
    {"a bit in a full leaf tile", [](MemoryMirror& m) { flip(m.files["tile/0/001"], 1000); }, "tile-altered@256"},
    {"a full leaf tile missing", [](MemoryMirror& m) { m.files.erase("tile/0/001"); }, "tile-missing@256"},
    {"a full leaf tile cut short", [](MemoryMirror& m) { m.files["tile/0/000"].resize(8000); }, "tile-altered@0"},
    {"a bit in the partial leaf tile", [](MemoryMirror& m) { flip(m.files["tile/0/002.p/108"], 32 * 7); },
     "tiles-not-of-checkpoint@519"},
    {"a bit in the upper tile", [](MemoryMirror& m) { flip(m.files["tile/1/000.p/2"], 40); },
     "tiles-not-of-checkpoint@256"},
    {"the upper tile missing", [](MemoryMirror& m) { m.files.erase("tile/1/000.p/2"); }, "tiles-not-of-checkpoint@0"},
    {"a forged bundle with a matching full leaf tile", [](MemoryMirror& m) { forge(m, 300); }, "opening-mismatch@300"},
    {"a forged bundle with a matching partial leaf tile", [](MemoryMirror& m) { forge(m, 600); },
     "opening-mismatch@600"},
    {"a narrower tile of an older checkpoint, altered",
     [](MemoryMirror& m) { flip(m.files["tile/0/000.p/20"], 32 * 7); }, "older-tile-differs@7"},
    {"a narrower bundle of an older checkpoint, altered",
     [](MemoryMirror& m) {
       flip(m.files["tile/entries/000.p/20"], offset_of(m.files["tile/entries/000.p/20"], 9) + 40);
     },
     "older-tile-differs@9"},
    {"a narrower bundle of an older checkpoint, cut",
     [](MemoryMirror& m) { m.files["tile/entries/000.p/20"].pop_back(); }, "older-tile-differs@0"},
    {"a bit in the checkpoint's root", [](MemoryMirror& m) { flip(m.files["checkpoint"], 30); }, "bad-checkpoint@0"},
    {"a bit in the checkpoint's signature",
     [](MemoryMirror& m) { flip(m.files["checkpoint"], m.files["checkpoint"].size() - 10); }, "bad-checkpoint@0"},
    {"the tail cut off, an older checkpoint put back",
     [](MemoryMirror& m) {
       m.files["checkpoint"] = m.files["checkpoints/20"];
       m.entries.resize(20);
       m.openings.resize(20);
       m.write_tiles();
     },
     "checkpoint-beyond@20"},
    {"a second history, signed by the log's own key",
     [](MemoryMirror& m) {
       std::swap(m.entries[100], m.entries[101]);
       std::swap(m.openings[100], m.openings[101]);
       const auto old = m.files["checkpoints/620"];
       m.publish();
       m.files["checkpoints/620-first"] = old;
     },
     "history-differs@20"},
    {"a checkpoint of the same size with another root",
     [](MemoryMirror& m) { sign_head(m, "checkpoints/20-other", 20, lt::digest_of("root")); }, "history-differs@0"},
    {"a checkpoint seen before of another log's key",
     [](MemoryMirror& m) {
       const auto other = log_test::TestSigner::ed25519("vault.example/test");
       const log::Checkpoint head{"vault.example/test", 20, lt::digest_of("x"), {}};
       m.files["checkpoints/20-x"] = to_bytes(log::sign_checkpoint(head, other.key, other.sign()).value());
     },
     "bad-checkpoint@0"},
    {"an opening of another entry",
     [](MemoryMirror& m) {
       m.openings[530] = m.openings[531];
       m.write_bundle(512);
     },
     "opening-mismatch@530"},
    {"a bit in a custody opening",
     [](MemoryMirror& m) {
       flip(*m.openings[8], 60);
       m.write_bundle(0);
     },
     "opening-mismatch@8"},
    {"a bit in the salt of an access opening",
     [](MemoryMirror& m) {
       flip(*m.openings[500], 5);
       m.write_bundle(256);
     },
     "opening-mismatch@500"},
    {"an opening of another form",
     [](MemoryMirror& m) {
       (*m.openings[500])[0] = 0x02;
       m.write_bundle(256);
     },
     "opening-malformed@500"},
    {"an opening of a governance entry",
     [](MemoryMirror& m) {
       m.openings[3] = m.openings[8];
       m.write_bundle(0);
     },
     "opening-of-governance@3"},
    {"the openings of a bundle missing", [](MemoryMirror& m) { m.files.erase("openings/001"); },
     "access-opening-missing@256"},
    {"the openings of another bundle", [](MemoryMirror& m) { m.files["openings/001"] = m.files["openings/000"]; },
     "opening-malformed@256"},
    {"openings that are no JSON", [](MemoryMirror& m) { m.files["openings/001"] = to_bytes("{"); },
     "opening-malformed@256"},
};

}  // namespace

TEST_CASE("every change to a mirror is found, and the first bad entry is named") {
  for (const Change& c : kChanges) {
    MemoryMirror m = open_vault(600);
    REQUIRE(m.entries.size() == kSize);
    c.make(m);
    const Outcome out = replay(m);
    INFO(c.what << "\n" << out.text());
    CHECK(out.first_error() == c.first_error);
  }
}

TEST_CASE("where the tiles do not lead to the checkpoint, the entries tell which of them was altered") {
  SECTION("a tile") {
    MemoryMirror m = open_vault(600);
    flip(m.files["tile/0/002.p/108"], 32 * 7);
    const Outcome out = replay(m);
    INFO(out.text());
    CHECK(out.has(Code::kTileAltered, 519));
    CHECK(out.findings.count(Code::kRootDiffers) == 0);
  }
  SECTION("an entry and its leaf tile") {
    MemoryMirror m = open_vault(600);
    forge(m, 600);
    const Outcome out = replay(m);
    INFO(out.text());
    CHECK(out.has(Code::kRootDiffers, 600));
    CHECK(out.text().find("root-differs@600 {20} {619}") != std::string::npos);
  }
  SECTION("an entry and its leaf tile, without openings: as near as the checkpoints seen before can say") {
    MemoryMirror m = open_vault(600);
    forge(m, 600);
    const Outcome out = replay(m, Level::kPublic);
    INFO(out.text());
    CHECK(out.first_error() == "tiles-not-of-checkpoint@20");
    CHECK(out.has(Code::kRootDiffers, 20));
  }
}

TEST_CASE("of the entries under an altered full tile, checkpoints seen before leave fewer in doubt") {
  MemoryMirror m = open_vault(0);
  const auto grow = [&](std::size_t size) {
    while (m.entries.size() < size) {
      m.wait(700);
      m.add(ledger::Match{true, "main", "north", "face", "door/1", "no_match", std::nullopt, {}});
    }
    m.publish();
  };
  for (const std::size_t size : {100U, 300U, 400U, 620U}) grow(size);
  const auto range = [&](std::size_t n) {
    MemoryMirror altered = m;
    forge(altered, n);
    const Outcome out = replay(altered, Level::kPublic);
    INFO(out.text());
    REQUIRE(out.findings.count(Code::kEntriesAltered) == 1);
    for (const Finding& f : out.findings.sorted()) {
      if (f.code == Code::kEntriesAltered) return std::to_string(f.entry) + ": " + f.args[0] + " to " + f.args[1];
    }
    return std::string();
  };
  CHECK(range(30) == "20: 20 to 99");
  CHECK(range(200) == "100: 100 to 255");
  CHECK(range(260) == "256: 256 to 299");
  CHECK(range(350) == "300: 300 to 399");
  CHECK(range(450) == "400: 400 to 511");
}

TEST_CASE("a checkpoint of another history within an altered tile is named too") {
  MemoryMirror m = open_vault(600);
  flip(m.files["tile/0/000"], 1000);
  sign_head(m, "checkpoints/100-other", 100, lt::digest_of("root"));
  const Outcome out = replay(m);
  INFO(out.text());
  CHECK(out.has(Code::kTileAltered, 0));
  CHECK(out.has(Code::kHistoryDiffers, 20));
}

TEST_CASE("files that the checkpoint does not sign are named, and are no error") {
  MemoryMirror m = open_vault(600);
  m.files["tile/0/003.p/1"] = Bytes(32);
  m.files["tile/entries/900"] = Bytes(2);
  m.files["tile/9/000"] = Bytes(32);
  m.files["tile/notes.txt"] = to_bytes("hello");
  m.files["tile/0/002.p/108"].resize(109 * 32);
  const Outcome out = replay(m);
  INFO(out.text());
  CHECK(out.findings.count(Severity::kError) == 0);
  CHECK(out.findings.count(Code::kStrayFile) == 4);
  CHECK(out.has(Code::kTileTooLong, 512));
  CHECK(out.digest == m.state.digest());
}

TEST_CASE("every bit of a small mirror's files counts") {
  const MemoryMirror m = open_vault(3);
  for (const auto& [path, bytes] : m.files) {
    if (path == "checkpoints/23") continue;     // the same note as the checkpoint
    if (path == "openings/000.p/20") continue;  // nobody reads it: the wider one is there
    for (std::size_t at = 0; at < bytes.size(); at += std::max<std::size_t>(1, bytes.size() / 40)) {
      MemoryMirror altered = m;
      flip(altered.files[path], at);
      const Outcome out = replay(altered);
      INFO(path << " byte " << at << "\n" << out.text());
      CHECK_FALSE(out.first_error().empty());
    }
  }
}
