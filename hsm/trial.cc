#include "hsm/trial.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "hsm/trial_steps.h"
#include "vault/base/digest.h"

namespace facekeep::hsm {
namespace {

constexpr std::string_view kMark = "fk-trial";
constexpr std::string_view kPrefix = "facekeep/";

Id128 trial_id() {
  Id128 id = random_array<16>();
  std::copy(kMark.begin(), kMark.end(), id.begin());
  return id;
}

struct Step {
  TrialStep step;
  bool at_ceremony;
  std::vector<TrialStep> needs;
  Outcome (*attempt)(Trial&);
};

const std::vector<Step>& steps() {
  using S = TrialStep;
  static const std::vector<Step> all = {
      {S::kRoot, true, {}, try_root},
      {S::kLogKey, true, {S::kRoot}, try_log_key},
      {S::kEvidence, true, {S::kLogKey}, try_evidence},
      {S::kHidden, true, {S::kLogKey}, try_hidden},
      {S::kWrap, true, {S::kLogKey}, try_wrap},
      {S::kContext, true, {S::kWrap}, try_context},
      {S::kSign, true, {S::kLogKey}, try_sign},
      {S::kAnchor, true, {S::kLogKey}, try_anchor},
      {S::kRotate, true, {S::kWrap}, try_rotate},
      {S::kSessions, true, {S::kWrap}, try_sessions},
      {S::kOaep, false, {}, try_oaep},
      {S::kP256, false, {}, try_p256},
  };
  return all;
}

bool found_good(const TrialReport& report, TrialStep step) {
  const auto row =
      std::find_if(report.rows.begin(), report.rows.end(), [&](const TrialRow& r) { return r.step == step; });
  return row != report.rows.end() && (row->finding == Finding::kWorks || row->finding == Finding::kFallback);
}

void attempt_all(Trial& trial, const TrialOptions& options, TrialReport& report) {
  for (const Step& s : steps()) {
    if (!options.whole && !s.at_ceremony) continue;
    report.interrupted = report.interrupted || (options.interrupted && options.interrupted());
    const bool ready = std::all_of(s.needs.begin(), s.needs.end(), [&](TrialStep n) { return found_good(report, n); });
    const Outcome out = report.interrupted || !ready ? Outcome{Finding::kNotTried, {}} : s.attempt(trial);
    report.rows.push_back({s.step, out.finding, out.detail});
  }
}

// Counts what there is, then destroys it by the function that gives up a ceremony; the token must show nothing after.
Status remove_all(SessionPool& pool, const Id128& vault, std::size_t& removed) {
  FK_TRY(const std::size_t destroyed, unprovision(pool, vault));
  removed += destroyed;
  FK_TRY(const std::size_t left, pool.run(Repeat::kSafe, [&](Session& s) -> Result<std::size_t> {
    FK_TRY(const auto found, find_prefixed(s, object_prefix(vault)));
    return found.size();
  }));
  if (left == 0) return {};
  return make_error(Errc::kHsm, std::to_string(left) + " objects are there after they were destroyed");
}

// For the time that each speed takes: at least once, at most a few thousand times.
Status take_speed(const SpeedOperation& operation, const TrialOptions& options, TrialReport& report) {
  using Clock = std::chrono::steady_clock;
  constexpr unsigned kMost = 5000;
  const auto start = Clock::now();
  std::chrono::duration<double> took{};
  unsigned done = 0;
  while (done < kMost && (done == 0 || took < options.a_speed)) {
    report.interrupted = report.interrupted || (options.interrupted && options.interrupted());
    if (report.interrupted) return {};
    FK_CHECK(operation.once());
    ++done;
    took = Clock::now() - start;
  }
  report.speeds.push_back({operation.name, done / std::max(took.count(), 1e-9)});
  return {};
}

void take_speeds(Trial& trial, const TrialOptions& options, TrialReport& report) {
  TrialRow row{TrialStep::kRepeat, Finding::kWorks, {}};
  for (const SpeedOperation& o : speed_operations(trial)) {
    if (!options.anchor_speed && o.name == "anchor-write") continue;
    const Status taken = take_speed(o, options, report);
    if (!taken) row = {TrialStep::kRepeat, Finding::kRefused, std::string(o.name) + ": " + taken.error().message};
    if (!taken || report.interrupted) break;
  }
  if (report.interrupted || report.speeds.empty()) row.finding = Finding::kNotTried;
  report.rows.push_back(std::move(row));
}

}  // namespace

std::string_view to_string(TrialStep step) noexcept {
  constexpr std::array<std::string_view, 14> kNames = {"root",     "log-key",    "evidence", "hidden", "wrap",
                                                       "context",  "sign",       "anchor",   "rotate", "sessions",
                                                       "rsa-oaep", "ecdsa-p256", "repeat",   "removed"};
  return kNames.at(static_cast<std::size_t>(step));
}

std::string_view to_string(Finding finding) noexcept {
  constexpr std::array<std::string_view, 5> kNames = {"works", "fallback", "refused", "missing", "not-tried"};
  return kNames.at(static_cast<std::size_t>(finding));
}

const TrialRow* TrialReport::refusal() const {
  const auto row =
      std::find_if(rows.begin(), rows.end(), [](const TrialRow& r) { return r.finding == Finding::kRefused; });
  return row == rows.end() ? nullptr : &*row;
}

bool TrialReport::fallbacks() const {
  return std::any_of(rows.begin(), rows.end(), [](const TrialRow& r) { return r.finding == Finding::kFallback; });
}

TrialReport try_token(const std::shared_ptr<SessionPool>& pool, const TrialOptions& options) {
  Trial trial{pool, trial_id(), trial_id(), {}, {}, {}, {}, 1};
  TrialReport report;
  report.prefix = std::string(kPrefix) + to_hex(as_bytes(kMark));
  attempt_all(trial, options, report);
  if (options.whole && options.a_speed.count() > 0) take_speeds(trial, options, report);
  if (trial.root) report.root = trial.root->evidence;
  if (trial.log_key) report.log_key = trial.log_key->evidence;
  trial.custody.reset();
  for (const Id128& id : {trial.vault, trial.second}) {
    auto removed = remove_all(*pool, id, report.removed);
    if (!removed && !report.left) report.left = removed.error();
  }
  report.rows.push_back({TrialStep::kRemoved, report.left ? Finding::kRefused : Finding::kWorks,
                         report.left ? report.left->message : std::string()});
  return report;
}

Status require_able(const std::shared_ptr<SessionPool>& pool) {
  const TrialReport report = try_token(pool, {.whole = false, .a_speed = {}, .interrupted = {}});
  const TrialRow* refused = report.refusal();
  if (refused == nullptr) return {};
  return make_error(Errc::kHsm,
                    "the token can't keep a vault (" + std::string(to_string(refused->step)) + "): " + refused->detail,
                    "facekeep doctor shows all that it can and can't do; use another token");
}

std::optional<std::string> vault_of_label(std::string_view label) {
  constexpr std::size_t kDigits = 32;
  if (!label.starts_with(kPrefix) || label.size() <= kPrefix.size() + kDigits ||
      label[kPrefix.size() + kDigits] != '/') {
    return std::nullopt;
  }
  const std::string_view id = label.substr(kPrefix.size(), kDigits);
  if (id.find_first_not_of("0123456789abcdef") != std::string_view::npos) return std::nullopt;
  return std::string(id);
}

Result<TokenContents> token_contents(SessionPool& pool) {
  const std::string mark = to_hex(as_bytes(kMark));
  return pool.run(Repeat::kSafe, [&](Session& s) -> Result<TokenContents> {
    FK_TRY(const auto found, find_prefixed(s, kPrefix));
    TokenContents out;
    for (const auto& object : found) {
      if (const auto id = vault_of_label(object.label)) (id->starts_with(mark) ? out.trials : out.vaults).insert(*id);
    }
    return out;
  });
}

Result<std::size_t> remove_trials(SessionPool& pool) {
  FK_TRY(const TokenContents contents, token_contents(pool));
  std::size_t removed = 0;
  for (const std::string& hex : contents.trials) {
    FK_TRY(const Id128 id, from_hex_exact<16>(hex));
    FK_TRY(const std::size_t some, unprovision(pool, id));
    removed += some;
  }
  return removed;
}

}  // namespace facekeep::hsm
