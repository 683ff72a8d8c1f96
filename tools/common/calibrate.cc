#include "tools/common/calibrate.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

namespace facekeep::tools {
namespace {

constexpr std::size_t kBlock = 128;  // rows that fit the cache beside their partners
constexpr std::size_t kSuspects = 10;
constexpr std::size_t kFewSingles = 100;
constexpr double kNeededEvents = 3;
constexpr float kNone = -1;

// Sixteen running sums, so that the compiler can use vector registers without reordering one sum.
float dot(const float* a, const float* b, std::size_t n) {
  std::array<float, 16> sums{};
  std::size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    for (std::size_t k = 0; k < 16; ++k) sums[k] += a[i + k] * b[i + k];
  }
  float total = 0;
  for (; i < n; ++i) total += a[i] * b[i];
  for (const float s : sums) total += s;
  return total;
}

std::int32_t millionths_of(float score) {
  return static_cast<std::int32_t>(std::floor(std::clamp(static_cast<double>(score), -1.0, 1.0) * 1e6));
}

// 1 - (1 - rate)^exponent without losing small rates.
double at_least_once(double rate, double exponent) {
  return rate >= 1 ? 1 : -std::expm1(exponent * std::log1p(-rate));
}

std::uint64_t millionths_up(double rate) {
  return static_cast<std::uint64_t>(std::ceil(rate * 1e6 - 1e-9));
}

}  // namespace

void ScoreHistogram::add(float score) {
  ++bins_[index(millionths_of(score))];
  ++total_;
  sum_ += score;
  sum_squares_ += static_cast<double>(score) * score;
}

std::uint64_t ScoreHistogram::at_or_above(std::int32_t threshold) const {
  std::uint64_t n = 0;
  for (std::int32_t t = kHighest; t >= std::max(threshold, kLowest); --t) n += bins_[index(t)];
  return n;
}

double ScoreHistogram::mean() const {
  return total_ == 0 ? 0 : sum_ / static_cast<double>(total_);
}

double ScoreHistogram::standard_deviation() const {
  if (total_ == 0) return 0;
  return std::sqrt(std::max(0.0, sum_squares_ / static_cast<double>(total_) - mean() * mean()));
}

std::uint64_t Rate::millionths() const noexcept {
  return trials == 0 ? 0 : millionths_up(value());
}

Status CalibrationSet::add(const std::string& subject, std::span<const float> values) {
  if (person_.empty()) dimension_ = values.size();
  if (values.empty() || values.size() != dimension_) {
    return make_error(Errc::kInvalidArgument, "the embedding has " + std::to_string(values.size()) +
                                                  " values, the first one " + std::to_string(dimension_));
  }
  double squares = 0;
  for (const float v : values) squares += static_cast<double>(v) * v;
  if (!std::isfinite(squares) || squares <= 0) {
    return make_error(Errc::kInvalidArgument, "the embedding is not finite, or zero");
  }
  const double scale = 1 / std::sqrt(squares);
  for (const float v : values) values_.push_back(static_cast<float>(v * scale));
  const auto number = static_cast<std::uint32_t>(ids_.size());
  person_.push_back(ids_.try_emplace(subject, number).first->second);
  return {};
}

float CalibrationSet::score(std::size_t a, std::size_t b) const {
  return dot(&values_[a * dimension_], &values_[b * dimension_], dimension_);
}

class Scorer {
 public:
  Scorer(const CalibrationSet& set, const CalibrationOptions& options, Calibration& out)
      : set_(set), options_(options), out_(out), rows_of_(set.subjects()) {
    for (std::size_t row = 0; row < set.size(); ++row) rows_of_[set.subject_of(row)].push_back(row);
    const std::size_t n = std::min(set.size(), std::max<std::size_t>(options.max_impostor_rows, 2));
    for (std::size_t k = 0; k < n; ++k) sample_.push_back(k * set.size() / n);
    for (const auto& rows : rows_of_) {
      if (rows.size() > 1) gallery_.push_back(rows[0]);
    }
    out_.gallery_ = gallery_.size();
  }

  void run() {
    genuine_pairs();
    impostor_pairs();
    searches();
  }

 private:
  void genuine_pairs() {
    for (const auto& rows : rows_of_) {
      for (std::size_t i = 0; i < rows.size(); ++i) {
        for (std::size_t j = i + 1; j < rows.size(); ++j) out_.genuine_.add(set_.score(rows[i], rows[j]));
      }
    }
  }

  void impostor_pairs() {
    for (std::size_t i = 0; i < sample_.size(); i += kBlock) {
      for (std::size_t j = i; j < sample_.size(); j += kBlock) impostor_block(i, j);
      report(std::min(i + kBlock, sample_.size()));
    }
  }

  void impostor_block(std::size_t first_a, std::size_t first_b) {
    const std::size_t end_a = std::min(first_a + kBlock, sample_.size());
    const std::size_t end_b = std::min(first_b + kBlock, sample_.size());
    for (std::size_t a = first_a; a < end_a; ++a) {
      for (std::size_t b = std::max(first_b, a + 1); b < end_b; ++b) {
        if (set_.subject_of(sample_[a]) == set_.subject_of(sample_[b])) continue;
        const float score = set_.score(sample_[a], sample_[b]);
        out_.impostor_.add(score);
        remember({sample_[a], sample_[b], millionths_of(score)});
      }
    }
  }

  void remember(const SuspectPair& pair) {
    auto& best = out_.suspects_;
    if (best.size() == kSuspects && best.back().score >= pair.score) return;
    const auto lower = [](const SuspectPair& x, const SuspectPair& y) { return x.score > y.score; };
    best.insert(std::upper_bound(best.begin(), best.end(), pair, lower), pair);
    if (best.size() > kSuspects) best.pop_back();
  }

  // The highest score of others' gallery rows, and that of the own subject's.
  struct Found {
    float other = kNone;
    float own = kNone;
  };
  Found search(std::size_t row) const {
    Found found;
    for (const std::size_t entry : gallery_) {
      float& best = set_.subject_of(entry) == set_.subject_of(row) ? found.own : found.other;
      best = std::max(best, set_.score(row, entry));
    }
    return found;
  }

  void searches() {
    const auto single = [](const auto& rows) { return rows.size() == 1; };
    const auto singles = std::count_if(rows_of_.begin(), rows_of_.end(), single);
    const bool leave_out = singles < static_cast<std::ptrdiff_t>(kFewSingles);
    for (std::size_t subject = 0; subject < rows_of_.size(); ++subject) {
      const auto& rows = rows_of_[subject];
      if (rows.size() == 1 && !leave_out) out_.non_mated_.add(search(rows[0]).other);
      for (std::size_t i = 1; i < rows.size(); ++i) {
        const Found found = search(rows[i]);
        out_.mated_.add(found.own > found.other ? found.own : kNone);
        if (leave_out && gallery_.size() > 1) out_.non_mated_.add(found.other);
      }
      if (subject % kBlock == 0) report(sample_.size() + subject);
    }
    report(total());
  }

  [[nodiscard]] std::uint64_t total() const { return sample_.size() + rows_of_.size(); }
  void report(std::uint64_t done) const {
    if (options_.progress) options_.progress(done, total());
  }

  const CalibrationSet& set_;
  const CalibrationOptions& options_;
  Calibration& out_;
  std::vector<std::vector<std::size_t>> rows_of_;
  std::vector<std::size_t> sample_;
  std::vector<std::size_t> gallery_;
};

Result<Calibration> calibrate(const CalibrationSet& set, const CalibrationOptions& options) {
  Calibration out;
  Scorer(set, options, out).run();
  if (out.genuine_.total() == 0) {
    return make_error(Errc::kFailedPrecondition, "no subject has two embeddings, so nothing tells how alike they are",
                      "use a set with several images of each person");
  }
  if (out.impostor_.total() == 0) {
    return make_error(Errc::kFailedPrecondition, "there is only one subject, so nothing tells how strangers score",
                      "use a set with many people");
  }
  return out;
}

VerifyPoint Calibration::verify_at(std::int32_t threshold) const {
  VerifyPoint p;
  p.threshold = threshold;
  p.fmr = {impostor_.at_or_above(threshold), impostor_.total()};
  p.fnmr = {genuine_.total() - genuine_.at_or_above(threshold), genuine_.total()};
  return p;
}

IdentifyPoint Calibration::identify_at(std::int32_t threshold, std::uint64_t gallery) const {
  IdentifyPoint p;
  p.threshold = threshold;
  p.gallery = gallery;
  p.measured_gallery = gallery_;
  const VerifyPoint verify = verify_at(threshold);
  const auto n = static_cast<double>(gallery);
  p.fpir_expected = millionths_up(at_least_once(verify.fmr.value(), n));
  p.fpir = {non_mated_.at_or_above(threshold), non_mated_.total()};
  p.fpir_scaled = gallery_ == 0 ? 0 : millionths_up(at_least_once(p.fpir.value(), n / static_cast<double>(gallery_)));
  // A mated probe that is not first counts as the lowest score, which no threshold should take.
  p.fnir = {mated_.total() - mated_.at_or_above(std::max(threshold, ScoreHistogram::kLowest + 1)), mated_.total()};
  return p;
}

VerifyPoint Calibration::verify_for_fmr(double wanted) const {
  const auto allowed = wanted * static_cast<double>(impostor_.total());
  std::uint64_t above = 0;
  std::int32_t threshold = ScoreHistogram::kHighest + 1;
  while (threshold > ScoreHistogram::kLowest) {
    above += impostor_.in_bin(threshold - 1);
    if (static_cast<double>(above) > allowed) break;
    --threshold;
  }
  VerifyPoint p = verify_at(threshold);
  p.supported = allowed >= kNeededEvents;
  return p;
}

IdentifyPoint Calibration::identify_for_fpir(double wanted, std::uint64_t gallery) const {
  const auto n = static_cast<double>(std::max<std::uint64_t>(gallery, 1));
  const auto measured = static_cast<double>(std::max<std::uint64_t>(gallery_, 1));
  // Both limits as counts: the FMR, and the measured FPIR, that give `wanted` over n subjects.
  const double fmr_allowed = at_least_once(wanted, 1 / n) * static_cast<double>(impostor_.total());
  const double fpir_allowed = at_least_once(wanted, measured / n) * static_cast<double>(non_mated_.total());
  std::uint64_t pairs = 0;
  std::uint64_t searches = 0;
  std::int32_t threshold = ScoreHistogram::kHighest + 1;
  while (threshold > ScoreHistogram::kLowest) {
    pairs += impostor_.in_bin(threshold - 1);
    searches += non_mated_.in_bin(threshold - 1);
    if (static_cast<double>(pairs) > fmr_allowed || static_cast<double>(searches) > fpir_allowed) break;
    --threshold;
  }
  IdentifyPoint p = identify_at(threshold, gallery);
  p.supported = fmr_allowed >= kNeededEvents && fpir_allowed >= kNeededEvents;
  return p;
}

}  // namespace facekeep::tools
