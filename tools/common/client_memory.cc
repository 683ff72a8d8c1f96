#include "tools/common/client_memory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <utility>

#include "vault/base/digest.h"
#include "vault/log/checkpoint.h"
#include "vault/log/note.h"

namespace facekeep::tools {
namespace {

constexpr const char* kCheckpointFile = ".checkpoint";
constexpr const char* kProgramFile = ".program";
constexpr const char* kStartFile = ".start";
constexpr const char* kWatchedFile = ".watched";
constexpr const char* kStateFile = ".state";
constexpr const char* kLogKeysFile = ".logkeys";
constexpr std::size_t kMaxLogKeys = 1U << 20;  // of a thousand handovers

Error altered(const std::string& path) {
  return make_error(Errc::kIntegrity, path + " is not what was written there",
                    "find out who changed it before you go on; only then remove it");
}

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

// The directory, locked against other processes until it is closed.
Result<std::unique_ptr<Fd>> lock_directory(const std::string& directory) {
  FK_CHECK(make_directories(directory));
  auto fd = std::make_unique<Fd>(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd->get() < 0) return os_error("can't open", directory);
  while (::flock(fd->get(), LOCK_EX) != 0) {
    if (errno != EINTR) return os_error("can't lock", directory);
  }
  return fd;
}

Status write_new_file(const std::string& path, std::string_view text) {
  Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (fd.get() < 0 || !write_all(fd.get(), text) || ::fsync(fd.get()) != 0 || !fd.close()) {
    return os_error("can't write", path);
  }
  return {};
}

// Nothing if there is no such file. An error is never "nothing".
Result<std::optional<std::string>> read_whole(const std::string& path, std::size_t max = kMaxCheckpoint) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (fd.get() < 0 && errno == ENOENT) return std::optional<std::string>();
  if (fd.get() < 0) return os_error("can't open", path);
  struct stat st {};
  if (::fstat(fd.get(), &st) != 0) return os_error("can't read", path);
  if (!S_ISREG(st.st_mode)) return make_error(Errc::kIntegrity, path + " is not a regular file");
  std::string text(max + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t n = ::read(fd.get(), text.data() + size, text.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return os_error("can't read", path);
    if (n == 0) break;
    size += static_cast<std::size_t>(n);
  }
  if (size > max) return make_error(Errc::kTooLarge, path + " is over " + std::to_string(max) + " bytes");
  // replace() never leaves one: somebody emptied it, and with it what this client knew.
  if (size == 0) return make_error(Errc::kIntegrity, path + " is empty", "find out who emptied it before you go on");
  text.resize(size);
  return std::optional<std::string>(std::move(text));
}

Status replace(int directory, const std::string& path, std::string_view text) {
  const std::string fresh = path + "." + to_hex(random_array<8>());
  Status done = write_new_file(fresh, text);
  if (done && ::rename(fresh.c_str(), path.c_str()) != 0) done = os_error("can't replace", path);
  if (!done) {
    ::unlink(fresh.c_str());
    return done;
  }
  if (::fsync(directory) != 0) return os_error("can't sync the directory of", path);
  return {};
}

Result<log::Checkpoint> checkpoint_of(std::string_view note) {
  FK_TRY(const log::Note parsed, log::parse_note(note));
  return log::parse_checkpoint_text(parsed.text);
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

std::string ClientMemory::path_of(const Id128& vault, const char* kind) const {
  return directory_ + "/" + to_hex(vault) + kind;
}

Result<std::optional<std::string>> ClientMemory::get(const Id128& vault) const {
  return read_whole(path_of(vault, kCheckpointFile));
}

Status ClientMemory::put(const Id128& vault, std::string_view note) const {
  return put_note(vault, note, false);
}

Status ClientMemory::put_over_lost(const Id128& vault, std::string_view note) const {
  return put_note(vault, note, true);
}

Status ClientMemory::put_note(const Id128& vault, std::string_view note, bool over_lost) const {
  if (note.size() > kMaxCheckpoint) return make_error(Errc::kTooLarge, "the checkpoint is over 65536 bytes");
  FK_TRY(const log::Checkpoint fresh, checkpoint_of(note));
  FK_TRY(const auto directory, lock_directory(directory_));
  const std::string path = path_of(vault, kCheckpointFile);
  FK_TRY(const auto old_note, read_whole(path));
  if (old_note && !over_lost) {
    const auto old = checkpoint_of(*old_note);
    if (!old) {
      return make_error(Errc::kIntegrity, path + " holds no checkpoint", "find out who changed it before you go on");
    }
    const std::string size = std::to_string(old->size);
    if (old->size > fresh.size) {
      return make_error(Errc::kConflict, "a larger checkpoint, of " + size + " entries, is remembered meanwhile",
                        "check the vault's log again, against that one");
    }
    if (old->size == fresh.size && old->root != fresh.root) {
      return make_error(Errc::kIntegrity, "the vault showed two logs of " + size + " entries",
                        "send nothing to this vault; tell the other custodians and the auditor today");
    }
  }
  return replace(directory->get(), path, note);
}

Result<std::optional<std::string>> ClientMemory::log_keys(const Id128& vault) const {
  return read_whole(path_of(vault, kLogKeysFile), kMaxLogKeys);
}

Status ClientMemory::put_log_keys(const Id128& vault, const std::string& keys) const {
  FK_TRY(const auto directory, lock_directory(directory_));
  return replace(directory->get(), path_of(vault, kLogKeysFile), keys);
}

Result<std::optional<ClientMemory::Program>> ClientMemory::program(const Id128& vault) const {
  const std::string path = path_of(vault, kProgramFile);
  FK_TRY(const auto text, read_whole(path));
  if (!text) return std::optional<Program>();
  constexpr std::size_t kHex = 64;
  const auto program = from_hex_exact<32>(std::string_view(*text).substr(0, kHex));
  const auto config = from_hex_exact<32>(std::string_view(*text).substr(std::min(text->size(), kHex + 1), kHex));
  if (!program || !config || text->size() != 2 * kHex + 2) {
    return altered(path);
  }
  return std::optional(Program{*program, *config});
}

Status ClientMemory::put_program(const Id128& vault, const Program& program) const {
  FK_TRY(const auto directory, lock_directory(directory_));
  return replace(directory->get(), path_of(vault, kProgramFile),
                 to_hex(program.program) + " " + to_hex(program.config) + "\n");
}

Result<std::optional<std::uint64_t>> ClientMemory::entry_in(const std::string& path) const {
  FK_TRY(const auto text, read_whole(path));
  if (!text) return std::optional<std::uint64_t>();
  std::uint64_t entry = 0;
  const char* end = text->data() + text->size();
  const auto [at, error] = std::from_chars(text->data(), end, entry);
  if (error != std::errc() || at + 1 != end || *at != '\n') return altered(path);
  return std::optional(entry);
}

Status ClientMemory::put_entry(const std::string& path, std::uint64_t entry) const {
  FK_TRY(const auto directory, lock_directory(directory_));
  return replace(directory->get(), path, std::to_string(entry) + "\n");
}

Result<std::optional<std::uint64_t>> ClientMemory::start(const Id128& vault) const {
  return entry_in(path_of(vault, kStartFile));
}

Status ClientMemory::put_start(const Id128& vault, std::uint64_t entry) const {
  return put_entry(path_of(vault, kStartFile), entry);
}

Result<std::optional<std::uint64_t>> ClientMemory::watched(const Id128& vault) const {
  return entry_in(path_of(vault, kWatchedFile));
}

Status ClientMemory::put_watched(const Id128& vault, std::uint64_t entry) const {
  return put_entry(path_of(vault, kWatchedFile), entry);
}

std::string ClientMemory::state_path(const Id128& vault) const {
  return path_of(vault, kStateFile);
}

}  // namespace facekeep::tools
