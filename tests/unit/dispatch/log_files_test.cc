// The log's files as C2SP tlog-tiles wants them served: every published checkpoint can be re-derived from them.
#include "tests/unit/dispatch/api_kit.h"
#include "vault/log/merkle.h"
#include "vault/log/proof.h"
#include "vault/log/tiles.h"

using namespace facekeep;
using facekeep::test::ApiKit;
using facekeep::test::SoftHsm;

namespace {

log::Checkpoint checkpoint_of(const std::string& note, const ledger::Genesis& g) {
  const auto cp = log::open_checkpoint(note, log::parse_vkey(g.log_key).value());
  REQUIRE(cp);
  return *cp;
}

}  // namespace

TEST_CASE("every checkpoint that was published is re-derived from the partial tiles of its own size, also later") {
  NEEDS_TOKEN();
  ApiKit kit;
  std::vector<log::Checkpoint> published;
  for (const std::uint64_t size : {2, 3, 255, 256, 257, 300, 512, 515}) {
    kit.grow(size);
    const auto answer = kit.ask("", "GET", "/checkpoint");
    REQUIRE(answer.status == 200);
    published.push_back(checkpoint_of(ApiKit::text(answer), kit.vault.genesis()));
    REQUIRE(published.back().size == size);
  }
  for (const auto& cp : published) {
    CAPTURE(cp.size);
    const auto reader = [&](const log::TileId& id) -> Result<Bytes> {
      const auto answer = kit.ask("", "GET", "/" + log::format_path(id));
      REQUIRE(answer.status == 200);
      REQUIRE(answer.body.size() == id.width * sizeof(Digest));
      return answer.body;
    };
    CHECK(log::root_at(cp.size, log::tile_hash_source(cp.size, reader)).value() == cp.root);
    for (const log::TileId& id : log::partial_tiles(cp.size)) CHECK(reader(id));
    // Its bundle's entries are the leaves of its level-0 tile.
    if (cp.size % 256 == 0) continue;
    const log::BundleId bundle{cp.size / 256, static_cast<unsigned>(cp.size % 256)};
    const auto entries = kit.ask("", "GET", "/" + log::format_path(bundle));
    REQUIRE(entries.status == 200);
    const auto list = log::decode_bundle(entries.body, bundle.width).value();
    const Bytes tile = reader({0, bundle.index, bundle.width}).value();
    for (std::size_t i = 0; i < list.size(); ++i) {
      const Digest leaf = log::leaf_hash(list[i]);
      CHECK(std::equal(leaf.begin(), leaf.end(), tile.begin() + static_cast<std::ptrdiff_t>(i * leaf.size())));
    }
  }
}

TEST_CASE("content types and caching are those of tlog-tiles") {
  NEEDS_TOKEN();
  ApiKit kit;
  kit.grow(300);
  const auto checkpoint = kit.ask("", "GET", "/checkpoint");
  CHECK(checkpoint.content_type == "text/plain; charset=utf-8");
  CHECK(ApiKit::header(checkpoint, "Cache-Control") == "no-cache");
  for (const char* path : {"/tile/0/000", "/tile/0/001.p/44", "/tile/0/001.p/1", "/tile/1/000.p/1", "/tile/entries/000",
                           "/tile/entries/001.p/44"}) {
    const auto file = kit.ask("", "GET", path);
    CAPTURE(path);
    REQUIRE(file.status == 200);
    CHECK(file.content_type == "application/octet-stream");
    CHECK(ApiKit::header(file, "Cache-Control") == "public, max-age=31536000, immutable");
    CHECK(kit.ask("", "HEAD", path).status == 200);
  }
}

TEST_CASE("what is behind the published checkpoint, empty or not exactly a tile's path is not found") {
  NEEDS_TOKEN();
  ApiKit kit;
  kit.grow(300);
  for (const char* path : {"/tile/0/001",           "/tile/0/001.p/45",  "/tile/0/001.p/0",
                           "/tile/0/001.p/256",     "/tile/0/001.p/044", "/tile/0/002.p/1",
                           "/tile/1/000",           "/tile/1/000.p/2",   "/tile/2/000.p/1",
                           "/tile/8/000.p/1",       "/tile/63/000.p/1",  "/tile/64/000.p/1",
                           "/tile/00/000",          "/tile/0/0",         "/tile/0/00",
                           "/tile/0/0000",          "/tile/0/x000/000",  "/tile/0/x001/234",
                           "/tile/0/1000",          "/tile/0/000/000",   "/tile/0/000.p",
                           "/tile/0/000.p/1.p/1",   "/tile/0/000.P/1",   "/tile/0/%30%30%30",
                           "/tile/-1/000",          "/tile/0/000.p/+1",  "/tile/8/0/000",
                           "/tile/data/000",        "/tile/entries/001", "/tile/entries/001.p/45",
                           "/tile/entries/002.p/1", "/tile/entries/0",   "/tile/entries/x000/000"}) {
    CAPTURE(path);
    const auto answer = kit.ask("", "GET", path);
    CHECK(answer.status == 404);
    CHECK(ApiKit::problem(answer) == "not-found");
  }
  CHECK(ApiKit::problem(kit.ask("", "GET", "/tile/0/000?x=1")) == "unknown-parameter");
}

TEST_CASE("anyone gets the proof of any published entry as a file that verifies, without its opening") {
  NEEDS_TOKEN();
  ApiKit kit;
  kit.grow(300);
  const auto key = log::parse_vkey(kit.vault.genesis().log_key).value();
  for (const std::uint64_t entry : {0, 1, 255, 256, 299}) {
    CAPTURE(entry);
    const auto answer = kit.ask("", "GET", "/v1/log/proofs/" + std::to_string(entry));
    REQUIRE(answer.status == 200);
    CHECK(answer.content_type == "text/plain; charset=utf-8");
    const auto receipt = log::parse_receipt(ApiKit::text(answer)).value();
    CHECK(receipt.index == entry);
    CHECK(receipt.extra.empty());
    const Digest leaf = log::leaf_hash(kit.service->sequencer().entry(entry).value());
    CHECK(log::verify_receipt(receipt, leaf, key).value().size == 300);
    CHECK_FALSE(log::verify_receipt(receipt, Digest{}, key));
  }
  for (const char* path : {"300", "18446744073709551615", "18446744073709551616", "007", "-1", "x"}) {
    CAPTURE(path);
    CHECK(kit.ask("", "GET", std::string("/v1/log/proofs/") + path).status == 404);
  }
  CHECK(kit.ask("operator/1", "GET", "/v1/log/proofs/0").status == 200);
  CHECK(ApiKit::problem(kit.ask("", "GET", "/v1/log/cosigned")) == "not-found");
}
