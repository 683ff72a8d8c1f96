#include "vault/log/tiles.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "tests/support/catch.h"
#include "tests/support/paths.h"
#include "tests/unit/log/naive_tree.h"
#include "vault/log/checkpoint.h"

using namespace facekeep;
using namespace facekeep::log;
using facekeep::log_test::naive_root;
using facekeep::log_test::numbered_leaves;

namespace {

// A TileTree with a place for its full tiles, as the sequencer has in the store.
struct StoredTree {
  TileTree tree;
  std::map<std::pair<unsigned, std::uint64_t>, Bytes> full;

  void append(const Digest& leaf) {
    std::vector<FullTile> completed;
    tree.append(leaf, completed);
    for (FullTile& t : completed) {
      CHECK(t.hashes.size() == kTileBytes);
      CHECK(full.emplace(std::pair(t.level, t.index), std::move(t.hashes)).second);
    }
  }
  TileReader reader() const {
    return [this](const TileId& id) -> Result<Bytes> {
      const auto it = full.find({id.level, id.index});
      if (it == full.end() || id.width != kTileWidth) return make_error(Errc::kInternal, "not a full tile");
      return it->second;
    };
  }
};

Bytes read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(in), {});
}

const std::filesystem::path kLog = std::filesystem::path(facekeep::test::shared_dir()) / "vectors/tessera-log";

}  // namespace

TEST_CASE("tile paths group the index by three digits") {
  CHECK(format_path(TileId{0, 1234067, 256}) == "tile/0/x001/x234/067");
  CHECK(format_path(TileId{0, 0, 1}) == "tile/0/000.p/1");
  CHECK(format_path(TileId{12, 999, 255}) == "tile/12/999.p/255");
  CHECK(format_path(TileId{1, 1000, 256}) == "tile/1/x001/000");
  CHECK(format_path(BundleId{1234067, 8}) == "tile/entries/x001/x234/067.p/8");
}

TEST_CASE("tile paths survive the way there and back") {
  for (const std::uint64_t index : {0ull, 1ull, 999ull, 1000ull, 1234067ull, 999999ull, 1000000ull, ~0ull}) {
    for (const unsigned width : {1u, 9u, 255u, 256u}) {
      for (const unsigned level : {0u, 1u, 63u}) {
        const TileId id{level, index, width};
        CHECK(*parse_tile_path(format_path(id)) == id);
      }
      const BundleId id{index, width};
      CHECK(*parse_bundle_path(format_path(id)) == id);
    }
  }
}

TEST_CASE("a tile path has one form only") {
  for (const char* bad : {"",
                          "tile/",
                          "tile/0",
                          "tile/0/",
                          "tile/0/0",
                          "tile/0/00",
                          "tile/0/0000",
                          "tile/00/000",
                          "tile/64/000",
                          "tile/-1/000",
                          "tile/+1/000",
                          "tile/0/x000/001",
                          "tile/0/x001",
                          "tile/0/x001/",
                          "tile/0/001/002",
                          "tile/0/001.p/0",
                          "tile/0/001.p/256",
                          "tile/0/001.p/01",
                          "tile/0/001.p/",
                          "tile/0/001.p",
                          "tile/0/001.p/1/",
                          "tile/0/x001/x067",
                          "tile/0/a01",
                          "/tile/0/000",
                          "tile/0/000 ",
                          "tile/0//000",
                          "tile/0/.p/1",
                          "tile/0/x018/x446/x744/x073/x709/x551/616",
                          "tile/0/x001/x000/x000/x000/x000/x000/x000/000",
                          "tile/entries/000"}) {
    INFO(bad);
    CHECK(parse_tile_path(bad).error().code == Errc::kMalformed);
  }
  for (const char* bad : {"tile/0/000", "tile/entries/", "tile/entries/0", "tile/entries/x000/000"}) {
    INFO(bad);
    CHECK(parse_bundle_path(bad).error().code == Errc::kMalformed);
  }
  CHECK_FALSE(parse_tile_path("tile/0/" + std::string(100000, 'x')));
  CHECK_FALSE(parse_tile_path(std::string_view("tile/0/00\0", 10)));
}

TEST_CASE("partial tiles have the widths of the specification's examples") {
  CHECK(partial_tiles(0).empty());
  CHECK(partial_tiles(256) == std::vector<TileId>{{1, 0, 1}});
  CHECK(partial_tiles(70000) == std::vector<TileId>{{0, 273, 112}, {1, 1, 17}, {2, 0, 1}});
  CHECK(tile_width_at(70000, 0, 272) == 256);
  CHECK(tile_width_at(70000, 0, 273) == 112);
  CHECK(tile_width_at(70000, 0, 274) == 0);
  CHECK(tile_width_at(70000, 3, 0) == 0);
  CHECK(tile_width_at(~0ull, 7, 0) == 255);
  CHECK(tile_width_at(~0ull, 8, 0) == 0);
}

TEST_CASE("an entry bundle survives the way there and back") {
  const std::vector<Bytes> entries = {{}, {1}, Bytes(kMaxEntrySize, 7), to_bytes("{}")};
  const Bytes bundle = *encode_bundle(entries);
  CHECK(*decode_bundle(bundle, 4) == entries);
  CHECK(encode_bundle(std::vector<Bytes>{Bytes(kMaxEntrySize + 1)}).error().code == Errc::kTooLarge);
  CHECK(encode_bundle(std::vector<Bytes>(257)).error().code == Errc::kTooLarge);
}

TEST_CASE("an entry bundle that is cut, long or miscounted is refused") {
  const Bytes bundle = *encode_bundle(std::vector<Bytes>{{1, 2, 3}, {4}});
  for (std::size_t n = 0; n < bundle.size(); ++n) CHECK_FALSE(decode_bundle(ByteView(bundle).first(n), 2));
  CHECK_FALSE(decode_bundle(bundle, 1));
  CHECK_FALSE(decode_bundle(bundle, 3));
  CHECK_FALSE(decode_bundle(bundle, 0));
  CHECK_FALSE(decode_bundle(bundle, 257));
}

TEST_CASE("tiles and roots equal those of a log that another implementation wrote") {
  if (!std::filesystem::exists(kLog)) {
    WARN("skipped: no vectors at " << kLog);
    return;
  }
  const VerifierKey key = *parse_vkey("example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx");
  StoredTree log;
  for (unsigned size = 0; size <= 15; ++size) {
    INFO(size);
    if (size > 0) {
      const Bytes bundle = read_file(kLog / format_path(BundleId{0, size}));
      const auto entries = decode_bundle(bundle, size);
      REQUIRE(entries);
      CHECK(*encode_bundle(*entries) == bundle);
      log.append(leaf_hash(entries->back()));
      CHECK(*log.tree.tile({0, 0, size}, log.reader()) == read_file(kLog / format_path(TileId{0, 0, size})));
    }
    const Bytes note = read_file(kLog / ("checkpoint." + std::to_string(size)));
    const auto checkpoint = open_checkpoint(as_chars(note), key);
    REQUIRE(checkpoint);
    CHECK(checkpoint->size == size);
    CHECK(checkpoint->root == log.tree.root());
  }
  for (unsigned width = 1; width <= 15; ++width) {
    CHECK(*log.tree.tile({0, 0, width}, log.reader()) == read_file(kLog / format_path(TileId{0, 0, width})));
  }
}

TEST_CASE("the tiled tree has the root of the recursive definition") {
  const std::vector<Digest> leaves = numbered_leaves(70000);
  StoredTree log;
  for (const std::size_t size : {0u, 1u, 2u, 255u, 256u, 257u, 65535u, 65536u, 65537u, 70000u}) {
    INFO(size);
    while (log.tree.size() < size) log.append(leaves[log.tree.size()]);
    const Digest root = naive_root(std::span(leaves).first(size));
    CHECK(log.tree.root() == root);
    CHECK(*root_at(size, log.tree.hash_source(log.reader())) == root);
    CHECK(log.full.size() == size / 256 + size / 65536);
    for (const TileId& id : partial_tiles(size)) {
      const Bytes tile = *log.tree.tile(id, log.reader());
      CHECK(tile.size() == id.width * 32);
      const std::size_t span = std::size_t{1} << (8 * id.level);  // leaves under the last hash of the tile
      const Digest last = naive_root(std::span(leaves).subspan((id.index * 256 + id.width - 1) * span, span));
      CHECK(std::equal(last.begin(), last.end(), tile.end() - 32));
      CHECK(log.tree.tile({id.level, id.index, id.width + 1}, log.reader()).error().code == Errc::kNotFound);
    }
  }
}

TEST_CASE("a tree of 256 has a full tile and one hash above it") {
  const std::vector<Digest> leaves = numbered_leaves(256);
  StoredTree log;
  for (const Digest& leaf : leaves) log.append(leaf);
  CHECK(log.tree.tile({0, 0, 256}, log.reader())->size() == kTileBytes);
  CHECK(*log.tree.tile({1, 0, 1}, log.reader()) == to_bytes(naive_root(leaves)));
  CHECK_FALSE(log.tree.tile({0, 1, 1}, log.reader()));  // no empty tiles
  CHECK_FALSE(log.tree.tile({0, 0, 0}, log.reader()));
}

TEST_CASE("a partial tile is a prefix of every later one") {
  const std::vector<Digest> leaves = numbered_leaves(300);
  StoredTree log;
  std::vector<Bytes> partial(257);
  for (unsigned n = 1; n <= 256; ++n) {
    log.append(leaves[n - 1]);
    partial[n] = *log.tree.tile({0, 0, n}, log.reader());
  }
  while (log.tree.size() < 300) log.append(leaves[log.tree.size()]);
  for (unsigned n = 1; n <= 256; ++n) CHECK(*log.tree.tile({0, 0, n}, log.reader()) == partial[n]);
}

TEST_CASE("proofs out of tiles verify, for the present size and for smaller ones") {
  const std::vector<Digest> leaves = numbered_leaves(66000);
  StoredTree log;
  for (const Digest& leaf : leaves) log.append(leaf);
  const HashSource source = log.tree.hash_source(log.reader());
  Tree small;
  std::map<std::uint64_t, Digest> roots;
  for (const Digest& leaf : leaves) {
    small.append(leaf);
    roots[small.size()] = small.root();
  }
  for (const std::uint64_t size : {1ull, 255ull, 256ull, 257ull, 511ull, 65536ull, 65793ull, 66000ull}) {
    for (const std::uint64_t index : {0ull, 1ull, 255ull, 256ull, 65535ull, 65999ull}) {
      if (index >= size) continue;
      INFO(size << " " << index);
      const auto proof = inclusion_proof(index, size, source);
      REQUIRE(proof);
      CHECK(verify_inclusion(index, size, leaves[index], *proof, roots[size]));
    }
    const auto proof = consistency_proof(size, 66000, source);
    REQUIRE(proof);
    CHECK(verify_consistency(size, roots[size], 66000, roots[66000], *proof));
  }
  CHECK(source(0, 66000).error().code == Errc::kInvalidArgument);
  CHECK(source(17, 0).error().code == Errc::kInvalidArgument);
  CHECK(source(64, 0).error().code == Errc::kInvalidArgument);
}

TEST_CASE("a stored tile of the wrong size is an inconsistency") {
  StoredTree log;
  for (const Digest& leaf : numbered_leaves(256)) log.append(leaf);
  const TileReader cut = [](const TileId&) -> Result<Bytes> { return Bytes(kTileBytes - 1); };
  CHECK(log.tree.tile({0, 0, 256}, cut).error().code == Errc::kIntegrity);
  CHECK(tile_hash_source(256, cut)(8, 0).has_value());  // from tile/1/000.p/1, long enough
  CHECK(tile_hash_source(256, cut)(7, 1).error().code == Errc::kIntegrity);
}

TEST_CASE("a copy of the tiled tree goes its own way") {
  const std::vector<Digest> leaves = numbered_leaves(300);
  std::vector<FullTile> completed;
  TileTree tree;
  for (unsigned i = 0; i < 250; ++i) tree.append(leaves[i], completed);
  const Digest before = tree.root();
  TileTree copy = tree;
  for (unsigned i = 250; i < 300; ++i) copy.append(leaves[i], completed);
  CHECK(tree.root() == before);
  CHECK(tree.size() == 250);
  CHECK(copy.root() == naive_root(leaves));
}
