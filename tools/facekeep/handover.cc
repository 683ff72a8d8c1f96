// facekeep share handover: one page for a custodian who leaves or comes, in both languages, put together from the log
// as this machine folds it. Public facts alone: ids, fingerprints, thresholds, dates.
#include "tools/facekeep/handover.h"

#include "tools/common/words.h"
#include "tools/facekeep/commands.h"
#include "tools/facekeep/folded_log.h"
#include "vault/ledger/schedule.h"
#include "vault/ledger/sshsig.h"
#include "vault/log/note.h"

namespace facekeep::tools {
namespace {

std::string fingerprint(const std::string& approval_key) {
  const auto key = ledger::parse_public_key_line(approval_key);
  return key ? ledger::ssh_fingerprint(key->key) : approval_key;
}

// Writes one language's half.
class Page {
 public:
  Page(Lang lang, const ledger::State& state, const Notice& notice, const std::string& who)
      : lang_(lang), state_(state), notice_(notice), who_(who) {}

  std::vector<std::string> take() && {
    say(Msg::kHandoverTitle, {who_.empty() ? notice_.name : notice_.name + ", " + who_});
    say(Msg::kHandoverVault, {to_hex(state_.genesis().vault), std::to_string(state_.size()),
                              format_time(state_.last_time()), state_.current().log_key});
    for (const auto& group : state_.current().groups) cards(group);
    for (const auto& p : state_.current().principals) person(p);
    dates();
    for (const Msg id : {Msg::kHandoverLeaves, Msg::kHandoverLeaves1, Msg::kHandoverLeaves2, Msg::kHandoverLeaves3,
                         Msg::kHandoverComes, Msg::kHandoverComes1, Msg::kHandoverComes2, Msg::kHandoverComes3,
                         Msg::kHandoverNever, Msg::kHandoverNever1, Msg::kHandoverNever2}) {
      say(id, {});
    }
    return std::move(lines_);
  }

 private:
  void say(Msg id, const std::vector<std::string>& args) { lines_.push_back(words(lang_, id, args)); }

  void cards(const ledger::Group& group) {
    say(Msg::kHandoverGroup, {group.id, std::to_string(group.threshold), std::to_string(group.shares.size())});
    for (const auto& card : group.shares) {
      std::vector<std::string> holders;
      for (const auto h : card.holders) holders.push_back(group.id + "/" + std::to_string(h));
      say(Msg::kHandoverCard, {std::to_string(card.number), list_of(lang_, holders, Msg::kPropAll)});
    }
  }

  void person(const ledger::PrincipalRecord& p) {
    if (p.role != ledger::Role::kCustodian || (!who_.empty() && p.id != who_)) return;
    say(Msg::kHandoverPerson,
        {p.id, fingerprint(p.approval_key), to_hex(p.key), p.until ? *p.until : words(lang_, Msg::kPropNoLimit)});
    if (p.deputy) say(Msg::kHandoverDeputy, {p.id});
  }

  void dates() {
    say(Msg::kHandoverDates, {});
    const ledger::Moment now = last_moment(state_);
    if (const auto due = rotation_due(state_, now)) {
      say(Msg::kHandoverRotation, {format_day(due->at), std::to_string(state_.current().rotate_days)});
    } else {
      say(Msg::kHandoverNoRotation, {});
    }
    if (const auto& since = state_.cards_since()) {
      say(Msg::kHandoverYear, {format_day(*since), format_day(ledger::card_year(*since, now.wall).next)});
    } else {
      say(Msg::kHandoverYearUnknown, {});
    }
  }

  Lang lang_;
  const ledger::State& state_;
  const Notice& notice_;
  const std::string& who_;
  std::vector<std::string> lines_;
};

Status handover(Context& context, const std::string& who, Reporter& report) {
  FK_TRY(const Notice notice, context.notice());
  FK_TRY(VaultApi api, VaultApi::connect_public(notice));
  FK_TRY(const FoldedVault vault, fold_vault_now(context, notice, api));
  FK_TRY(const auto page, handover_page(vault.state, notice, who));
  for (const auto& line : page) report.line(line);
  report.field("page", page);
  report.field("log_size", vault.state.size());
  return {};
}

}  // namespace

Result<std::vector<std::string>> handover_page(const ledger::State& state, const Notice& notice,
                                               const std::string& who) {
  const auto* p = who.empty() ? nullptr : state.principal(who);
  if (!who.empty() && (p == nullptr || p->role != ledger::Role::kCustodian)) {
    return say_error(Errc::kNotFound, "no-custodian", Msg::kHandoverNobody, Msg::kCliHintNotFound, {who});
  }
  std::vector<std::string> out = Page(Lang::kEnglish, state, notice, who).take();
  out.emplace_back();
  for (auto& line : Page(Lang::kChinese, state, notice, who).take()) out.push_back(std::move(line));
  return out;
}

void add_handover(CLI::App& share, Context& context) {
  auto who = std::make_shared<std::string>();
  CLI::App* command = share.add_subcommand("handover", context.text(Msg::kHelpHandover));
  command->add_option("--custodian", *who, context.text(Msg::kHelpHandoverWho));
  command->callback(
      [who, &context] { context.run([who, &context](Reporter& r) { return handover(context, *who, r); }); });
}

}  // namespace facekeep::tools
