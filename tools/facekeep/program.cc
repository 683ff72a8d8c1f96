#include "tools/facekeep/program.h"

#include <string>
#include <vector>

#include "tools/facekeep/commands.h"
#include "tools/facekeep/problems.h"

namespace facekeep::tools {
namespace {

// The language and the form of the output must be known before CLI11 can be asked: help and parse errors
// need them already.
Status look_ahead(const std::vector<std::string>& args, Context& context) {
  context.lang = default_lang();
  std::string asked;
  for (std::size_t i = 0; i < args.size(); ++i) {
    if (args[i] == "--json") context.json = true;
    if (args[i].starts_with("--lang=")) asked = args[i].substr(7);
    if (args[i] == "--lang" && i + 1 < args.size()) asked = args[i + 1];
  }
  if (asked.empty()) return {};
  FK_TRY(context.lang, parse_lang(asked));
  return {};
}

void add_globals(CLI::App& app, Context& context, std::string& lang) {
  const auto text = [&](Msg id) { return context.text(id); };
  app.set_help_flag("-h,--help", text(Msg::kHelpHelp));
  app.set_version_flag("--version", std::string("facekeep ") + FACEKEEP_VERSION, text(Msg::kHelpVersion));
  app.add_option("--vault", context.notice_path, text(Msg::kHelpVault))->envname("FACEKEEP_VAULT");
  app.add_option("--key", context.key_path, text(Msg::kHelpKey))->envname("FACEKEEP_KEY");
  app.add_option("--cert", context.cert_path, text(Msg::kHelpCert));
  app.add_option("--passphrase-fd", context.passphrase_fd, text(Msg::kHelpPassphraseFd));
  app.add_option("--lang", lang, text(Msg::kHelpLang));
  app.add_flag("--json", context.json, text(Msg::kHelpJson));
}

// "facekeep key new --help" for the deepest command that was named.
std::string help_of(const CLI::App& app) {
  std::string path = "facekeep";
  const CLI::App* at = &app;
  for (;;) {
    const auto parsed = at->get_subcommands();
    if (parsed.empty()) break;
    at = parsed.front();
    path += " " + at->get_name();
  }
  return path + " --help";
}

Error mistake(const Context& context, const CLI::App& app, const CLI::ParseError& e) {
  // Without a command CLI11 would say "A subcommand is required", whatever was mistyped.
  const bool no_command = dynamic_cast<const CLI::RequiredError*>(&e) != nullptr && !context.command() &&
                          std::string_view(e.what()).find("subcommand") != std::string_view::npos;
  return make_problem(Errc::kInvalidArgument, "bad-arguments", no_command ? context.text(Msg::kCliNoCommand) : e.what(),
                      context.text(Msg::kCliSeeHelp, {help_of(app)}));
}

}  // namespace

int run_program(std::span<const AddCommand> commands, int argc, const char* const* argv, Context& context) {
  const std::vector<std::string> args(argv + (argc > 0 ? 1 : 0), argv + argc);
  const Status known = look_ahead(args, context);
  set_error_lang(context.lang);
  Reporter reporter(context.lang, context.json, context.out, context.err);
  if (!known) return report_failure(reporter, known.error());

  CLI::App app(context.text(Msg::kHelpProgram), "facekeep");
  app.fallthrough();  // global options may stand behind the command; inherited by what is added below
  app.require_subcommand(1);
  app.get_formatter()->column_width(34);
  std::string lang;
  add_globals(app, context, lang);
  for (const AddCommand add : commands) add(app, context);
  try {
    std::vector<std::string> reversed(args.rbegin(), args.rend());
    app.parse(reversed);
  } catch (const CLI::Success& e) {
    return app.exit(e, context.out, context.err);
  } catch (const CLI::ParseError& e) {
    return report_failure(reporter, mistake(context, app, e));
  }
  try {
    const Status done = context.command()(reporter);
    return done ? reporter.done() : report_failure(reporter, done.error());
  } catch (const std::exception& e) {
    return report_failure(reporter, make_error(Errc::kInternal, e.what()));
  }
}

}  // namespace facekeep::tools
