#include "tests/bench/match_bench_report.h"

#include <algorithm>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>

#include "vault/match/cosine.h"

namespace facekeep::bench {
namespace {

std::string describe_machine() {
  std::ifstream file("/proc/cpuinfo");
  std::string model = "unknown processor";
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("model name")) {
      model = line.substr(line.find(':') + 2);
      break;
    }
  }
  return model + ", " + std::to_string(std::thread::hardware_concurrency()) + " threads, kernel " +
         match::available_kernels().front().name;
}

}  // namespace

Report::Report(std::string path) : path_(std::move(path)), machine_(describe_machine()) {}

bool Report::add(const Figure& figure, bool lower_is_better) {
  nlohmann::ordered_json row = {{"name", figure.name}, {"value", figure.value}, {"unit", figure.unit}};
  if (figure.yardstick.empty()) {
    row["yardstick"] = nullptr;
    row["yardstick_value"] = nullptr;
    row["ratio"] = nullptr;
  } else {
    row["yardstick"] = figure.yardstick;
    row["yardstick_value"] = figure.yardstick_value;
    row["ratio"] = lower_is_better ? figure.yardstick_value / figure.value : figure.value / figure.yardstick_value;
  }
  row["machine"] = machine_;
  std::cout << row.dump() << std::endl;
  if (path_.empty()) return true;
  std::ofstream file(path_, std::ios::app);
  file << row.dump() << '\n';
  return file.good();
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  const std::size_t n = values.size();
  return n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

}  // namespace facekeep::bench
