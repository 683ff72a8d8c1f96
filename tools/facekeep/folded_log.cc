#include "tools/facekeep/folded_log.h"

#include <memory>
#include <set>

#include "tools/common/progress.h"
#include "tools/common/snapshot_file.h"
#include "tools/facekeep/log_entries.h"
#include "vault/base/newer.h"

namespace facekeep::tools {
namespace {

constexpr std::uint64_t kShowFrom = 64 * log::kTileWidth;  // entries from which on reading is felt

// One entry after the other, and what has to be asked once they are proven.
class Fold {
 public:
  explicit Fold(ledger::State from) : state_(std::move(from)) {}

  Status entry(std::uint64_t number, ByteView bytes) {
    if (auto ok = apply(bytes); !ok) {
      if (is_newer(ok.error())) {
        return say_error(Errc::kFailedPrecondition, "newer-vault", Msg::kCliNewerVault, Msg::kCliNewerVaultHint,
                         {program_version(), ok.error().message});
      }
      return say_error(Errc::kIntegrity, "bad-rules", Msg::kCliBadRules, Msg::kCliBadRulesHint,
                       {std::to_string(number), ok.error().message});
    }
    return {};
  }
  // The trees that people had before them when they signed are this log's.
  Status check_votes(VaultApi& api, const log::Checkpoint& head) const {
    for (const auto& [size, root] : signed_) {
      log::Checkpoint seen;
      seen.size = size;
      seen.root = root;
      FK_CHECK(check_same_log(api, seen, head));
    }
    return {};
  }
  ledger::State take() && { return std::move(state_); }
  [[nodiscard]] const ledger::State& state() const { return state_; }

 private:
  Status apply(ByteView bytes) {
    FK_TRY(const ledger::Leaf leaf, ledger::decode_leaf(as_chars(bytes)));
    if (const auto* hidden = std::get_if<ledger::PrivateLeaf>(&leaf)) {
      return hidden->event_class == ledger::EventClass::kCustody ? apply_unopened_custody(state_)
                                                                 : apply_access(state_);
    }
    const auto& event = std::get<ledger::Event>(leaf);
    if (const auto* approval = std::get_if<ledger::Approval>(&event.body)) remember(approval->vote);
    if (const auto* veto = std::get_if<ledger::Veto>(&event.body)) remember(veto->vote);
    if (const auto* e = std::get_if<ledger::Recovered>(&event.body)) signed_.emplace(e->at.size, e->at.root);
    return ledger::apply(state_, event);
  }

  void remember(const ledger::Vote& vote) { signed_.emplace(vote.size, vote.root); }

  ledger::State state_;
  std::set<std::pair<std::uint64_t, Digest>> signed_;  // sizes and roots
};

// What was folded last, if it is of use. Everything else is read anew: the root decides either way.
Snapshot start_from(const ClientMemory& memory, const Id128& vault, const log::Checkpoint& head) {
  auto kept = load_snapshot(memory.state_path(vault));
  const bool of_use = kept && kept->state.phase() != ledger::Phase::kNew && kept->state.genesis().vault == vault &&
                      kept->state.size() <= head.size;
  return of_use ? std::move(*kept) : Snapshot();
}

// The state under `head`, from `kept` on.
Result<ledger::State> fold_from(Snapshot kept, const Context& context, const Notice& notice, VaultApi& api,
                                const log::Checkpoint& head) {
  const std::uint64_t from = kept.state.size();
  std::unique_ptr<Progress> bar;
  if (!context.json && head.size - from >= kShowFrom) {
    bar = std::make_unique<Progress>(context.err, context.err_is_tty, context.lang, context.text(Msg::kCliReadingLog),
                                     head.size);
  }
  Fold fold(std::move(kept.state));
  const VisitEntry visit = [&](std::uint64_t number, ByteView bytes) {
    if (bar && number % log::kTileWidth == 0) bar->update(number);
    return fold.entry(number, bytes);
  };
  FK_CHECK(read_entries(api, head, from, from == 0 ? std::nullopt : std::optional(kept.root), visit));
  if (bar) bar->finish();
  if (fold.state().phase() == ledger::Phase::kNew || fold.state().genesis().vault != notice.vault) {
    return say_error(Errc::kIntegrity, "bad-genesis", Msg::kCliBadGenesis, Msg::kCliTellHint);
  }
  FK_CHECK(fold.check_votes(api, head));
  return std::move(fold).take();
}

}  // namespace

Result<ledger::State> fold_log(const Context& context, const Notice& notice, VaultApi& api,
                               const log::Checkpoint& head) {
  FK_TRY(const ClientMemory memory, context.memory());
  Snapshot kept = start_from(memory, notice.vault, head);
  const std::uint64_t from = kept.state.size();
  FK_TRY(ledger::State state, fold_from(std::move(kept), context, notice, api, head));
  // Work saved and nothing more: another process of this person may write it at the same time, and a damaged one is not
  // taken.
  if (from != head.size) static_cast<void>(save_snapshot(memory.state_path(notice.vault), state, head.root));
  return state;
}

Result<ledger::State> fold_unproven(const Context& context, const Notice& notice, VaultApi& api,
                                    const log::Checkpoint& head) {
  return fold_from({}, context, notice, api, head);
}

Result<FoldedVault> fold_vault_now(const Context& context, const Notice& notice, VaultApi& api) {
  FoldedVault out;
  FK_TRY(out.checked, check_vault_now(context, notice, api));
  FK_TRY(out.state, fold_log(context, notice, api, out.checked.start.checkpoint));
  return out;
}

ledger::Moment last_moment(const ledger::State& state) {
  return {state.last_time(), state.log_clock()};
}

}  // namespace facekeep::tools
