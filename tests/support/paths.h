// Where the tests find what is not compiled into them. Functions, not macros: the objects of the tests then hold no
// path of their checkout, and one compiler cache serves every checkout.
#pragma once

#include <string>

namespace facekeep::test {

std::string source_dir();     // the checkout
std::string shared_dir();     // other people's test vectors and data beside it; may be absent
std::string pkcs11_shim();    // the library facekeep_pkcs11_shim
std::string audit_program();  // facekeep-audit, as built

}  // namespace facekeep::test
