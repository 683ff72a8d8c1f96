// What the engine is measured beside: float32 brute force of our own, and FAISS (Debian's 1.7.3, built without
// AVX-512).
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tests/bench/match_data.h"

namespace facekeep::bench {

// Of each probe, the row with the highest cosine, and that.
struct Nearest {
  std::size_t row = 0;
  float score = 0;
};

class Rival {
 public:
  virtual ~Rival() = default;
  [[nodiscard]] virtual std::string name() const = 0;
  [[nodiscard]] virtual bool exact() const = 0;
  // All probes at once, one behind the other.
  virtual std::vector<Nearest> search(std::span<const float> probes) const = 0;
};

// Brute force first, and without FAISS nothing else. `data` must outlive them.
std::vector<std::unique_ptr<Rival>> make_rivals(const MatchData& data, unsigned threads, bool faiss);

// Milliseconds in which as many threads read all rows once.
double read_rows_ms(const MatchData& data, unsigned threads);

}  // namespace facekeep::bench
