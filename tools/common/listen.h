// Where a small server of the command line listens.
#pragma once

#include <cstdint>
#include <string>

#include "vault/base/result.h"

namespace facekeep::tools {

// "ADDRESS:PORT", an IPv6 address in brackets; port 0 lets the system choose. kInvalidArgument.
struct ListenAddress {
  std::string address;
  std::uint16_t port = 0;
};
Result<ListenAddress> parse_listen(const std::string& text);

// "https://ADDRESS:PORT" of it.
std::string url_at(const ListenAddress& at, std::uint16_t port);

}  // namespace facekeep::tools
