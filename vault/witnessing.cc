#include "vault/witnessing.h"

#include <algorithm>

#include "vault/log/checkpoint.h"
#include "vault/log/witness_request.h"

namespace facekeep {
namespace {

constexpr std::uint64_t kFirstBackoffMs = 1'000;
constexpr int kMaxLagging = 2;  // answers "409, I am at ..." in one call, before it waits

// The log's own note, without cosignatures that came in meanwhile.
Result<std::string> bare_note(const std::string& checkpoint) {
  FK_TRY(const log::Note note, log::parse_note(checkpoint));
  return note.text + "\n" + log::format_signature_line(note.signatures.front());
}

}  // namespace

Result<std::optional<Witnessing>> Witnessing::create(Service& service, const Clock& clock, Send send, Report report,
                                                     Options options) {
  const auto named = service.sequencer().read([](const ledger::State& st) { return st.current().witnesses; });
  if (!named) return std::optional<Witnessing>();
  Witnessing w(service, clock, std::move(send), std::move(report), options);
  w.policy_ = *named;
  for (const auto& x : named->list) {
    FK_TRY(ledger::WitnessKey key, ledger::parse_witness_key(x.vkey));
    w.keys_.push_back(std::move(key));
  }
  w.states_.resize(w.keys_.size());
  return std::optional<Witnessing>(std::move(w));
}

bool Witnessing::is_due(const State& s, std::uint64_t size, std::uint64_t now_ms) const {
  if (!s.retry.is_due(now_ms)) return false;
  return !s.latest || s.size != size || now_ms - s.asked_ms >= static_cast<std::uint64_t>(options_.refresh_ms);
}

void Witnessing::round() {
  if (service_->halted()) return;
  const std::uint64_t size = service_->sequencer().published_size();
  const auto note = bare_note(service_->sequencer().checkpoint());
  // A newer one may have been published between the two reads: the next round has it.
  if (!note || size == 0) return;
  const auto parsed = log::parse_note(*note);
  const auto stated = log::parse_checkpoint_text(parsed->text);
  if (!stated || stated->size != size) return;
  const std::uint64_t now_ms = clock_->now().uptime_ms;
  bool asked = false;
  for (std::size_t i = 0; i < states_.size(); ++i) {
    if (!is_due(states_[i], size, now_ms)) continue;
    asked = true;
    note_outcome(i, ask(i, *note, size));
    if (service_->halted()) return;
  }
  if (asked) keep(*note, size);
}

Status Witnessing::ask(std::size_t witness, const std::string& text, std::uint64_t size) {
  std::uint64_t from = std::min(states_[witness].size.value_or(0), size);
  for (int lagging = 0;; ++lagging) {
    FK_TRY(const WitnessAnswer answer, send(witness, text, from, size));
    if (answer.status != 409) return take(witness, answer, text, size);
    // It is somewhere else: its body says where. Some answer so to a wrong root, without a size.
    const auto seen = log::parse_witness_size(answer.body);
    if (!seen) return make_error(Errc::kConflict, "the witness answered 409 and no size: it may know another log");
    if (*seen > size) return roll_back_finding(witness, *seen);
    if (lagging == kMaxLagging || *seen == from) {
      return make_error(Errc::kConflict, "the witness keeps answering 409; it is at " + std::to_string(*seen));
    }
    from = *seen;
  }
}

Result<WitnessAnswer> Witnessing::send(std::size_t witness, const std::string& note, std::uint64_t from,
                                       std::uint64_t size) {
  log::WitnessRequest request{from, {}, note};
  if (from > 0 && from < size) {
    FK_TRY(request.proof, service_->sequencer().consistency(from, size));
  }
  FK_TRY(const std::string body, log::format_witness_request(request));
  return send_(witness, body);
}

Status Witnessing::take(std::size_t witness, const WitnessAnswer& answer, const std::string& checkpoint,
                        std::uint64_t size) {
  if (answer.status == 422) {
    return make_error(Errc::kIntegrity,
                      "the witness has seen another history of this log, or could not follow the proof",
                      "compare its checkpoint with the log: two histories mean that the vault's files ran twice");
  }
  if (answer.status != 200) {
    return make_error(Errc::kUnavailable, "the witness answered " + std::to_string(answer.status));
  }
  FK_TRY(const log::Note note, log::parse_note(checkpoint + answer.body));
  FK_TRY(auto found, log::find_cosignatures(note, std::span(keys_).subspan(witness, 1)));
  if (found.empty()) return make_error(Errc::kCrypto, "the witness's answer holds no cosignature of its own");
  State& s = states_[witness];
  s.latest = std::move(found.front());
  s.size = size;
  s.asked_ms = clock_->now().uptime_ms;
  return {};
}

Status Witnessing::roll_back_finding(std::size_t witness, std::uint64_t seen) {
  // Anybody may have shown it a checkpoint that we published since this round began.
  const std::uint64_t ours = service_->sequencer().published_size();
  if (seen <= ours) return make_error(Errc::kUnavailable, "the witness has a newer checkpoint than the one sent");
  const Error finding =
      make_error(Errc::kIntegrity,
                 "the witness " + keys_[witness].name + " has seen " + std::to_string(seen) +
                     " entries of this log, which has " + std::to_string(ours) + ": the vault was rolled back",
                 "put the newest database and token back; a restore that accepts a loss takes a quorum");
  service_->sequencer().stop_because(finding);
  return finding;
}

void Witnessing::note_outcome(std::size_t witness, const Status& outcome) {
  State& s = states_[witness];
  if (outcome) {
    s.retry.succeeded();
  } else {
    s.retry.failed(clock_->now().uptime_ms, kFirstBackoffMs, static_cast<std::uint64_t>(options_.max_backoff_ms));
  }
  if (report_ && s.well != outcome.has_value()) report_(keys_[witness].name, outcome);
  s.well = outcome.has_value();
}

void Witnessing::keep(const std::string& checkpoint, std::uint64_t size) {
  std::string lines;
  std::vector<std::uint64_t> asked;
  for (const State& s : states_) {
    if (!s.latest || s.size != size) continue;
    lines += log::format_signature_line(s.latest->line);
    asked.push_back(s.asked_ms);
  }
  if (asked.empty()) return;
  service_->sequencer().add_cosignatures(size, lines);
  if (asked.size() < policy_.quorum) return;
  // As fresh as the least fresh of the freshest quorum.
  std::sort(asked.begin(), asked.end(), std::greater<>());
  // The next round tries again: a full disk or a halted vault does not make the cosignatures worse.
  if (service_->sequencer().keep_cosigned(checkpoint + lines, size)) service_->witnessed(asked[policy_.quorum - 1]);
}

}  // namespace facekeep
