// Galleries and probes for the match benchmark.
//
// With the real embeddings at hand: the 1,680 gallery faces of the data's protocol first, then distractors drawn from a
// normal distribution with the mean and covariance of all the real ones; probes are real images of people inside and
// outside of the gallery, in turn. Without them, faces with a spectrum like theirs are made up. All unit vectors.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "vault/match/arena.h"

namespace facekeep::bench {

struct MatchData {
  std::size_t dimension = 0;
  std::size_t count = 0;
  match::ArenaBlock block;  // count rows of `dimension` (a multiple of 16), in memory of the engine's kind
  std::vector<std::vector<float>> probes;
  bool real = false;

  [[nodiscard]] const float* rows() const { return reinterpret_cast<const float*>(block.data()); }
  [[nodiscard]] std::span<const float> row(std::size_t i) const { return {rows() + i * dimension, dimension}; }
};

// `folder`: where the embeddings lie; may be absent. Ends the process if there is no memory.
MatchData make_match_data(match::Arena& arena, const std::string& folder, std::size_t dimension, std::size_t count,
                          unsigned threads);

}  // namespace facekeep::bench
