#include "vault/witnessing.h"

#include "tests/support/catch.h"
#include "tests/support/test_witness.h"
#include "tests/support/vault_fixture.h"
#include "vault/base/digest.h"
#include "vault/store/keys.h"

using namespace facekeep;
using facekeep::test::SoftHsm;
using facekeep::test::TestWitness;
using facekeep::test::VaultFixture;

#define NEEDS_TOKEN()                                            \
  if (!SoftHsm::available()) {                                   \
    WARN("SKIP softhsm2 is not installed: no token to test on"); \
    return;                                                      \
  }

namespace {

struct Kit {
  std::vector<TestWitness> witnesses = {TestWitness("witness.example/w1"), TestWitness("witness.example/w2"),
                                        TestWitness("witness.example/w3")};
  std::map<std::string, bool> reported;  // name -> well
  std::optional<VaultFixture> vault;
  std::unique_ptr<Service> service;
  std::optional<Witnessing> witnessing;

  explicit Kit(ledger::OnMissing on_missing = ledger::OnMissing::kOpen) {
    ledger::Witnesses named{2, on_missing, {}};
    for (const auto& w : witnesses) {
      const std::string address = "https://192.0.2." + std::to_string(named.list.size() + 1);
      named.list.push_back({ledger::format_witness_key(w.key), address, sha256(as_bytes(address))});
    }
    test::FixtureOptions options;
    options.witnesses = named;
    vault.emplace(options);
    start();
  }
  ~Kit() { stop(); }

  void start() {
    auto started = vault->start();
    INFO((started ? "" : started.error().message));
    REQUIRE(started);
    service = std::move(*started);
    auto made = Witnessing::create(
        *service, vault->clock,
        [this](std::size_t i, const std::string& body) -> Result<WitnessAnswer> {
          return witnesses[i].add_checkpoint(body, log_key());
        },
        [this](const std::string& name, const Status& now) { reported[name] = now.has_value(); }, {});
    REQUIRE(made);
    REQUIRE(*made);
    witnessing.emplace(std::move(**made));
  }
  void stop() {
    witnessing.reset();
    vault->stop(service);
  }
  [[nodiscard]] log::VerifierKey log_key() const { return log::parse_vkey(vault->genesis().log_key).value(); }
  log::Sequencer& log() { return service->sequencer(); }
  void grow() {
    REQUIRE(log().submit([](const log::Turn&) -> Result<log::Write> {
      log::Write w;
      w.drafts.push_back({ledger::Sums{0, {{"overload", 1}}}, {}});
      w.checkpoint = true;
      return w;
    }));
  }
  std::size_t cosignatures(const std::string& note) {
    std::vector<ledger::WitnessKey> keys;
    for (const auto& w : witnesses) keys.push_back(w.key);
    REQUIRE(log::open_checkpoint(note, log_key()));
    return log::find_cosignatures(log::parse_note(note).value(), keys).value().size();
  }
  std::uint64_t cosigned_size() {
    return log().cosigned().empty() ? 0 : log::open_checkpoint(log().cosigned(), log_key())->size;
  }
};

}  // namespace

TEST_CASE("the published checkpoint gets the witnesses' lines, and one with a quorum is kept over a restart") {
  NEEDS_TOKEN();
  Kit kit;
  CHECK(kit.log().cosigned().empty());
  kit.witnessing->round();
  CHECK(kit.cosignatures(kit.log().checkpoint()) == 3);
  CHECK(kit.cosignatures(kit.log().cosigned()) == 3);
  const std::uint64_t before = kit.cosigned_size();
  CHECK(before == kit.log().published_size());
  kit.grow();
  CHECK(kit.cosignatures(kit.log().checkpoint()) == 0);
  CHECK(kit.cosigned_size() == before);
  kit.stop();
  kit.start();
  CHECK(kit.cosigned_size() == before);
  kit.witnessing->round();  // knows nothing of before: learns the witnesses' sizes from them
  CHECK(kit.cosigned_size() == kit.log().published_size());
  CHECK(kit.witnesses[0].size == kit.log().published_size());
}

TEST_CASE("a witness is asked again when the log grew or its word is old, and not in between") {
  NEEDS_TOKEN();
  Kit kit;
  kit.witnessing->round();
  kit.witnessing->round();
  CHECK(kit.witnesses[0].calls == 1);
  kit.grow();
  kit.witnessing->round();
  CHECK(kit.witnesses[0].calls == 2);
  kit.vault->clock.advance(61'000);
  kit.witnessing->round();
  CHECK(kit.witnesses[0].calls == 3);
}

TEST_CASE("a witness that lags is given the proof from where it is") {
  NEEDS_TOKEN();
  Kit kit;
  kit.witnessing->round();
  // Put back to an earlier, true state: 409 says where.
  const auto first = kit.witnesses[0];
  for (int i = 0; i < 5; ++i) kit.grow();
  kit.witnessing->round();
  kit.witnesses[0].size = first.size;
  kit.witnesses[0].root = first.root;
  kit.grow();
  kit.witnessing->round();
  CHECK(kit.witnesses[0].size == kit.log().published_size());
  CHECK(kit.reported.empty());
}

TEST_CASE("without a quorum the newest cosigned checkpoint stays, and each failure is told once") {
  NEEDS_TOKEN();
  Kit kit;
  kit.witnessing->round();
  const std::uint64_t before = kit.cosigned_size();
  kit.witnesses[0].status = 500;
  kit.witnesses[1].status = 422;
  kit.grow();
  kit.witnessing->round();
  CHECK(kit.cosigned_size() == before);
  CHECK(kit.cosignatures(kit.log().checkpoint()) == 1);
  CHECK(kit.reported == std::map<std::string, bool>{{"witness.example/w1", false}, {"witness.example/w2", false}});
  // It is left alone for a while, and longer each time.
  const int calls = kit.witnesses[0].calls;
  kit.witnessing->round();
  CHECK(kit.witnesses[0].calls == calls);
  kit.vault->clock.advance(1'000);
  kit.witnessing->round();
  CHECK(kit.witnesses[0].calls == calls + 1);
  kit.vault->clock.advance(1'000);
  kit.witnessing->round();
  CHECK(kit.witnesses[0].calls == calls + 1);
  kit.witnesses[0].status = 0;
  kit.vault->clock.advance(1'000);
  kit.witnessing->round();
  CHECK(kit.cosigned_size() == kit.log().published_size());
  CHECK(kit.reported["witness.example/w1"]);
  CHECK_FALSE(kit.service->halted());
}

TEST_CASE("answers that are no cosignature of that witness count for nothing") {
  NEEDS_TOKEN();
  Kit kit;
  TestWitness stranger("witness.example/stranger");
  const std::string note = kit.log().checkpoint();
  const auto line = [&](TestWitness w) {
    log::WitnessRequest r{0, {}, note};
    return w.add_checkpoint(log::format_witness_request(r).value(), kit.log_key()).body;
  };
  std::string altered = line(kit.witnesses[1]);
  altered[altered.size() - 5] = altered[altered.size() - 5] == 'A' ? 'B' : 'A';
  for (const std::string& answer : {std::string(), std::string("\n"), std::string("thanks\n"), line(stranger), altered,
                                    line(kit.witnesses[1])}) {  // the last is another witness's
    kit.witnesses[0].status = 200;
    kit.witnesses[0].answer = answer;
    kit.vault->clock.advance(400'000);
    kit.witnessing->round();
    CHECK(kit.cosignatures(kit.log().checkpoint()) == 2);
    CHECK_FALSE(kit.reported.at("witness.example/w1"));
  }
}

TEST_CASE("a witness that has seen a longer log stops the vault, with both sizes") {
  NEEDS_TOKEN();
  Kit kit;
  kit.witnesses[2].size = 1000;
  const std::uint64_t size = kit.log().published_size();
  kit.witnessing->round();
  const auto halt = kit.service->halted();
  REQUIRE(halt);
  CHECK(halt->fatal);
  CHECK(halt->reason.message.find("has seen 1000 entries of this log, which has " + std::to_string(size)) !=
        std::string::npos);
  const int calls = kit.witnesses[0].calls;
  kit.witnessing->round();
  CHECK(kit.witnesses[0].calls == calls);
}

TEST_CASE("a 409 without a size, and one that never ends, are failures and no findings") {
  NEEDS_TOKEN();
  Kit kit;
  kit.witnesses[0].status = 409;
  kit.witnesses[1].status = 409;
  kit.witnesses[1].answer = "1\n";
  kit.witnessing->round();
  CHECK(kit.witnesses[0].calls == 1);
  CHECK(kit.witnesses[1].calls == 2);
  CHECK_FALSE(kit.service->halted());
  CHECK(kit.reported.size() == 2);
}

TEST_CASE("with on_missing closed, access waits for fresh witnesses and everything else does not") {
  NEEDS_TOKEN();
  Kit kit(ledger::OnMissing::kClosed);
  REQUIRE(kit.vault->unseal(*kit.service));
  const Vector face = VaultFixture::random_face(64, 1);
  const auto identify = [&] {
    MatchCall c;
    c.door = "north";
    c.model = "face";
    c.probe = face;
    const auto r = kit.service->match(kit.vault->key("door/1"), "main", c);
    return r ? r->decision : std::string(r.error().problem);
  };
  CHECK(identify() == "witnesses-missing");
  EnrolInput in;
  in.subject = "anna";
  in.consent = VaultFixture::consent();
  in.templates.push_back({"face", face});
  CHECK(kit.service->put_subject(kit.vault->key("operator/1"), "main", std::move(in)));
  const auto listed = kit.service->list_subjects(kit.vault->key("operator/1"), "main", "", 10);
  REQUIRE_FALSE(listed);
  CHECK(std::string(listed.error().problem) == "witnesses-missing");
  kit.witnessing->round();
  CHECK(identify() == "match");
  kit.vault->clock.advance(600'000);
  CHECK(identify() == "match");
  kit.vault->clock.advance(1);
  CHECK(identify() == "witnesses-missing");
  // One of the two that a quorum takes is not enough.
  kit.witnesses[0].status = kit.witnesses[1].status = 503;
  kit.witnessing->round();
  CHECK(identify() == "witnesses-missing");
  kit.witnesses[0].status = 0;
  kit.vault->clock.advance(10'000);
  kit.witnessing->round();
  CHECK(identify() == "match");
  CHECK(kit.service->erase(kit.vault->key("operator/1"), "main", "anna"));
}

TEST_CASE("with on_missing open, doors are answered without any witness") {
  NEEDS_TOKEN();
  Kit kit;
  REQUIRE(kit.vault->unseal(*kit.service));
  MatchCall c;
  c.door = "north";
  c.model = "face";
  c.probe = VaultFixture::random_face(64, 1);
  CHECK(kit.service->match(kit.vault->key("door/1"), "main", c));
}

TEST_CASE("a database that is behind its own cosigned checkpoint does not start, and says both sizes") {
  NEEDS_TOKEN();
  Kit kit;
  kit.witnessing->round();
  const std::uint64_t size = kit.log().durable_size();
  const auto sign = [&](ByteView message) {
    return kit.vault->custody->sign_checkpoint(kit.log_key().public_key, message);
  };
  const std::string ahead =
      log::sign_checkpoint({kit.vault->genesis().origin, size + 7, Digest{}, {}}, kit.log_key(), sign).value();
  REQUIRE(kit.log().keep_cosigned(ahead, size + 7));
  kit.stop();
  const auto again = kit.vault->start();
  REQUIRE_FALSE(again);
  CHECK(again.error().code == Errc::kIntegrity);
  CHECK(again.error().message.find("a checkpoint over " + std::to_string(size + 7) + " was cosigned") !=
        std::string::npos);
  CHECK(again.error().message.find("the log has " + std::to_string(size) + " entries") != std::string::npos);
}
