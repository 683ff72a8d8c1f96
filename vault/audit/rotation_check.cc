#include "vault/audit/rotation_check.h"

namespace facekeep::audit {

using namespace ledger;

void RotationCheck::from(const State& state) {
  since_ = {state.last_time(), state.log_clock()};
}

void RotationCheck::event(const Event& event, const State& before) {
  const auto* done = std::get_if<ProposalDone>(&event.body);
  if (done != nullptr && done->keys) since_ = {event.time, before.log_clock_at(event.uptime_ms)};
}

std::optional<Code> RotationCheck::refused(const Event& event) {
  const bool of_rotation =
      std::holds_alternative<Rewrapped>(event.body) || std::holds_alternative<KeysRetired>(event.body);
  return of_rotation ? std::optional(Code::kRewrapRefused) : std::nullopt;
}

void RotationCheck::finish(const State& state) {
  const auto& r = state.rotation();
  if (!r || told_ == r->entry) return;
  const bool long_ago = state.last_time() - since_.wall > kRotationTime &&
                        state.log_clock() > since_.clock + static_cast<std::uint64_t>(kRotationTime);
  if (!long_ago) return;
  told_ = r->entry;
  findings_.add(Code::kRotationOpen, r->entry, {std::to_string(r->from), format_time(since_.wall)});
}

}  // namespace facekeep::audit
