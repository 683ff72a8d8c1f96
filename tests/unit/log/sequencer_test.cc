#include "vault/log/sequencer/sequencer.h"

#include <future>
#include <thread>

#include "tests/support/catch.h"
#include "tests/support/soon.h"
#include "tests/support/store_around.h"
#include "tests/unit/log/sequencer_parts.h"
#include "vault/store/keys.h"

using namespace facekeep;
using facekeep::log_test::LogParts;
using facekeep::test::CommitFault;
using facekeep::test::soon;

namespace {

template <class T>
Errc code(const Result<T>& r) {
  REQUIRE_FALSE(r);
  return r.error().code;
}

std::string said(const Status& s) {
  return s ? "ok" : s.error().message;
}

// Holds whoever reads a tile until it is let go.
class HeldTiles final : public test::StoreAround {
 public:
  using StoreAround::StoreAround;
  Result<std::optional<Bytes>> get(ByteView key) const override {
    if (as_chars(key).starts_with(as_chars(store::keys::prefix(store::keys::Kind::kTile)))) {
      ++waiting;
      go.wait();
    }
    return StoreAround::get(key);
  }
  mutable std::atomic<int> waiting{0};
  std::promise<void> let_go;
  std::shared_future<void> go = let_go.get_future().share();
};

const ledger::Body kSums = ledger::Sums{1795000000000, {{"bad-share", 1}}};

}  // namespace

TEST_CASE("events are numbered from the genesis on, and what was submitted together stays together") {
  LogParts p;
  REQUIRE(said(p.begin()) == "ok");
  const auto one = p.sequencer->submit(LogParts::events({kSums}));
  REQUIRE(one);
  CHECK(one->entry == 5);
  const auto two = p.sequencer->submit(LogParts::events({kSums, kSums}));
  REQUIRE(two);
  CHECK(two->entry == 6);
  CHECK(two->count == 2);
  CHECK(p.size() == 8);
}

TEST_CASE("a commit that failed halts for good, and what is on the disk verifies either way") {
  for (const CommitFault fault : {CommitFault::kNotPersisted, CommitFault::kPersistedButFailed}) {
    const bool kept = fault == CommitFault::kPersistedButFailed;
    CAPTURE(kept);
    LogParts p;
    REQUIRE(said(p.begin()) == "ok");
    REQUIRE(p.sequencer->submit(LogParts::enrol(1)));
    const Digest before = p.state();
    p.store.fail_commit(0, fault);
    const auto failed = p.sequencer->submit(LogParts::enrol(2));
    CHECK(code(failed) == Errc::kHalted);
    CHECK(failed.error().message.find("injected") != std::string::npos);
    CHECK(code(p.sequencer->submit(LogParts::enrol(3))) == Errc::kHalted);
    REQUIRE(p.sequencer->halted());
    CHECK(p.sequencer->halted()->fatal);

    REQUIRE(said(p.reopen()) == "ok");
    const auto enrolled =
        p.sequencer->read([](const ledger::State& st) { return st.subject(LogParts::ref(2)) != nullptr; });
    CHECK(enrolled == kept);
    if (!kept) CHECK(p.state() == before);
    // The key went to its slot before the commit: it stays with its owner, or is cleared.
    CHECK(p.slots->in_use(1)->size() == (kept ? 2 : 1));
    REQUIRE(p.sequencer->submit(LogParts::enrol(3)));
    CHECK(log::recover(p.store));
  }
}

TEST_CASE("an erasure whose commit failed leaves the key whole or nothing of it") {
  for (const CommitFault fault : {CommitFault::kNotPersisted, CommitFault::kPersistedButFailed}) {
    LogParts p;
    REQUIRE(said(p.begin()) == "ok");
    REQUIRE(p.sequencer->submit(LogParts::enrol(1)));
    p.store.fail_commit(0, fault);
    CHECK(code(p.sequencer->submit(LogParts::erase(1))) == Errc::kHalted);
    REQUIRE(said(p.reopen()) == "ok");
    if (fault == CommitFault::kNotPersisted) {
      CHECK(*p.slots->read(1, 0) == LogParts::key_of(1));
    } else {
      CHECK(p.slots->in_use(1)->empty());
    }
  }
}

TEST_CASE("one of many that fails with its group does not tell the refused ones another story") {
  LogParts p;
  REQUIRE(said(p.begin()) == "ok");
  p.store.fail_commit(0, CommitFault::kNotPersisted);
  // The second is refused because of the first, which never was.
  const auto r = p.sequencer->submit_all({LogParts::enrol(1), [](const log::Turn& t) -> Result<log::Write> {
                                            if (t.state.subject(LogParts::ref(1)) == nullptr) return log::Write{};
                                            return make_error(Errc::kAlreadyExists, "enrolled already");
                                          }});
  CHECK(code(r[0]) == Errc::kHalted);
  CHECK(code(r[1]) == Errc::kHalted);
}

TEST_CASE("a full disk refuses ordinary work, changes nothing and halts nothing; narrowing goes on") {
  LogParts p;
  REQUIRE(said(p.begin()) == "ok");
  REQUIRE(p.sequencer->submit(LogParts::enrol(1)));
  const Digest before = p.state();
  p.store.set_check(make_error(Errc::kOutOfSpace, "full", "make room"));
  CHECK(code(p.sequencer->submit(LogParts::enrol(2))) == Errc::kOutOfSpace);
  CHECK(p.state() == before);
  CHECK(p.sequencer->submit(LogParts::erase(1), store::Urgency::kNarrowing));
  p.store.set_check(std::nullopt);
  const auto again = p.sequencer->submit(LogParts::enrol(2));
  REQUIRE(again);
  CHECK_FALSE(p.sequencer->halted());
}

TEST_CASE("a disk too full for narrowing refuses that too, and goes on when there is room") {
  LogParts p;
  REQUIRE(said(p.begin()) == "ok");
  REQUIRE(p.sequencer->submit(LogParts::enrol(1)));
  const Digest before = p.state();
  p.store.set_check(make_error(Errc::kOutOfSpace, "full", "make room"));
  p.store.fail_commit(0, CommitFault::kNoSpace);
  CHECK(code(p.sequencer->submit(LogParts::erase(1), store::Urgency::kNarrowing)) == Errc::kOutOfSpace);
  CHECK(p.state() == before);
  CHECK_FALSE(p.sequencer->halted());
  p.store.set_check(std::nullopt);
  CHECK(p.sequencer->submit(LogParts::erase(1), store::Urgency::kNarrowing));
}

TEST_CASE("files that are not those that were opened halt for good") {
  LogParts p;
  REQUIRE(said(p.begin()) == "ok");
  p.store.set_check(make_error(Errc::kIntegrity, "the log's file was replaced"));
  CHECK_FALSE(p.write({kSums}));
  REQUIRE(p.sequencer->halted());
  CHECK(p.sequencer->halted()->fatal);
  CHECK(p.sequencer->halted()->reason.message.find("replaced") != std::string::npos);
}

TEST_CASE("a refused decision gives its slots back") {
  LogParts p;
  REQUIRE(said(p.begin()) == "ok");
  const auto refused = p.sequencer->submit([](const log::Turn& t) -> Result<log::Write> {
    CHECK(t.slots.take() == 0);
    CHECK(t.slots.take() == 1);
    return make_error(Errc::kPermissionDenied, "no");
  });
  CHECK(code(refused) == Errc::kPermissionDenied);
  REQUIRE(p.sequencer->submit(LogParts::enrol(1)));
  CHECK(p.sequencer->read([](const ledger::State& st) { return st.subject(LogParts::ref(1))->slot; }) == 0);
}

TEST_CASE("an event that the fold refuses gives its slots back and writes nothing") {
  LogParts p;
  REQUIRE(said(p.begin()) == "ok");
  REQUIRE(p.sequencer->submit(LogParts::enrol(1)));
  const auto before = p.size();
  CHECK(code(p.sequencer->submit(LogParts::enrol(1))) == Errc::kIntegrity);
  CHECK(p.size() == before);
  CHECK_FALSE(p.sequencer->halted());
  REQUIRE(p.sequencer->submit(LogParts::enrol(2)));
  CHECK(p.sequencer->read([](const ledger::State& st) { return st.subject(LogParts::ref(2))->slot; }) == 1);
}

TEST_CASE("half an operation never reaches the disk") {
  LogParts p;
  REQUIRE(said(p.begin()) == "ok");
  const auto before = *p.store.head();
  // The second event can't follow the first: the same subject twice.
  const auto half = p.sequencer->submit([](const log::Turn&) -> Result<log::Write> {
    log::Write w;
    const ledger::Enrolled e{LogParts::ref(1), "main", "operator/1", 0, {}, {}, "2030-12-31"};
    w.drafts = {{e, {}}, {e, {}}};
    return w;
  });
  CHECK(code(half) == Errc::kHalted);
  CHECK(*p.store.head() == before);
  REQUIRE(said(p.reopen()) == "ok");
  CHECK(p.size() == before);
}

TEST_CASE("a slot of an erased subject is used again, by one subject") {
  LogParts p;
  REQUIRE(said(p.begin()) == "ok");
  for (std::uint32_t i = 0; i < 3; ++i) REQUIRE(p.sequencer->submit(LogParts::enrol(i)));
  REQUIRE(p.sequencer->submit(LogParts::erase(1)));
  CHECK(code(p.slots->read(1, 1)) == Errc::kNotFound);
  REQUIRE(p.sequencer->submit(LogParts::enrol(7)));
  CHECK(*p.slots->read(1, 1) == LogParts::key_of(7));
  REQUIRE(said(p.reopen()) == "ok");
  REQUIRE(p.sequencer->submit(LogParts::enrol(8)));
  CHECK(*p.slots->read(1, 3) == LogParts::key_of(8));
}

TEST_CASE("in one group a later put stands against an earlier delete of the same key") {
  LogParts p;
  REQUIRE(said(p.begin()) == "ok");
  const Bytes key = store::keys::subject_index(log_test::digest_of("x"));
  const auto put = [&](const char* value) {
    return [&key, value](const log::Turn&) -> Result<log::Write> {
      log::Write w;
      w.puts.push_back({key, to_bytes(std::string_view(value))});
      return w;
    };
  };
  const auto erase = [&](const log::Turn&) -> Result<log::Write> {
    log::Write w;
    w.deletes.push_back(key);
    return w;
  };
  for (const auto& r : p.sequencer->submit_all({put("old"), erase, put("new")})) REQUIRE(r);
  CHECK(*p.store.get(key) == to_bytes(std::string_view("new")));
  for (const auto& r : p.sequencer->submit_all({put("newer"), erase})) REQUIRE(r);
  CHECK_FALSE(*p.store.get(key));
}

TEST_CASE("64 threads share commits, and each gets its own entry") {
  LogParts p;
  REQUIRE(said(p.begin()) == "ok");
  const unsigned before = p.store.commits();
  std::atomic<bool> go{false};
  std::atomic<int> there{0};
  std::mutex mutex;
  std::set<std::uint64_t> entries;
  std::vector<std::thread> threads;
  // The first holds the sequencer until the others have queued up.
  std::thread first([&] {
    static_cast<void>(p.sequencer->submit([&](const log::Turn&) -> Result<log::Write> {
      while (!go) usleep(1000);
      return log::Write{};
    }));
  });
  for (int t = 0; t < 64; ++t) {
    threads.emplace_back([&] {
      ++there;
      const auto r = p.sequencer->submit(LogParts::events({kSums}));
      const std::lock_guard lock(mutex);
      if (r) entries.insert(r->entry);
    });
  }
  while (there < 64) usleep(1000);
  usleep(200'000);  // from there into the queue
  go = true;
  first.join();
  for (auto& t : threads) t.join();
  CHECK(entries.size() == 64);
  CHECK(*entries.begin() == 5);
  CHECK(*entries.rbegin() == 68);
  CHECK(p.store.commits() - before <= 20);  // 65 submissions; checkpoints on the interval come on top
  CHECK(log::recover(p.store));
}

TEST_CASE("many at once keep their order and stand alone") {
  LogParts p;
  p.options.max_group = 4;
  REQUIRE(said(p.begin()) == "ok");
  std::vector<log::Decide> all;
  for (std::uint32_t i = 0; i < 10; ++i) all.push_back(LogParts::enrol(i == 6 ? 5 : i));
  const auto results = p.sequencer->submit_all(all);
  REQUIRE(results.size() == 10);
  std::uint64_t next = 5;
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (i == 6) {
      CHECK(code(results[i]) == Errc::kIntegrity);
    } else {
      REQUIRE(results[i]);
      CHECK(results[i]->entry == next++);
    }
  }
  CHECK(p.slots->in_use(1)->size() == 9);
}

TEST_CASE("a checkpoint is signed at once where it is asked for, else when its time has come") {
  LogParts p;
  p.options.checkpoint_interval_ms = 1000;
  p.options.token_retry_ms = 5;
  REQUIRE(said(p.begin()) == "ok");
  REQUIRE(p.write({kSums}));
  CHECK(p.checkpoint_size() < p.size());
  REQUIRE(p.write({kSums}, true));
  CHECK(p.checkpoint_size() == p.size());
  CHECK((*p.custody.read_anchor())->size == p.size());
  REQUIRE(p.write({kSums}));
  CHECK(p.checkpoint_size() == p.size() - 1);
  p.clock.advance(1001);
  CHECK(soon([&] { return p.checkpoint_size() == p.size(); }));
}

TEST_CASE("a token that does not sign halts with its reason, and when it is back the log goes on by itself") {
  LogParts p;
  REQUIRE(said(p.begin()) == "ok");
  REQUIRE(p.sequencer->submit(LogParts::enrol(1)));
  p.custody.set_fault(make_error(Errc::kHsmGone, "the token was pulled out", "put it back"));
  const auto erased = p.sequencer->submit(LogParts::erase(1));
  CHECK(code(erased) == Errc::kHalted);
  REQUIRE(p.sequencer->halted());
  CHECK_FALSE(p.sequencer->halted()->fatal);
  CHECK(p.sequencer->halted()->reason.message.find("pulled out") != std::string::npos);
  CHECK(p.sequencer->halted()->reason.hint == "put it back");
  CHECK(code(p.sequencer->submit(LogParts::enrol(2))) == Errc::kHalted);
  p.custody.set_fault(std::nullopt);
  REQUIRE(soon([&] { return !p.sequencer->halted(); }));
  // It was in the log all the time, and its checkpoint is signed now.
  CHECK(p.checkpoint_size() == p.size());
  CHECK(p.slots->in_use(1)->empty());
  CHECK(p.sequencer->submit(LogParts::enrol(2)));
}

TEST_CASE("a group's failed checkpoint is told to those who asked for one") {
  LogParts p;
  REQUIRE(said(p.begin()) == "ok");
  p.custody.set_fault(make_error(Errc::kHsmGone, "away"));
  const auto r = p.sequencer->submit_all({LogParts::enrol(1), LogParts::events({kSums}, true)});
  CHECK(r[0]);
  CHECK(code(r[1]) == Errc::kHalted);
}

TEST_CASE("what was submitted before the end is finished, and what comes after a halt is told why") {
  LogParts p;
  REQUIRE(said(p.begin()) == "ok");
  std::thread last([&] { CHECK(p.sequencer->submit(LogParts::enrol(1))); });
  last.join();
  REQUIRE(said(p.reopen()) == "ok");
  CHECK(p.sequencer->read([](const ledger::State& st) { return st.subject(LogParts::ref(1)) != nullptr; }));
}

TEST_CASE("a log that was cut or rewritten is refused, with both positions named") {
  LogParts p;
  REQUIRE(said(p.begin()) == "ok");
  const auto old = p.store.records();
  const auto old_size = p.size();
  REQUIRE(p.write({kSums, kSums}, true));
  const auto size = p.size();
  {
    LogParts q;  // the older records, and the newer anchor
    store::Batch batch;
    for (const auto& [key, value] : old) batch.puts.push_back({key, value});
    batch.head_after = old_size;
    REQUIRE(q.store.commit(batch, store::Urgency::kOrdinary));
    q.custody.set_anchor(**p.custody.read_anchor());
    const Status refused = q.open();
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Errc::kIntegrity);
    CHECK(refused.error().message.find(std::to_string(old_size)) != std::string::npos);
    CHECK(refused.error().message.find(std::to_string(size)) != std::string::npos);
  }
  Anchor other = **p.custody.read_anchor();
  other.root[0] ^= 1;
  p.custody.set_anchor(other);
  CHECK(code(p.reopen()) == Errc::kIntegrity);
}

TEST_CASE("a log whose token knows nothing of it is refused") {
  LogParts p;
  REQUIRE(said(p.begin()) == "ok");
  LogParts q;
  store::Batch batch;
  for (const auto& [key, value] : p.store.records()) batch.puts.push_back({key, value});
  batch.head_after = p.size();
  REQUIRE(q.store.commit(batch, store::Urgency::kOrdinary));
  CHECK_FALSE(q.open());
}

TEST_CASE("recovery names the first entry that is wrong") {
  LogParts p;
  REQUIRE(said(p.begin()) == "ok");
  REQUIRE(p.sequencer->submit(LogParts::enrol(1)));
  REQUIRE(p.write({kSums}, true));
  p.sequencer.reset();
  const auto refused = [&](const Bytes& key, const std::string& named) {
    const Bytes good = **p.store.get(key);
    for (const std::size_t at : {std::size_t{0}, good.size() / 2, good.size() - 1}) {
      Bytes bad = good;
      bad[at] ^= 1;
      p.store.tamper(key, bad);
      const auto r = log::recover(p.store);
      INFO(named << " byte " << at << (r ? " was not noticed" : ": " + r.error().message));
      CHECK_FALSE(r);
      if (!r) CHECK(r.error().message.find(named) != std::string::npos);
    }
    p.store.tamper(key, std::nullopt);
    const auto r = log::recover(p.store);
    CHECK_FALSE(r);
    p.store.tamper(key, good);
    REQUIRE(log::recover(p.store));
  };
  refused(store::keys::opening(5), "entry 5");
  refused(store::keys::entry(5), "entry 5");
}

TEST_CASE("readers of tiles and proofs hold up no group, however slow the disk is for them") {
  LogParts p;
  REQUIRE(said(p.begin()) == "ok");
  for (const auto& r : p.sequencer->submit_all(std::vector<log::Decide>(300, LogParts::events({kSums})))) REQUIRE(r);
  REQUIRE(said(p.write({kSums}, true)) == "ok");
  p.sequencer.reset();
  HeldTiles held(p.store);
  held.let_go.set_value();
  p.sequencer = std::move(*log::Sequencer::open(held, p.custody, *p.slots, p.clock, p.options));
  held.let_go = {};
  held.go = held.let_go.get_future().share();
  held.waiting = 0;
  const log::Sequencer& s = *p.sequencer;
  auto tile = std::async(std::launch::async, [&] { return s.tile({0, 0, 256}).has_value(); });
  auto inclusion = std::async(std::launch::async, [&] { return s.inclusion(7, 300).has_value(); });
  auto consistency = std::async(std::launch::async, [&] { return s.consistency(7, 300).has_value(); });
  CHECK(soon([&] { return held.waiting == 3; }));
  auto written = std::async(std::launch::async, [&] { return said(p.write({kSums}, true)); });
  CHECK(written.wait_for(std::chrono::seconds(5)) == std::future_status::ready);
  held.let_go.set_value();
  CHECK(written.get() == "ok");
  CHECK(tile.get());
  CHECK(inclusion.get());
  CHECK(consistency.get());
  p.sequencer.reset();  // before the store that it uses
}
