// One copy of the key slots as a file: positioned reads and writes, growth and sync, with every
// error of the operating system turned into an Errc (ENOSPC, EDQUOT and EFBIG are kOutOfSpace).
#pragma once

#include <cstdint>
#include <string>

#include "vault/base/bytes.h"
#include "vault/base/result.h"

namespace facekeep::seal {

// A file descriptor that closes itself. Move-only.
class FileHandle {
 public:
  FileHandle() = default;
  explicit FileHandle(int fd) : fd_(fd) {}
  ~FileHandle();
  FileHandle(FileHandle&& other) noexcept;
  FileHandle& operator=(FileHandle&& other) noexcept;
  FileHandle(const FileHandle&) = delete;
  FileHandle& operator=(const FileHandle&) = delete;
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_ = -1;
};

Error io_error(int errno_value, const std::string& what);
// What was created, renamed or removed in it is durable when this returns.
Status sync_directory(const std::string& dir);

class SlotFile {
 public:
  SlotFile() = default;
  // kNotFound if the file is not there.
  static Result<SlotFile> open(const std::string& path);
  // A new file of `content`, durable under its name when this returns (written beside, synced,
  // renamed, directory synced). Replaces nothing: kAlreadyExists.
  static Status create(const std::string& dir, const std::string& name, ByteView content);

  Status read(std::uint64_t offset, MutableByteView out) const;
  Status write(std::uint64_t offset, ByteView bytes) const;
  [[nodiscard]] Result<std::uint64_t> size() const;
  // Reserves disk blocks up to `size`; the new part reads as zero. All or nothing.
  [[nodiscard]] Status grow(std::uint64_t size) const;
  [[nodiscard]] Status cut(std::uint64_t size) const;
  [[nodiscard]] Status sync() const;
  // Asks the kernel to drop cached pages, so that the next read asks the disk. A hint.
  void forget(std::uint64_t offset, std::uint64_t size) const;

 private:
  explicit SlotFile(FileHandle fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}
  FileHandle fd_;
  std::string path_;
};

}  // namespace facekeep::seal
