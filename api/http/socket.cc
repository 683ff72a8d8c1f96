#include "api/http/socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace facekeep::http {
namespace {

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

Result<Address> parse(const std::string& text, std::uint16_t port) {
  Address out;
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (::inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&out.storage, &v4, sizeof v4);
    out.size = sizeof v4;
  } else if (::inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::memcpy(&out.storage, &v6, sizeof v6);
    out.size = sizeof v6;
  } else {
    return make_error(Errc::kInvalidArgument, text + " is no IP address", "listeners bind to numeric addresses");
  }
  return out;
}

std::uint16_t port_of(const sockaddr_storage& storage) {
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (storage.ss_family == AF_INET) {
    std::memcpy(&v4, &storage, sizeof v4);
    return ntohs(v4.sin_port);
  }
  std::memcpy(&v6, &storage, sizeof v6);
  return ntohs(v6.sin6_port);
}

std::string text_of(const sockaddr_storage& storage) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (storage.ss_family == AF_INET) {
    std::memcpy(&v4, &storage, sizeof v4);
    ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
  } else {
    std::memcpy(&v6, &storage, sizeof v6);
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
      ::inet_ntop(AF_INET, &v6.sin6_addr.s6_addr[12], text.data(), text.size());
    } else {
      ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
    }
  }
  return text.data();
}

}  // namespace

void UniqueFd::reset() noexcept {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

std::string errno_text() {
  return std::strerror(errno);
}

Result<Listening> listen_on(const std::string& address, std::uint16_t port) {
  FK_TRY(const Address at, parse(address, port));
  const int fd = ::socket(at.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return make_error(Errc::kIo, "no socket: " + errno_text());
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&at.storage), at.size) != 0 || ::listen(fd, SOMAXCONN) != 0 ||
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size) != 0) {
    const std::string why = errno_text();
    ::close(fd);
    return make_error(Errc::kIo, "can't listen on " + address + " port " + std::to_string(port) + ": " + why,
                      "is another process using the port, and does the address belong to this machine?");
  }
  return Listening{fd, port_of(bound)};
}

int accept_from(int fd, std::string& address) {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  const int out = ::accept4(fd, reinterpret_cast<sockaddr*>(&peer), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (out < 0) return -1;
  const int on = 1;
  ::setsockopt(out, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  address = text_of(peer);
  return out;
}

std::string address_group(const std::string& address) {
  std::array<std::uint8_t, 16> raw{};
  if (address.find(':') == std::string::npos || ::inet_pton(AF_INET6, address.c_str(), raw.data()) != 1) return address;
  return {reinterpret_cast<const char*>(raw.data()), 8};
}

int peek_byte(int fd) {
  unsigned char c = 0;
  const ssize_t n = ::recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT);
  if (n == 1) return c;
  return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) ? kNothingYet : kPeerGone;
}

bool has_input(int fd) {
  return peek_byte(fd) >= 0;
}

bool discard_input(int fd) {
  std::array<char, 16 * 1024> buffer;
  // Bounded, so that a peer that keeps sending can't keep us here.
  for (int i = 0; i < 64; ++i) {
    const ssize_t n = ::recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n > 0) continue;
    return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
  }
  return false;
}

}  // namespace facekeep::http
