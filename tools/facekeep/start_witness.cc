#include "tools/facekeep/start_witness.h"

#include <thread>

#include "tools/facekeep/log_entries.h"
#include "vault/log/cosign.h"

namespace facekeep::tools {
namespace {

constexpr std::chrono::milliseconds kPause{500};

// Nothing if a quorum has cosigned the start; else why not.
Result<std::optional<Error>> missing_quorum(VaultApi& api, const Notice& notice, const ledger::Witnesses& witnesses,
                                            const CheckedStart& start, std::uint32_t& heard) {
  const auto note = api.bytes("GET", "/v1/log/cosigned");
  if (!note && note.error().code == Errc::kNotFound) return std::optional<Error>(note.error());
  if (!note) return note.error();
  const auto cosigned = log::open_cosigned(as_chars(*note), notice.keys(), witnesses);
  // After a change of the policy the newest one has the cosignatures of the witnesses before.
  if (!cosigned && cosigned.error().code == Errc::kIntegrity) return std::optional<Error>(cosigned.error());
  if (!cosigned) return cosigned.error();
  FK_CHECK(check_same_log(api, cosigned->checkpoint, start.checkpoint));
  heard = cosigned->witnesses;
  if (cosigned->checkpoint.size > start.entry) return std::optional<Error>();
  return std::optional<Error>(make_error(
      Errc::kFailedPrecondition, "they have cosigned " + std::to_string(cosigned->checkpoint.size) + " entries"));
}

Status without_witnesses(Context& context, const ledger::Witnesses& witnesses, const CheckedStart& start,
                         const Error& why) {
  const std::string entry = std::to_string(start.entry);
  const Error refusal = say_error(Errc::kFailedPrecondition, "not-witnessed", Msg::kCliNotWitnessed,
                                  Msg::kCliNotWitnessedHint, {entry, why.message});
  if (witnesses.on_missing == ledger::OnMissing::kClosed) return refusal;
  auto person = context.terminal();
  if (!person) return refusal;
  FK_CHECK((*person)->show(context.text(Msg::kCliNotWitnessed, {entry, why.message}) + "\n"));
  FK_TRY(const bool go, (*person)->confirm(context.lang, context.text(Msg::kCliAskUnwitnessed)));
  return go ? Status() : Status(refusal);
}

}  // namespace

Status show_start(const Context& context, const Notice& notice, const CheckedStart& start, Reporter& report) {
  FK_TRY(const ClientMemory memory, context.memory());
  FK_TRY(const auto before, memory.start(notice.vault));
  report.say(Msg::kCliStartIs, {std::to_string(start.entry), format_time(start.time), to_hex(start.start.unseal_to),
                                context.text(start.start.after_crash ? Msg::kCliAfterCrash : Msg::kCliAfterSeal)});
  if (before && *before != start.entry) report.warn(Msg::kCliNewStart, {std::to_string(*before)});
  report.field("start_entry", start.entry);
  report.field("start_time", format_time(start.time));
  report.field("after_crash", start.start.after_crash);
  report.field("unseal_to", to_hex(start.start.unseal_to));
  report.field("start_known", before == start.entry);
  return {};
}

Status check_last_start(const ledger::State& state, const CheckedStart& start) {
  if (state.start_entry() == start.entry) return {};
  return say_error(Errc::kIntegrity, "old-start", Msg::kCliOldStart, Msg::kCliOldStartHint);
}

Status check_start_witnessed(Context& context, const Notice& notice, VaultApi& api,
                             const std::optional<ledger::Witnesses>& witnesses, const CheckedStart& start,
                             Reporter& report) {
  if (!witnesses) return {};
  const auto until = std::chrono::steady_clock::now() + context.witness_wait;
  std::uint32_t heard = 0;
  for (;;) {
    FK_TRY(const auto missing, missing_quorum(api, notice, *witnesses, start, heard));
    report.field("witnessed", !missing.has_value());
    if (!missing) break;
    if (std::chrono::steady_clock::now() >= until) return without_witnesses(context, *witnesses, start, *missing);
    std::this_thread::sleep_for(kPause);
  }
  report.say(Msg::kCliWitnessed, {std::to_string(heard), std::to_string(witnesses->list.size())});
  return {};
}

}  // namespace facekeep::tools
