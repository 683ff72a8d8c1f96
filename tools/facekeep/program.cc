#include "tools/facekeep/program.h"

namespace facekeep::tools {
namespace {

void add_globals(CLI::App& app, Context& context) {
  const auto text = [&](Msg id) { return context.text(id); };
  app.add_option("--vault", context.notice_path, text(Msg::kHelpVault))->envname("FACEKEEP_VAULT");
  app.add_option("--key", context.key_path, text(Msg::kHelpKey))->envname("FACEKEEP_KEY");
  app.add_option("--cert", context.cert_path, text(Msg::kHelpCert));
  app.add_option("--passphrase-fd", context.passphrase_fd, text(Msg::kHelpPassphraseFd));
}

}  // namespace

int run_program(std::span<const AddCommand> commands, int argc, const char* const* argv, Context& context) {
  const auto declare = [&](CLI::App& app) {
    add_globals(app, context);
    for (const AddCommand add : commands) add(app, context);
  };
  return run_framed({"facekeep", FACEKEEP_VERSION, Msg::kHelpProgram}, declare, argc, argv, context);
}

}  // namespace facekeep::tools
