// Vaults that reach their token through the PKCS#11 shim, which can pull it out.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <string>

#include "tests/support/paths.h"
#include "tests/support/pkcs11_shim.h"
#include "tests/support/vault_fixture.h"

namespace facekeep::test {

inline constexpr const char* kPulledOut = "* 0xe0";  // CKR_TOKEN_NOT_PRESENT to every call

inline FixtureOptions behind_shim(FixtureOptions o = {}) {
  o.module = pkcs11_shim();
  return o;
}

struct ShimDir {
  ShimDir() {
    std::string pattern = (std::filesystem::temp_directory_path() / "facekeep-shim-XXXXXX").string();
    path = mkdtemp(pattern.data());
  }
  ~ShimDir() {
    std::error_code ec;
    std::filesystem::remove_all(path, ec);
  }
  std::string path;
};

// The shim in front of SoftHSM, with a folder of its own. Made before the vault, which it outlives.
class SoftHsmShim : ShimDir, public Shim {
 public:
  SoftHsmShim() : Shim(path, SoftHsm::module_path()) {}
};

// What a call of the vault says while it is pulled out.
inline bool names_token(const Error& e) {
  return e.code == Errc::kHsmGone || e.code == Errc::kHsm || e.code == Errc::kNotFound;
}

}  // namespace facekeep::test
