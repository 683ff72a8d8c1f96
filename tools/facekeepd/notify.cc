#include "tools/facekeepd/notify.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "api/http/socket.h"
#include "vault/base/json.h"

namespace facekeep::daemon {
namespace {

using http::UniqueFd;

Status write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return make_error(Errc::kIo, "the ready message can't be written: " + http::errno_text());
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

}  // namespace

Status notify_manager(std::string_view message) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr || *path == '\0') return {};
  const std::size_t length = std::strlen(path);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if ((path[0] != '/' && path[0] != '@') || length >= sizeof address.sun_path) {
    return make_error(Errc::kInvalidArgument, "NOTIFY_SOCKET is not a socket's name");
  }
  std::memcpy(address.sun_path, path, length);
  if (path[0] == '@') address.sun_path[0] = '\0';
  const UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  if (fd.get() < 0 || sendto(fd.get(), message.data(), message.size(), MSG_NOSIGNAL,
                             reinterpret_cast<const sockaddr*>(&address), size) < 0) {
    return make_error(Errc::kIo, "the service manager can't be told: " + http::errno_text());
  }
  return {};
}

std::string url_of(const std::string& address, std::uint16_t port) {
  const bool v6 = address.find(':') != std::string::npos;
  return "https://" + (v6 ? "[" + address + "]" : address) + ":" + std::to_string(port);
}

std::string ready_line(const Endpoints& endpoints) {
  nlohmann::ordered_json out = {{"main", endpoints.main}};
  if (endpoints.open) out["public"] = *endpoints.open;
  return out.dump() + "\n";
}

Status write_ready_file(const std::string& path, std::string_view line) {
  const std::string beside = path + ".new";
  const UniqueFd fd(open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (fd.get() < 0) return make_error(Errc::kIo, "the file " + beside + " can't be made: " + http::errno_text());
  FK_CHECK(write_all(fd.get(), line));
  if (std::rename(beside.c_str(), path.c_str()) != 0) {
    return make_error(Errc::kIo, "the file " + path + " can't be made: " + http::errno_text());
  }
  return {};
}

Status write_ready_fd(int fd, std::string_view line) {
  const UniqueFd owned(fd);
  return write_all(owned.get(), line);
}

}  // namespace facekeep::daemon
