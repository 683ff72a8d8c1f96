#include "tools/common/client_memory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "vault/base/digest.h"

namespace facekeep::tools {
namespace {

Error os_error(const std::string& what, const std::string& path) {
  const Errc code = errno == ENOSPC || errno == EDQUOT ? Errc::kOutOfSpace : Errc::kIo;
  return make_error(code, what + " " + path + ": " + std::strerror(errno));
}

class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  [[nodiscard]] int get() const { return fd_; }
  // Closes, and says whether the system took everything.
  bool close() { return ::close(std::exchange(fd_, -1)) == 0; }

 private:
  int fd_;
};

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

Status make_directories(const std::string& directory) {
  std::error_code error;
  const std::filesystem::path path(directory);
  std::filesystem::create_directories(path.parent_path(), error);
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) return os_error("can't make", directory);
  return {};
}

Status sync_directory(const std::string& directory) {
  const Fd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0 || ::fsync(fd.get()) != 0) return os_error("can't sync", directory);
  return {};
}

Status write_new_file(const std::string& path, std::string_view text) {
  Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (fd.get() < 0 || !write_all(fd.get(), text) || ::fsync(fd.get()) != 0 || !fd.close()) {
    return os_error("can't write", path);
  }
  return {};
}

}  // namespace

Result<ClientMemory> ClientMemory::of_user(const std::function<const char*(const char*)>& getenv) {
  const char* state = getenv("XDG_STATE_HOME");
  if (state != nullptr && *state == '/') return ClientMemory(std::string(state) + "/facekeep");
  const char* home = getenv("HOME");
  if (home != nullptr && *home == '/') return ClientMemory(std::string(home) + "/.local/state/facekeep");
  return make_error(Errc::kFailedPrecondition, "there is no place to remember checkpoints in",
                    "set HOME or XDG_STATE_HOME");
}

Result<ClientMemory> ClientMemory::of_user() {
  return of_user([](const char* name) { return std::getenv(name); });
}

std::string ClientMemory::path_of(const Id128& vault) const {
  return directory_ + "/" + to_hex(vault) + ".checkpoint";
}

Result<std::optional<std::string>> ClientMemory::get(const Id128& vault) const {
  const std::string path = path_of(vault);
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (fd.get() < 0 && errno == ENOENT) return std::optional<std::string>();
  if (fd.get() < 0) return os_error("can't open", path);
  struct stat st {};
  if (::fstat(fd.get(), &st) != 0) return os_error("can't read", path);
  if (!S_ISREG(st.st_mode)) return make_error(Errc::kIntegrity, path + " is not a regular file");
  std::string text(kMaxCheckpoint + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t n = ::read(fd.get(), text.data() + size, text.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return os_error("can't read", path);
    if (n == 0) break;
    size += static_cast<std::size_t>(n);
  }
  if (size > kMaxCheckpoint) return make_error(Errc::kTooLarge, path + " is over 65536 bytes");
  // put() never leaves one: somebody emptied it, and with it what this client knew.
  if (size == 0) return make_error(Errc::kIntegrity, path + " is empty", "find out who emptied it before you go on");
  text.resize(size);
  return std::optional<std::string>(std::move(text));
}

Status ClientMemory::put(const Id128& vault, std::string_view note) const {
  if (note.empty()) return make_error(Errc::kInvalidArgument, "an empty checkpoint can't be remembered");
  if (note.size() > kMaxCheckpoint) return make_error(Errc::kTooLarge, "the checkpoint is over 65536 bytes");
  FK_CHECK(make_directories(directory_));
  const std::string path = path_of(vault);
  const std::string fresh = path + "." + to_hex(random_array<8>());
  Status done = write_new_file(fresh, note);
  if (done && ::rename(fresh.c_str(), path.c_str()) != 0) done = os_error("can't replace", path);
  if (!done) {
    ::unlink(fresh.c_str());
    return done;
  }
  return sync_directory(directory_);
}

}  // namespace facekeep::tools
