#include "tools/facekeep/proposal_watch.h"

#include <csignal>
#include <ctime>

#include "tools/common/escape.h"
#include "tools/common/words.h"
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
  std::optional<std::string> operator()(const ledger::AlarmsAcknowledged& e) const {
    return words(lang, Msg::kActAcknowledged, {entry, std::to_string(e.entry), e.by});
  }
};

// The acts of [from, head), each entry that is shown proven.
Status show_acts(Context& context, VaultApi& api, const log::Checkpoint& head, std::uint64_t& from) {
  const FetchBundle fetch = bundles_of(api);
  while (from < head.size) {
    const std::uint64_t index = from / log::kTileWidth;
    const log::BundleId id{index, log::tile_width_at(head.size, 0, index)};
    FK_TRY(const Bytes bytes, fetch(id));
    FK_TRY(const auto entries, log::decode_bundle(bytes, id.width));
    for (std::size_t i = from % log::kTileWidth; i < entries.size(); ++i, ++from) {
      const auto leaf = ledger::decode_leaf(as_chars(entries[i]));
      const auto* event = leaf ? std::get_if<ledger::Event>(&*leaf) : nullptr;
      if (event == nullptr || !describe_act(context.lang, from, *event)) continue;
      FK_TRY(const ledger::Leaf proven, prove_entry(api, head, from));
      const auto& shown = std::get<ledger::Event>(proven);
      const auto line = describe_act(context.lang, from, shown);
      if (!line) continue;
      if (context.json) {
        FK_TRY(const std::string text, ledger::encode_event(shown));
        context.out << R"({"entry":)" << from << R"(,"event":)" << text << "}"
                    << "\n"
                    << std::flush;
      } else {
        context.out << format_time(shown.time) << " " << escape_untrusted(*line) << "\n" << std::flush;
      }
    }
  }
  return {};
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
  std::optional<std::uint64_t> from;
  bool away = false;
  do {
    const auto look = [&]() -> Status {
      FK_TRY(VaultApi api, VaultApi::connect(notice, identity));
      FK_TRY(const CheckedVault vault, check_vault_now(context, notice, api));
      if (!from) from = vault.start.checkpoint.size;
      return show_acts(context, api, vault.start.checkpoint, *from);
    };
    const Status ok = look();
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
