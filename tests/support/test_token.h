// An empty PKCS#11 token in a temporary directory, for tests that need a real one.
//
// The program tests/support/tokens/$FACEKEEP_TEST_TOKEN makes it ("softhsm" without the variable; a value with a slash
// is a program of your own, say for a hardware token): "PROGRAM FOLDER LABEL PIN SO_PIN" makes an empty token of this
// label, beside those that it made in the same folder, prints "module=PATH" and lines "NAME=VALUE" for the environment,
// and ends with 0, or with 77 if it can't work on this machine. What it starts must end when the folder is gone.
//
// A module reads its environment at C_Initialize, so a process sees the tokens that were current when its module was
// loaded: destroy every token object (and with it the module) before making the next TestToken. Not thread safe. Aborts
// with a message if the token can't be made.
#pragma once

#include <filesystem>
#include <string>

#include "vault/base/secret_bytes.h"

namespace facekeep::test {

class TestToken {
 public:
  // Makes the directory and one token of this label, and sets the environment.
  explicit TestToken(const std::string& label = "facekeep-test");
  // Removes the directory. The environment keeps its values.
  ~TestToken();
  TestToken(const TestToken&) = delete;
  TestToken& operator=(const TestToken&) = delete;

  // A further token in the same directory. Only before a module is loaded, or after it is gone.
  void add_token(const std::string& label) const;

  // True if tokens can be made here.
  static bool available();
  static std::string module_path();
  // "pkcs11:token=LABEL?module-path=MODULE", RFC 7512.
  [[nodiscard]] std::string uri() const { return uri_of(label_, module_path()); }
  static std::string uri_of(const std::string& label, const std::string& module);
  static SecretBytes pin();       // the user PIN of every token made here
  static std::string pin_text();  // the same, to write into a PIN file
  [[nodiscard]] const std::filesystem::path& dir() const { return dir_; }
  // Of SoftHSM tokens alone: one folder a token, and the configuration.
  [[nodiscard]] std::filesystem::path tokens() const { return dir_ / "tokens"; }
  [[nodiscard]] std::filesystem::path conf() const { return dir_ / "softhsm2.conf"; }

 private:
  std::string label_;
  std::filesystem::path dir_;
};

}  // namespace facekeep::test
