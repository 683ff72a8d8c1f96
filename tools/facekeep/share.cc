// facekeep share check: is a card still good? Nothing of the card leaves this machine: it is compared with the
// commitments in the public log, of the present set, of those before, and of one that is proposed.
#include "tools/facekeep/card_input.h"
#include "tools/facekeep/commands.h"
#include "tools/facekeep/folded_log.h"
#include "vault/ledger/proposal_decide.h"

namespace facekeep::tools {
namespace {

struct Options {
  int share_fd = -1;
  bool offline = false;
};

// The log as it is now; nothing where the vault is away and the notice has cards to go by.
Result<std::optional<ledger::State>> fold_if_there(const Context& context, const Notice& notice, Reporter& report) {
  const auto now = [&]() -> Result<ledger::State> {
    FK_TRY(VaultApi api, VaultApi::connect_public(notice));
    FK_TRY(FoldedVault vault, fold_vault_now(context, notice, api));
    return std::move(vault.state);
  };
  auto state = now();
  if (state) return std::optional(std::move(*state));
  if (state.error().code != Errc::kUnavailable || notice.cards.empty()) return std::move(state).error();
  report.warn(Msg::kCliCardsOfNotice, {state.error().message});
  return std::optional<ledger::State>();
}

Status is_good(const NoticeCard& card, Reporter& report, const char* set = "present") {
  report.say(Msg::kCliCardGood, {card.group, std::to_string(card.number)});
  report.field("set", set);
  report.field("group", card.group);
  report.field("commitment", to_hex(card.commitment));
  return {};
}

Status check_in_log(const ledger::State& state, const seal::SecretWords& words, Reporter& report) {
  if (const auto known = find_card(state, words)) {
    const bool present = find_card(cards_of(state.current().groups), words).has_value();
    return is_good(*known, report, present ? "present" : "before");
  }
  for (const auto& [id, p] : state.proposals()) {
    const auto* reshare = std::get_if<ledger::Reshare>(&p.made.action);
    if (reshare == nullptr || is_final(stage_at(state, p, last_moment(state)))) continue;
    const auto coming = find_card(cards_of(reshare->groups), words);
    if (!coming) continue;
    report.say(Msg::kCliCardComing, {coming->group, std::to_string(coming->number), to_hex(id)});
    report.field("set", "proposed");
    report.field("group", coming->group);
    report.field("proposal", to_hex(id));
    return {};
  }
  return no_present_card(state, words);
}

Status check(Context& context, const Options& o, Reporter& report) {
  std::optional<Notice> notice;
  std::optional<ledger::State> state;
  if (!o.offline) {
    FK_TRY(notice, context.notice());
    FK_TRY(state, fold_if_there(context, *notice, report));
    report.say(Msg::kCliVaultIs, {notice->name, to_hex(notice->vault)});
  }
  FK_TRY(const EnteredCard card, read_card(context, o.share_fd));
  const std::string number = std::to_string(card.meta.member_index + 1);
  report.field("checksum", "good");
  report.field("number", card.meta.member_index + 1);
  if (o.offline) {
    report.say(Msg::kCliCardChecksum, {std::to_string(card.meta.group_index + 1), number});
    return {};
  }
  if (state) return check_in_log(*state, card.words, report);
  const auto known = find_card(notice->cards, card.words);
  if (known) return is_good(*known, report);
  return say_error(Errc::kInvalidArgument, "foreign-share", Msg::kCliPForeignShare, Msg::kCliForeignHint);
}

}  // namespace

void add_share(CLI::App& app, Context& context) {
  CLI::App* group = app.add_subcommand("share", context.text(Msg::kHelpShareCommand));
  group->require_subcommand(1);
  auto o = std::make_shared<Options>();
  CLI::App* command = group->add_subcommand("check", context.text(Msg::kHelpShareCheck));
  command->add_option("--share-fd", o->share_fd, context.text(Msg::kHelpShareFd));
  command->add_flag("--offline", o->offline, context.text(Msg::kHelpOffline));
  command->callback([o, &context] { context.run([o, &context](Reporter& r) { return check(context, *o, r); }); });
}

}  // namespace facekeep::tools
