// identify, one probe, beside FAISS: the same vectors, the same threads, A and B in turn, medians.
//
//   match_bench [--templates N] [--dimension D] [--rounds R] [--threads T] [--json FILE]
//
// Two yardsticks: IndexFlatIP, which scans for a single probe with one thread whatever OpenMP has,
// and IndexFlatIP in T threaded shards, the best that Debian's FAISS (1.7.3, built without AVX-512)
// does exactly. The memory's own speed, T threads reading as many bytes of the same kind of memory,
// says what is left to gain. The faces are generated; an exact scan takes the same time over any
// data. Decisions are compared.
#include <faiss/IndexFlat.h>
#include <faiss/IndexShards.h>
#include <omp.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstring>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include "tests/bench/match_bench_report.h"
#include "vault/match/engine.h"
#include "vault/match/vector.h"

namespace {

using namespace facekeep;
using namespace facekeep::match;

struct Flags {
  std::size_t templates = 100000;
  std::size_t dimension = 512;
  std::size_t rounds = 31;
  unsigned threads = std::max(1U, std::thread::hardware_concurrency());
  std::string json;
};

std::vector<float> make_faces(std::size_t count, std::size_t dimension) {
  std::mt19937 rng(1);
  std::normal_distribution<float> normal;
  std::vector<float> faces(count * dimension);
  std::vector<float> face(dimension);
  for (std::size_t i = 0; i < count; ++i) {
    for (float& x : face) x = normal(rng);
    if (!normalise(face, dimension, std::span(faces).subspan(i * dimension, dimension))) std::abort();
  }
  return faces;
}

SubjectRef ref_of(std::uint64_t n) {
  SubjectRef ref{};
  std::memcpy(ref.data(), &n, sizeof(n));
  return ref;
}

double milliseconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

// Reads every byte once, with `threads` threads.
void read_all(const ArenaBlock& data, unsigned threads, std::vector<std::uint64_t>& sums) {
  const std::size_t words = data.size() / sizeof(std::uint64_t) / threads / 8 * 8;
  std::vector<std::thread> team;
  for (unsigned t = 0; t < threads; ++t) {
    team.emplace_back([&, t] {
      typedef std::uint64_t Wide __attribute__((vector_size(64)));
      const std::uint8_t* at = data.data() + t * words * sizeof(std::uint64_t);
      Wide sum = {};
      for (std::size_t w = 0; w < words; w += 8) {
        Wide value;
        std::memcpy(&value, at + w * sizeof(std::uint64_t), sizeof(value));
        sum ^= value;
      }
      for (int i = 0; i < 8; ++i) sums[t] ^= sum[i];
    });
  }
  for (auto& thread : team) thread.join();
}

using Label = decltype(faiss::Index::ntotal);  // its name differs between versions

// FAISS, whole and in shards that run on threads of their own.
struct Faiss {
  Faiss(const Flags& flags, const std::vector<float>& faces)
      : flat(static_cast<Label>(flags.dimension)), shards(static_cast<Label>(flags.dimension), true, true) {
    omp_set_num_threads(static_cast<int>(flags.threads));
    flat.add(static_cast<Label>(flags.templates), faces.data());
    for (unsigned t = 0; t < flags.threads; ++t) {
      parts.push_back(std::make_unique<faiss::IndexFlatIP>(static_cast<Label>(flags.dimension)));
      shards.add_shard(parts.back().get());
    }
    shards.add(static_cast<Label>(flags.templates), faces.data());
  }
  static Label nearest(const faiss::Index& index, const std::vector<float>& probe) {
    Label label = -1;
    float score = 0;
    index.search(1, probe.data(), 1, &score, &label);
    return label;
  }
  std::vector<std::unique_ptr<faiss::IndexFlatIP>> parts;
  faiss::IndexFlatIP flat;
  faiss::IndexShards shards;
};

struct Times {  // milliseconds, one a round
  std::vector<double> engine;
  std::vector<double> flat;
  std::vector<double> shards;
  std::vector<double> read;
  std::size_t differs = 0;
};

Times contest(const Flags& flags, const std::vector<float>& faces, Engine& engine, const Faiss& faiss,
              const ArenaBlock& copy) {
  constexpr std::size_t kWarmUp = 2;
  std::mt19937 rng(2);
  std::normal_distribution<float> normal;
  Times times;
  std::vector<std::uint64_t> sums(flags.threads);
  std::vector<float> noisy(flags.dimension);
  std::vector<float> probe(flags.dimension);
  for (std::size_t r = 0; r < flags.rounds + kWarmUp; ++r) {
    const float* face = faces.data() + rng() % flags.templates * flags.dimension;
    for (std::size_t i = 0; i < flags.dimension; ++i) noisy[i] = face[i] + 0.05F * normal(rng);
    if (!normalise(noisy, flags.dimension, probe)) std::abort();
    std::optional<SubjectRef> found;
    Label flat = -1;
    Label shards = -1;
    const double a = milliseconds([&] { found = *engine.identify("bench", "m", probe, 0); });
    const double b = milliseconds([&] { flat = Faiss::nearest(faiss.flat, probe); });
    const double c = milliseconds([&] { shards = Faiss::nearest(faiss.shards, probe); });
    const double d = milliseconds([&] { read_all(copy, flags.threads, sums); });
    times.differs += found != ref_of(static_cast<std::uint64_t>(flat)) || flat != shards ? 1 : 0;
    if (r < kWarmUp) continue;
    times.engine.push_back(a);
    times.flat.push_back(b);
    times.shards.push_back(c);
    times.read.push_back(d);
  }
  return times;
}

bool report(const Flags& flags, const Times& times, double fill_ms, const EngineStats& stats) {
  const auto count = static_cast<double>(flags.templates);
  const double ms = bench::median(times.engine);
  const double row_bytes = static_cast<double>(flags.dimension * sizeof(float));
  const std::string threads = std::to_string(flags.threads);
  const std::string size = std::to_string(flags.templates) + " x " + std::to_string(flags.dimension);
  const std::string name = "identify, 1 probe, " + size + ", " + threads + " threads";
  const std::string built = " (Debian's, built without AVX-512)";
  bench::Report rows(flags.json);
  bool ok = rows.add({name, ms, "ms", "FAISS IndexFlatIP" + built, bench::median(times.flat)}, true);
  ok &= rows.add(
      {name, ms, "ms", "FAISS IndexFlatIP in " + threads + " threaded shards" + built, bench::median(times.shards)},
      true);
  ok &= rows.add({name + ", rows", count / ms * 1e3, "rows/s", "", 0}, false);
  ok &= rows.add({name + ", bytes of templates", count * row_bytes / ms / 1e6, "GB/s", "plain read by as many threads",
                  count * row_bytes / bench::median(times.read) / 1e6},
                 false);
  ok &= rows.add({"add, " + size + ", 1 caller", count / fill_ms * 1e3, "templates/s", "", 0}, false);
  ok &= rows.add({"memory of a template while open, " + size, static_cast<double>(stats.bytes) / count, "bytes",
                  "its float32 values alone", row_bytes},
                 true);
  return ok;
}

int run(const Flags& flags) {
  const auto faces = make_faces(flags.templates, flags.dimension);
  auto made = make_exact_engine({.threads = flags.threads, .arena = {.allow_unlocked = true}});
  if (!made || !(*made)->create_gallery("bench", "m", flags.dimension)) return 2;
  Engine& engine = **made;
  const double fill_ms = milliseconds([&] {
    for (std::size_t i = 0; i < flags.templates; ++i) {
      const std::span face = std::span(faces).subspan(i * flags.dimension, flags.dimension);
      if (!engine.add("bench", "m", ref_of(i), i, face)) std::abort();
    }
  });
  const Faiss faiss(flags, faces);
  Arena arena({.allow_unlocked = true});
  const auto copy = arena.allocate(faces.size() * sizeof(float));
  if (!copy) return 2;
  std::memcpy(copy->data(), faces.data(), faces.size() * sizeof(float));
  const Times times = contest(flags, faces, engine, faiss, *copy);
  if (times.differs != 0) {
    std::cerr << "error: " << times.differs << " of the decisions differ from those of FAISS\n";
    return 2;
  }
  return report(flags, times, fill_ms, engine.stats()) ? 0 : 2;
}

}  // namespace

int main(int argc, char** argv) {
  Flags flags;
  CLI::App app("identify beside FAISS");
  app.add_option("--templates", flags.templates)->check(CLI::Range(1, 10000000));
  app.add_option("--dimension", flags.dimension)->check(CLI::Range(kMinDimension, kMaxDimension));
  app.add_option("--rounds", flags.rounds)->check(CLI::Range(1, 100000));
  app.add_option("--threads", flags.threads)->check(CLI::Range(1, 256));
  app.add_option("--json", flags.json, "append one JSON row a line to this file");
  CLI11_PARSE(app, argc, argv);
  return run(flags);
}
