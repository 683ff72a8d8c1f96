// A rotation beside what goes wrong: commits that stand, a token that hangs or was robbed, keys that do not open,
// people who propose all the time.
#include <future>

#include "tests/unit/vault/disturbed_rotation.h"
#include "vault/base/digest.h"

using namespace facekeep;
using namespace facekeep::test;

namespace {

constexpr auto kPatience = std::chrono::seconds(30);

// Something that stands until it is let go.
class Gate {
 public:
  void stand() {
    if (!reached_.exchange(true)) at_.set_value();
    open_.wait();
  }
  void wait_for_it() { REQUIRE(at_.get_future().wait_for(kPatience) == std::future_status::ready); }
  void let_go() {
    if (!released_.exchange(true)) go_.set_value();
  }
  [[nodiscard]] bool reached() const { return reached_; }
  ~Gate() { let_go(); }

 private:
  std::atomic<bool> reached_{false};
  std::atomic<bool> released_{false};
  std::promise<void> at_;
  std::promise<void> go_;
  std::shared_future<void> open_ = go_.get_future().share();
};

struct Stored {
  Id128 ref{};
  ledger::SubjectState state;
};
Stored enrolled_last(RotationKit& kit) {
  return kit.service->sequencer().read([](const ledger::State& st) {
    Stored out;
    for (const auto& [ref, s] : st.subjects()) {
      if (s.entry >= out.state.entry) out = {ref, s};
    }
    return out;
  });
}
void put(store::Store& store, const Bytes& row, const Bytes& value) {
  store::Batch b;
  b.puts.push_back({row, value});
  REQUIRE(soon([&] {
    b.head_before = b.head_after = store.head().value();
    return bool(store.commit(b, store::Urgency::kOrdinary));
  }));
}

}  // namespace

TEST_CASE("who is enrolled while a rotation looks keeps key and index row, wherever the commit stands") {
  NEEDS_TOKEN();
  const std::string held_at = GENERATE(as<std::string>(), "applied", "keys-written");
  INFO(held_at);
  RotationKit kit;
  Gate begun;
  Gate held;
  std::atomic<int> stage{0};
  // The enrolment is the first group behind the new keys, so it stands when the rotation looks for the first time.
  kit.options.sequencer.at_commit_point = [&](const char* point) {
    if (stage == 1 && std::string(point) == "committed" && kit.rotation()) {
      stage = 2;
      begun.stand();
    } else if (stage == 2 && point == held_at) {
      stage = 3;
      held.stand();
    }
  };
  REQUIRE(kit.start());
  REQUIRE(kit.unseal());
  kit.enrol(3);
  kit.agree(ledger::RotateKeys{});
  stage = 1;
  auto tick = std::async(std::launch::async, [&] { kit.service->housekeeping(); });
  begun.wait_for_it();
  auto desk = std::async(std::launch::async, [&] {
    return kit.service->put_subject(kit.f.key("operator/1"), "main", person(RotationKit::id(3), RotationKit::face(3)));
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(300));  // it is in the queue
  begun.let_go();
  held.wait_for_it();
  std::this_thread::sleep_for(std::chrono::milliseconds(1000));  // the rotation looks
  held.let_go();
  REQUIRE(desk.get());
  tick.get();
  kit.people = 4;
  REQUIRE(kit.finish());
  check_only(kit, 2);
  kit.check_everybody();
  kit.check_after_restart();
}

TEST_CASE("sealing does not wait for a token that makes new keys, nor for one that is to destroy the old one") {
  NEEDS_TOKEN();
  Disturbed d;
  RotationKit& kit = d.kit;
  kit.enrol(2);
  kit.agree(ledger::RotateKeys{});
  const auto seal_beside = [&](Gate& gate) {
    auto tick = std::async(std::launch::async, [&] {
      while (!gate.reached()) kit.service->housekeeping();
    });
    gate.wait_for_it();
    auto sealed = std::async(std::launch::async, [&] { return kit.service->seal(kit.f.key("residents/3")); });
    CHECK(sealed.wait_for(kPatience) == std::future_status::ready);
    gate.let_go();
    CHECK(sealed.get());
    tick.get();
  };
  Gate wraps;
  d.token->before_wrap([&] {
    wraps.stand();
    return Status();
  });
  seal_beside(wraps);
  // That attempt is over, and left nothing.
  REQUIRE(soon([&] { return !has_root(kit, 2) && kit.f.slots->epochs() == Epochs{1}; }));
  CHECK_FALSE(kit.rotation());
  REQUIRE(kit.unseal());
  kit.check_everybody();
  REQUIRE(d.rewrapped());
  Gate destroys;
  d.token->before_root([&] {
    destroys.stand();
    return Status();
  });
  kit.f.clock.advance(61'000);
  seal_beside(destroys);
  CHECK(kit.rotation());
  CHECK(d.failures().empty());
  REQUIRE(kit.unseal());
  REQUIRE(kit.finish());
  check_only(kit, 2);
  kit.check_everybody();
}

TEST_CASE("an old root that somebody else took out of the token is not taken for destroyed") {
  NEEDS_TOKEN();
  Disturbed d;
  RotationKit& kit = d.kit;
  kit.enrol(2);
  kit.agree(ledger::RotateKeys{});
  REQUIRE(d.rewrapped());
  REQUIRE(kit.f.custody->destroy_root(1));  // as one that was given another name
  kit.f.clock.advance(61'000);
  REQUIRE(soon([&] {
    kit.service->housekeeping();
    return d.failures().find("does not have the old root key") != std::string::npos;
  }));
  for (int i = 0; i < 5; ++i) {
    kit.f.clock.advance(3'600'000);
    kit.service->housekeeping();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  CHECK(kit.rotation());
  CHECK(kit.site_keys(1) == 3);
  CHECK(kit.f.slots->epochs() == Epochs{1, 2});
  REQUIRE(kit.f.custody->make_root(1));  // it has its name again
  REQUIRE(kit.finish());
  check_only(kit, 2);
  kit.check_everybody();
}

TEST_CASE("a person whose key or record does not open is counted, waited for, and moved once it is repaired") {
  NEEDS_TOKEN();
  const bool key = GENERATE(true, false);
  INFO((key ? "key" : "record"));
  Disturbed d;
  RotationKit& kit = d.kit;
  kit.enrol(4);
  const Stored s = enrolled_last(kit);
  const Bytes row = store::keys::record(s.ref);
  const Bytes before = key ? kit.f.slots->read(1, s.state.slot).value() : kit.f.store->get(row).value().value();
  if (key) {
    REQUIRE(kit.f.slots->erase({s.state.slot}));
  } else {
    put(*kit.f.store, row, Bytes(before.size(), 7));
  }
  kit.agree(ledger::RotateKeys{});
  REQUIRE(d.rewrapped());
  kit.f.clock.advance(61'000);
  REQUIRE(soon([&] {
    kit.service->housekeeping();
    return kit.service->metrics().rotation_left_behind == 1;
  }));
  REQUIRE(soon([&] { return d.failures().find("1 stored keys or records do not open") != std::string::npos; }));
  for (int hour = 0; hour < 20; ++hour) {
    kit.f.clock.advance(3'600'000);
    kit.service->housekeeping();
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  REQUIRE(kit.rotation());
  CHECK(has_root(kit, 1));
  const bool repaired = GENERATE(true, false);
  INFO((repaired ? "repaired" : "not repaired"));
  if (repaired && key) REQUIRE(kit.f.slots->write({{s.state.slot, before, 1}}));
  if (repaired && !key) put(*kit.f.store, row, before);
  kit.f.clock.advance(repaired ? 601'000 : 6 * 3'600'000);
  REQUIRE(kit.finish());
  // What was lost is told when it is lost, and not what was repaired.
  CHECK(soon([&] { return d.failures().find("were lost with the old keys") != std::string::npos || repaired; }));
  CHECK((d.failures().find("were lost with the old keys") == std::string::npos) == repaired);
  if (repaired) {
    check_only(kit, 2);
    kit.check_everybody();
  }
  for (int i = 0; i < 3; ++i) CHECK(kit.verify(i) == "match");
}

TEST_CASE("proposals that are made while new keys are drawn hold up nothing, and their names move too") {
  NEEDS_TOKEN();
  Disturbed d;
  RotationKit& kit = d.kit;
  kit.agree(ledger::RotateKeys{});
  Gate wraps;
  std::atomic<int> made{0};
  d.token->before_root([&] {
    if (!kit.rotation()) ++made;
    return Status();
  });
  d.token->before_wrap([&] {
    wraps.stand();
    return Status();
  });
  auto tick = std::async(std::launch::async, [&] { kit.service->housekeeping(); });
  wraps.wait_for_it();
  std::vector<std::uint64_t> entries;
  for (int i = 0; i < 3; ++i) {
    const ledger::PersonName name{"Person " + std::to_string(i), random_array<32>()};
    ledger::PrincipalRecord who;
    who.id = "auditor/" + std::to_string(7 + i);
    who.role = ledger::Role::kAuditor;
    who.key = random_array<32>();
    who.name = ledger::name_commitment(name);
    ledger::ProposalMade p;
    p.purpose = "new-auditor";
    p.action = ledger::RegisterPrincipals{{}, {who}};
    const auto proposed = kit.service->propose(kit.f.key("residents/2"), p, {{who.id, name}});
    INFO(problem(proposed));
    REQUIRE(proposed);
    entries.push_back(proposed->entry);
  }
  wraps.let_go();
  tick.get();
  REQUIRE(kit.finish());
  CHECK(made == 1);
  check_only(kit, 2);
  const auto names = kit.service->people(kit.f.key("auditor/1"));
  REQUIRE(names);
  CHECK(names->damaged.empty());
  for (const auto entry : entries) CHECK(names->parts.contains(entry));
}

TEST_CASE("a token that goes on failing is asked for new keys less and less often") {
  NEEDS_TOKEN();
  Disturbed d;
  RotationKit& kit = d.kit;
  kit.agree(ledger::RotateKeys{});
  std::atomic<int> asked{0};
  d.token->before_root([&] {
    ++asked;
    return Status(make_error(Errc::kHsmGone, "the token is away"));
  });
  const auto run = [&](int times, std::int64_t ms) {
    asked = 0;
    for (int i = 0; i < times; ++i) {
      kit.service->housekeeping();
      kit.f.clock.advance(ms);
    }
    return asked.load();
  };
  // 10, 20, 40, 80, 160, 320 seconds: in ten minutes no more than that many, and then one every ten.
  const int first = run(60, 10'000);
  CHECK(first >= 4);
  CHECK(first <= 14);  // each try that made none also asks for its destruction
  CHECK(run(36, 100'000) <= 16);
  d.token->before_root({});
  kit.f.clock.advance(601'000);
  REQUIRE(kit.finish());
  check_only(kit, 2);
}
