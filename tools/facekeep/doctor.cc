// facekeep doctor: what a token can do for facekeep, before anybody buys it. Everything is tried with keys of a
// throw-away vault id, and removed again; also after a failure or a signal.
#include <array>
#include <cmath>
#include <csignal>

#include "hsm/trial.h"
#include "tools/facekeep/commands.h"
#include "tools/facekeep/token_access.h"

namespace facekeep::tools {
namespace {

using hsm::Finding;
using hsm::TrialReport;
using hsm::TrialRow;
using hsm::TrialStep;

struct Options {
  TokenAccess token;
  bool beside = false;
};

volatile std::sig_atomic_t stop_asked = 0;

// While it lives, a signal to end is taken down, and the trial ends in order.
class StopSignals {
 public:
  StopSignals() {
    stop_asked = 0;
    for (std::size_t i = 0; i < kSignals.size(); ++i)
      before_[i] = std::signal(kSignals[i], [](int) { stop_asked = 1; });
  }
  ~StopSignals() {
    for (std::size_t i = 0; i < kSignals.size(); ++i) std::signal(kSignals[i], before_[i]);
  }
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

 private:
  static constexpr std::array<int, 4> kSignals = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
  std::array<void (*)(int), kSignals.size()> before_{};
};

Msg title_of(TrialStep step) {
  constexpr std::array kTitles = {Msg::kDoctorRoot,   Msg::kDoctorLogKey,   Msg::kDoctorEvidence, Msg::kDoctorHidden,
                                  Msg::kDoctorWrap,   Msg::kDoctorContext,  Msg::kDoctorSign,     Msg::kDoctorAnchor,
                                  Msg::kDoctorRotate, Msg::kDoctorSessions, Msg::kDoctorOaep,     Msg::kDoctorP256,
                                  Msg::kDoctorRepeat, Msg::kDoctorRemoved};
  return kTitles.at(static_cast<std::size_t>(step));
}

Msg word_of(Finding finding) {
  constexpr std::array kWords = {Msg::kDoctorWorks, Msg::kDoctorFallback, Msg::kDoctorRefused, Msg::kDoctorMissing,
                                 Msg::kDoctorNotTried};
  return kWords.at(static_cast<std::size_t>(finding));
}

Msg operation_of(std::string_view name) {
  if (name == "wrap") return Msg::kDoctorOpWrap;
  if (name == "unwrap") return Msg::kDoctorOpUnwrap;
  if (name == "sign") return Msg::kDoctorOpSign;
  if (name == "anchor-write") return Msg::kDoctorOpAnchorWrite;
  if (name == "anchor-read") return Msg::kDoctorOpAnchorRead;
  return Msg::kDoctorOpOaep;
}

// What a row means for a vault, where the word alone does not say it.
std::optional<Msg> meaning_of(const TrialReport& trial, const TrialRow& row) {
  if (row.finding == Finding::kRefused) return Msg::kDoctorWouldRefuse;
  if (row.finding == Finding::kFallback) {
    if (row.step == TrialStep::kRoot) return Msg::kDoctorRootTaken;
    if (row.step == TrialStep::kLogKey) return Msg::kDoctorLogKeyTaken;
    return Msg::kDoctorSessionsTaken;
  }
  const bool oaep = row.step == TrialStep::kOaep;
  if (row.finding == Finding::kMissing && (oaep ? trial.root.has_value() : trial.log_key.has_value())) {
    return oaep ? Msg::kDoctorOaepMissing : Msg::kDoctorP256Missing;
  }
  if (row.finding != Finding::kWorks) return std::nullopt;
  if (oaep && trial.root && trial.root->mechanism == row.detail) return Msg::kDoctorIsIt;
  if (row.step == TrialStep::kP256 && trial.log_key && trial.log_key->mechanism == row.detail)
    return Msg::kDoctorIsItLog;
  return std::nullopt;
}

// In columns of a terminal; Chinese takes two each.
std::string padded(std::string text, std::size_t width) {
  std::size_t is = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    is += byte < 0x80 ? 1 : byte >= 0xc0 ? 2 : 0;
  }
  return text + std::string(is < width ? width - is : 0, ' ');
}

std::string number(double per_second) {
  const double rounded = per_second < 10 ? std::round(per_second * 100) / 100 : std::round(per_second);
  std::string text = std::to_string(rounded);
  return text.substr(0, text.find('.') + (per_second < 10 ? 3 : 0));
}

void show(const Context& context, const TrialReport& trial, Reporter& report) {
  constexpr std::size_t kWordWidth = 10;
  constexpr std::size_t kOperationWidth = 46;
  for (const TrialRow& row : trial.rows) {
    const std::string detail = row.detail.empty() ? "" : ": " + row.detail;
    report.line(padded(context.text(word_of(row.finding)), kWordWidth) + context.text(title_of(row.step)) + detail);
    if (const auto meaning = meaning_of(trial, row)) {
      report.line(std::string(kWordWidth + 2, ' ') + context.text(*meaning));
    }
  }
  if (trial.speeds.empty()) return;
  report.say(Msg::kDoctorSpeed);
  for (const auto& s : trial.speeds) {
    report.line("  " + padded(context.text(operation_of(s.operation)), kOperationWidth) + number(s.per_second));
    if (s.per_second < 1) report.warn(Msg::kDoctorSlow);
  }
}

Json to_json(const hsm::KeyEvidence& e) {
  Json out = {{"mechanism", e.mechanism},     {"local", e.local},
              {"sensitive", e.sensitive},     {"always_sensitive", e.always_sensitive},
              {"extractable", e.extractable}, {"never_extractable", e.never_extractable}};
  if (e.copyable) out["copyable"] = *e.copyable;
  if (e.modifiable) out["modifiable"] = *e.modifiable;
  return out;
}

void fields(const TrialReport& trial, Reporter& report) {
  Json steps = Json::array();
  for (const TrialRow& row : trial.rows) {
    steps.push_back({{"step", std::string(to_string(row.step))},
                     {"finding", std::string(to_string(row.finding))},
                     {"detail", row.detail}});
  }
  Json speeds = Json::object();
  for (const auto& s : trial.speeds) speeds[std::string(s.operation)] = s.per_second;
  Json evidence = Json::object();
  if (trial.root) evidence["root"] = to_json(*trial.root);
  if (trial.log_key) evidence["log_key"] = to_json(*trial.log_key);
  report.field("steps", std::move(steps));
  report.field("evidence", std::move(evidence));
  report.field("per_second", std::move(speeds));
  report.field("removed", trial.removed);
  report.field("usable", trial.usable());
}

void introduce(const hsm::TokenIdentity& t, Reporter& report) {
  report.say(Msg::kDoctorToken, {t.label, t.manufacturer, t.model, t.serial, t.firmware, t.token_class});
  report.field("token", {{"label", t.label},
                         {"manufacturer", t.manufacturer},
                         {"model", t.model},
                         {"serial", t.serial},
                         {"firmware", t.firmware},
                         {"class", t.token_class}});
}

// Nothing is made in a token that somebody's vault lives in, unless that is meant.
Status check_whose(hsm::SessionPool& pool, bool beside) {
  FK_TRY(const hsm::TokenContents contents, hsm::token_contents(pool));
  if (beside || contents.vaults.empty()) return {};
  std::string ids;
  for (const auto& id : contents.vaults) ids += (ids.empty() ? "" : ", ") + id;
  return say_error(Errc::kFailedPrecondition, "token-in-use", Msg::kDoctorHolds, Msg::kDoctorHoldsHint,
                   {std::to_string(contents.vaults.size()), ids});
}

Status verdict(const Context& context, const TrialReport& trial, Reporter& report) {
  const std::string made = std::to_string(trial.removed);
  if (trial.left) {
    return say_error(Errc::kHsm, "not-removed", Msg::kDoctorNotRemoved, Msg::kDoctorNotRemovedHint,
                     {trial.prefix, trial.left->message});
  }
  if (trial.interrupted) {
    return say_error(Errc::kUnavailable, "interrupted", Msg::kDoctorInterrupted, Msg::kDoctorInterruptedHint, {made});
  }
  report.say(Msg::kDoctorRemovedCount, {made});
  if (const TrialRow* refused = trial.refusal()) {
    return say_error(Errc::kHsm, "unusable-token", Msg::kDoctorNotUsable, Msg::kDoctorNotUsableHint,
                     {context.text(title_of(refused->step)) + ": " + refused->detail});
  }
  report.say(trial.fallbacks() ? Msg::kDoctorUsableFallback : Msg::kDoctorUsable);
  return {};
}

Status doctor(Context& context, const Options& o, Reporter& report) {
  FK_TRY(const auto pool, open_token(o.token));
  const hsm::TokenIdentity& token = pool->token().identity();
  introduce(token, report);
  const StopSignals signals;
  FK_CHECK(check_whose(*pool, o.beside));
  FK_TRY(const std::size_t leftovers, hsm::remove_trials(*pool));
  if (leftovers > 0) report.say(Msg::kDoctorLeftovers, {std::to_string(leftovers)});
  hsm::TrialOptions options;
  options.anchor_speed = !o.beside;
  options.interrupted = [] { return stop_asked != 0; };
  const TrialReport trial = hsm::try_token(pool, options);
  show(context, trial, report);
  fields(trial, report);
  if (token.token_class == "software") report.warn(Msg::kCeremonySoftwareToken);
  return verdict(context, trial, report);
}

}  // namespace

void add_doctor(CLI::App& app, Context& context) {
  auto o = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("doctor", context.text(Msg::kHelpDoctor));
  add_token_options(*command, context, "--token", o->token);
  command->add_flag("--beside", o->beside, context.text(Msg::kHelpDoctorBeside));
  command->callback([o, &context] { context.run([o, &context](Reporter& r) { return doctor(context, *o, r); }); });
}

}  // namespace facekeep::tools
