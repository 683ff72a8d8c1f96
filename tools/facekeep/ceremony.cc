// facekeep ceremony: the key ceremony, step by step on the terminal, or from a script (a rehearsal, and
// marked so for ever). Nothing is durable before every card is proven and every custodian has signed.
#include <filesystem>

#include "hsm/trial.h"
#include "tools/common/escape.h"
#include "tools/facekeep/ceremony_hand_out.h"
#include "tools/facekeep/ceremony_vault.h"
#include "tools/facekeep/commands.h"
#include "tools/facekeep/token_access.h"

namespace facekeep::tools {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::string plan;
  std::string dir;
  TokenAccess token;
  std::string out = ".";
  std::string cards;
  std::string script;
  bool allow_one_group = false;
};

Status hold(const Options& o, Reporter& report) {
  FK_TRY(const Plan plan, read_plan(o.plan, o.allow_one_group));
  const bool rehearsal = !o.script.empty();
  std::unique_ptr<Terminal> terminal;
  std::unique_ptr<Room> room;
  std::optional<Uninterrupted> uninterrupted;
  if (rehearsal) {
    FK_TRY(room, scripted_room(o.script, o.cards));
    uninterrupted.emplace();
  } else {
    if (!o.cards.empty()) FK_CHECK(check_memory_disk(o.cards));
    FK_TRY(terminal, open_terminal());
    room = terminal_room(*terminal, report.lang(), o.cards);
    FK_CHECK(terminal->show(format_message(report.lang(), Msg::kCeremonyWarning) + "\n"));
    FK_TRY(const bool go,
           terminal->confirm(report.lang(), format_message(report.lang(), Msg::kCeremonyGo, {plan.name})));
    if (!go) return make_error(Errc::kFailedPrecondition, format_message(report.lang(), Msg::kCancelled));
    uninterrupted.emplace();
  }
  std::error_code ec;
  if (fs::exists(o.dir + "/db", ec)) {
    return make_error(Errc::kAlreadyExists, "the directory " + o.dir + " holds a vault already",
                      "choose an empty directory");
  }
  FK_TRY(auto token, open_token(o.token));
  FK_CHECK(hsm::require_able(token));  // before anybody copies a card

  Transcript transcript;
  transcript.add(std::string("key ceremony") + (rehearsal ? " (REHEARSAL)" : "") + ", preset " +
                 std::string(to_string(plan.preset)));
  FK_TRY(const auto vault, NewVault::draw(plan, token, rehearsal));
  const ledger::Genesis& g = vault->genesis();
  transcript.add("vault " + to_hex(g.vault));
  transcript.add("token " + escape_untrusted(g.token.manufacturer) + " " + escape_untrusted(g.token.model) +
                 " serial " + escape_untrusted(g.token.serial) + " class " + g.token.token_class);
  transcript.add("root key " + g.token.root.mechanism + ", log key " + g.token.log_sign.mechanism +
                 ", both made inside the token");
  if (!o.cards.empty()) transcript.add("printable cards were written to a folder, for a printer");
  FK_CHECK(hand_out_cards({plan.name, g.vault, rehearsal, plan.groups, g.groups, g.unseal_key}, vault->cards(), *room,
                          transcript));
  vault->forget_cards();
  for (const auto& p : g.principals) transcript.add("registered " + p.id + " with key " + to_hex(p.key));
  vault->set_transcript(transcript.digest());
  FK_TRY(const std::string statement, ledger::genesis_statement(g));
  FK_TRY(auto signatures, collect_signatures(plan.groups, statement, *room));
  vault->set_signatures(std::move(signatures));
  // Its digest is in genesis: it must exist before the vault does.
  FK_CHECK(write_public(o.out + "/transcript.txt", transcript.text()));
  FK_CHECK(vault->commit(o.dir));
  room->keep();
  FK_CHECK(write_public(o.out + "/notice.json", vault->notice().dump(2) + "\n"));
  report.say(Msg::kCeremonyDone, {to_hex(g.vault), o.dir});
  report.say(Msg::kCeremonyVkey, {g.log_key});
  report.say(Msg::kCeremonyNotice, {o.out + "/notice.json", o.out + "/transcript.txt"});
  if (g.token.token_class == "software") report.warn(Msg::kCeremonySoftwareToken);
  if (rehearsal) report.warn(Msg::kCeremonyRehearsal);
  report.field("vault", to_hex(g.vault));
  report.field("vkey", g.log_key);
  report.field("notice", o.out + "/notice.json");
  return {};
}

}  // namespace

void add_ceremony(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("ceremony", "hold the key ceremony: make a vault that several people open together");
  command->add_option("--plan", options->plan, "the plan (JSON): groups, custodians, sites, doors, models")->required();
  command->add_option("--dir", options->dir, "the vault's data directory (new)")->required();
  add_token_options(*command, context, "--token-uri", options->token);
  command->add_option("--out", options->out, "folder for the notice and the transcript");
  command->add_option("--cards", options->cards, "folder for printable cards (a printing station's memory disk)");
  command->add_option("--script", options->script,
                      "hold a rehearsal from this script; the vault is marked so for ever");
  command->add_flag("--allow-one-group", options->allow_one_group, "allow preset one-group");
  command->callback(
      [options, &context] { context.run([options](Reporter& report) { return hold(*options, report); }); });
}

}  // namespace facekeep::tools
