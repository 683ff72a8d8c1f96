// Notices reach a receiver in order and once each, wait for one that is dead or slow, and survive a restart.
#include "tools/facekeepd/notices.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <fstream>

#include "api/http/socket.h"
#include "tests/support/catch.h"
#include "tests/support/store_around.h"
#include "tests/support/vault_fixture.h"
#include "vault/base/digest.h"
#include "vault/store/keys.h"

using namespace facekeep;
using namespace facekeep::daemon;
using facekeep::test::SoftHsm;
using facekeep::test::VaultFixture;

#define NEEDS_TOKEN()                                            \
  if (!SoftHsm::available()) {                                   \
    WARN("SKIP softhsm2 is not installed: no token to test on"); \
    return;                                                      \
  }

namespace {

const std::string kKey = "0123456789abcdef0123456789abcdef";

// A receiver of the same machine, without TLS: takes one request a connection.
class Receiver {
 public:
  explicit Receiver(std::uint16_t port = 0) {
    const auto listening = http::listen_on("127.0.0.1", port);
    REQUIRE(listening);
    fd_ = listening->fd;
    port_ = listening->port;
    thread_ = std::thread([this] { run(); });
  }
  ~Receiver() {
    stops_ = true;
    thread_.join();
    ::close(fd_);
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  struct Got {
    std::string signature;
    std::string body;
  };
  std::vector<Got> got() {
    const std::lock_guard lock(mutex_);
    return got_;
  }
  std::vector<Got> wait_for(std::size_t n) {
    for (int i = 0; i < 500 && got().size() < n; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return got();
  }
  std::atomic<int> status{200};
  std::atomic<int> delay_ms{0};

 private:
  void run() {
    while (!stops_) {
      std::string address;
      const http::UniqueFd peer(http::accept_from(fd_, address));
      if (peer.get() < 0) {
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
        continue;
      }
      serve(peer.get());
    }
  }
  void serve(int fd) {
    std::string text;
    std::size_t want = std::string::npos;
    char piece[4096];
    for (int waited = 0; !stops_ && waited < 2000 && text.size() < want;) {
      const ssize_t n = ::recv(fd, piece, sizeof piece, 0);
      if (n == 0) return;
      if (n < 0) {
        ++waited;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        continue;
      }
      text.append(piece, static_cast<std::size_t>(n));
      const std::size_t head = text.find("\r\n\r\n");
      if (head == std::string::npos) continue;
      want = head + 4 + std::stoul(field(text, "Content-Length"));
    }
    for (int i = 0; !stops_ && i < delay_ms; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (status == 200) {
      const std::lock_guard lock(mutex_);
      got_.push_back({field(text, "Facekeep-Signature"), text.substr(text.find("\r\n\r\n") + 4)});
    }
    const std::string answer =
        "HTTP/1.1 " + std::to_string(status.load()) + " X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    ::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
  }
  static std::string field(const std::string& text, const std::string& name) {
    const std::size_t at = text.find("\r\n" + name + ": ");
    if (at == std::string::npos) return "0";
    const std::size_t from = at + name.size() + 4;
    return text.substr(from, text.find("\r\n", from) - from);
  }

  int fd_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> stops_{false};
  std::mutex mutex_;
  std::vector<Got> got_;
  std::thread thread_;
};

// Does not read one entry of the log, if told so.
class TornStore final : public facekeep::test::StoreAround {
 public:
  using StoreAround::StoreAround;
  Result<std::optional<Bytes>> get(ByteView key) const override {
    const std::uint64_t torn = entry;
    if (torn != 0 && std::ranges::equal(key, store::keys::entry(torn))) {
      ++refused;
      return make_error(Errc::kIo, "the disk does not answer");
    }
    return StoreAround::get(key);
  }
  std::atomic<std::uint64_t> entry{0};
  mutable std::atomic<int> refused{0};
};

struct Kit {
  VaultFixture vault;
  SystemClock real;
  std::unique_ptr<TornStore> torn;
  std::unique_ptr<Service> service;
  Config config;

  Kit() {
    vault.around_store = [this](store::RocksStore& inner) -> store::Store& {
      torn = std::make_unique<TornStore>(inner);
      return *torn;
    };
    auto started = vault.start();
    REQUIRE(started);
    service = std::move(*started);
    config.data_dir = vault.dir();
    config.webhook_key_file = vault.dir() + "/notices-key";
    std::ofstream(config.webhook_key_file) << kKey << "\n";
  }
  ~Kit() { vault.stop(service); }
  std::unique_ptr<Notices> start(std::uint16_t port) {
    config.webhook_url = "http://127.0.0.1:" + std::to_string(port) + "/hook";
    auto made = Notices::start(config, *service, real, {5, 20, 50, 1000});
    INFO((made ? "" : made.error().message));
    REQUIRE(made);
    return std::move(*made);
  }
  // A revocation of a door that a custodian makes; its entry.
  std::uint64_t revoke(const std::string& door) {
    const auto done = service->revoke(vault.key("property/1"), {door}, "lost");
    REQUIRE(done);
    return done->entry;
  }
};

}  // namespace

TEST_CASE("a notice says what happened, and not who") {
  const ledger::Event revoked{1795000000000, 0, ledger::Revoked{"property/1", {"door/1"}, "lost"}};
  const auto act = act_of(revoked);
  REQUIRE(act);
  const std::string body = notice_body({1}, 7, revoked.time, *act, std::nullopt).value();
  CHECK(body == R"({"entry":7,"time":")" + format_time(revoked.time) +
                    R"(","type":"revoked","v":1,"vault":"01000000000000000000000000000000"})");
  const ledger::Event done{0, 0, ledger::ProposalDone{{2}, {}}};
  CHECK(act_of(done)->about == Id128{2});
  CHECK(act_of({0, 0, ledger::KeysRetired{1}})->type == "keys-retired");
  CHECK(act_of({0, 0, ledger::TicketUsed{1, "residents/1", 0, "signature"}})->type == "ticket-used");
  CHECK_FALSE(act_of({0, 0, ledger::Rewrapped{2, ledger::kAllRefs, {}}}));
  CHECK_FALSE(act_of({0, 0, ledger::Sealed{"property/1", "request"}}));
  // As anyone checks it: openssl dgst -sha256 -hmac KEY over "SECONDS.BODY".
  CHECK(notice_signature(as_bytes(kKey), 12, "x") ==
        "t=12,v1=" + to_hex(hmac_sha256(as_bytes(kKey), {as_bytes("12.x")})));
}

TEST_CASE("each act is delivered once, in order, signed") {
  NEEDS_TOKEN();
  Kit kit;
  Receiver receiver;
  const auto notices = kit.start(receiver.port());
  const std::uint64_t first = kit.revoke("door/1");
  const std::uint64_t second = kit.revoke("door/2");
  const auto got = receiver.wait_for(2);
  REQUIRE(got.size() == 2);
  CHECK(Json::parse(got[0].body).at("entry") == first);
  CHECK(Json::parse(got[1].body).at("entry") == second);
  const std::string t = got[0].signature.substr(2, got[0].signature.find(',') - 2);
  CHECK(got[0].signature == notice_signature(as_bytes(kKey), std::stoll(t), got[0].body));
}

TEST_CASE("a receiver that is dead, or answers badly, gets what it missed when it is back, over a restart too") {
  NEEDS_TOKEN();
  Kit kit;
  std::uint16_t port = 0;
  std::uint64_t first = 0;
  {
    Receiver receiver;
    port = receiver.port();
    receiver.status = 503;
    const auto notices = kit.start(port);
    first = kit.revoke("door/1");
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    CHECK(receiver.got().empty());
  }
  {
    const auto notices = kit.start(port);  // nobody listens
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    CHECK(kit.revoke("door/2") > first);  // answered all the same
  }
  Receiver receiver(port);
  {
    const auto notices = kit.start(port);
    CHECK(receiver.wait_for(2).size() == 2);
  }
  const auto notices = kit.start(port);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  const auto got = receiver.got();
  REQUIRE(got.size() == 2);
  CHECK(Json::parse(got[0].body).at("entry") == first);
}

TEST_CASE("a year of the cards is told to the receiver once, over a restart too") {
  NEEDS_TOKEN();
  // Two years on.
  struct Later final : Clock {
    [[nodiscard]] Instant now() const override {
      Instant out = real.now();
      out.wall += 731LL * 86400 * 1000;
      return out;
    }
    SystemClock real;
  } later;
  Kit kit;
  Receiver receiver;
  kit.config.webhook_url = "http://127.0.0.1:" + std::to_string(receiver.port()) + "/hook";
  for (int i = 0; i < 2; ++i) {
    auto made = Notices::start(kit.config, *kit.service, later, {5, 20, 50, 1000});
    REQUIRE(made);
    const std::size_t acts = 2 * static_cast<std::size_t>(i) + 2;
    kit.revoke(i == 0 ? "door/1" : "door/2");
    receiver.wait_for(i == 0 ? acts : acts - 1);
  }
  std::size_t reminders = 0;
  for (const auto& got : receiver.got()) {
    const Json body = Json::parse(got.body);
    if (body.at("type") != "check-your-cards") continue;
    ++reminders;
    CHECK_FALSE(body.contains("entry"));
    CHECK(got.signature.starts_with("t="));
  }
  CHECK(reminders == 1);
  CHECK(receiver.got().size() == 3);
}

TEST_CASE("nothing waits for a receiver that is slow") {
  NEEDS_TOKEN();
  Kit kit;
  Receiver receiver;
  receiver.delay_ms = 400;
  const auto notices = kit.start(receiver.port());
  const auto before = std::chrono::steady_clock::now();
  kit.revoke("door/1");
  kit.revoke("operator/1");
  CHECK(std::chrono::steady_clock::now() - before < std::chrono::milliseconds(350));
  CHECK(receiver.wait_for(2).size() == 2);
}

TEST_CASE("a key that is too short and a file that is no number are refused at the start") {
  NEEDS_TOKEN();
  Kit kit;
  kit.config.webhook_url = "http://127.0.0.1:1/";
  std::ofstream(kit.config.webhook_key_file) << "short";
  CHECK_FALSE(Notices::start(kit.config, *kit.service, kit.real));
  std::ofstream(kit.config.webhook_key_file) << kKey;
  std::ofstream(kit.config.data_dir + "/notices") << "no number";
  CHECK_FALSE(Notices::start(kit.config, *kit.service, kit.real));
}

TEST_CASE("an entry that can't be read for a while is told all the same, and before what follows") {
  NEEDS_TOKEN();
  Kit kit;
  Receiver receiver;
  const std::uint64_t next = kit.service->sequencer().durable_size();
  const auto notices = kit.start(receiver.port());
  kit.torn->entry = next;
  REQUIRE(kit.revoke("door/1") == next);
  const std::uint64_t second = kit.revoke("door/2");
  for (int i = 0; i < 500 && kit.torn->refused < 3; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  REQUIRE(kit.torn->refused >= 3);
  CHECK(receiver.got().empty());
  kit.torn->entry = 0;
  const auto got = receiver.wait_for(2);
  REQUIRE(got.size() == 2);
  CHECK(Json::parse(got[0].body).at("entry") == next);
  CHECK(Json::parse(got[1].body).at("entry") == second);
}

TEST_CASE("a file of notices that is ahead of the log is put right") {
  NEEDS_TOKEN();
  Kit kit;
  Receiver receiver;
  for (const char* ahead : {"00000000000000099999\n", "18446744073709551615\n"}) {
    CAPTURE(ahead);
    std::ofstream(kit.config.data_dir + "/notices") << ahead;
    const std::size_t before = receiver.got().size();
    const auto notices = kit.start(receiver.port());
    kit.revoke(before == 0 ? "door/1" : "door/2");
    CHECK(receiver.wait_for(before + 1).size() == before + 1);
  }
}
