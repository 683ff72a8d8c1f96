// facekeep unseal: one custodian hands in one card. Nothing of the card leaves this machine before the
// vault has shown that it is the vault, and the person has seen which program runs.
#include "tools/facekeep/card_input.h"
#include "tools/facekeep/commands.h"
#include "tools/facekeep/folded_log.h"
#include "tools/facekeep/receipt.h"
#include "tools/facekeep/start_witness.h"
#include "vault/base/clock.h"
#include "vault/seal/share_envelope.h"

namespace facekeep::tools {
namespace {

struct Options {
  int share_fd = -1;
  bool yes = false;
  std::string program;  // expected digest
  std::string receipt;  // file to keep it in; may be empty
};

void show(const Notice& notice, const CheckedVault& vault, Reporter& report) {
  const std::string size = std::to_string(vault.start.checkpoint.size);
  report.say(Msg::kCliVaultIs, {notice.name, to_hex(notice.vault)});
  if (notice.rehearsal) report.say(Msg::kRehearsal);
  report.say(continuity_text(vault.continuity), {size});
  report.say(Msg::kCliProgramIs, {vault.start.start.version, to_hex(vault.start.start.program),
                                  to_hex(vault.start.start.config), format_time(vault.start.time)});
  report.say(Msg::kCliSharesIn, {groups_text(vault.status.groups)});
  report.field("program", to_hex(vault.start.start.program));
  report.field("config", to_hex(vault.start.start.config));
  report.field("log_size", vault.start.checkpoint.size);
}

// Which program the share goes to. Without a person at the terminal only what was agreed on before is taken: the
// program and configuration that this machine remembers, or the program that --program names (its configuration
// can't widen anything; a change of it is shown all the same). A person who never agreed to this vault here is asked
// even so, unless the notice pins the ceremony's own log and cards: the digest alone does not say whose vault it is.
Status approve_program(Context& context, const Notice& notice, const Options& o, const CheckedVault& vault,
                       const std::optional<ClientMemory::Program>& known, Reporter& report) {
  const ClientMemory::Program now{vault.start.start.program, vault.start.start.config};
  const std::string running = to_hex(now.program);
  if (known && known->program != now.program) {
    report.warn(Msg::kCliProgramChanged, {to_hex(known->program), running});
  }
  if (known && known->config != now.config) {
    report.warn(Msg::kCliConfigChanged, {to_hex(known->config), to_hex(now.config)});
  }
  report.field("program_known", known == now);
  if (!o.program.empty() && o.program != running) {
    return say_error(Errc::kIntegrity, "other-program", Msg::kCliOtherProgram, Msg::kCliOtherProgramHint,
                     {running, o.program});
  }
  const bool pinned = !notice.checkpoint.empty() && !notice.cards.empty();
  if (!o.program.empty() && (known || pinned)) return {};
  if (o.yes && o.program.empty()) {
    if (known == now) return {};
    return say_error(Errc::kIntegrity, "unknown-program", known ? Msg::kCliYesChanged : Msg::kCliYesUnknown,
                     Msg::kCliYesHint);
  }
  auto person = context.terminal();
  if (!person && !o.program.empty()) {
    return say_error(Errc::kInvalidArgument, "no-terminal", Msg::kCliFirstAlone, Msg::kCliFirstAloneHint);
  }
  if (!person) return say_error(Errc::kInvalidArgument, "no-terminal", Msg::kCliAskProgram, Msg::kCliYesHint);
  if (context.json) {  // stdout is for the object alone
    FK_CHECK((*person)->show(context.text(Msg::kCliProgramIs, {vault.start.start.version, running, to_hex(now.config),
                                                               format_time(vault.start.time)}) +
                             "\n"));
  }
  FK_TRY(const bool go, (*person)->confirm(context.lang, context.text(Msg::kCliAskProgram)));
  if (!go) return say_error(Errc::kInvalidArgument, "cancelled", Msg::kCancelled, Msg::kCliOtherProgramHint);
  return {};
}

Status unseal(Context& context, const Options& o, Reporter& report) {
  FK_TRY(const Notice notice, context.notice());
  FK_TRY(const Identity identity, load_identity(context));
  FK_TRY(VaultApi api, VaultApi::connect(notice, identity));
  FK_TRY(const CheckedVault vault, check_vault_now(context, notice, api));
  show(notice, vault, report);
  if (vault.status.state == "open") {
    return say_error(Errc::kFailedPrecondition, "already-open", Msg::kCliPAlreadyOpen, Msg::kCliAlreadyOpenHint);
  }
  FK_TRY(const ledger::State state, fold_log(context, notice, api, vault.start.checkpoint));
  FK_CHECK(check_last_start(state, vault.start));
  FK_CHECK(show_start(context, notice, vault.start, report));
  FK_CHECK(check_start_witnessed(context, notice, api, state.current().witnesses, vault.start, report));
  FK_TRY(const EnteredCard card, read_card(context, o.share_fd));
  // The notice has the ceremony's cards; after a re-share the log has others.
  const bool renewed = !state.retired_cards().empty();
  if (renewed || !notice.cards.empty()) {
    const auto known = renewed ? find_card(state, card.words) : find_card(notice.cards, card.words);
    if (!known) return no_present_card(state, card.words);
    report.say(Msg::kCliCardIs, {known->group, std::to_string(known->number)});
  }
  FK_TRY(const ClientMemory memory, context.memory());
  FK_TRY(const auto known, memory.program(notice.vault));
  FK_CHECK(approve_program(context, notice, o, vault, known, report));
  FK_CHECK(memory.put_program(notice.vault, {vault.start.start.program, vault.start.start.config}));
  FK_CHECK(memory.put_start(notice.vault, vault.start.entry));

  FK_TRY(const Bytes sealed, seal::seal_share(vault.start.start.unseal_to, notice.vault, card.words));
  const std::string body = Json{{"share", to_base64(sealed)}}.dump();
  FK_TRY(const Json answer, api.json("POST", "/v1/unseal", as_bytes(body)));
  FK_TRY(const auto groups, parse_groups(answer));
  const bool open = answer.value("state", "") == "open";
  report.say(Msg::kCliShareTaken);
  report.say(open ? Msg::kCliNowOpen : Msg::kCliStillNeeded, {groups_text(groups)});
  for (const char* key : {"state", "group", "share", "groups", "entry"}) report.field(key, answer.value(key, Json()));
  // The card is counted under its own number, whoever of its holders handed it in. What was just written is remembered
  // too, so that a log rolled back to before it is noticed.
  const Expected taken{[&](const ledger::Event& e) {
    const auto* share = std::get_if<ledger::UnsealShare>(&e.body);
    return share != nullptr && share->group == answer.value("group", "") &&
           share->share == answer.value("share", std::uint32_t{0});
  }};
  return keep_receipt_of(context, notice, api, answer, taken, o.receipt, report);
}

}  // namespace

void add_unseal(CLI::App& app, Context& context) {
  auto o = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("unseal", context.text(Msg::kHelpUnseal));
  command->add_option("--share-fd", o->share_fd, context.text(Msg::kHelpShareFd));
  command->add_option("--program", o->program, context.text(Msg::kHelpProgramDigest));
  command->add_flag("--yes", o->yes, context.text(Msg::kHelpYes));
  add_receipt_option(*command, context, o->receipt);
  command->callback([o, &context] { context.run([o, &context](Reporter& r) { return unseal(context, *o, r); }); });
}

}  // namespace facekeep::tools
