// Golden logs (tests/golden): the auditor's program replays the mirror of every version to the digest of its time.
#include <filesystem>
#include <fstream>

#include "tests/support/paths.h"
#include "tests/unit/facekeep_audit/support.h"

using namespace facekeep;
using namespace facekeep::audit_test;
namespace fs = std::filesystem;

namespace {

// "SIZE DIGEST" of the last line.
std::pair<std::uint64_t, std::string> last_digest(const fs::path& log) {
  std::ifstream in(log / "digests");
  std::pair<std::uint64_t, std::string> out;
  while (in >> out.first >> out.second) {
  }
  return out;
}

}  // namespace

TEST_CASE("the auditor's replay of a golden log ends in the digest of its time, with nothing found but notes") {
  int logs = 0;
  for (const auto& folder : fs::directory_iterator(fs::path(facekeep::test::source_dir()) / "tests/golden")) {
    if (!folder.is_directory()) continue;
    ++logs;
    const Ran ran = run({"replay", folder.path().string(), "--json"});
    INFO(folder.path() << "\n" << ran.out << ran.err);
    REQUIRE(ran.code == 0);
    const Json said = parse_json(ran.out).value();
    const auto [size, digest] = last_digest(folder.path());
    CHECK(said["size"] == size);
    CHECK(said["state_digest"] == digest);
    CHECK(said["errors"] == 0);
    CHECK(said["warnings"] == (folder.path().filename() == "v4" ? 2 : 0));  // its log has lost entries
    CHECK(said["level"] == "auditor");
  }
  CHECK(logs >= 1);
}
