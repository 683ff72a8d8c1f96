#include "vault/export/folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "vault/export/manifest.h"

namespace facekeep::exporter {
namespace {

namespace fs = std::filesystem;

Error io(const std::string& what, const std::string& path) {
  const int e = errno;
  const Errc code = e == ENOSPC || e == EDQUOT ? Errc::kOutOfSpace : e == ENOENT ? Errc::kNotFound : Errc::kIo;
  return make_error(code, what + " " + path + ": " + std::strerror(e));
}

Status sync_directory(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool ok = fd >= 0 && ::fsync(fd) == 0;
  const Status out = ok ? Status() : Status(io("can't sync", path));
  if (fd >= 0) ::close(fd);
  return out;
}

Status make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return io("can't make", path);
  return {};
}

// Reads up to `max` bytes.
Result<Bytes> read_at(const std::string& path, std::uint64_t from, std::size_t max) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return io("can't read", path);
  Bytes out(max);
  std::size_t have = 0;
  ssize_t n = 1;
  while (have < max && n > 0) {
    n = ::pread(fd, out.data() + have, max - have, static_cast<off_t>(from + have));
    if (n > 0) have += static_cast<std::size_t>(n);
  }
  const Status status = n < 0 ? Status(io("can't read", path)) : Status();
  ::close(fd);
  FK_CHECK(status);
  out.resize(have);
  return out;
}

}  // namespace

ExportFolder::Writer::~Writer() {
  if (fd_ >= 0) ::close(fd_);
}

Status ExportFolder::Writer::open_file(const std::string& name) {
  const std::string file = path_ + "/" + name;
  fd_ = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  return fd_ < 0 ? Status(io("can't make", file)) : Status();
}

Status ExportFolder::Writer::begin_part(std::size_t number) {
  struct statvfs disk {};
  if (::statvfs(path_.c_str(), &disk) != 0) return io("can't look at", path_);
  const std::uint64_t free = static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize;
  if (free < part_size_ + kKeepFree) {
    return make_error(Errc::kOutOfSpace, "the disk has no room for an export",
                      "make room; the export goes on by itself while its proposal lives");
  }
  return open_file(part_name(number));
}

Status ExportFolder::Writer::write(ByteView sealed) {
  while (!sealed.empty()) {
    const ssize_t n = ::write(fd_, sealed.data(), sealed.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return io("can't write to", path_);
    sealed = sealed.subspan(static_cast<std::size_t>(n));
  }
  return {};
}

Status ExportFolder::Writer::end_part() {
  const bool synced = ::fsync(fd_) == 0;
  const Status out = synced ? Status() : Status(io("can't sync", path_));
  ::close(fd_);
  fd_ = -1;
  return out;
}

Status ExportFolder::Writer::finish(std::string_view manifest) {
  FK_CHECK(open_file(std::string(kManifestName)));
  FK_CHECK(write(as_bytes(manifest)));
  FK_CHECK(end_part());
  return sync_directory(path_);
}

Result<std::unique_ptr<ExportFolder::Writer>> ExportFolder::begin(const Id128& proposal) const {
  FK_CHECK(make_directory(dir_));
  FK_CHECK(remove(proposal));
  const std::string path = path_of(proposal);
  FK_CHECK(make_directory(path));
  FK_CHECK(sync_directory(dir_));
  return std::unique_ptr<Writer>(new Writer(path, part_size_));
}

Result<std::string> ExportFolder::manifest(const Id128& proposal) const {
  FK_TRY(const Bytes bytes, read_at(path_of(proposal) + "/" + std::string(kManifestName), 0, kMaxManifest));
  return std::string(as_chars(bytes));
}

Result<Bytes> ExportFolder::read_part(const Id128& proposal, std::size_t number, std::uint64_t from,
                                      std::size_t max) const {
  if (number == 0 || number > kMaxParts || from > kMaxPartSize) {
    return make_error(Errc::kNotFound, "the export has no such part");
  }
  return read_at(path_of(proposal) + "/" + part_name(number), from, max);
}

Status ExportFolder::remove(const Id128& proposal) const {
  const std::string path = path_of(proposal);
  std::error_code failed;
  if (fs::remove_all(path, failed) == 0 && !failed) return {};
  if (failed) return make_error(Errc::kIo, "can't remove " + path + ": " + failed.message());
  return sync_directory(dir_);
}

void ExportFolder::keep_only(const std::set<Id128>& proposals) const {
  std::error_code failed;
  for (fs::directory_iterator it(dir_, failed), end; !failed && it != end; it.increment(failed)) {
    const auto id = from_hex_exact<16>(it->path().filename().string());
    std::error_code ignored;  // tried again the next time
    if (id && !proposals.contains(*id)) fs::remove_all(it->path(), ignored);
  }
}

}  // namespace facekeep::exporter
