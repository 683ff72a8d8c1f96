#include "tests/bench/match_rivals.h"

#include <faiss/IndexFlat.h>
#include <faiss/IndexPQFastScan.h>
#include <faiss/IndexRefine.h>
#include <faiss/IndexScalarQuantizer.h>
#include <omp.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <thread>

#include "vault/match/cosine.h"

namespace facekeep::bench {
namespace {

using Label = decltype(faiss::Index::ntotal);  // its name differs between versions
constexpr const char* kFaiss = "FAISS 1.7.3 ";

class BruteForce : public Rival {
 public:
  BruteForce(const MatchData& data, unsigned threads) : data_(data), threads_(threads) {}
  std::string name() const override { return "our float32 brute force, " + std::to_string(threads_) + " threads"; }
  bool exact() const override { return true; }
  // Every thread takes a share of the rows; a block of them is compared with every probe while it is in the cache.
  std::vector<Nearest> search(std::span<const float> probes) const override {
    const std::size_t count = probes.size() / data_.dimension;
    std::vector<std::vector<Nearest>> found(threads_, std::vector<Nearest>(count, {0, -2}));
    std::vector<std::thread> team;
    for (unsigned t = 0; t < threads_; ++t) {
      team.emplace_back([&, t] {
        const std::size_t end = data_.count * (t + 1) / threads_;
        std::array<float, kBlock> scores{};
        for (std::size_t first = data_.count * t / threads_; first < end; first += kBlock) {
          const std::size_t some = std::min(kBlock, end - first);
          for (std::size_t p = 0; p < count; ++p) {
            match::cosine_rows(probes.data() + p * data_.dimension, data_.row(first).data(), data_.dimension, some,
                               scores.data());
            for (std::size_t i = 0; i < some; ++i) {
              if (scores[i] > found[t][p].score) found[t][p] = {first + i, scores[i]};
            }
          }
        }
      });
    }
    for (auto& thread : team) thread.join();
    for (unsigned t = 1; t < threads_; ++t) {
      for (std::size_t p = 0; p < count; ++p) {
        if (found[t][p].score > found[0][p].score) found[0][p] = found[t][p];
      }
    }
    return found[0];
  }

 private:
  static constexpr std::size_t kBlock = 64;
  const MatchData& data_;
  const unsigned threads_;
};

class FaissRival : public Rival {
 public:
  FaissRival(std::string name, std::shared_ptr<faiss::Index> index, bool exact)
      : name_(kFaiss + std::move(name)), index_(std::move(index)), exact_(exact) {}
  std::string name() const override { return name_; }
  bool exact() const override { return exact_; }
  std::vector<Nearest> search(std::span<const float> probes) const override {
    const std::size_t count = probes.size() / static_cast<std::size_t>(index_->d);
    std::vector<Label> labels(count, -1);
    std::vector<float> scores(count);
    index_->search(static_cast<Label>(count), probes.data(), 1, scores.data(), labels.data());
    std::vector<Nearest> nearest(count);
    for (std::size_t p = 0; p < count; ++p) nearest[p] = {static_cast<std::size_t>(labels[p]), scores[p]};
    return nearest;
  }

 private:
  const std::string name_;
  const std::shared_ptr<faiss::Index> index_;
  const bool exact_;
};

}  // namespace

std::vector<std::unique_ptr<Rival>> make_rivals(const MatchData& data, unsigned threads, bool faiss) {
  omp_set_num_threads(static_cast<int>(threads));
  const auto d = static_cast<Label>(data.dimension);
  const auto n = static_cast<Label>(data.count);
  std::vector<std::unique_ptr<Rival>> rivals;
  rivals.push_back(std::make_unique<BruteForce>(data, threads));
  if (!faiss) return rivals;
  auto flat = std::make_shared<faiss::IndexFlatIP>(d);
  flat->add(n, data.rows());
  rivals.push_back(std::make_unique<FaissRival>("IndexFlatIP", flat, true));
  auto scalar = std::make_shared<faiss::IndexScalarQuantizer>(static_cast<int>(d), faiss::ScalarQuantizer::QT_8bit,
                                                              faiss::METRIC_INNER_PRODUCT);
  scalar->train(std::min<Label>(n, 20000), data.rows());
  scalar->add(n, data.rows());
  rivals.push_back(std::make_unique<FaissRival>("SQ8", scalar, false));
  // Two values to four bits, as the design's figure has it; the best ten are compared again in float32.
  auto fast =
      std::make_shared<faiss::IndexPQFastScan>(static_cast<int>(d), data.dimension / 2, 4, faiss::METRIC_INNER_PRODUCT);
  fast->train(std::min<Label>(n, 10000), data.rows());
  fast->add(n, data.rows());
  struct Refined : faiss::IndexRefine {
    Refined(std::shared_ptr<faiss::Index> b, std::shared_ptr<faiss::Index> r)
        : faiss::IndexRefine(b.get(), r.get()), base(std::move(b)), exact(std::move(r)) {
      k_factor = 10;
    }
    std::shared_ptr<faiss::Index> base;
    std::shared_ptr<faiss::Index> exact;
  };
  rivals.push_back(
      std::make_unique<FaissRival>("PQFastScan with refinement", std::make_shared<Refined>(fast, flat), false));
  return rivals;
}

double read_rows_ms(const MatchData& data, unsigned threads) {
  const std::size_t share = data.block.size() / threads / 64 * 64;
  std::vector<std::uint64_t> sums(threads);
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::thread> team;
  for (unsigned t = 0; t < threads; ++t) {
    team.emplace_back([&, t] {
      typedef std::uint64_t Wide __attribute__((vector_size(64)));
      const std::uint8_t* at = data.block.data() + t * share;
      Wide sum = {};
      for (std::size_t i = 0; i < share; i += sizeof(Wide)) {
        Wide value;
        std::memcpy(&value, at + i, sizeof(value));
        sum ^= value;
      }
      for (int i = 0; i < 8; ++i) sums[t] ^= sum[i];
    });
  }
  for (auto& thread : team) thread.join();
  const double ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  volatile std::uint64_t used = sums[0];
  (void)used;
  return ms;
}

}  // namespace facekeep::bench
