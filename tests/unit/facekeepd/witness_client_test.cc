#include "tools/facekeepd/witness_client.h"

#include "api/http/server.h"
#include "tests/support/catch.h"
#include "tests/support/test_witness.h"
#include "tests/support/vault_fixture.h"

using namespace facekeep;
using facekeep::daemon::WitnessClient;
using facekeep::test::SoftHsm;
using facekeep::test::TestWitness;
using facekeep::test::VaultFixture;

TEST_CASE("the daemon's client brings a witness's cosignature over TLS, and to no other server") {
  if (!SoftHsm::available()) {
    WARN("SKIP softhsm2 is not installed: no token to test on");
    return;
  }
  TestWitness witness("witness.example/w1");
  std::optional<log::VerifierKey> log_key;
  http::ServerConfig config;
  config.key = *http::generate_key(http::KeyType::kP256);
  config.certificate = *http::self_signed(config.key.get(), "witness", {"127.0.0.1"});
  const Digest pin = *http::spki_digest(config.key.get());
  http::ListenerConfig listener;
  listener.kind = http::ListenerKind::kPublic;
  listener.address = "127.0.0.1";
  listener.port = 0;
  config.listeners.push_back(listener);
  config.workers = 1;
  std::mutex mutex;  // the server's thread and this one: witness, log_key, path
  std::string path;
  config.handler = [&](http::Request&& r) {
    const std::lock_guard lock(mutex);
    path = r.method + " " + r.path;
    const auto answer = witness.add_checkpoint(std::string(as_chars({r.body.data(), r.body.size()})), *log_key);
    http::Response out;
    out.status = answer.status;
    out.content_type = answer.content_type;
    out.body = to_bytes(answer.body);
    return out;
  };
  auto server = http::Server::start(std::move(config));
  REQUIRE(server);
  const std::string url = "https://127.0.0.1:" + std::to_string((*server)->port(0));

  for (const bool pinned : {true, false}) {
    CAPTURE(pinned);
    test::FixtureOptions options;
    options.witnesses = ledger::Witnesses{
        1, ledger::OnMissing::kOpen, {{ledger::format_witness_key(witness.key), url + "/w1", pinned ? pin : Digest{}}}};
    VaultFixture vault(options);
    auto service = vault.start();
    REQUIRE(service);
    {
      const std::lock_guard lock(mutex);
      log_key = log::parse_vkey(vault.genesis().log_key).value();
      witness.size = 0;
      witness.calls = 0;
    }
    {
      const WitnessClient client(daemon::Config{}, **service, vault.clock);
      for (int i = 0; i < 200 && (*service)->sequencer().cosigned().empty() && (pinned || i < 20); ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
      }
    }
    CHECK((*service)->sequencer().cosigned().empty() != pinned);
    const std::lock_guard lock(mutex);
    CHECK((witness.calls > 0) == pinned);
    if (pinned) CHECK(path == "POST /w1/add-checkpoint");
    vault.stop(*service);
  }
}

TEST_CASE("a vault without witnesses asks none, and its client ends") {
  if (!SoftHsm::available()) {
    WARN("SKIP softhsm2 is not installed: no token to test on");
    return;
  }
  VaultFixture vault;
  auto service = vault.start();
  REQUIRE(service);
  { const WitnessClient client(daemon::Config{}, **service, vault.clock); }
  CHECK((*service)->sequencer().cosigned().empty());
  vault.stop(*service);
}
