#include "tests/support/paths.h"

namespace facekeep::test {

std::string source_dir() {
  return FACEKEEP_SOURCE_DIR;
}
std::string shared_dir() {
  return FACEKEEP_SHARED_DIR;
}
std::string pkcs11_shim() {
  return FACEKEEP_PKCS11_SHIM;
}
std::string audit_program() {
  return FACEKEEP_AUDIT_PROGRAM;
}

}  // namespace facekeep::test
