// A restart ticket in a whole vault: what opens with both halves, and what does not.
#include "tests/unit/vault/rotation_kit.h"
#include "vault/base/digest.h"
#include "vault/ledger/ticket_decide.h"
#include "vault/ticket_row.h"

using namespace facekeep;
using namespace facekeep::test;

namespace {

constexpr std::int64_t kHourMs = 3600LL * 1000;

std::string ssh_line(EVP_PKEY* key) {
  return ledger::format_ssh_key_line(ledger::ssh_key_from_evp(key).value());
}

// The vault, and a box that keeps what it is given.
class TicketKit : public RotationKit {
 public:
  TicketKit() {
    REQUIRE(start());
    REQUIRE(unseal());
    enrol(3);
    const std::string line = ssh_line(box_key.get());
    agree(ledger::SetTicket{ledger::TicketPolicy{24, {"lodge", "residents", "https://10.0.0.9:8450", line}}});
    service->housekeeping();
    REQUIRE(restart());
    REQUIRE(unseal());
    service->housekeeping();
    take();
  }

  // The box's half, as the daemon brings it.
  void take() {
    const auto waiting = service->ticket_to_deposit();
    REQUIRE(waiting);
    const auto pair = seal::generate_hpke_key_pair();
    const auto sealed = service->seal_deposit(waiting->place.number, pair.public_key);
    REQUIRE(sealed);
    half = std::move(*seal::open_half(pair.private_key, seal::HalfWay::kToBox, waiting->place, *sealed));
    service->deposited(waiting->place.number);
    CHECK_FALSE(service->ticket_to_deposit());
  }

  ledger::TicketUsed confirmed(const std::string& by = "residents/1") {
    return service->sequencer().read([&](const ledger::State& st) {
      ledger::TicketUsed used{1, by, f.clock.wall.load(), {}};
      if (!st.ticket()) return used;
      used.number = st.ticket()->made.number;
      const std::string text = ledger::restart_statement(ledger::restart_of(st, used.time)).value();
      used.signature = ledger::armor_sshsig(
          tools::make_sshsig(f.private_key(by), ledger::kRestartNamespace, as_bytes(text)).value());
      return used;
    });
  }
  // What the box gives for this start.
  Bytes given(const SecretBytes& what) {
    return service->sequencer().read([&](const ledger::State& st) {
      const seal::HalfPlace place{st.genesis().vault, st.tickets(), st.start_entry()};
      return seal::seal_half(st.start().unseal_to, seal::HalfWay::kToVault, place, what.view()).value();
    });
  }
  Result<std::uint64_t> open() { return service->open_with_ticket(confirmed(), given(half)); }
  bool is_loaded() {
    for (int i = 0; i < 3000; ++i) {
      if (service->seal_status().value().templates_ready) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return false;
  }
  std::string state() { return service->seal_status().value().state; }
  bool has_key(std::uint32_t number) { return f.custody->has_ticket_key(number).value(); }
  // For that reason, whether or not the housekeeping's own thread has ended it by now.
  bool is_over(const std::string& reason) {
    return service->sequencer().read([&](const ledger::State& st) {
      return !st.ticket() || ledger::why_ticket_is_over(st, st.moment_at(f.clock.now())) == reason;
    });
  }

  http::KeyPtr box_key = http::generate_key(http::KeyType::kP256).value();
  SecretBytes half;
};

}  // namespace

TEST_CASE("both halves and a confirmation open a restart, again and again, and everybody matches") {
  NEEDS_TOKEN();
  TicketKit kit;
  for (int i = 0; i < 2; ++i) {
    REQUIRE(kit.restart());
    CHECK(kit.state() == "sealed");
    const auto ask = kit.service->ticket_to_ask();
    REQUIRE(ask);
    CHECK(ask->box.name == "lodge");
    const auto opened = kit.open();
    if (!opened) FAIL(opened.error().message);
    CHECK_FALSE(kit.service->ticket_to_ask());
    CHECK_FALSE(kit.open());
    REQUIRE(kit.is_loaded());
    kit.check_everybody();
  }
}

TEST_CASE("with another half, for another start, or without the row, it opens nothing") {
  NEEDS_TOKEN();
  TicketKit kit;
  REQUIRE(kit.restart());
  const Bytes early = kit.given(kit.half);
  REQUIRE(kit.restart());
  CHECK_FALSE(kit.service->open_with_ticket(kit.confirmed(), early));
  CHECK_FALSE(kit.service->open_with_ticket(kit.confirmed(), kit.given(random_secret(seal::kTicketHalfSize))));
  CHECK_FALSE(kit.service->open_with_ticket(kit.confirmed("property/1"), kit.given(kit.half)));
  // The row of the database, altered and gone.
  const Bytes key = store::keys::ticket(1);
  const Bytes row = kit.f.store->get(key).value().value();
  const auto write = [&](std::vector<store::Batch::Put> puts, std::vector<Bytes> deletes) {
    const std::uint64_t head = kit.service->sequencer().durable_size();
    REQUIRE(kit.f.store->commit({std::move(puts), std::move(deletes), head, head}, store::Urgency::kOrdinary));
  };
  TicketRow other = parse_ticket_row(row).value();
  other.half.back() ^= 1;
  write({{key, format_ticket_row(other).value()}}, {});
  CHECK_FALSE(kit.open());
  write({}, {key});
  CHECK_FALSE(kit.open());
  CHECK(kit.state() == "sealed");
  write({{key, row}}, {});
  CHECK(kit.open());
}

TEST_CASE("a custodian's seal ends it, and its key in the token is gone") {
  NEEDS_TOKEN();
  TicketKit kit;
  REQUIRE(kit.has_key(1));
  const bool sealed_before = GENERATE(false, true);
  if (sealed_before) REQUIRE(kit.restart());
  const Bytes row = kit.f.store->get(store::keys::ticket(1)).value().value();
  REQUIRE(kit.service->seal(kit.f.key("property/3")));
  CHECK(kit.is_over("seal"));
  CHECK_FALSE(kit.service->ticket_to_ask());
  CHECK_FALSE(kit.open());
  kit.service->housekeeping();
  CHECK_FALSE(kit.has_key(1));
  CHECK_FALSE(kit.f.store->get(store::keys::ticket(1)).value());
  // The next one has its own key.
  REQUIRE(kit.unseal());
  kit.service->housekeeping();
  CHECK(kit.has_key(2));
}

TEST_CASE("its hours pass, and setting the clock back does not bring it back") {
  NEEDS_TOKEN();
  TicketKit kit;
  REQUIRE(kit.restart());
  kit.f.clock.wall += 24 * kHourMs;
  CHECK(kit.is_over("expired"));
  CHECK_FALSE(kit.open());
  kit.service->count("bad-request");
  kit.f.clock.uptime += 61'000;
  kit.service->housekeeping();  // in the log
  kit.f.clock.wall -= 48 * kHourMs;
  REQUIRE(kit.restart());
  CHECK_FALSE(kit.service->ticket_to_ask());
  CHECK_FALSE(kit.has_key(1));
}

TEST_CASE("another program does not open, and a half that was never fetched is lost with the process") {
  NEEDS_TOKEN();
  TicketKit kit;
  SECTION("program") {
    kit.options.program = sha256(as_bytes("another program"));
    REQUIRE(kit.restart());
    CHECK(kit.is_over("program"));
    CHECK_FALSE(kit.open());
  }
  SECTION("not fetched") {
    REQUIRE(kit.restart());
    REQUIRE(kit.unseal());
    kit.service->housekeeping();  // ends the first
    kit.service->housekeeping();
    REQUIRE(kit.service->ticket_to_deposit());
    REQUIRE(kit.restart());
    CHECK_FALSE(kit.service->ticket_to_deposit());
    CHECK_FALSE(kit.open());  // the half of the one before
    CHECK(kit.state() == "sealed");
  }
}

TEST_CASE("a rotation ends it, and so does one person's word") {
  NEEDS_TOKEN();
  TicketKit kit;
  SECTION("rotation") {
    kit.agree(ledger::RotateKeys{});
    kit.service->housekeeping();
    CHECK(kit.is_over("keys"));
  }
  SECTION("tightened") {
    REQUIRE(kit.service->tighten(kit.f.key("property/2"), ledger::SetTicket{}));
    CHECK(kit.is_over("withdrawn"));
  }
  kit.service->housekeeping();
  CHECK_FALSE(kit.has_key(1));
  REQUIRE(kit.restart());
  CHECK_FALSE(kit.service->ticket_to_ask());
}
