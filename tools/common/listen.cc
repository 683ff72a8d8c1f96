#include "tools/common/listen.h"

#include <charconv>

#include "tools/common/say.h"

namespace facekeep::tools {

Result<ListenAddress> parse_listen(const std::string& text) {
  const auto bad = [&] {
    return say_error(Errc::kInvalidArgument, "bad-listen", Msg::kAuditBadListen, Msg::kAuditBadListenHint, {text});
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0) return bad();
  ListenAddress out{text.substr(0, colon), 0};
  if (out.address.front() == '[' && out.address.back() == ']') {
    out.address = out.address.substr(1, out.address.size() - 2);
  } else if (out.address.find(':') != std::string::npos) {
    return bad();
  }
  const char* const end = text.data() + text.size();
  const auto [stop, ec] = std::from_chars(text.data() + colon + 1, end, out.port);
  if (ec != std::errc() || stop != end || out.address.empty()) return bad();
  return out;
}

std::string url_at(const ListenAddress& at, std::uint16_t port) {
  const std::string host = at.address.find(':') == std::string::npos ? at.address : "[" + at.address + "]";
  return "https://" + host + ":" + std::to_string(port);
}

}  // namespace facekeep::tools
