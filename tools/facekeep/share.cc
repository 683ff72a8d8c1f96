// facekeep share check: does a card still say what the ceremony wrote on it? Nothing of the card leaves this
// machine: it is compared with the commitments that are public.
#include "tools/facekeep/card_input.h"
#include "tools/facekeep/commands.h"
#include "tools/facekeep/log_entries.h"

namespace facekeep::tools {
namespace {

struct Options {
  int share_fd = -1;
  bool offline = false;
};

// The commitments of genesis, entry 0 of the log, proven to be in the checkpoint that the log key signed.
Result<std::vector<NoticeCard>> cards_of_genesis(const Context& context, const Notice& notice) {
  FK_TRY(VaultApi api, VaultApi::connect_public(notice));
  FK_TRY(const CheckedVault vault, check_vault_now(context, notice, api));
  FK_TRY(const ledger::Genesis genesis, prove_genesis(api, notice, vault.start.checkpoint));
  std::vector<NoticeCard> out;
  for (const ledger::Group& g : genesis.groups) {
    for (const ledger::ShareCard& card : g.shares) out.push_back({g.id, card.number, card.commitment});
  }
  return out;
}

Status check(Context& context, const Options& o, Reporter& report) {
  std::vector<NoticeCard> cards;
  if (!o.offline) {
    FK_TRY(const Notice notice, context.notice());
    cards = notice.cards;
    if (cards.empty()) {
      FK_TRY(cards, cards_of_genesis(context, notice));
    }
    report.say(Msg::kCliVaultIs, {notice.name, to_hex(notice.vault)});
  }
  FK_TRY(const EnteredCard card, read_card(context, o.share_fd));
  const std::string number = std::to_string(card.meta.member_index + 1);
  report.field("checksum", "good");
  report.field("number", card.meta.member_index + 1);
  if (o.offline) {
    report.say(Msg::kCliCardChecksum, {std::to_string(card.meta.group_index + 1), number});
    return {};
  }
  const auto known = find_card(cards, card.words);
  if (!known) {
    return say_error(Errc::kInvalidArgument, "foreign-share", Msg::kCliPForeignShare, Msg::kCliForeignHint);
  }
  report.say(Msg::kCliCardGood, {known->group, std::to_string(known->number)});
  report.field("group", known->group);
  report.field("commitment", to_hex(known->commitment));
  return {};
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
