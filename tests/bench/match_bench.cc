// identify beside brute force and FAISS: the same vectors, the same threads, in turn, medians.
//
//   match_bench [--templates N] [--dimension 128|512] [--rounds R] [--threads T] [--data DIR] [--many-galleries]
//   [--json FILE]
//
// One probe at a time, then 64 in flight (64 callers of ours; one call of 64 probes of the others, which suits them).
// The engine's decisions must be those of our brute force, every one; how often the approximate ones agree is told.
// Exact values come from an array: what a sealed store takes instead is told apart from this (an opening each).
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <cstring>
#include <fstream>
#include <functional>
#include <iostream>
#include <optional>
#include <thread>

#include "tests/bench/many_galleries.h"
#include "tests/bench/match_bench_report.h"
#include "tests/bench/match_data.h"
#include "tests/bench/match_rivals.h"
#include "vault/match/cosine.h"
#include "vault/match/engine.h"

namespace {

using namespace facekeep;
using namespace facekeep::match;
using facekeep::bench::MatchData;
using facekeep::bench::Rival;

constexpr std::size_t kInFlight = 64;

struct Flags {
  std::size_t templates = 100000;
  std::size_t dimension = 512;
  std::size_t rounds = 31;
  std::int64_t threshold = 450000;  // about one in 300,000 pairs of strangers lies above
  unsigned threads = std::max(1U, std::thread::hardware_concurrency());
  bool without_faiss = false;
  bool many_galleries = false;
  std::string data;
  std::string json;
};

SubjectRef ref_of(std::uint64_t n) {
  SubjectRef ref{};
  std::memcpy(ref.data(), &n, sizeof(n));
  return ref;
}

class ArraySource : public ExactSource {
 public:
  explicit ArraySource(const MatchData& data) : data_(data) {}
  Status open(const TemplateName& name, std::span<float> out) override {
    const auto row = data_.row(name.order);
    std::copy(row.begin(), row.end(), out.begin());
    return {};
  }

 private:
  const MatchData& data_;
};

double milliseconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

double resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t total = 0;
  std::size_t resident = 0;
  file >> total >> resident;
  return static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

struct Bench {
  const Flags& flags;
  const MatchData& data;
  Engine& engine;
  const std::vector<std::unique_ptr<Rival>>& rivals;
  std::size_t next_probe = 0;
  std::size_t differs = 0;           // of the engine, from brute force
  std::vector<std::size_t> agree{};  // of each rival, with brute force
  std::size_t asked = 0;
  std::vector<double> ours{};  // milliseconds a probe
  std::vector<std::vector<double>> theirs{};
  std::vector<double> read{};

  // What the engine says to `at_once` callers at a time, until all probes are answered; the first are probes[0].
  std::vector<std::optional<SubjectRef>> ask_engine(std::span<const float> probes, std::size_t at_once) {
    const std::size_t count = probes.size() / data.dimension;
    std::vector<std::optional<SubjectRef>> found(count);
    std::atomic<std::size_t> next{0};
    const auto caller = [&] {
      for (std::size_t p = next++; p < count; p = next++) {
        found[p] = *engine.identify("bench", "m", probes.subspan(p * data.dimension, data.dimension), flags.threshold);
      }
    };
    std::vector<std::thread> callers;
    for (std::size_t c = 1; c < at_once; ++c) callers.emplace_back(caller);
    caller();
    for (auto& thread : callers) thread.join();
    return found;
  }

  // A round: `at_once` probes for the others, in one call; for the engine the callers go on for a few more laps, since
  // doors do not come in step. Times are those of a probe.
  void run(std::size_t at_once, std::size_t rounds) {
    const std::size_t laps = at_once == 1 ? 1 : 4;
    const float threshold = threshold_from_millionths(flags.threshold);
    theirs.resize(rivals.size());
    agree.resize(rivals.size());
    for (std::size_t r = 0; r < rounds + 1; ++r) {  // the first warms up
      std::vector<float> probes;
      for (std::size_t p = 0; p < at_once * laps; ++p) {
        const auto& probe = data.probes[next_probe++ % data.probes.size()];
        probes.insert(probes.end(), probe.begin(), probe.end());
      }
      const std::span<const float> batch(probes.data(), at_once * data.dimension);
      std::vector<std::optional<SubjectRef>> found;
      const double mine = milliseconds([&] { found = ask_engine(probes, at_once); });
      std::vector<bench::Nearest> truth;
      for (std::size_t i = 0; i < rivals.size(); ++i) {
        std::vector<bench::Nearest> nearest;
        const double took = milliseconds([&] { nearest = rivals[i]->search(batch); });
        if (i == 0) truth = nearest;
        if (r == 0) continue;
        theirs[i].push_back(took / static_cast<double>(at_once));
        for (std::size_t p = 0; p < at_once; ++p) agree[i] += nearest[p].row == truth[p].row ? 1U : 0U;
      }
      for (std::size_t p = 0; p < at_once; ++p) {
        const auto right = truth[p].score >= threshold ? std::optional(ref_of(truth[p].row)) : std::nullopt;
        differs += found[p] == right ? 0U : 1U;
      }
      if (r == 0) continue;
      asked += at_once;
      ours.push_back(mine / static_cast<double>(found.size()));
      read.push_back(bench::read_rows_ms(data, flags.threads));
    }
  }
};

void report(const Flags& flags, bench::Report& rows, const Bench& b, std::size_t at_once, const EngineStats& before,
            const EngineStats& after) {
  const std::string size = std::to_string(flags.templates) + " x " + std::to_string(flags.dimension);
  const std::string probes = at_once == 1 ? "1 probe, " : std::to_string(at_once) + " in flight, a probe, ";
  const std::string name = "identify, " + probes + size + ", " + std::to_string(flags.threads) + " threads";
  const double each = static_cast<double>(at_once);
  const double ms = bench::median(b.ours);
  for (std::size_t i = 0; i < b.rivals.size(); ++i) {
    const auto share = static_cast<double>(b.agree[i]) / static_cast<double>(b.asked);
    const std::string kind = b.rivals[i]->exact() ? "" : " (right " + std::to_string(share * 100).substr(0, 5) + "%)";
    rows.add({name, ms, "ms", b.rivals[i]->name() + kind, bench::median(b.theirs[i])}, true);
  }
  const auto compared = static_cast<double>(after.compared - before.compared);
  const auto looked = static_cast<double>(after.looked_at - before.looked_at);
  const auto opened = static_cast<double>(after.opened - before.opened);
  const double asked = compared / static_cast<double>(flags.templates);
  rows.add({name + ", left by the first look", looked / compared * 100, "% of the templates", "", 0}, true);
  rows.add({name + ", opened", opened / asked, "templates a probe", "", 0}, true);
  // What the first look reads is shared by those in flight; the second reads residual codes and a row.
  const double axes = flags.dimension >= 192 ? 128 : 96;
  const double bytes = static_cast<double>(flags.templates) * (axes / 2 + 3) / each +
                       looked / asked * (static_cast<double>(flags.dimension) / 2 + 24);
  const double full = static_cast<double>(flags.templates * flags.dimension * sizeof(float));
  rows.add({name + ", bytes read", bytes / 1e6, "MB a probe", "all float32 values", full / 1e6}, true);
  rows.add({name + ", memory bandwidth", bytes / ms / 1e6, "GB/s", "plain read by as many threads",
            full / bench::median(b.read) / 1e6},
           false);
}

int run(const Flags& flags) {
  Arena arena({.allow_unlocked = true});
  const MatchData data = bench::make_match_data(arena, flags.data, flags.dimension, flags.templates, flags.threads);
  std::cerr << (data.real ? "real faces and distractors\n" : "made-up faces\n");
  ArraySource source(data);
  const double before_bytes = resident_bytes();
  auto made = make_exact_engine({.threads = flags.threads, .arena = {.allow_unlocked = true}, .source = &source});
  if (!made || !(*made)->create_gallery("bench", "m", flags.dimension)) return 2;
  Engine& engine = **made;
  const double fill_ms = milliseconds([&] {
    for (std::size_t i = 0; i < flags.templates; ++i) {
      if (!engine.add("bench", "m", ref_of(i), i, data.row(i))) std::abort();
    }
  });
  const double resident = resident_bytes() - before_bytes;
  const auto rivals = bench::make_rivals(data, flags.threads, !flags.without_faiss);
  bench::Report rows(flags.json);
  std::size_t differs = 0;
  for (const std::size_t at_once : {std::size_t{1}, kInFlight}) {
    Bench b{flags, data, engine, rivals};
    const EngineStats before = engine.stats();
    b.run(at_once, at_once == 1 ? flags.rounds : std::max<std::size_t>(2, flags.rounds / 8));
    report(flags, rows, b, at_once, before, engine.stats());
    differs += b.differs;
  }
  const std::string size = std::to_string(flags.templates) + " x " + std::to_string(flags.dimension);
  const auto count = static_cast<double>(flags.templates);
  const auto values = static_cast<double>(flags.dimension * sizeof(float));
  rows.add({"add, " + size + ", 1 caller", count / fill_ms * 1e3, "templates/s", "", 0}, false);
  rows.add({"memory of a template while open, codes, " + size, static_cast<double>(engine.stats().bytes) / count,
            "bytes", "its float32 values alone", values},
           true);
  rows.add({"memory of a template while open, the process, " + size, resident / count, "bytes",
            "its float32 values alone", values},
           true);
  if (flags.many_galleries) differs += bench::add_many_galleries(rows, engine, data, flags.threshold);
  if (differs == 0) return 0;
  std::cerr << "error: " << differs << " decisions differ from brute force's\n";
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  Flags flags;
#ifdef FACEKEEP_SHARED_DIR
  flags.data = std::string(FACEKEEP_SHARED_DIR) + "/data";
#endif
  CLI::App app("identify beside brute force and FAISS");
  app.add_option("--templates", flags.templates)->check(CLI::Range(1, 10000000));
  app.add_option("--dimension", flags.dimension)->check(CLI::IsMember({128, 512}));
  app.add_option("--rounds", flags.rounds)->check(CLI::Range(1, 100000));
  app.add_option("--threads", flags.threads)->check(CLI::Range(1, 256));
  app.add_option("--threshold", flags.threshold, "millionths")->check(CLI::Range(-1000000, 1000000));
  app.add_option("--data", flags.data, "the folder of the real embeddings");
  app.add_flag("--without-faiss", flags.without_faiss, "only beside brute force");
  app.add_flag("--many-galleries", flags.many_galleries, "then 1,000 galleries of 1,000 beside it");
  app.add_option("--json", flags.json, "append one JSON row a line to this file");
  CLI11_PARSE(app, argc, argv);
  return run(flags);
}
