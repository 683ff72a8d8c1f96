// Matching beside enrolment and erasure. Run it under -fsanitize=thread too.
#include <atomic>
#include <chrono>
#include <thread>

#include "tests/support/catch.h"
#include "tests/unit/match/faces.h"

using namespace facekeep;
using namespace facekeep::match;
using namespace facekeep::match::testing;

namespace {

constexpr std::size_t kDimension = 64;

// Faces along the axes: each is its own best match, at cosine 1, and 0 from every other.
std::vector<float> axis(std::size_t n) {
  std::vector<float> v(kDimension);
  v[n % kDimension] = n / kDimension % 2 == 0 ? 1.0F : -1.0F;
  return v;
}

}  // namespace

TEST_CASE("an erased or suspended template is never matched once the call has returned") {
  const bool sourced = GENERATE(false, true);
  INFO(sourced);
  const auto engine = make_engine(sourced);
  REQUIRE(engine->create_gallery("tower", "m", kDimension));
  std::mt19937 rng(21);
  std::uint64_t order = 0;
  for (std::uint64_t i = 0; i < 6000; ++i) {
    REQUIRE(engine->add("tower", "m", ref_of(1000000 + i), ++order, random_face(kDimension, rng)));
  }
  // Each victim comes, is seen, goes (erased or suspended), and must not be seen; others watch, scan
  // and erase beside it.
  std::atomic<bool> stop{false};
  std::atomic<std::size_t> wrong{0};
  std::atomic<std::size_t> seen{0};
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      for (std::uint64_t round = 0; round < 60; ++round) {
        const SubjectRef ref = ref_of(2000000 + t * 100000 + round);
        const auto face = axis(t);
        if (!engine->add("tower", "m", ref, 1000000 + t * 100000 + round, face)) ++wrong;
        if (*engine->identify("tower", "m", face, 990000) != ref) ++wrong;
        if (!*engine->verify("tower", "m", ref, face, 990000)) ++wrong;
        if (round % 3 == 0) {
          engine->suspend(ref, true);
        } else if (engine->remove(ref) != 1) {
          ++wrong;
        }
        if (engine->identify("tower", "m", face, 990000)->has_value()) ++wrong;
        if (*engine->verify("tower", "m", ref, face, 990000)) ++wrong;
        engine->remove(ref);
      }
    });
  }
  threads.emplace_back([&] {  // erases the crowd, so that chunks merge and vanish, and brings some back
    for (std::uint64_t i = 0; i < 6000; ++i) {
      if (i % 7 != 0 && engine->remove(ref_of(1000000 + i)) != 1) ++wrong;
      if (i % 5 == 0) {
        if (!engine->add("tower", "m", ref_of(3000000 + i), 5000000 + i, axis(40))) ++wrong;
      }
    }
  });
  std::thread watcher([&] {
    while (!stop) {
      const auto got = engine->identify("tower", "m", axis(0), 990000);
      if (!got) ++wrong;
      if (got && got->has_value()) ++seen;
    }
  });
  for (auto& thread : threads) thread.join();
  stop = true;
  watcher.join();
  CHECK(wrong == 0);
  CHECK(engine->stats().templates == 858 + 1200);
}

TEST_CASE("a template that stays is found in every scan, whatever comes, goes and moves around it") {
  const bool sourced = GENERATE(false, true);
  INFO(sourced);
  const auto engine = make_engine(sourced);
  REQUIRE(engine->create_gallery("tower", "m", kDimension));
  std::mt19937 rng(22);
  // The residents lie among crowds that come and go, so that merging moves them.
  std::vector<SubjectRef> residents;
  std::atomic<bool> stop{false};
  std::atomic<std::size_t> wrong{0};
  std::vector<std::thread> readers;
  for (std::uint64_t i = 0; i < 30; ++i) {
    for (std::uint64_t c = 0; c < 200; ++c) {
      REQUIRE(
          engine->add("tower", "m", ref_of(1000 + 1000 * i + c), 1000 + 1000 * i + c, random_face(kDimension, rng)));
    }
    residents.push_back(ref_of(i));
    REQUIRE(engine->add("tower", "m", ref_of(i), i, axis(i)));
  }
  for (std::size_t t = 0; t < 3; ++t) {
    readers.emplace_back([&, t] {
      for (std::size_t n = t; !stop; ++n) {
        const std::size_t i = n % residents.size();
        const auto got = engine->identify("tower", "m", axis(i), 990000);
        if (!got || *got != residents[i]) ++wrong;
        if (!*engine->verify("tower", "m", residents[i], axis(i), 990000)) ++wrong;
      }
    });
  }
  for (int round = 0; round < 3; ++round) {
    for (std::uint64_t i = 0; i < 30; ++i) {
      for (std::uint64_t c = 0; c < 200; ++c) engine->remove(ref_of(1000 + 1000 * i + c));
    }
    for (std::uint64_t i = 0; i < 30; ++i) {
      for (std::uint64_t c = 0; c < 200; ++c) {
        if (!engine->add("tower", "m", ref_of(1000 + 1000 * i + c), 1000 + 1000 * i + c,
                         random_face(kDimension, rng))) {
          ++wrong;
        }
      }
    }
  }
  stop = true;
  for (auto& reader : readers) reader.join();
  CHECK(wrong == 0);
}

TEST_CASE("clear while matching: calls end, everything is wiped") {
  const bool sourced = GENERATE(false, true);
  INFO(sourced);
  std::mt19937 rng(23);
  for (int round = 0; round < 10; ++round) {
    const auto engine = make_engine(sourced);
    REQUIRE(engine->create_gallery("tower", "m", kDimension));
    for (std::uint64_t i = 0; i < 5000; ++i) {
      REQUIRE(engine->add("tower", "m", ref_of(i), i, random_face(kDimension, rng)));
    }
    std::atomic<bool> stop{false};
    std::atomic<std::size_t> wrong{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (std::uint64_t n = 0; !stop; ++n) {
          if (t == 0) {
            (void)engine->add("tower", "m", ref_of(10000 + n), 10000 + n, axis(n)).has_value();
            continue;
          }
          if (t == 2) {
            const auto own = engine->verify("tower", "m", ref_of(n % 5000), axis(1), -1000000);
            if (!own && own.error().code != Errc::kSealed && own.error().code != Errc::kNotFound) ++wrong;
            if (own && !*own) ++wrong;  // nor does one who is there vanish from it
            continue;
          }
          const auto got = engine->identify("tower", "m", axis(1), -1000000);
          if (!got && got.error().code != Errc::kSealed && got.error().code != Errc::kNotFound) ++wrong;
          if (got && !got->has_value()) ++wrong;  // an emptied gallery is never "nobody"
        }
      });
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    engine->clear();
    const std::size_t bytes = engine->stats().bytes;
    stop = true;
    for (auto& thread : threads) thread.join();
    CHECK(bytes == 0);
    CHECK(wrong == 0);
  }
}
