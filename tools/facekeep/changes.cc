// facekeep changes: the feed that tells an access system whose copies to drop.
#include "tools/facekeep/commands.h"
#include "tools/facekeep/vault_api.h"

namespace facekeep::tools {
namespace {

struct Options {
  std::string site;
  std::uint64_t after = 0;
};

Msg word(const std::string& what) {
  if (what == "erased") return Msg::kCliChangeErased;
  return what == "suspended" ? Msg::kCliChangeSuspended : Msg::kCliChangeEnrolled;
}

Status changes(Context& context, const Options& o, Reporter& report) {
  FK_TRY(const Notice notice, context.notice());
  FK_TRY(const Identity identity, load_identity(context));
  FK_TRY(VaultApi api, VaultApi::connect(notice, identity));
  Json all = Json::array();
  std::uint64_t after = o.after;
  for (bool more = true; more;) {
    FK_TRY(const Json page,
           api.json("GET", "/v1/sites/" + percent_encode(o.site) + "/changes?after=" + std::to_string(after)));
    for (const Json& c : page.value("changes", Json::array())) {
      if (!c.is_object()) continue;
      if (context.json) {
        all.push_back(c);
      } else {
        report.say(word(c.value("what", "")), {c.value("entry", Json()).dump(), c.value("subject", "-")});
      }
    }
    const std::uint64_t next = page.value("next", after);
    // A feed that says "more" and does not move on would never end.
    more = page.value("more", false) && next > after;
    after = std::max(after, next);
  }
  report.say(Msg::kCliChangesNext, {std::to_string(after)});
  report.field("changes", std::move(all));
  report.field("next", after);
  return {};
}

}  // namespace

void add_changes(CLI::App& app, Context& context) {
  auto o = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("changes", context.text(Msg::kHelpChanges));
  command->add_option("--site", o->site, context.text(Msg::kHelpSite))->required();
  command->add_option("--after", o->after, context.text(Msg::kHelpAfter));
  command->callback([o, &context] { context.run([o, &context](Reporter& r) { return changes(context, *o, r); }); });
}

}  // namespace facekeep::tools
