// Golden logs: what earlier versions wrote still replays, entry by entry, to the digests of that version. A log in
// tests/golden is never made again (tests/golden/make).
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "tests/support/catch.h"
#include "tests/support/memory_store.h"
#include "tests/support/paths.h"
#include "vault/base/json.h"
#include "vault/base/newer.h"
#include "vault/ledger/state.h"
#include "vault/log/checkpoint.h"
#include "vault/log/log_keys.h"
#include "vault/log/sequencer/access_opening.h"
#include "vault/log/sequencer/recovery.h"
#include "vault/store/keys.h"

using namespace facekeep;
namespace fs = std::filesystem;

namespace {

const fs::path kGolden = fs::path(facekeep::test::source_dir()) / "tests/golden";

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
  std::vector<std::string> handovers;  // checkpoints with which the log's key changed
  std::vector<std::string> digests;    // after each entry
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
  for (int n = 1; fs::exists(dir / "handover" / std::to_string(n)); ++n) {
    out.handovers.push_back(read(dir / "handover" / std::to_string(n)));
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

// The log as a data folder of that time has it. What seals an access opening is gone; that it is one is all that a
// start looks at.
void store_log(const GoldenLog& golden, test::MemoryStore& out) {
  store::Batch batch;
  ledger::State state;
  seal::AeadKey monthly = seal::AeadKey::generate();
  std::vector<log::FullTile> completed;
  log::TileTree tiles;
  for (std::uint64_t i = 0; i < golden.entries.size(); ++i) {
    batch.puts.push_back({store::keys::entry(i), golden.entries[i]});
    tiles.append(log::leaf_hash(golden.entries[i]), completed);
    const auto leaf = ledger::decode_leaf(as_chars(golden.entries[i])).value();
    REQUIRE(fold(golden, i, state));
    const auto* hidden = std::get_if<ledger::PrivateLeaf>(&leaf);
    if (hidden == nullptr) continue;
    Bytes opening = hidden->event_class == ledger::EventClass::kCustody
                        ? golden.openings.at(i)
                        : log::seal_access_opening(monthly, state.genesis().vault, state.current().sites[0].id,
                                                   "2026-11", i, as_bytes("of then"))
                              .value();
    batch.puts.push_back({store::keys::opening(i), std::move(opening)});
  }
  for (const auto& tile : completed) {
    batch.puts.push_back({store::keys::tile(static_cast<std::uint8_t>(tile.level), tile.index), tile.hashes});
  }
  for (std::size_t n = 0; n < state.handovers().size(); ++n) {
    batch.puts.push_back(
        {store::keys::checkpoint_at(state.handovers()[n].entry + 1), to_bytes(as_bytes(golden.handovers.at(n)))});
  }
  batch.head_after = golden.entries.size();
  REQUIRE(out.commit(batch, store::Urgency::kOrdinary));
}

std::vector<fs::path> golden_logs() {
  std::vector<fs::path> out;
  for (const auto& folder : fs::directory_iterator(kGolden)) {
    if (folder.is_directory()) out.push_back(folder.path());
  }
  return out;
}

}  // namespace

TEST_CASE("what every version stored is what a start of this one recovers") {
  for (const auto& folder : golden_logs()) {
    INFO(folder.string());
    const GoldenLog golden = read_log(folder);
    test::MemoryStore store;
    store_log(golden, store);
    const auto recovered = log::recover(store);
    INFO((recovered ? "" : recovered.error().message));
    REQUIRE(recovered);
    CHECK(to_hex(recovered->state.digest()) == golden.digests.back());
    CHECK(recovered->tree.size() == golden.checkpoint.size);
  }
}

TEST_CASE("an entry that a newer version wrote stops a start with both versions, and is not called an attack") {
  const auto folder = golden_logs().front();
  const auto behind = [&](const std::string& entry) {
    GoldenLog golden = read_log(folder);
    test::MemoryStore store;
    store_log(golden, store);
    store::Batch batch;
    batch.head_before = golden.entries.size();
    batch.head_after = batch.head_before + 1;
    batch.puts.push_back({store::keys::entry(batch.head_before), to_bytes(entry)});
    REQUIRE(store.commit(batch, store::Urgency::kOrdinary));
    const auto recovered = log::recover(store);
    REQUIRE_FALSE(recovered);
    return recovered.error();
  };
  const std::string tail = R"("class":"governance","time":"2030-01-01T00:00:00.000Z",)";
  const Error kind = behind(R"({"body":{},)" + tail + R"("type":"self-repair","uptime_ms":1,"v":1})");
  CHECK(is_newer(kind));
  CHECK(kind.message.find("\"self-repair\" is of a newer facekeep; this one, ") != std::string::npos);
  CHECK(kind.message.find("; before it facekeep ") != std::string::npos);
  CHECK(kind.hint.find("run the version that wrote it") != std::string::npos);
  const Error version = behind(R"({"body":{},)" + tail + R"("type":"sums","uptime_ms":1,"v":2})");
  CHECK(is_newer(version));
  CHECK(version.message.find("an event has format 2") != std::string::npos);
  const Error field = behind(R"({"body":{"counts":{},"more":1,"since":"2030-01-01T00:00:00.000Z"},)" + tail +
                             R"("type":"sums","uptime_ms":1,"v":1})");
  CHECK(field.code == Errc::kIntegrity);
  CHECK(field.hint.find("a newer facekeep wrote it") != std::string::npos);
}

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
