// The auditor's program stands on its own: no store and no token is linked into it.
#include <array>
#include <cstdio>
#include <memory>
#include <string>

#include "tests/support/catch.h"
#include "tests/support/paths.h"

namespace {

std::string output_of(const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  std::string out;
  std::array<char, 4096> piece{};
  while (const std::size_t n = std::fread(piece.data(), 1, piece.size(), pipe.get())) out.append(piece.data(), n);
  return out;
}

}  // namespace

TEST_CASE("facekeep-audit links neither the database nor PKCS#11") {
  const std::string libraries = output_of("ldd " + facekeep::test::audit_program());
  INFO(libraries);
  CHECK(libraries.find("libcrypto") != std::string::npos);  // this is a list of its libraries
  for (const char* never : {"rocksdb", "p11-kit", "softhsm", "libhwy", "prometheus", "seccomp"}) {
    INFO(never);
    CHECK(libraries.find(never) == std::string::npos);
  }
}
