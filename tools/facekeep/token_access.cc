#include "tools/facekeep/token_access.h"

#include <fcntl.h>

#include "api/http/socket.h"
#include "hsm/pin.h"
#include "hsm/token_custody.h"

namespace facekeep::tools {
namespace {

Result<SecretBytes> read_token_pin(const TokenAccess& access) {
  if (access.pin_fd >= 0) return hsm::read_pin_from_descriptor(access.pin_fd);
  if (!access.pin_file.empty()) {
    const http::UniqueFd fd(open(access.pin_file.c_str(), O_RDONLY | O_CLOEXEC));
    if (fd.get() < 0) return make_error(Errc::kIo, "the PIN file can't be opened: " + http::errno_text());
    return hsm::read_pin_from_descriptor(fd.get());
  }
  return hsm::read_pin_from_terminal("PIN: ");
}

}  // namespace

void add_token_options(CLI::App& command, const Context& context, const std::string& uri_option, TokenAccess& access) {
  command.add_option(uri_option, access.uri, context.text(Msg::kHelpTokenUri))->required();
  command.add_option("--module", access.module, context.text(Msg::kHelpTokenModule));
  command.add_option("--pin-fd", access.pin_fd, context.text(Msg::kHelpPinFd));
  command.add_option("--pin-file", access.pin_file, context.text(Msg::kHelpTokenPinFile));
}

Result<std::shared_ptr<hsm::SessionPool>> open_token(const TokenAccess& access) {
  FK_TRY(SecretBytes pin, read_token_pin(access));
  hsm::OpenOptions options;
  options.module_path = access.module;
  return hsm::open_token(access.uri, std::move(pin), options);
}

}  // namespace facekeep::tools
