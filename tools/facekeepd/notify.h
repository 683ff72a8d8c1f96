// Telling whoever started the daemon that it serves: systemd, a file, or a descriptor.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "vault/base/result.h"

namespace facekeep::daemon {

// Sends one message to the service manager, if there is one ($NOTIFY_SOCKET; sd_notify(3), a datagram of
// "READY=1" and the like, to a path or an abstract name). kIo if it does not arrive.
Status notify_manager(std::string_view message);

struct Endpoints {
  std::string main;                 // "https://127.0.0.1:8443"
  std::optional<std::string> open;  // of the public listener
};
// One line of JSON: {"main":"https://...","public":"https://..."}, which a script that asked for port 0 reads.
std::string ready_line(const Endpoints& endpoints);
// "https://" address ":" port, an IPv6 address in brackets.
std::string url_of(const std::string& address, std::uint16_t port);

// Writes the line to a new file beside and renames it, so that who sees the file sees all of it.
Status write_ready_file(const std::string& path, std::string_view line);
// Writes the line and closes the descriptor.
Status write_ready_fd(int fd, std::string_view line);

}  // namespace facekeep::daemon
