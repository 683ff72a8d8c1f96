// The PKCS#11 shim: a module that stands between a program and a real one, as spy and as saboteur.
//
// Built as the shared library facekeep_pkcs11_shim; its path is pkcs11_shim() (paths.h).
// Configured by the environment, read when the module is loaded:
//   FACEKEEP_SHIM_MODULE   the real module (required)
//   FACEKEEP_SHIM_LOG      a file to append one line a call to (optional)
//   FACEKEEP_SHIM_CONTROL  a file of faults, read again at every call (optional; it need not exist)
//
// A log line: "C_GetAttributeValue class=0x4 types=0x103,0x11 -> 0x0". After the function come, where
// it has them, mech=, class= (of the object, asked from the real module: C_GetAttributeValue alone),
// types= (attribute types of a template), and the value returned. "(fault)" follows an injected one.
//
// Control lines ("#" begins a comment; the first that applies counts):
//   C_Sign CKR 0x32            every C_Sign returns 0x32, and the real module isn't called
//   C_Sign 0x32 count 3        the next three; counted from when the file changed
//   C_Sign 0x32 skip 2         lets two pass first
//   C_CreateObject 0x30 after  calls the real module, then returns 0x30 ("failed but persisted")
//   * 0xe0                     the token is removed: every call but C_Initialize, C_Finalize, C_GetInfo,
//                              C_GetFunctionList and C_GetSlotList (name these to fail them too)
//   hide 0x1087                the mechanism is missing from C_GetMechanismList and C_GetMechanismInfo
#pragma once

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

namespace facekeep::test {

// The three files of a shim, set in this process's environment. `dir` must outlive it.
class Shim {
 public:
  Shim(const std::string& dir, const std::string& real_module)
      : log_(dir + "/shim.log"), control_(dir + "/shim.control") {
    setenv("FACEKEEP_SHIM_MODULE", real_module.c_str(), 1);
    setenv("FACEKEEP_SHIM_LOG", log_.c_str(), 1);
    setenv("FACEKEEP_SHIM_CONTROL", control_.c_str(), 1);
  }
  ~Shim() { heal(); }
  Shim(const Shim&) = delete;
  Shim& operator=(const Shim&) = delete;

  // Replaces the faults in one step (a reader sees the old or the new ones).
  void inject(const std::string& lines) const {
    std::ofstream(control_ + ".new") << lines << "\n";
    std::rename((control_ + ".new").c_str(), control_.c_str());
  }
  void heal() const { std::remove(control_.c_str()); }

  [[nodiscard]] std::vector<std::string> lines() const {
    std::ifstream in(log_);
    std::vector<std::string> out;
    for (std::string line; std::getline(in, line);) out.push_back(line);
    return out;
  }
  // Calls of this function so far.
  [[nodiscard]] std::size_t calls(const std::string& function) const {
    std::size_t n = 0;
    for (const auto& line : lines()) n += line.starts_with(function + " ") ? 1 : 0;
    return n;
  }

 private:
  std::string log_;
  std::string control_;
};

}  // namespace facekeep::test
