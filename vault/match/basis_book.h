// The bases of one model, the newest in use.
//
// Galleries of a model share what they learn: a face model spreads faces over its axes in the same way everywhere. A
// basis is learned from the first 128 templates of a gallery, and again when some gallery has eight times as many as
// the last one was learned from, until 4,096 were looked at. Codes drawn on an older basis stay as they are. Thread
// safe.
#pragma once

#include <cstddef>
#include <functional>
#include <mutex>

#include "vault/match/basis.h"

namespace facekeep::match {

class BasisBook {
 public:
  static constexpr std::size_t kFirst = 128;
  static constexpr std::size_t kFactor = 8;
  static constexpr std::size_t kMost = 4096;

  [[nodiscard]] BasisPtr current() const {
    const std::lock_guard guard(mutex_);
    return current_;
  }

  // With `templates` in a gallery, it is time to learn.
  [[nodiscard]] bool due(std::size_t templates) const {
    const std::lock_guard guard(mutex_);
    return is_due(templates);
  }

  // Calls `learn` with the number of templates to learn from, if it is still time; an error leaves things as they are
  // until there are eight times as many.
  void renew(std::size_t templates, const std::function<Result<BasisPtr>(std::size_t)>& learn) {
    const std::lock_guard guard(mutex_);
    if (!is_due(templates)) return;
    learned_from_ = std::min(templates, kMost);
    if (auto basis = learn(learned_from_)) current_ = std::move(*basis);
  }

 private:
  [[nodiscard]] bool is_due(std::size_t templates) const {
    return learned_from_ < kMost && templates >= std::max(kFirst, kFactor * learned_from_);
  }

  mutable std::mutex mutex_;
  BasisPtr current_;
  std::size_t learned_from_ = 0;
};

}  // namespace facekeep::match
