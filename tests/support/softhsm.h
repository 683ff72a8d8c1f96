// A SoftHSM2 token in a temporary directory, for tests that need a real PKCS#11 token.
//
// SoftHSM reads SOFTHSM2_CONF at C_Initialize, so a process sees the token directory that was
// current when its module was loaded: destroy every token object (and with it the module) before
// making the next SoftHsm. Not thread safe. Aborts with a message if the token can't be made.
#pragma once

#include <filesystem>
#include <string>

#include "vault/base/secret_bytes.h"

namespace facekeep::test {

class SoftHsm {
 public:
  // Makes the directory, writes its configuration, points SOFTHSM2_CONF at it and initialises one
  // token of this label.
  explicit SoftHsm(const std::string& label = "facekeep-test");
  // Removes the directory. SOFTHSM2_CONF keeps its value.
  ~SoftHsm();
  SoftHsm(const SoftHsm&) = delete;
  SoftHsm& operator=(const SoftHsm&) = delete;

  // A further token in the same directory. Only before a module is loaded, or after it is gone.
  void add_token(const std::string& label) const;

  // True if the module and softhsm2-util are installed.
  static bool available();
  static std::string module_path();  // "/usr/lib/softhsm/libsofthsm2.so"
  // "pkcs11:token=LABEL?module-path=MODULE", RFC 7512.
  [[nodiscard]] std::string uri() const { return uri_of(label_, module_path()); }
  static std::string uri_of(const std::string& label, const std::string& module);
  static SecretBytes pin();                                                // the user PIN of every token made here
  static std::string pin_text();                                           // the same, to write into a PIN file
  [[nodiscard]] const std::filesystem::path& dir() const { return dir_; }  // holds conf and tokens
  [[nodiscard]] std::filesystem::path tokens() const { return dir_ / "tokens"; }  // one folder a token
  [[nodiscard]] std::filesystem::path conf() const { return dir_ / "softhsm2.conf"; }

 private:
  std::string label_;
  std::filesystem::path dir_;
};

}  // namespace facekeep::test
