// Golden logs: what earlier versions wrote still replays, entry by entry, to the digests of that version. A log in
// tests/golden is never made again (tests/golden/make).
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "tests/support/catch.h"
#include "vault/base/json.h"
#include "vault/ledger/state.h"
#include "vault/log/log_keys.h"
#include "vault/log/sequencer/recovery.h"

using namespace facekeep;
namespace fs = std::filesystem;

namespace {

const fs::path kGolden = fs::path(FACEKEEP_SOURCE_DIR) / "tests/golden";

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  INFO(path.string());
  REQUIRE(in);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

struct GoldenLog {
  std::string note;            // of the checkpoint
  log::VerifierKey first;      // the log's key at its beginning
  log::Checkpoint checkpoint;  // not verified yet
  std::vector<Bytes> entries;
  std::map<std::uint64_t, Bytes> openings;
  std::vector<std::string> digests;  // after each entry
};

void read_bundle(const fs::path& dir, const log::BundleId& id, GoldenLog& out) {
  const std::string path = log::format_path(id);
  auto entries = log::decode_bundle(as_bytes(read(dir / path)), id.width);
  REQUIRE(entries);
  for (auto& e : *entries) out.entries.push_back(std::move(e));
  const auto openings = Json::parse(read(dir / ("openings" + path.substr(std::string("tile/entries").size()))));
  for (const auto& o : openings.at("openings")) {
    auto bytes = from_base64(o.at("opening").get<std::string>());
    REQUIRE(bytes);
    out.openings[o.at("entry").get<std::uint64_t>()] = std::move(*bytes);
  }
}

GoldenLog read_log(const fs::path& dir) {
  GoldenLog out;
  std::string vkey = read(dir / "vkey");
  vkey.pop_back();
  const auto key = log::parse_vkey(vkey);
  REQUIRE(key);
  out.first = *key;
  out.note = read(dir / "checkpoint");
  const auto note = log::parse_note(out.note);
  REQUIRE(note);
  const auto checkpoint = log::parse_checkpoint_text(note->text);
  REQUIRE(checkpoint);
  out.checkpoint = *checkpoint;
  for (std::uint64_t first = 0; first < checkpoint->size; first += log::kTileWidth) {
    const auto width = std::min<std::uint64_t>(log::kTileWidth, checkpoint->size - first);
    read_bundle(dir, {first / log::kTileWidth, static_cast<unsigned>(width)}, out);
  }
  std::istringstream lines(read(dir / "digests"));
  std::size_t size = 0;
  for (std::string digest; lines >> size >> digest; out.digests.push_back(digest)) {
    REQUIRE(size == out.digests.size() + 1);
  }
  return out;
}

Status fold(const GoldenLog& golden, std::uint64_t i, ledger::State& state) {
  FK_TRY(const ledger::Leaf leaf, ledger::decode_leaf(as_chars(golden.entries[i])));
  if (const auto* event = std::get_if<ledger::Event>(&leaf)) return apply(state, *event);
  const auto& hidden = std::get<ledger::PrivateLeaf>(leaf);
  if (hidden.event_class == ledger::EventClass::kAccess) return apply_access(state);
  const auto opening = golden.openings.find(i);
  if (opening == golden.openings.end()) return make_error(Errc::kNotFound, "no opening");
  FK_TRY(const ledger::Event event, log::open_custody(hidden, opening->second));
  return apply(state, event);
}

}  // namespace

TEST_CASE("golden logs of every version replay to the digests of their time") {
  std::size_t logs = 0;
  for (const auto& folder : fs::directory_iterator(kGolden)) {
    if (!folder.is_directory()) continue;
    ++logs;
    INFO(folder.path().string());
    const GoldenLog golden = read_log(folder.path());
    REQUIRE(golden.entries.size() == golden.checkpoint.size);
    REQUIRE(golden.digests.size() == golden.checkpoint.size);
    ledger::State state;
    log::Tree tree;
    for (std::uint64_t i = 0; i < golden.entries.size(); ++i) {
      INFO("entry " << i);
      const Status folded = fold(golden, i, state);
      INFO((folded ? "" : folded.error().message));
      REQUIRE(folded);
      REQUIRE(to_hex(state.digest()) == golden.digests[i]);
      tree.append(log::leaf_hash(golden.entries[i]));
    }
    CHECK(tree.root() == golden.checkpoint.root);
    const auto keys = log::LogKeys::of(state);
    REQUIRE(keys);
    CHECK(keys->first() == golden.first);
    CHECK(log::open_checkpoint(golden.note, *keys));
  }
  CHECK(logs >= 1);
}
