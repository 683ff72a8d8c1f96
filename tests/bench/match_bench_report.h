// Rows of a benchmark: one JSON object a line, printed and appended to a file.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace facekeep::bench {

struct Figure {
  std::string name;
  double value = 0;
  std::string unit;
  std::string yardstick;  // empty: none
  double yardstick_value = 0;
};

class Report {
 public:
  // `path` empty: standard output only.
  explicit Report(std::string path);
  // False if the file could not be written. Ratio: how many times better than the yardstick, where
  // `lower_is_better` says which way.
  bool add(const Figure& figure, bool lower_is_better);

 private:
  std::string path_;
  std::string machine_;
};

double median(std::vector<double> values);

}  // namespace facekeep::bench
