// The handover of the log's key in a whole vault: who signs what, what a crash at each step leaves, and what a token
// does not do.
#include <filesystem>

#include "tests/unit/vault/disturbed_rotation.h"

using namespace facekeep;
using namespace facekeep::test;

namespace {

namespace fs = std::filesystem;

std::vector<ledger::State::Handover> handovers(const RotationKit& kit) {
  return kit.service->sequencer().read([](const ledger::State& st) { return st.handovers(); });
}

bool carried_out(RotationKit& kit, std::size_t n) {
  return soon([&] {
    kit.service->housekeeping();
    return handovers(kit).size() == n && kit.on_disk() && kit.service->sequencer().handover(n);
  });
}

Bytes public_half(const std::string& vkey) {
  return log::parse_vkey(vkey).value().public_key;
}

std::vector<Bytes> log_keys_in(RotationKit& kit) {
  std::vector<Bytes> out;
  const auto keys = kit.f.custody->log_keys();
  for (const auto& key : keys.value()) out.push_back(key.bytes);
  return out;
}

// What anybody can check of the n-th handover, with the key before it alone.
void check_handover_note(RotationKit& kit, std::size_t n) {
  const auto h = handovers(kit).at(n - 1);
  const std::string note = kit.service->sequencer().handover(n).value();
  const auto before = log::parse_vkey(h.from).value();
  const auto after = log::parse_vkey(h.to).value();
  for (const auto& key : {before, after}) {
    const auto cp = log::open_checkpoint(note, key);
    REQUIRE(cp);
    CHECK(cp->size == h.entry + 1);
    CHECK(cp->root == kit.service->sequencer().root_at(cp->size).value());
  }
  const auto signatures = log::parse_note(note)->signatures;
  REQUIRE(signatures.size() == 2);
  CHECK(signatures[0].id == before.id);
  CHECK(signatures[1].id == after.id);
}

// The vault's files and its token, as they are on the disk at this moment.
void copy_all(const RotationKit& kit, const fs::path& to) {
  fs::remove_all(to);
  fs::create_directories(to);
  fs::copy(kit.f.dir(), to / "vault", fs::copy_options::recursive);
  fs::copy(kit.f.token().tokens(), to / "tokens", fs::copy_options::recursive);
}
void put_back(const RotationKit& kit, const fs::path& from) {
  fs::remove_all(kit.f.dir());
  fs::remove_all(kit.f.token().tokens());
  fs::copy(from / "vault", kit.f.dir(), fs::copy_options::recursive);
  fs::copy(from / "tokens", kit.f.token().tokens(), fs::copy_options::recursive);
}

}  // namespace

TEST_CASE("a new log key is signed in by the one before, which is gone from the token afterwards") {
  NEEDS_TOKEN();
  RotationKit kit;
  REQUIRE(kit.start());
  REQUIRE(kit.unseal());
  kit.enrol(3);
  for (std::size_t n = 1; n <= 2; ++n) {
    INFO(n);
    const Bytes old_key = log_keys_in(kit).at(0);
    kit.agree(ledger::RotateLogKey{});
    REQUIRE(carried_out(kit, n));
    const auto h = handovers(kit).back();
    CHECK(public_half(h.from) == old_key);
    CHECK_FALSE(h.recovered);
    check_handover_note(kit, n);
    REQUIRE(soon([&] { return log_keys_in(kit) == std::vector<Bytes>{public_half(h.to)}; }));
    // Larger sizes have the new key's signature alone.
    kit.enrol(1);
    kit.f.clock.advance(2'000);
    REQUIRE(soon([&] { return kit.newest().size > h.entry + 1; }));
    const std::string newest = kit.service->sequencer().checkpoint();
    CHECK(log::parse_note(newest)->signatures.size() == 1);
    CHECK(log::open_checkpoint(newest, log::parse_vkey(h.to).value()));
    CHECK_FALSE(log::open_checkpoint(newest, log::parse_vkey(h.from).value()));
    CHECK(kit.service->seal_status());
    kit.check_everybody();
  }
  CHECK_FALSE(kit.service->sequencer().handover(0));
  CHECK_FALSE(kit.service->sequencer().handover(3));
  REQUIRE(kit.restart());
  check_handover_note(kit, 1);
  check_handover_note(kit, 2);
  REQUIRE(kit.unseal());
  kit.check_everybody();
}

TEST_CASE("a crash at any step of a handover leaves it done, or not begun") {
  NEEDS_TOKEN();
  const std::string at = GENERATE(as<std::string>(), "committed", "handover-signed", "handover-stored", "checkpointed",
                                  "old-key-destroyed");
  INFO(at);
  RotationKit kit;
  const fs::path saved = fs::temp_directory_path() / ("facekeep-log-key-" + std::to_string(::getpid()));
  std::atomic<bool> armed{false};
  std::atomic<bool> taken{false};
  kit.options.sequencer.at_commit_point = [&](const char* point) {
    if (!armed || taken || at != point || handovers(kit).empty()) return;
    copy_all(kit, saved);
    taken = true;
  };
  REQUIRE(kit.start());
  REQUIRE(kit.unseal());
  kit.enrol(2);
  armed = true;
  kit.agree(ledger::RotateLogKey{});
  REQUIRE(carried_out(kit, 1));
  REQUIRE(soon([&] { return taken.load(); }));
  const auto h = handovers(kit).back();
  kit.options.sequencer.at_commit_point = {};
  kit.f.stop(kit.service);
  put_back(kit, saved);
  fs::remove_all(saved);
  REQUIRE(kit.start());
  REQUIRE(handovers(kit).size() == 1);
  CHECK(handovers(kit).back().to == h.to);
  check_handover_note(kit, 1);
  CHECK(log_keys_in(kit) == std::vector<Bytes>{public_half(h.to)});
  REQUIRE(kit.unseal());
  kit.enrol(1);
  kit.check_everybody();
}

TEST_CASE("a key that the token made for nothing is gone with the next start") {
  NEEDS_TOKEN();
  RotationKit kit;
  REQUIRE(kit.start());
  const auto in_force = log_keys_in(kit);
  REQUIRE(kit.f.custody->make_log_key());
  CHECK(log_keys_in(kit).size() == 2);
  REQUIRE(kit.restart());
  CHECK(log_keys_in(kit) == in_force);
}

TEST_CASE("a token that makes no key leaves the log with the one it has, and is asked again later") {
  NEEDS_TOKEN();
  Disturbed d;
  RotationKit& kit = d.kit;
  const auto in_force = log_keys_in(kit);
  d.token->before_root([]() -> Status { return make_error(Errc::kHsm, "the token is full"); });
  kit.agree(ledger::RotateLogKey{});
  for (int i = 0; i < 3; ++i) kit.service->housekeeping();
  CHECK(handovers(kit).empty());
  CHECK(log_keys_in(kit) == in_force);
  CHECK_FALSE(kit.service->halted());
  d.token->before_root({});
  kit.service->housekeeping();
  CHECK(handovers(kit).empty());  // not so soon
  kit.f.clock.advance(10'000);
  CHECK(carried_out(kit, 1));
}

TEST_CASE("a token that does not destroy the key before is told to until it does") {
  NEEDS_TOKEN();
  Disturbed d;
  RotationKit& kit = d.kit;
  std::atomic<int> told{0};
  kit.options.sequencer.on_old_log_key = [&](const Error&) { ++told; };
  REQUIRE(kit.restart());
  REQUIRE(kit.unseal());
  std::atomic<int> asked{0};
  d.token->before_root([&]() -> Status {
    return ++asked == 1 ? Status() : Status(make_error(Errc::kHsm, "the token does not destroy"));
  });
  kit.agree(ledger::RotateLogKey{});
  REQUIRE(carried_out(kit, 1));
  REQUIRE(soon([&] { return asked >= 2; }));
  CHECK(told == 1);
  CHECK(log_keys_in(kit).size() == 2);
  kit.enrol(1);
  kit.f.clock.advance(2'000);
  REQUIRE(soon([&] { return asked >= 3; }));
  CHECK(told == 1);
  CHECK_FALSE(kit.service->halted());
  d.token->before_root({});
  kit.enrol(1);
  kit.f.clock.advance(2'000);
  CHECK(soon([&] { return log_keys_in(kit).size() == 1; }));
}

TEST_CASE("a database that lost the checkpoint of a handover does not start: nobody can sign it again") {
  NEEDS_TOKEN();
  RotationKit kit;
  REQUIRE(kit.start());
  REQUIRE(kit.unseal());
  kit.agree(ledger::RotateLogKey{});
  REQUIRE(carried_out(kit, 1));
  REQUIRE(soon([&] { return log_keys_in(kit).size() == 1; }));
  const std::uint64_t size = handovers(kit).back().entry + 1;
  kit.enrol(1);
  kit.f.stop(kit.service);
  {
    store::RocksOptions rocks;
    rocks.dir = kit.f.dir() + "/db";
    const auto store = store::RocksStore::open(rocks).value();
    store::Batch b;
    b.head_before = b.head_after = store->head().value();
    b.deletes.push_back(store::keys::checkpoint_at(size));
    REQUIRE(store->commit(b, store::Urgency::kOrdinary));
  }
  const Status started = kit.start();
  REQUIRE_FALSE(started);
  CHECK(started.error().code == Errc::kIntegrity);
  CHECK(started.error().message.find("both keys sign is missing") != std::string::npos);
}
