// identify in small galleries beside a large one: 1,000 sites of 1,000 people in the engine that has the large site.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tests/bench/match_bench_report.h"
#include "tests/bench/match_data.h"
#include "vault/match/engine.h"

namespace facekeep::bench {

// Adds the small galleries, and rows: an answer of a small one while nobody asks the large one ("bench", "m"), and
// while one caller does without a pause. The source must give row `order` of the data. Returns how many decisions were
// not those of brute force over the same rows.
std::size_t add_many_galleries(Report& rows, match::Engine& engine, const MatchData& data, std::int64_t threshold);

}  // namespace facekeep::bench
