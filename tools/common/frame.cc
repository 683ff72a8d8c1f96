#include "tools/common/frame.h"

#include <vector>

#include "tools/common/problems.h"
#include "tools/common/say.h"

namespace facekeep::tools {
namespace {

// The language and the form of the output must be known before CLI11 can be asked: help and parse errors
// need them already.
Status look_ahead(const std::vector<std::string>& args, Frame& frame) {
  frame.lang = default_lang();
  std::string asked;
  for (std::size_t i = 0; i < args.size(); ++i) {
    if (args[i] == "--json") frame.json = true;
    if (args[i].starts_with("--lang=")) asked = args[i].substr(7);
    if (args[i] == "--lang" && i + 1 < args.size()) asked = args[i + 1];
  }
  if (asked.empty()) return {};
  FK_TRY(frame.lang, parse_lang(asked));
  return {};
}

// "facekeep key new --help" for the deepest command that was named.
std::string help_of(const CLI::App& app) {
  std::string path = app.get_name();
  const CLI::App* at = &app;
  for (;;) {
    const auto parsed = at->get_subcommands();
    if (parsed.empty()) break;
    at = parsed.front();
    path += " " + at->get_name();
  }
  return path + " --help";
}

Error mistake(const Frame& frame, const CLI::App& app, const CLI::ParseError& e) {
  // Without a command CLI11 would say "A subcommand is required", whatever was mistyped.
  const bool no_command = dynamic_cast<const CLI::RequiredError*>(&e) != nullptr && !frame.command() &&
                          std::string_view(e.what()).find("subcommand") != std::string_view::npos;
  return make_problem(Errc::kInvalidArgument, "bad-arguments", no_command ? frame.text(Msg::kCliNoCommand) : e.what(),
                      frame.text(Msg::kCliSeeHelp, {help_of(app)}));
}

}  // namespace

int run_framed(const ProgramName& program, const Declare& declare, int argc, const char* const* argv, Frame& frame) {
  const std::vector<std::string> args(argv + (argc > 0 ? 1 : 0), argv + argc);
  const Status known = look_ahead(args, frame);
  set_error_lang(frame.lang);
  Reporter reporter(frame.lang, frame.json, frame.out, frame.err);
  if (!known) return report_failure(reporter, known.error());

  CLI::App app(frame.text(program.about), program.name);
  app.fallthrough();  // global options may stand behind the command; inherited by what is added below
  app.require_subcommand(1);
  app.get_formatter()->column_width(34);
  app.set_help_flag("-h,--help", frame.text(Msg::kHelpHelp));
  app.set_version_flag("--version", std::string(program.name) + " " + program.version, frame.text(Msg::kHelpVersion));
  std::string lang;
  declare(app);
  app.add_option("--lang", lang, frame.text(Msg::kHelpLang));
  app.add_flag("--json", frame.json, frame.text(Msg::kHelpJson));
  try {
    std::vector<std::string> reversed(args.rbegin(), args.rend());
    app.parse(reversed);
  } catch (const CLI::Success& e) {
    return app.exit(e, frame.out, frame.err);
  } catch (const CLI::ParseError& e) {
    return report_failure(reporter, mistake(frame, app, e));
  }
  try {
    const Status done = frame.command()(reporter);
    return done ? reporter.done() : report_failure(reporter, done.error());
  } catch (const std::exception& e) {
    return report_failure(reporter, make_error(Errc::kInternal, e.what()));
  }
}

}  // namespace facekeep::tools
