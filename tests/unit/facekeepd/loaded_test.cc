#include "tools/facekeepd/loaded.h"

#include <algorithm>
#include <map>

#include "tests/support/catch.h"

using namespace facekeep;
using namespace facekeep::daemon;

namespace {

bool lists(const std::vector<LoadedFile>& files, std::string_view begin) {
  return std::any_of(files.begin(), files.end(), [&](const LoadedFile& f) { return f.name.starts_with(begin); });
}

}  // namespace

TEST_CASE("a daemon whose loader was told to add libraries does not start") {
  std::map<std::string, std::string> env;
  const auto getenv = [&](const char* name) -> const char* {
    const auto it = env.find(name);
    return it == env.end() ? nullptr : it->second.c_str();
  };
  CHECK(check_loader_environment(getenv));
  for (const char* name : {"LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT"}) {
    env = {{name, "/tmp/evil.so"}};
    const auto refused = check_loader_environment(getenv);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Errc::kFailedPrecondition);
    CHECK(refused.error().message.find(name) != std::string::npos);
    env = {{name, ""}};
    CHECK(check_loader_environment(getenv));
  }
}

TEST_CASE("the program's digest covers the program, its libraries and the module, and nothing else changes it") {
  const auto before = loaded_files({});
  REQUIRE(before);
  CHECK(lists(*before, "facekeepd"));
  CHECK(lists(*before, "libc.so"));
  CHECK(lists(*before, "libcrypto.so"));
  CHECK(std::is_sorted(before->begin(), before->end(),
                       [](const LoadedFile& a, const LoadedFile& b) { return a.name < b.name; }));
  CHECK(loaded_text(*loaded_files({})) == loaded_text(*before));
  // A library that this test does not link stands in for the module.
  CHECK_FALSE(lists(*before, "libanl.so"));
  const auto with_module = loaded_files({"libanl.so.1"});
  REQUIRE(with_module);
  CHECK(lists(*with_module, "libanl.so"));
  CHECK(with_module->size() == before->size() + 1);
  CHECK(loaded_text(*with_module) != loaded_text(*before));
}

TEST_CASE("a module that is not there is an error") {
  const auto r = loaded_files({"/nowhere/module.so"});
  REQUIRE_FALSE(r);
  CHECK(r.error().code == Errc::kIo);
}

TEST_CASE("the digest's text is what sha256sum prints") {
  LoadedFile f{"facekeepd", {}};
  f.digest[31] = 1;
  CHECK(loaded_text({f}) == std::string(62, '0') + "01  facekeepd\n");
}
