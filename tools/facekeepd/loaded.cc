#include "tools/facekeepd/loaded.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>
#include <tuple>

#include "api/http/socket.h"
#include "vault/base/digest.h"

namespace facekeep::daemon {
namespace {

constexpr std::string_view kDeleted = " (deleted)";
constexpr const char* kSelf = "/proc/self/exe";

Result<Digest> digest_of(const std::string& path) {
  const http::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  Bytes all;
  std::array<std::uint8_t, 65536> buffer{};
  for (;;) {
    const ssize_t n = fd.get() < 0 ? -1 : ::read(fd.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return make_error(Errc::kIo, "the loaded file " + path + " can't be read: " + http::errno_text());
    if (n == 0) return sha256(all);
    all.insert(all.end(), buffer.begin(), buffer.begin() + n);
  }
}

// Paths of the files that are mapped as code, each once (proc(5), "/proc/pid/maps").
Result<std::set<std::string>> mapped_files() {
  std::ifstream maps("/proc/self/maps");
  std::set<std::string> out;
  for (std::string line; std::getline(maps, line);) {
    std::istringstream fields(line);
    std::string range, permissions, offset, device, inode, path;
    fields >> range >> permissions >> offset >> device >> inode;
    std::getline(fields >> std::ws, path);
    if (permissions.find('x') != std::string::npos && path.starts_with('/')) out.insert(path);
  }
  if (out.empty()) return make_error(Errc::kIo, "/proc/self/maps can't be read", "mount /proc");
  return out;
}

}  // namespace

Status check_loader_environment(const std::function<const char*(const char*)>& getenv) {
  for (const char* name : {"LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT"}) {
    const char* value = getenv(name);
    if (value == nullptr || *value == '\0') continue;
    return make_error(Errc::kFailedPrecondition,
                      std::string(name) + " is set: libraries that were not installed would run with the vault's keys",
                      std::string("start the daemon without it (env -u ") + name + ")");
  }
  return {};
}

Status check_loader_environment() {
  return check_loader_environment([](const char* name) { return std::getenv(name); });
}

Result<std::vector<LoadedFile>> loaded_files(const std::vector<std::string>& module_paths) {
  for (const std::string& path : module_paths) {
    if (path.empty() || ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL) != nullptr) continue;
    const char* why = ::dlerror();
    return make_error(Errc::kIo, "can't load the PKCS#11 module: " + std::string(why == nullptr ? path : why),
                      "install the token's PKCS#11 module, or correct token.module");
  }
  std::array<char, 4096> self{};
  const ssize_t length = ::readlink(kSelf, self.data(), self.size() - 1);
  if (length <= 0) return make_error(Errc::kIo, std::string(kSelf) + " can't be read: " + http::errno_text());
  FK_TRY(const auto paths, mapped_files());
  std::vector<LoadedFile> out;
  for (const std::string& path : paths) {
    const bool is_self = path == self.data();
    if (!is_self && path.ends_with(kDeleted)) {
      return make_error(Errc::kFailedPrecondition,
                        path.substr(0, path.size() - kDeleted.size()) + " was replaced since it was loaded",
                        "start the daemon again");
    }
    FK_TRY(const Digest digest, digest_of(is_self ? kSelf : path));
    out.push_back({is_self ? "facekeepd" : path.substr(path.rfind('/') + 1), digest});
  }
  std::sort(out.begin(), out.end(), [](const LoadedFile& a, const LoadedFile& b) {
    return std::tie(a.name, a.digest) < std::tie(b.name, b.digest);
  });
  return out;
}

std::string loaded_text(const std::vector<LoadedFile>& files) {
  std::string out;
  for (const LoadedFile& f : files) out += to_hex(f.digest) + "  " + f.name + "\n";
  return out;
}

}  // namespace facekeep::daemon
