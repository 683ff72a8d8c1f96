#include "vault/store/ballast.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace facekeep::store {
namespace {

Error io_error(const char* what, int error) {
  return make_error(error == ENOSPC || error == EDQUOT ? Errc::kOutOfSpace : Errc::kIo,
                    std::string(what) + ": " + std::system_category().message(error),
                    "look at the disk and the permissions of the store's folder");
}

}  // namespace

Result<std::uint64_t> free_bytes(const std::filesystem::path& dir) {
  struct statvfs s {};
  int rc = 0;
  do {
    rc = ::statvfs(dir.c_str(), &s);
  } while (rc != 0 && errno == EINTR);
  if (rc != 0) return io_error("the free space of the store's disk can't be read", errno);
  return static_cast<std::uint64_t>(s.f_bavail) * s.f_frsize;
}

bool Ballast::held() const {
  if (bytes_ == 0) return true;
  struct stat s {};
  return ::stat(file_.c_str(), &s) == 0 && static_cast<std::uint64_t>(s.st_size) >= bytes_;
}

Status Ballast::hold() {
  if (held()) return {};
  const int fd = ::open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return io_error("the ballast file can't be opened", errno);
  int rc = 0;
  do {
    rc = ::posix_fallocate(fd, 0, static_cast<off_t>(bytes_));
  } while (rc == EINTR);
  ::close(fd);
  if (rc != 0) {
    FK_CHECK(release());  // a part of a ballast would only take the room that is missing
    return io_error("the ballast file can't be allocated", rc);
  }
  return {};
}

Status Ballast::release() {
  if (bytes_ == 0 || ::unlink(file_.c_str()) == 0 || errno == ENOENT) return {};
  return io_error("the ballast file can't be removed", errno);
}

}  // namespace facekeep::store
