// What auditors are given, what the holders of receipts can check with it, and how a month ends.
#include "tests/unit/dispatch/api_kit.h"
#include "vault/base/digest.h"
#include "vault/ledger/event.h"
#include "vault/log/merkle.h"
#include "vault/log/proof.h"
#include "vault/store/keys.h"

using namespace facekeep;
using facekeep::test::ApiKit;
using facekeep::test::SoftHsm;
using facekeep::test::VaultFixture;

namespace {

constexpr std::int64_t kDay = 86'400'000;

struct Kit : ApiKit {
  using ApiKit::ApiKit;

  void enrol(const std::string& subject, std::uint64_t seed) {
    const std::string row = R"({"subject":")" + subject + R"(","consent":)" + VaultFixture::consent().dump() +
                            R"(,"templates":[{"model":"face","template":)" +
                            Json(VaultFixture::random_face(64, seed)).dump() + "}]}\n";
    REQUIRE(ask("operator/1", "POST", "/v1/sites/main/enrolments", row).status == 200);
  }
  std::uint64_t identify(std::uint64_t seed) {
    const auto answer =
        ask("door/1", "POST", "/v1/sites/main/identify",
            R"({"door":"north","model":"face","probe":)" + Json(VaultFixture::random_face(64, seed)).dump() + "}");
    REQUIRE(answer.status == 200);
    return json(answer).at("entry").get<std::uint64_t>();
  }
  Json openings(std::uint64_t bundle = 0) {
    const auto answer = ask("auditor/1", "GET", "/v1/log/openings/" + std::to_string(bundle));
    INFO(text(answer));
    REQUIRE(answer.status == 200);
    return json(answer);
  }
  // entry -> why it is missing
  std::map<std::uint64_t, std::string> missing() {
    std::map<std::uint64_t, std::string> out;
    const Json page = openings();
    for (const Json& m : page.at("missing")) out[m.at("entry")] = m.at("reason");
    return out;
  }
  // A checkpoint over everything; ordinary entries have theirs within a second only.
  void publish() { grow(service->sequencer().durable_size() + 1); }
  ledger::Leaf leaf(std::uint64_t entry) {
    return ledger::decode_leaf(as_chars(service->sequencer().entry(entry).value())).value();
  }
  // The latest event in the log, of governance.
  ledger::Event last_event() { return std::get<ledger::Event>(leaf(service->sequencer().durable_size() - 1)); }
  [[nodiscard]] log::VerifierKey log_key() const { return log::parse_vkey(vault.genesis().log_key).value(); }
};

// Checks salt and event against the entry's commitment, and gives the event.
ledger::Event open(const ledger::Leaf& leaf, const Bytes& opening) {
  REQUIRE(opening.size() > 33);
  REQUIRE(opening[0] == 0x01);
  ledger::Salt salt{};
  std::copy_n(opening.begin() + 1, 32, salt.begin());
  const std::string text(as_chars(ByteView(opening).subspan(33)));
  const auto& hidden = std::get<ledger::PrivateLeaf>(leaf);
  REQUIRE(ledger::commit(salt, text) == hidden.commitment);
  const auto event = ledger::decode_event(text).value();
  REQUIRE(class_of(event.body) == hidden.event_class);
  return event;
}

}  // namespace

TEST_CASE("an auditor opens every private entry of a bundle, custody and access alike") {
  NEEDS_TOKEN();
  Kit kit;
  REQUIRE(kit.vault.unseal(*kit.service));
  kit.enrol("anna", 1);
  const std::uint64_t access = kit.identify(1);
  kit.publish();
  const std::uint64_t size = kit.service->sequencer().published_size();
  const Json page = kit.openings();
  CHECK(page.at("bundle") == 0);
  CHECK(page.at("missing").empty());
  std::map<std::uint64_t, std::string> types;
  for (const Json& o : page.at("openings")) {
    const std::uint64_t entry = o.at("entry");
    types[entry] = type_of(open(kit.leaf(entry), from_base64(o.at("opening").get<std::string>()).value()).body);
  }
  for (std::uint64_t i = 0; i < size; ++i) {
    CHECK(types.contains(i) == std::holds_alternative<ledger::PrivateLeaf>(kit.leaf(i)));
  }
  CHECK(types.at(access) == "match");
}

TEST_CASE("a bundle's openings are those of its own entries, up to the published size") {
  NEEDS_TOKEN();
  Kit kit;
  REQUIRE(kit.vault.unseal(*kit.service));
  kit.enrol("anna", 1);
  kit.grow(256);
  kit.enrol("ben", 2);
  const std::uint64_t unpublished = kit.identify(2);
  const std::uint64_t size = kit.service->sequencer().published_size();
  for (const std::uint64_t bundle : {0, 1}) {
    const Json page = kit.openings(bundle);
    CHECK(page.at("bundle") == bundle);
    CHECK_FALSE(page.at("openings").empty());
    for (const Json& o : page.at("openings")) {
      CHECK(o.at("entry").get<std::uint64_t>() / 256 == bundle);
      if (size <= unpublished) CHECK(o.at("entry").get<std::uint64_t>() < size);
    }
  }
}

TEST_CASE("each reading of openings is in the log before its answer, with who and what") {
  NEEDS_TOKEN();
  Kit kit;
  REQUIRE(kit.vault.unseal(*kit.service));
  kit.openings();
  auto event = std::get<ledger::OpeningsRead>(kit.last_event().body);
  CHECK(event.by == "auditor/1");
  CHECK(event.what == "bundle");
  CHECK(event.bundle == std::optional<std::uint64_t>(0));
  const Json people = ApiKit::json(kit.ask("auditor/1", "GET", "/v1/log/register")).at("people");
  event = std::get<ledger::OpeningsRead>(kit.last_event().body);
  CHECK(event.what == "register");
  CHECK_FALSE(event.bundle);
  // The register opens the name commitments of genesis, every one.
  for (const auto& p : kit.vault.genesis().principals) {
    const Json& row = people.at(p.id);
    static const Bytes kDomain = to_bytes(std::string_view("facekeep/name/v1\0", 17));
    CHECK(sha256({kDomain, from_hex_exact<32>(row.at("salt").get<std::string>()).value(),
                  as_bytes(row.at("name").get_ref<const std::string&>())}) == p.name);
  }
  CHECK(people.size() == kit.vault.genesis().principals.size());
}

TEST_CASE("openings are for auditors, of published entries; a refusal reads and logs nothing") {
  NEEDS_TOKEN();
  Kit kit;
  REQUIRE(kit.vault.unseal(*kit.service));
  const std::uint64_t before = kit.service->sequencer().durable_size();
  for (const char* who : {"operator/1", "door/1", "property/1"}) {
    CHECK(ApiKit::problem(kit.ask(who, "GET", "/v1/log/openings/0")) == "wrong-role");
    CHECK(ApiKit::problem(kit.ask(who, "GET", "/v1/log/register")) == "wrong-role");
  }
  CHECK(ApiKit::problem(kit.ask("", "GET", "/v1/log/openings/0")) == "unknown-call");
  for (const char* bundle : {"1", "00", "-1", "18446744073709551615", "x"}) {
    CHECK(ApiKit::problem(kit.ask("auditor/1", "GET", std::string("/v1/log/openings/") + bundle)) == "not-found");
  }
  CHECK(kit.service->sequencer().durable_size() == before);
}

TEST_CASE("while sealed, custody entries open and access entries say why not") {
  NEEDS_TOKEN();
  Kit kit;
  REQUIRE(kit.vault.unseal(*kit.service));
  kit.enrol("anna", 1);
  const std::uint64_t access = kit.identify(1);
  REQUIRE(kit.ask("property/1", "POST", "/v1/seal").status == 200);
  CHECK(kit.missing() == std::map<std::uint64_t, std::string>{{access, "sealed"}});
  CHECK(ApiKit::problem(kit.ask("auditor/1", "GET", "/v1/log/register")) == "sealed");
}

TEST_CASE("an opening that does not fit its entry is named, and the others are given") {
  NEEDS_TOKEN();
  Kit kit;
  REQUIRE(kit.vault.unseal(*kit.service));
  kit.enrol("anna", 1);
  const std::uint64_t first = kit.identify(1);
  const std::uint64_t second = kit.identify(1);
  kit.publish();
  // Somebody puts one entry's stored opening in another's place.
  const auto moved = kit.vault.store->get(store::keys::opening(first)).value();
  REQUIRE(kit.service->sequencer().submit([&](const log::Turn&) -> Result<log::Write> {
    log::Write w;
    w.puts.push_back({store::keys::opening(second), *moved});
    return w;
  }));
  CHECK(kit.missing() == std::map<std::uint64_t, std::string>{{second, "damaged"}});
}

TEST_CASE("a wall clock that is set forward destroys no month's key") {
  NEEDS_TOKEN();
  test::FixtureOptions options;
  options.access_log_days = 10;
  Kit kit(options);
  REQUIRE(kit.vault.unseal(*kit.service));
  kit.identify(1);
  kit.publish();
  kit.vault.clock.wall += 365 * kDay;
  kit.service->housekeeping();
  CHECK(kit.missing().empty());
  // Nor the start after it, which sees no jump: the key is young by the log's own clock.
  kit.stop();
  kit.start();
  REQUIRE(kit.vault.unseal(*kit.service));
  kit.service->housekeeping();
  CHECK(kit.missing().empty());
}

TEST_CASE("a stored month that was written over is damage, not an end that the log does not have") {
  NEEDS_TOKEN();
  Kit kit;
  REQUIRE(kit.vault.unseal(*kit.service));
  const std::uint64_t access = kit.identify(1);
  kit.publish();
  Bytes stored = *kit.vault.store->get(store::keys::opening(access)).value();
  const std::size_t month = 2 + std::string("main").size();
  REQUIRE(stored[month] == '2');
  std::copy_n("2000-01", 7, stored.begin() + static_cast<std::ptrdiff_t>(month));
  REQUIRE(kit.service->sequencer().submit([&](const log::Turn&) -> Result<log::Write> {
    log::Write w;
    w.puts.push_back({store::keys::opening(access), stored});
    return w;
  }));
  CHECK(kit.missing() == std::map<std::uint64_t, std::string>{{access, "damaged"}});
}

TEST_CASE("a month's key is destroyed once its retention is over on both clocks, and its openings with it") {
  NEEDS_TOKEN();
  test::FixtureOptions options;
  options.access_log_days = 10;
  Kit kit(options);
  REQUIRE(kit.vault.unseal(*kit.service));
  const std::uint64_t access = kit.identify(1);
  kit.publish();
  const auto months = [&] {
    return kit.service->sequencer().read([](const ledger::State& st) { return st.period_keys().size(); });
  };
  const std::uint32_t slot =
      kit.service->sequencer().read([](const ledger::State& st) { return st.period_keys().begin()->second.slot; });
  REQUIRE(months() == 1);
  const Bytes wrapped = kit.vault.slots->read(1, slot).value();
  // Both clocks run; the month is over, its retention not yet.
  kit.vault.clock.advance(10 * kDay - 1);
  kit.service->housekeeping();
  CHECK(months() == 1);
  kit.vault.clock.advance(31 * kDay);
  kit.service->housekeeping();
  CHECK(months() == 0);
  CHECK(std::get<ledger::PrivateLeaf>(kit.leaf(kit.service->sequencer().durable_size() - 1)).event_class ==
        ledger::EventClass::kCustody);
  const auto used = kit.vault.slots->in_use(1).value();
  CHECK(std::find(used.begin(), used.end(), slot) == used.end());
  CHECK(kit.missing() == std::map<std::uint64_t, std::string>{{access, "destroyed"}});
  // The commitment stays, and the log recovers.
  CHECK(std::holds_alternative<ledger::PrivateLeaf>(kit.leaf(access)));
  // As a crash between the event and the end of the key leaves it: the next start clears the slot.
  REQUIRE(kit.vault.slots->write(std::vector<seal::SlotWrite>{{slot, wrapped}}));
  kit.stop();
  kit.start();
  const auto after = kit.vault.slots->in_use(1).value();
  CHECK(std::find(after.begin(), after.end(), slot) == after.end());
  CHECK(kit.missing() == std::map<std::uint64_t, std::string>{{access, "destroyed"}});
}

TEST_CASE("every answer to an operator or a custodian that changed something is a receipt that verifies") {
  NEEDS_TOKEN();
  Kit kit;
  // `extra` is there for private entries, and fits; a governance entry stands in the log itself.
  const auto check = [&](const http::Response& answer, const std::string& type) {
    INFO(ApiKit::text(answer));
    REQUIRE(answer.status / 100 == 2);
    const Json body = ApiKit::json(answer);
    const auto receipt = log::parse_receipt(body.at("receipt").get<std::string>()).value();
    CHECK(receipt.index == body.at("entry"));
    const Bytes bytes = kit.service->sequencer().entry(receipt.index).value();
    CHECK(log::verify_receipt(receipt, log::leaf_hash(bytes), kit.log_key()));
    const auto leaf = kit.leaf(receipt.index);
    const bool hidden = std::holds_alternative<ledger::PrivateLeaf>(leaf);
    CHECK(receipt.extra.empty() != hidden);
    CHECK(type_of(hidden ? open(leaf, receipt.extra).body : std::get<ledger::Event>(leaf).body) == type);
  };
  for (const char* who : {"property/1", "property/2", "residents/1", "residents/2"}) {
    const std::string share = to_base64(kit.vault.sealed_share(*kit.service, who));
    check(kit.ask(who, "POST", "/v1/unseal", R"({"share":")" + share + "\"}"), "unseal-share");
  }
  const std::string anna = "/v1/sites/main/subjects/anna";
  const std::string consent = VaultFixture::consent().dump();
  check(kit.ask("operator/1", "PUT", anna, consent), "enrolled");
  check(kit.ask("operator/1", "PUT", anna, consent), "enrolled");  // there already: the same entry again
  check(kit.ask("operator/1", "POST", anna + "/templates",
                R"({"model":"face","template":)" + Json(VaultFixture::random_face(64, 1)).dump() + "}"),
        "template");
  check(kit.ask("operator/1", "DELETE", anna), "erased");
  check(kit.ask("property/2", "POST", "/v1/seal"), "sealed");
}

TEST_CASE("a bulk enrolment's last line is a checkpoint that covers every row") {
  NEEDS_TOKEN();
  Kit kit;
  REQUIRE(kit.vault.unseal(*kit.service));
  std::string rows;
  for (int i = 0; i < 5; ++i) {
    rows += R"({"subject":"p)" + std::to_string(i) + R"(","consent":)" + VaultFixture::consent().dump() + "}\n";
  }
  const auto answer = kit.ask("operator/1", "POST", "/v1/sites/main/enrolments", rows + "not json\n");
  REQUIRE(answer.status == 200);
  std::istringstream lines(ApiKit::text(answer));
  std::vector<Json> parsed;
  for (std::string line; std::getline(lines, line);) parsed.push_back(Json::parse(line));
  REQUIRE(parsed.size() == 7);
  const auto cp = log::open_checkpoint(parsed.back().at("checkpoint").get<std::string>(), kit.log_key()).value();
  for (std::size_t i = 0; i < 5; ++i) {
    const std::uint64_t entry = parsed[i].at("entry");
    CHECK(entry < cp.size);
    CHECK(kit.ask("operator/1", "GET", "/v1/log/proofs/" + std::to_string(entry)).status == 200);
  }
  CHECK(parsed[5].at("status") == "refused");
}

TEST_CASE("doors' answers carry no receipt") {
  NEEDS_TOKEN();
  Kit kit;
  REQUIRE(kit.vault.unseal(*kit.service));
  const auto answer =
      kit.ask("door/1", "POST", "/v1/sites/main/identify",
              R"({"door":"north","model":"face","probe":)" + Json(VaultFixture::random_face(64, 1)).dump() + "}");
  CHECK_FALSE(ApiKit::json(answer).contains("receipt"));
}
