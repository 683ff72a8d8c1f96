#include "vault/seal/slot_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

namespace facekeep::seal {

Status sync_directory(const std::string& dir) {
  const FileHandle d(::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (d.get() < 0 || ::fsync(d.get()) != 0) return io_error(errno, "the directory of the key slots can't be synced");
  return {};
}

Error io_error(int errno_value, const std::string& what) {
  const bool full = errno_value == ENOSPC || errno_value == EDQUOT || errno_value == EFBIG;
  return make_error(full ? Errc::kOutOfSpace : Errc::kIo, what + ": " + std::generic_category().message(errno_value),
                    full ? "make room on the disk" : "");
}

FileHandle::~FileHandle() {
  if (fd_ >= 0) ::close(fd_);
}
FileHandle::FileHandle(FileHandle&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
FileHandle& FileHandle::operator=(FileHandle&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

Result<SlotFile> SlotFile::open(const std::string& path) {
  FileHandle fd(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (fd.get() < 0) {
    if (errno == ENOENT) return make_error(Errc::kNotFound, "there is no key-slot file " + path);
    return io_error(errno, "the key-slot file " + path + " can't be opened");
  }
  return SlotFile(std::move(fd), path);
}

Status SlotFile::create(const std::string& dir, const std::string& name, ByteView content) {
  const std::string path = dir + "/" + name;
  const std::string beside = path + ".new";
  struct stat st {};
  if (::lstat(path.c_str(), &st) == 0) {
    return make_error(Errc::kAlreadyExists, "the key-slot file " + path + " exists already");
  }
  {
    FileHandle fd(::open(beside.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (fd.get() < 0) return io_error(errno, "the key-slot file " + beside + " can't be created");
    const SlotFile file(std::move(fd), beside);
    Status done = file.write(0, content);
    if (done) done = file.sync();
    if (!done) {
      ::unlink(beside.c_str());
      return done;
    }
  }
  // Crash before this line: a file *.new, which the next create overwrites. After it: all is there.
  if (::rename(beside.c_str(), path.c_str()) != 0) return io_error(errno, "the key-slot file can't be named " + path);
  return sync_directory(dir);
}

Status SlotFile::read(std::uint64_t offset, MutableByteView out) const {
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t n = ::pread(fd_.get(), out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return io_error(errno, path_ + " can't be read");
    if (n == 0) return make_error(Errc::kIo, path_ + " is shorter than it was");
    done += static_cast<std::size_t>(n);
  }
  return {};
}

Status SlotFile::write(std::uint64_t offset, ByteView bytes) const {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::pwrite(fd_.get(), bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return io_error(errno, path_ + " can't be written");
    done += static_cast<std::size_t>(n);
  }
  return {};
}

Result<std::uint64_t> SlotFile::size() const {
  struct stat st {};
  if (::fstat(fd_.get(), &st) != 0) return io_error(errno, path_ + " can't be examined");
  return static_cast<std::uint64_t>(st.st_size);
}

Status SlotFile::grow(std::uint64_t size) const {
  FK_TRY(const std::uint64_t old, this->size());
  if (size <= old) return {};
  const int e = ::posix_fallocate(fd_.get(), static_cast<off_t>(old), static_cast<off_t>(size - old));
  if (e != 0) {
    // A file system without fallocate may have grown the file part of the way.
    FK_CHECK(cut(old));
    return io_error(e, path_ + " can't grow");
  }
  return {};
}

Status SlotFile::cut(std::uint64_t size) const {
  if (::ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) return io_error(errno, path_ + " can't be shortened");
  return {};
}

Status SlotFile::sync() const {
  if (::fdatasync(fd_.get()) != 0) return io_error(errno, path_ + " can't be synced");
  return {};
}

void SlotFile::forget(std::uint64_t offset, std::uint64_t size) const {
  (void)::posix_fadvise(fd_.get(), static_cast<off_t>(offset), static_cast<off_t>(size), POSIX_FADV_DONTNEED);
}

}  // namespace facekeep::seal
