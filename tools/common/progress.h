// Progress of long work: a bar with rate and remaining time on a terminal, a line at every 10%
// elsewhere (logs, pipes).
#pragma once

#include <cstdint>
#include <functional>
#include <ostream>
#include <string>

#include "tools/common/catalogue.h"

namespace facekeep::tools {

// "59s", "3m07s", "2h05m": whole units, for people.
std::string format_duration(std::uint64_t seconds);

class Progress {
 public:
  using NowMillis = std::function<std::uint64_t()>;  // monotonic milliseconds

  // `total` is the number of units; 0 if unknown (then a count and a rate only). `label` is shown as
  // it is. Prints to `err`, which must outlive it. Not thread safe.
  Progress(std::ostream& err, bool tty, Lang lang, std::string label, std::uint64_t total, NowMillis now = {});

  // `done` units are finished, counted from the start; a terminal is redrawn at most 10 times a second.
  void update(std::uint64_t done);
  // The last line: how many in what time. Nothing may follow.
  void finish();

 private:
  void draw();
  [[nodiscard]] std::string figures(std::uint64_t elapsed_ms) const;

  std::ostream& err_;
  bool tty_;
  Lang lang_;
  std::string label_;
  std::uint64_t total_;
  NowMillis now_;
  std::uint64_t start_ms_;
  std::uint64_t drawn_ms_ = 0;
  std::uint64_t done_ = 0;
  std::uint64_t next_tenth_ = 1;
  bool drawn_ = false;
};

}  // namespace facekeep::tools
