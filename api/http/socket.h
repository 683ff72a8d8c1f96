// Small helpers over sockets, all non-blocking.
#pragma once

#include <string>
#include <utility>

#include "vault/base/result.h"

namespace facekeep::http {

// Owns one descriptor.
class UniqueFd {
 public:
  UniqueFd() noexcept = default;
  explicit UniqueFd(int fd) noexcept : fd_(fd) {}
  ~UniqueFd() { reset(); }
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  [[nodiscard]] int get() const noexcept { return fd_; }
  void reset() noexcept;

 private:
  int fd_ = -1;
};

struct Listening {
  int fd = -1;
  std::uint16_t port = 0;
};
// A listening, non-blocking, close-on-exec TCP socket on a numeric address. kInvalidArgument, kIo.
Result<Listening> listen_on(const std::string& address, std::uint16_t port);

// Accepts one connection (non-blocking, close-on-exec, no delay). -1 with errno; `address` is numeric.
int accept_from(int fd, std::string& address);

// What counts as one address for caps: an IPv4 address, the /64 of an IPv6 address (one host has as many as it likes).
std::string address_group(const std::string& address);

inline constexpr int kNothingYet = -1;
inline constexpr int kPeerGone = -2;
// The first byte that waits, or one of the two above.
int peek_byte(int fd);
bool has_input(int fd);
// Reads and drops what waits. False once the peer has closed.
bool discard_input(int fd);

std::string errno_text();

}  // namespace facekeep::http
