// Thresholds from the customer's own labelled embeddings, computed offline: no score ever leaves the
// vault, so there is no other way to choose one (design section 7).
//
// Terms as in ISO/IEC 19795-1: FMR and FNMR are the false match and false non-match rates of 1:1
// comparisons; FPIR and FNIR the false positive and false negative rates of a 1:N search. A score is
// the float32 cosine; a threshold t, in millionths, matches every score >= t / 1,000,000.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "vault/base/result.h"

namespace facekeep::tools {

// Counts of scores by millionth. Not thread safe.
class ScoreHistogram {
 public:
  ScoreHistogram() : bins_(kBins) {}
  void add(float score);  // scores outside -1..1 (rounding) count as the nearest
  [[nodiscard]] std::uint64_t total() const noexcept { return total_; }
  // Scores that match at the threshold (any value).
  [[nodiscard]] std::uint64_t at_or_above(std::int32_t threshold) const;
  [[nodiscard]] std::uint64_t in_bin(std::int32_t millionths) const { return bins_[index(millionths)]; }
  [[nodiscard]] double mean() const;
  [[nodiscard]] double standard_deviation() const;

  static constexpr std::int32_t kLowest = -1000000;
  static constexpr std::int32_t kHighest = 1000000;

 private:
  static constexpr std::size_t kBins = kHighest - kLowest + 1;
  static std::size_t index(std::int32_t millionths) { return static_cast<std::size_t>(millionths - kLowest); }
  std::vector<std::uint64_t> bins_;
  std::uint64_t total_ = 0;
  double sum_ = 0;
  double sum_squares_ = 0;
};

// A measured rate, exactly.
struct Rate {
  std::uint64_t count = 0;
  std::uint64_t trials = 0;
  [[nodiscard]] double value() const noexcept {
    return trials == 0 ? 0 : static_cast<double>(count) / static_cast<double>(trials);
  }
  // Rounded up, so that a rate that is not zero is never printed as zero.
  [[nodiscard]] std::uint64_t millionths() const noexcept;
};

// The labelled embeddings, scaled to unit length. About 4 bytes a value.
class CalibrationSet {
 public:
  // kInvalidArgument: another dimension than the first, not finite, zero.
  Status add(const std::string& subject, std::span<const float> values);
  [[nodiscard]] std::size_t size() const noexcept { return person_.size(); }
  [[nodiscard]] std::size_t subjects() const noexcept { return ids_.size(); }
  // The subject's number of a row, from 0 in order of appearance. Precondition: row < size().
  [[nodiscard]] std::uint32_t subject_of(std::size_t row) const { return person_[row]; }
  // Cosine of two rows. Precondition: both < size().
  [[nodiscard]] float score(std::size_t a, std::size_t b) const;

 private:
  std::size_t dimension_ = 0;
  std::vector<float> values_;
  std::vector<std::uint32_t> person_;
  std::map<std::string, std::uint32_t, std::less<>> ids_;
};

struct CalibrationOptions {
  // Impostor comparisons are made among at most this many rows (evenly spread), genuine ones among all.
  std::size_t max_impostor_rows = 20000;
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;  // in rows; may be empty
};

// A pair of different subjects that looks like one person: a duplicate or a wrong label, most often.
struct SuspectPair {
  std::size_t row_a = 0;  // rows of the set, from 0
  std::size_t row_b = 0;
  std::int32_t score = 0;  // millionths
};

struct VerifyPoint {
  std::int32_t threshold = 0;  // millionths
  Rate fmr;
  Rate fnmr;
  // False if a rate this low can't be told from so few comparisons (less than 3 expected: with none
  // seen in n, the rate is below 3/n with 95% confidence).
  bool supported = true;
};

struct IdentifyPoint {
  std::int32_t threshold = 0;          // millionths
  std::uint64_t gallery = 0;           // N, as asked
  std::uint64_t fpir_expected = 0;     // millionths: 1 - (1 - FMR)^N
  std::uint64_t measured_gallery = 0;  // subjects that the data have to search in
  Rate fpir;                           // at the measured gallery
  std::uint64_t fpir_scaled = 0;       // millionths: 1 - (1 - measured)^(N / measured gallery)
  Rate fnir;                           // at the measured gallery: not first, or below the threshold
  bool supported = true;               // as above
};

// The scores of a set. 1:N protocol: the gallery is the first row of every subject with two or more;
// mated probes are their other rows; non-mated probes are the rows of subjects with one row, or, with
// fewer than 100 of these, the mated probes with their own subject left out.
class Calibration {
 public:
  [[nodiscard]] const ScoreHistogram& genuine() const noexcept { return genuine_; }
  [[nodiscard]] const ScoreHistogram& impostor() const noexcept { return impostor_; }
  [[nodiscard]] std::uint64_t gallery() const noexcept { return gallery_; }
  // The up to 10 highest impostor scores, highest first.
  [[nodiscard]] const std::vector<SuspectPair>& suspects() const noexcept { return suspects_; }

  [[nodiscard]] VerifyPoint verify_at(std::int32_t threshold) const;
  [[nodiscard]] IdentifyPoint identify_at(std::int32_t threshold, std::uint64_t gallery) const;
  // The lowest threshold whose measured FMR is at most `wanted` (0 < wanted < 1).
  // 1,000,001, which nothing reaches, if even identical faces of strangers (score 1) are too many.
  [[nodiscard]] VerifyPoint verify_for_fmr(double wanted) const;
  // The lowest threshold at which both the expected and the scaled FPIR over `gallery` subjects are
  // at most `wanted`.
  [[nodiscard]] IdentifyPoint identify_for_fpir(double wanted, std::uint64_t gallery) const;

 private:
  friend Result<Calibration> calibrate(const CalibrationSet& set, const CalibrationOptions& options);
  friend class Scorer;
  ScoreHistogram genuine_;
  ScoreHistogram impostor_;
  ScoreHistogram mated_;      // own score where it is the highest, else the lowest score there is
  ScoreHistogram non_mated_;  // highest score
  std::uint64_t gallery_ = 0;
  std::vector<SuspectPair> suspects_;
};

// Scores the set: O(min(rows, max)^2) comparisons. kFailedPrecondition if it has no genuine or no
// impostor comparison.
Result<Calibration> calibrate(const CalibrationSet& set, const CalibrationOptions& options = {});

}  // namespace facekeep::tools
