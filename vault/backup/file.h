// Backups as files: written once under a name that is free, durable before it has that name; read in pieces.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "vault/backup/format.h"

namespace facekeep::backup {

// Left free on the disk by a backup: the vault itself must go on.
inline constexpr std::uint64_t kKeepFree = std::uint64_t{512} << 20;  // bytes

inline constexpr std::string_view kBackupEnding = ".facekeep-backup";

// A file of mode 0600 that is nobody's until finish(). One thread.
class NewFile {
 public:
  // Writes under a name of its own in `dir`, which is made if it is missing. kIo.
  static Result<std::unique_ptr<NewFile>> create(const std::string& dir);
  // Removes it, unless it was finished.
  ~NewFile();
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  // kOutOfSpace rather than use what kKeepFree leaves.
  Status write(ByteView bytes);
  // Durable as DIR/name when it returns. kAlreadyExists.
  Status finish(const std::string& name);

 private:
  NewFile(std::string dir, std::string path, int fd) : dir_(std::move(dir)), path_(std::move(path)), fd_(fd) {}
  Status flush();

  std::string dir_;
  std::string path_;
  int fd_;
  Bytes buffer_;
};

// What processes that died left in `dir` of files that were not finished: each has keys of everybody. As far as it can.
void remove_unfinished(const std::string& dir);
// Finished ones in `dir`.
std::size_t count_backups(const std::string& dir);

// Opens DIR or refuses with what to do. kIo.
Result<Reader> open_backup(const std::string& path);

// At most `max` bytes of a file from `from` on; none at its end. kIo.
Result<Bytes> read_piece(const std::string& path, std::uint64_t from, std::size_t max);

Status sync_directory(const std::string& path);

}  // namespace facekeep::backup
