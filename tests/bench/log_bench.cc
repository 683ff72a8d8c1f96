// What is measured of the log without HTTPS. Each prints one JSON object.
//
//   log_bench mirror DIR N access|enrolment
//       writes a mirror of N entries with their openings (nothing is measured)
//   log_bench hash N access|enrolment
//       SHA-256 of the same entries and openings, one digest each: the yardstick of what reads them
//   log_bench restart DIR N
//       writes a database of N entries into DIR, opens it again, reads, checks and folds it
//   log_bench commit DIR CALLERS SECONDS
//       durable entries a second of so many callers, each with one entry at a time
#include <atomic>
#include <chrono>
#include <cstdio>
#include <functional>
#include <map>
#include <thread>

#include "tests/bench/made_up_log.h"
#include "tools/facekeepd/mirror.h"
#include "vault/base/digest.h"
#include "vault/log/sequencer/sequencer.h"
#include "vault/store/keys.h"
#include "vault/store/rocks_store.h"

namespace {

using namespace facekeep;
using bench::MadeUpLog;
using bench::Mix;
namespace keys = store::keys;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

Status write_mirror(const std::string& dir, std::uint64_t size, Mix mix) {
  MadeUpLog log(mix);
  FK_TRY(auto mirror, daemon::MirrorWriter::create(dir, true));
  for (std::uint64_t i = 0; i < size; ++i) {
    FK_TRY(const auto e, log.next());
    FK_CHECK(mirror.append(
        e.entry, e.opening.empty() ? audit::Opening() : audit::Opening{audit::OpeningState::kThere, e.opening}));
  }
  FK_TRY(const std::string note, log.sign(size, mirror.tree().root()));
  FK_CHECK(mirror.finish(note, log.genesis().log_key));
  std::printf("{\"entries\":%llu}\n", static_cast<unsigned long long>(size));
  return {};
}

Status hash_all(std::uint64_t size, Mix mix) {
  constexpr std::uint64_t kBatch = 65536;  // made outside of the time
  MadeUpLog log(mix);
  double seconds = 0;
  std::uint64_t bytes = 0;
  std::uint8_t seen = 0;
  for (std::uint64_t done = 0; done < size;) {
    std::vector<Bytes> texts;
    for (std::uint64_t i = 0; i < kBatch && done < size; ++i, ++done) {
      FK_TRY(auto e, log.next());
      texts.push_back(std::move(e.entry));
      if (!e.opening.empty()) texts.push_back(std::move(e.opening));
    }
    const auto start = std::chrono::steady_clock::now();
    for (const Bytes& text : texts) {
      seen ^= sha256(text)[0];
      bytes += text.size();
    }
    seconds += seconds_since(start);
  }
  std::printf("{\"seconds\":%.6f,\"entries\":%llu,\"bytes\":%llu,\"check\":%u}\n", seconds,
              static_cast<unsigned long long>(size), static_cast<unsigned long long>(bytes), seen);
  return {};
}

Result<std::unique_ptr<store::RocksStore>> open_store(const std::string& dir, bool fresh) {
  store::RocksOptions o;
  o.dir = dir;
  o.create_if_missing = fresh;
  return store::RocksStore::open(o);
}

// As the vault stores it: an access opening is sealed, and as long.
Bytes stored_opening(const bench::MadeUpEntry& e) {
  if (!e.access) return e.opening;
  constexpr std::size_t kSealedMore = 64;  // the blob's header, nonce and tag
  const std::string head = std::string("\x02\x04", 2) + "main2026-11";
  Bytes out = concat(as_bytes(head), e.opening);
  out.resize(out.size() + kSealedMore);
  return out;
}

Status fill(store::Store& store, MadeUpLog& log, std::uint64_t size) {
  constexpr std::uint64_t kBatch = 512;  // the sequencer's largest group
  log::TileTree tree;
  std::vector<log::FullTile> completed;
  for (std::uint64_t done = 0; done < size;) {
    store::Batch batch;
    batch.head_before = done;
    for (std::uint64_t i = 0; i < kBatch && done < size; ++i, ++done) {
      FK_TRY(const auto e, log.next());
      completed.clear();
      tree.append(log::leaf_hash(e.entry), completed);
      for (auto& t : completed)
        batch.puts.push_back({keys::tile(static_cast<std::uint8_t>(t.level), t.index), t.hashes});
      batch.puts.push_back({keys::entry(done), e.entry});
      if (!e.opening.empty()) batch.puts.push_back({keys::opening(done), stored_opening(e)});
    }
    batch.head_after = done;
    if (done == size) {
      FK_TRY(const std::string note, log.sign(size, tree.root()));
      batch.puts.push_back({keys::checkpoint_latest(), to_bytes(note)});
    }
    FK_CHECK(store.commit(batch, store::Urgency::kOrdinary));
  }
  return {};
}

Status restart(const std::string& dir, std::uint64_t size) {
  MadeUpLog log;
  {
    FK_TRY(const auto store, open_store(dir, true));
    FK_CHECK(fill(*store, log, size));
  }
  const auto start = std::chrono::steady_clock::now();
  FK_TRY(const auto store, open_store(dir, false));
  FK_TRY(const log::Recovered recovered, log::recover(*store));
  const double seconds = seconds_since(start);
  if (recovered.tree.size() != size) return make_error(Errc::kInternal, "another size came back");
  std::printf("{\"seconds\":%.6f,\"entries\":%llu}\n", seconds, static_cast<unsigned long long>(size));
  return {};
}

Status commit(const std::string& dir, unsigned callers, unsigned seconds) {
  MadeUpLog made;
  FK_TRY(const auto store, open_store(dir + "/db", true));
  FK_TRY(const auto slots, seal::SlotGenerations::create(dir + "/keys", made.genesis().vault));
  {
    FK_CHECK(fill(*store, made, 2));  // genesis, start
    FK_TRY(const log::Recovered r, log::recover(*store));
    made.custody().set_anchor({r.tree.size(), r.tree.root(), 0});
  }
  const SystemClock clock;
  FK_TRY(const auto sequencer, log::Sequencer::open(*store, made.custody(), *slots, clock, {}));
  std::atomic<std::uint64_t> written{0};
  std::atomic<bool> stops{false};
  std::atomic<bool> failed{false};
  const auto one = [&](const log::Turn& turn) -> Result<log::Write> {
    log::Write w;
    w.drafts.push_back({ledger::Sums{turn.now.wall, {{"overload", 1}}}, {}});
    return w;
  };
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::thread> team;
  for (unsigned i = 0; i < callers; ++i) {
    team.emplace_back([&] {
      while (!stops && !failed) {
        if (sequencer->submit(one)) {
          ++written;
        } else {
          failed = true;
        }
      }
    });
  }
  std::this_thread::sleep_for(std::chrono::seconds(seconds));
  stops = true;
  for (auto& t : team) t.join();
  const double took = seconds_since(start);
  if (failed) return make_error(Errc::kInternal, "an entry was refused");
  std::printf("{\"per_second\":%.1f,\"entries\":%llu}\n", static_cast<double>(written) / took,
              static_cast<unsigned long long>(written));
  return {};
}

Status run(const std::vector<std::string>& args) {
  const auto number = [&](std::size_t i) { return log::parse_decimal_u64(args.at(i)); };
  const Mix mix = args.empty() || args.back() != "enrolment" ? Mix::kAccess : Mix::kEnrolment;
  const bool mixed = mix == Mix::kEnrolment || (!args.empty() && args.back() == "access");
  if (args.size() == 4 && args[0] == "mirror" && mixed) {
    FK_TRY(const std::uint64_t n, number(2));
    return write_mirror(args[1], n, mix);
  }
  if (args.size() == 3 && args[0] == "hash" && mixed) {
    FK_TRY(const std::uint64_t n, number(1));
    return hash_all(n, mix);
  }
  if (args.size() == 3 && args[0] == "restart") {
    FK_TRY(const std::uint64_t n, number(2));
    return restart(args[1], n);
  }
  if (args.size() == 4 && args[0] == "commit") {
    FK_TRY(const std::uint64_t callers, number(2));
    FK_TRY(const std::uint64_t seconds, number(3));
    return commit(args[1], static_cast<unsigned>(callers), static_cast<unsigned>(seconds));
  }
  return make_error(Errc::kInvalidArgument, "usage: log_bench mirror|hash|restart|commit ...");
}

}  // namespace

int main(int argc, char** argv) {
  const Status done = run(std::vector<std::string>(argv + 1, argv + argc));
  if (!done) std::fprintf(stderr, "error: %s\n", done.error().message.c_str());
  return done ? 0 : 1;
}
