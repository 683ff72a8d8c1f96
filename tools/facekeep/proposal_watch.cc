#include "tools/facekeep/proposal_watch.h"

#include <csignal>
#include <ctime>

#include "tools/common/escape.h"
#include "tools/common/words.h"
#include "tools/facekeep/folded_log.h"
#include "tools/facekeep/log_entries.h"
#include "vault/ledger/proposal.h"

namespace facekeep::tools {
namespace {

struct ActText {
  Lang lang;
  std::string entry;

  template <class Body>
  std::optional<std::string> operator()(const Body&) const {
    return std::nullopt;
  }
  std::optional<std::string> operator()(const ledger::ProposalMade& e) const {
    return words(lang, Msg::kActMade,
                 {entry, to_hex(e.id), e.by, std::string(kind_of(e.action).action_class), e.purpose});
  }
  std::optional<std::string> operator()(const ledger::Approval& e) const {
    return words(lang, Msg::kActSigned, {entry, to_hex(e.vote.proposal), e.vote.by});
  }
  std::optional<std::string> operator()(const ledger::Veto& e) const {
    return words(lang, Msg::kActVetoed, {entry, to_hex(e.vote.proposal), e.vote.by});
  }
  std::optional<std::string> operator()(const ledger::ProposalWithdrawn& e) const {
    return words(lang, Msg::kActWithdrawn, {entry, to_hex(e.proposal), e.by});
  }
  std::optional<std::string> operator()(const ledger::ProposalDone& e) const {
    if (e.log_key) return words(lang, Msg::kActNewLogKey, {entry, to_hex(e.proposal), *e.log_key});
    return words(lang, Msg::kActDone, {entry, to_hex(e.proposal)});
  }
  std::optional<std::string> operator()(const ledger::ExportSealed& e) const {
    return words(lang, Msg::kActExportSealed,
                 {entry, to_hex(e.proposal), std::to_string(e.subjects), std::to_string(e.parts.size())});
  }
  std::optional<std::string> operator()(const ledger::ExportEnded& e) const {
    return words(lang, Msg::kActExportEnded, {entry, to_hex(e.proposal), e.reason});
  }
  std::optional<std::string> operator()(const ledger::ExportGiven& e) const {
    return words(lang, Msg::kActExportGiven, {entry, to_hex(e.proposal), e.by});
  }
  std::optional<std::string> operator()(const ledger::KeysRetired& e) const {
    return words(lang, Msg::kActKeysRetired, {entry, std::to_string(e.epoch)});
  }
  std::optional<std::string> operator()(const ledger::Revoked& e) const {
    std::string who;
    for (const auto& id : e.principals) who += (who.empty() ? "" : ", ") + id;
    return words(lang, Msg::kActRevoked, {entry, who, e.by, e.reason});
  }
  std::optional<std::string> operator()(const ledger::Tightened& e) const {
    return words(lang, Msg::kActTightened, {entry, std::string(kind_of(e.action).action_class), e.by});
  }
  std::optional<std::string> operator()(const ledger::CustodianSuspended& e) const {
    return words(lang, Msg::kActSuspended, {entry, e.custodian, e.by});
  }
  std::optional<std::string> operator()(const ledger::BackupMade& e) const {
    return words(lang, Msg::kActBackupMade, {entry, e.by, std::to_string(e.size), to_hex(e.digest)});
  }
  std::optional<std::string> operator()(const ledger::Restored& e) const {
    return words(lang, Msg::kActRestored,
                 {entry, std::to_string(e.size), std::to_string(e.entries), std::to_string(e.subjects)});
  }
  std::optional<std::string> operator()(const ledger::Recovered& e) const {
    std::string who;
    for (const auto& s : e.signatures) who += (who.empty() ? "" : ", ") + s.by;
    return words(lang, Msg::kActRecovered, {entry, e.kind, who});
  }
  std::optional<std::string> operator()(const ledger::TicketMade& e) const {
    return words(lang, Msg::kActTicketMade, {entry, std::to_string(e.number), format_time(e.expires)});
  }
  std::optional<std::string> operator()(const ledger::TicketUsed& e) const {
    return words(lang, Msg::kActTicketUsed, {entry, std::to_string(e.number), e.by});
  }
  std::optional<std::string> operator()(const ledger::TicketEnded& e) const {
    return words(lang, Msg::kActTicketEnded, {entry, std::to_string(e.number), e.reason});
  }
  std::optional<std::string> operator()(const ledger::AlarmsAcknowledged& e) const {
    return words(lang, Msg::kActAcknowledged, {entry, std::to_string(e.entry), e.by});
  }
};

struct Act {
  std::uint64_t entry = 0;
  ledger::Event event;
  std::string text;
};

// The acts of [from, head), of entries that are all there and all under the head's root.
Result<std::vector<Act>> acts_since(Lang lang, VaultApi& api, const log::Checkpoint& head, std::uint64_t from) {
  std::vector<Act> out;
  FK_CHECK(read_entries(api, head, from, {}, [&](std::uint64_t entry, ByteView bytes) -> Status {
    // Private entries, and of what is no entry the fold says so.
    const auto leaf = ledger::decode_leaf(as_chars(bytes));
    const auto* event = leaf ? std::get_if<ledger::Event>(&*leaf) : nullptr;
    if (event == nullptr) return {};
    if (auto text = describe_act(lang, entry, *event)) out.push_back({entry, *event, std::move(*text)});
    return {};
  }));
  return out;
}

Status show_acts(Context& context, const std::vector<Act>& acts) {
  for (const Act& act : acts) {
    if (context.json) {
      FK_TRY(const std::string event, ledger::encode_event(act.event));
      context.out << R"({"entry":)" << act.entry << R"(,"event":)" << event << "}"
                  << "\n";
    } else {
      context.out << format_time(act.event.time) << " " << escape_untrusted(act.text) << "\n";
    }
  }
  context.out << std::flush;
  return {};
}

// One look: what came since the last one of any watch on this machine is shown, and held against the vault's rules.
Status look(Context& context, const Notice& notice, const Identity& identity, bool first) {
  FK_TRY(VaultApi api, VaultApi::connect(notice, identity));
  FK_TRY(const CheckedVault vault, check_vault_now(context, notice, api));
  const log::Checkpoint& head = vault.start.checkpoint;
  FK_TRY(const ClientMemory memory, context.memory());
  FK_TRY(const auto watched, memory.watched(notice.vault));
  const std::uint64_t from = watched.value_or(head.size);
  if (from < head.size) {
    FK_TRY(const auto acts, acts_since(context.lang, api, head, from));
    if (first && !context.json) context.out << context.text(Msg::kPropWatchFrom, {std::to_string(from)}) << "\n";
    FK_CHECK(show_acts(context, acts));
  }
  FK_TRY(const ledger::State state, fold_log(context, notice, api, head));
  static_cast<void>(state);
  return watched == head.size ? Status() : memory.put_watched(notice.vault, head.size);
}

bool is_away(const Error& e) {
  return e.code == Errc::kUnavailable || e.code == Errc::kHalted;
}

}  // namespace

std::optional<std::string> describe_act(Lang lang, std::uint64_t entry, const ledger::Event& event) {
  return std::visit(ActText{lang, std::to_string(entry)}, event.body);
}

Status watch_proposals(Context& context, const std::function<bool()>& stopped, Reporter& report) {
  FK_TRY(const Notice notice, context.notice());
  FK_TRY(const Identity identity, load_identity(context));
  bool away = false;
  bool first = true;
  do {
    const Status ok = look(context, notice, identity, first);
    first = first && !ok;
    if (!ok && !is_away(ok.error())) return ok;
    if (!ok && !away) report.warn(Msg::kPropWatchAway, {ok.error().message});
    away = !ok;
  } while (!stopped());
  return {};
}

bool wait_for_stop(std::chrono::milliseconds pause) {
  sigset_t set;
  sigemptyset(&set);
  for (const int s : {SIGINT, SIGTERM}) sigaddset(&set, s);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  const timespec wait{pause.count() / 1000, (pause.count() % 1000) * 1'000'000};
  return sigtimedwait(&set, nullptr, &wait) > 0;
}

}  // namespace facekeep::tools
