#include "tools/facekeepd/mirror.h"

#include <algorithm>
#include <fstream>
#include <sstream>

#include "tests/support/catch.h"
#include "tests/unit/store/temp_dir.h"
#include "vault/base/json.h"

using namespace facekeep;
using audit::OpeningState;
using daemon::MirrorWriter;
namespace fs = std::filesystem;

namespace {

std::vector<std::string> files_in(const fs::path& dir) {
  std::vector<std::string> out;
  for (const auto& f : fs::recursive_directory_iterator(dir)) {
    if (f.is_regular_file()) out.push_back(fs::relative(f.path(), dir).string());
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

MirrorWriter mirror_of(const fs::path& dir, std::uint64_t size, bool with_openings) {
  auto mirror = MirrorWriter::create(dir, with_openings);
  REQUIRE(mirror);
  for (std::uint64_t i = 0; i < size; ++i) REQUIRE(mirror->append(to_bytes("entry " + std::to_string(i))));
  return std::move(*mirror);
}

}  // namespace

TEST_CASE("a mirror has the tiles of its size and no others") {
  const store_test::TempDir dir;
  const std::vector<std::pair<std::uint64_t, std::vector<std::string>>> cases = {
      {1, {"checkpoint", "tile/0/000.p/1", "tile/entries/000.p/1", "vkey"}},
      {256, {"checkpoint", "tile/0/000", "tile/1/000.p/1", "tile/entries/000", "vkey"}},
      {257,
       {"checkpoint", "tile/0/000", "tile/0/001.p/1", "tile/1/000.p/1", "tile/entries/000", "tile/entries/001.p/1",
        "vkey"}},
  };
  for (const auto& [size, files] : cases) {
    INFO(size);
    const fs::path to = dir.path() / std::to_string(size);
    MirrorWriter mirror = mirror_of(to, size, false);
    REQUIRE_FALSE(fs::exists(to / "checkpoint"));  // an incomplete mirror has none
    REQUIRE(mirror.finish("note", "key"));
    REQUIRE(files_in(to) == files);
    REQUIRE(read(to / "vkey") == "key\n");
    REQUIRE(mirror.tree().size() == size);
  }
}

TEST_CASE("a mirror keeps openings beside their bundle and says why one is missing") {
  const store_test::TempDir dir;
  auto mirror = MirrorWriter::create(dir.path() / "m", true);
  REQUIRE(mirror);
  REQUIRE(mirror->append(to_bytes("governance")));
  REQUIRE(mirror->append(to_bytes("custody"), {OpeningState::kThere, {1, 2, 3}}));
  REQUIRE(mirror->append(to_bytes("access"), {OpeningState::kSealed, {}}));
  REQUIRE(mirror->append(to_bytes("access"), {OpeningState::kDestroyed, {}}));
  REQUIRE(mirror->finish("note", "key"));
  REQUIRE(fs::status(dir.path() / "m").permissions() == fs::perms::owner_all);
  const auto said = Json::parse(read(dir.path() / "m/openings/000.p/4"));
  REQUIRE(said == Json{{"bundle", 0},
                       {"openings", Json::array({{{"entry", 1}, {"opening", "AQID"}}})},
                       {"missing",
                        Json::array({{{"entry", 2}, {"reason", "sealed"}}, {{"entry", 3}, {"reason", "destroyed"}}})}});
}

TEST_CASE("a mirror is written into a new folder only") {
  const store_test::TempDir dir;
  std::ofstream(dir.path() / "something") << "here";
  const auto refused = MirrorWriter::create(dir.path(), true);
  REQUIRE_FALSE(refused);
  REQUIRE(refused.error().code == Errc::kFailedPrecondition);
  REQUIRE(MirrorWriter::create(dir.path() / "new/folder", true));
  const auto impossible = MirrorWriter::create(dir.path() / "something/below", true);
  REQUIRE_FALSE(impossible);
  REQUIRE(impossible.error().code == Errc::kIo);
}
