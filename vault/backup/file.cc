#include "vault/backup/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "vault/base/digest.h"
#include "vault/seal/slot_file.h"
#include "vault/store/ballast.h"

namespace facekeep::backup {
namespace {

using seal::FileHandle;
using seal::io_error;

constexpr std::size_t kBuffer = std::size_t{1} << 20;
constexpr std::string_view kUnfinished = ".unfinished";
constexpr std::size_t kNameBytes = 8;  // random, of an unfinished one: "." || hex || kUnfinished

template <class Each>
void each_name(const std::string& dir, const Each& each) {
  std::error_code ec;
  for (auto it = std::filesystem::directory_iterator(dir, ec); !ec && it != std::filesystem::directory_iterator();
       it.increment(ec)) {
    each(it->path().filename().string());
  }
}

}  // namespace

Status sync_directory(const std::string& path) {
  const FileHandle fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return fd.get() >= 0 && ::fsync(fd.get()) == 0 ? Status() : Status(io_error(errno, "can't sync " + path));
}

void remove_unfinished(const std::string& dir) {
  each_name(dir, [&](const std::string& name) {
    const bool ours =
        name.size() == 1 + 2 * kNameBytes + kUnfinished.size() && name.starts_with('.') && name.ends_with(kUnfinished);
    if (ours) ::unlink((dir + "/" + name).c_str());
  });
}

std::size_t count_backups(const std::string& dir) {
  std::size_t n = 0;
  each_name(dir, [&](const std::string& name) { n += name.ends_with(kBackupEnding); });
  return n;
}

Result<std::unique_ptr<NewFile>> NewFile::create(const std::string& dir) {
  if (::mkdir(dir.c_str(), 0700) != 0 && errno != EEXIST) return io_error(errno, "can't make " + dir);
  std::string path = dir + "/." + to_hex(random_array<kNameBytes>()) + std::string(kUnfinished);
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return io_error(errno, "can't write a backup into " + dir);
  return std::unique_ptr<NewFile>(new NewFile(dir, std::move(path), fd));
}

NewFile::~NewFile() {
  if (fd_ < 0) return;
  ::close(fd_);
  ::unlink(path_.c_str());
}

Status NewFile::flush() {
  FK_TRY(const std::uint64_t free, store::free_bytes(dir_));
  if (free < kKeepFree + buffer_.size()) {
    return make_error(Errc::kOutOfSpace, "the disk of " + dir_ + " has no room for a backup",
                      "make room, or set backup.dir to a folder on another disk");
  }
  ByteView rest(buffer_);
  while (!rest.empty()) {
    const ssize_t n = ::write(fd_, rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return io_error(errno, "can't write a backup into " + dir_);
    rest = rest.subspan(static_cast<std::size_t>(n));
  }
  buffer_.clear();
  return {};
}

Status NewFile::write(ByteView bytes) {
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  return buffer_.size() < kBuffer ? Status() : flush();
}

Status NewFile::finish(const std::string& name) {
  FK_CHECK(flush());
  if (::fsync(fd_) != 0) return io_error(errno, "can't sync a backup in " + dir_);
  const std::string path = dir_ + "/" + name;
  if (::link(path_.c_str(), path.c_str()) != 0) {
    if (errno == EEXIST) return make_error(Errc::kAlreadyExists, path + " exists already");
    return io_error(errno, "can't make " + path);
  }
  ::unlink(path_.c_str());
  ::close(fd_);
  fd_ = -1;
  return sync_directory(dir_);
}

Result<Reader> open_backup(const std::string& path) {
  auto fd = std::make_shared<FileHandle>(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd->get() < 0) return io_error(errno, "can't read " + path);
  // Many records are short.
  struct Buffered {
    Bytes bytes;
    std::size_t at = 0;
  };
  auto ahead = std::make_shared<Buffered>();
  return Reader::open([fd, ahead, path](MutableByteView out) -> Result<std::size_t> {
    if (ahead->at == ahead->bytes.size()) {
      ahead->bytes.resize(kBuffer);
      ssize_t n = -1;
      do {
        n = ::read(fd->get(), ahead->bytes.data(), ahead->bytes.size());
      } while (n < 0 && errno == EINTR);
      if (n < 0) return io_error(errno, "can't read " + path);
      ahead->bytes.resize(static_cast<std::size_t>(n));
      ahead->at = 0;
    }
    const std::size_t n = std::min(out.size(), ahead->bytes.size() - ahead->at);
    std::memcpy(out.data(), ahead->bytes.data() + ahead->at, n);
    ahead->at += n;
    return n;
  });
}

Result<Bytes> read_piece(const std::string& path, std::uint64_t from, std::size_t max) {
  const FileHandle fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (fd.get() < 0) return io_error(errno, "can't read " + path);
  Bytes out(max);
  std::size_t have = 0;
  while (have < max) {
    const ssize_t n = ::pread(fd.get(), out.data() + have, max - have, static_cast<off_t>(from + have));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return io_error(errno, "can't read " + path);
    if (n == 0) break;
    have += static_cast<std::size_t>(n);
  }
  out.resize(have);
  return out;
}

}  // namespace facekeep::backup
