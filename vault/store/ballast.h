// The space guard: free room on the store's disk, and a file that keeps some of it back.
//
// The ballast is allocated space that nothing uses. When the disk is full, narrowing (seal, erase,
// veto, withdraw) gives it up and goes on; when there is room again it is made again.
#pragma once

#include <cstdint>
#include <filesystem>

#include "vault/base/result.h"

namespace facekeep::store {

// Bytes that an ordinary process may still write to the file system of `dir` (statvfs f_bavail).
Result<std::uint64_t> free_bytes(const std::filesystem::path& dir);

// One thread at a time.
class Ballast {
 public:
  // `bytes` 0: no ballast, every call succeeds and does nothing.
  Ballast(std::filesystem::path file, std::uint64_t bytes) : file_(std::move(file)), bytes_(bytes) {}

  [[nodiscard]] std::uint64_t size() const { return bytes_; }
  // True if the file is there in its whole length.
  [[nodiscard]] bool held() const;
  // Allocates it. kOutOfSpace if there is no room (nothing is left behind then), kIo.
  Status hold();
  // Gives the space back to the file system. Not an error if it was not held.
  Status release();

 private:
  std::filesystem::path file_;
  std::uint64_t bytes_;
};

}  // namespace facekeep::store
