// Exports over the API: nobody alone, nothing before the log has it, exactly what was approved, and once.
#include <atomic>
#include <fstream>
#include <mutex>

#include "tests/support/store_around.h"
#include "tests/unit/dispatch/export_kit.h"
#include "vault/export/cms_open.h"
#include "vault/export/manifest.h"
#include "vault/store/keys.h"

using namespace facekeep;
using namespace facekeep::test;

namespace {

struct Counts {
  int done = 0;
  int sealed = 0;
  int ended = 0;
  int given = 0;
};

Counts count_events(ApiKit& kit) {
  Counts n;
  for (std::uint64_t i = 0; i < kit.service->sequencer().durable_size(); ++i) {
    const auto leaf = ledger::decode_leaf(as_chars(kit.service->sequencer().entry(i).value())).value();
    const auto* e = std::get_if<ledger::Event>(&leaf);
    if (e == nullptr) continue;
    n.done += std::holds_alternative<ledger::ProposalDone>(e->body) ? 1 : 0;
    n.sealed += std::holds_alternative<ledger::ExportSealed>(e->body) ? 1 : 0;
    n.ended += std::holds_alternative<ledger::ExportEnded>(e->body) ? 1 : 0;
    n.given += std::holds_alternative<ledger::ExportGiven>(e->body) ? 1 : 0;
  }
  return n;
}

// Subjects and their rows, in all parts of a result.
std::map<std::string, Json> opened(ApiKit& kit, const Json& proposal, const Json& result) {
  std::map<std::string, Json> rows;
  for (std::size_t i = 0; i < result.at("parts").size(); ++i) {
    const Bytes part = part_of(kit, proposal, i + 1);
    CHECK(part.size() == result["parts"][i]["bytes"]);
    CHECK(to_hex(sha256(part)) == result["parts"][i]["digest"]);
    const auto content = exporter::open_cms(part, exporter::test::key("EC:P-256"));
    REQUIRE(content);
    std::istringstream lines{std::string(as_chars(content->view()))};
    for (std::string line; std::getline(lines, line);) {
      const Json row = Json::parse(line);
      CHECK(rows.emplace(row.at("subject").get<std::string>(), row).second);
    }
  }
  return rows;
}

std::string proposed(ApiKit& kit, const Json& action, const Json& subjects = nullptr) {
  Json body = {{"purpose", "x"}, {"action", action}};
  if (!subjects.is_null()) body["subjects"] = subjects;
  return ApiKit::problem(kit.ask("property/1", "POST", "/v1/proposals", body.dump()));
}

}  // namespace

TEST_CASE("a quorum's export is sealed after its delay, and opens for its recipient") {
  NEEDS_TOKEN();
  ApiKit kit;
  REQUIRE(kit.vault.unseal(*kit.service));
  enrol_one(kit, "anna", 1);
  enrol_one(kit, "ben", 2);
  enrol_one(kit, "carol", 3, false);
  const Json made = propose_export(kit, export_action());
  for (const char* who : {"property/1", "residents/2"}) REQUIRE(approve(kit, who, made).status == 200);
  kit.service->housekeeping();
  CHECK(ApiKit::problem(kit.ask("property/1", "GET", path_of(made, "/result"))) == "not-ready");
  CHECK(count_events(kit).done == 0);
  kit.vault.clock.advance(made.at("rule").at("delay_s").get<std::int64_t>() * 1000);
  const auto answer = result_of(kit, made);
  INFO(ApiKit::text(answer));
  REQUIRE(answer.status == 200);
  const Json result = ApiKit::json(answer);
  const auto manifest = exporter::parse_manifest(result.at("manifest").get<std::string>());
  REQUIRE(manifest);
  CHECK(manifest->subjects == 2);
  CHECK(manifest->templates == 2);
  CHECK(manifest->damaged == 0);
  CHECK(manifest->purpose == "new-vendor");
  CHECK(manifest->basis == "consent");
  CHECK(to_hex(manifest->proposal) == made.at("id"));

  auto rows = opened(kit, made, result);
  REQUIRE(rows.size() == 2);
  CHECK(rows.at("anna")["consent"]["scopes"] == Json{"verify", "identify", "export"});
  const auto raw = from_base64(rows["ben"]["templates"][0]["template"].get<std::string>());
  REQUIRE(raw);
  const auto* values = reinterpret_cast<const float*>(raw->data());
  const Vector expected = VaultFixture::random_face(64, 2);
  for (std::size_t i = 0; i < 64; ++i) CHECK(std::abs(values[i] - expected[i]) < 1e-5F);

  // The log has the digests, before anything was handed out.
  const auto leaf = ledger::decode_leaf(as_chars(kit.service->sequencer().entry(result.at("sealed_entry")).value()));
  const auto& e = std::get<ledger::ExportSealed>(std::get<ledger::Event>(*leaf).body);
  CHECK(e.manifest == sha256(as_bytes(result.at("manifest").get<std::string>())));
  CHECK(to_hex(e.parts.at(0).digest) == result["parts"][0]["digest"]);
  CHECK(result.at("sealed_entry") < result.at("entry"));
  const Counts n = count_events(kit);
  CHECK(n.done == 1);
  CHECK(n.sealed == 1);
  CHECK(n.given == 1);
}

TEST_CASE("parts are for custodians to whom the result was handed out") {
  NEEDS_TOKEN();
  ApiKit kit;
  REQUIRE(kit.vault.unseal(*kit.service));
  enrol_one(kit, "anna", 1);
  const Json made = propose_export(kit, export_action());
  decide(kit, made);
  REQUIRE(result_of(kit, made).status == 200);
  const std::string part = path_of(made, "/result/parts/1");
  CHECK(ApiKit::problem(kit.ask("residents/1", "GET", part)) == "not-ready");
  CHECK(ApiKit::problem(kit.ask("operator/1", "GET", part)) == "wrong-role");
  CHECK(ApiKit::problem(kit.ask("operator/1", "GET", path_of(made, "/result"))) == "wrong-role");
  CHECK(ApiKit::problem(kit.ask("property/1", "GET", path_of(made, "/result/parts/2"))) == "not-found");
  CHECK(ApiKit::problem(kit.ask("property/1", "GET", path_of(made, "/result/parts/0"))) == "not-found");
  REQUIRE(kit.ask("residents/1", "GET", path_of(made, "/result")).status == 200);
  CHECK(part_of(kit, made, 1, "residents/1") == part_of(kit, made, 1));
  // Each handing out counts, for the one who asks.
  const auto uses = made.at("rule").at("uses").get<int>();
  for (int i = 1; i < uses; ++i) REQUIRE(kit.ask("property/1", "GET", path_of(made, "/result")).status == 200);
  CHECK(ApiKit::problem(kit.ask("property/1", "GET", path_of(made, "/result"))) == "no-uses-left");
  REQUIRE(kit.ask("residents/1", "GET", path_of(made, "/result")).status == 200);
  kit.vault.clock.advance(made.at("rule").at("lifetime_s").get<std::int64_t>() * 1000);
  CHECK(ApiKit::problem(kit.ask("property/1", "GET", part)) == "not-ready");
  CHECK(forgets_files(kit));
}

TEST_CASE("more people than were approved end the export, and nothing is kept of it") {
  NEEDS_TOKEN();
  ApiKit kit;
  REQUIRE(kit.vault.unseal(*kit.service));
  enrol_one(kit, "anna", 1);
  const Json made = propose_export(kit, export_action(1));
  enrol_one(kit, "ben", 2);  // while it waits
  decide(kit, made);
  const auto answer = result_of(kit, made);
  CHECK(ApiKit::problem(answer) == "export-ended");
  CHECK(ApiKit::json(answer).at("detail").get<std::string>().find("over-limit") != std::string::npos);
  CHECK(forgets_files(kit));
  CHECK(count_events(kit).sealed == 0);
  for (int i = 0; i < 200 && count_events(kit).ended == 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  CHECK(count_events(kit).ended == 1);
}

TEST_CASE("who is enrolled behind the decision is not in the export") {
  NEEDS_TOKEN();
  ApiKit kit;
  REQUIRE(kit.vault.unseal(*kit.service));
  enrol_one(kit, "anna", 1);
  const Json made = propose_export(kit, export_action(1));
  for (const char* who : {"property/1", "residents/2"}) REQUIRE(approve(kit, who, made).status == 200);
  // Sealed, so that it is decided without being made.
  REQUIRE(kit.ask("property/1", "POST", "/v1/seal").status == 200);
  kit.vault.clock.advance(made.at("rule").at("delay_s").get<std::int64_t>() * 1000);
  kit.service->housekeeping();
  CHECK(count_events(kit).done == 1);
  CHECK(ApiKit::problem(kit.ask("property/1", "GET", path_of(made, "/result"))) == "not-ready");
  REQUIRE(kit.vault.unseal(*kit.service));
  const auto answer = result_of(kit, made);
  REQUIRE(answer.status == 200);
  enrol_one(kit, "ben", 2);
  CHECK(opened(kit, made, ApiKit::json(answer)).count("anna") == 1);
}

TEST_CASE("an export names its people, and custodians see whom") {
  NEEDS_TOKEN();
  ApiKit kit;
  REQUIRE(kit.vault.unseal(*kit.service));
  for (const char* id : {"anna", "ben", "carol"}) enrol_one(kit, id, static_cast<std::uint64_t>(id[0]));
  CHECK(proposed(kit, export_action(), {"anna", "nobody"}) == "unknown-subjects");
  CHECK(proposed(kit, export_action(), {"anna", "anna"}) == "bad-action");
  CHECK(proposed(kit, register_action("door/9", Digest{1}), {"anna"}) == "bad-action");
  const Json made = propose_export(kit, export_action(), {"anna", "carol"});
  const auto seen = ApiKit::json(kit.ask("residents/1", "GET", path_of(made)));
  CHECK(seen.at("named") == 2);
  CHECK(seen.dump().find("anna") == std::string::npos);
  CHECK(ApiKit::problem(kit.ask("operator/1", "GET", path_of(made, "/subjects"))) == "wrong-role");
  const auto named = ApiKit::json(kit.ask("residents/1", "GET", path_of(made, "/subjects")));
  CHECK(named.at("subjects").get<std::set<std::string>>() == std::set<std::string>{"anna", "carol"});
  CHECK(named.at("erased") == 0);
  // No id of a person is in the public log.
  for (std::uint64_t i = 0; i < kit.service->sequencer().durable_size(); ++i) {
    CHECK(as_chars(kit.service->sequencer().entry(i).value()).find("anna") == std::string::npos);
  }
  decide(kit, made);
  const auto answer = result_of(kit, made);
  INFO(ApiKit::text(answer));
  REQUIRE(answer.status == 200);
  const auto rows = opened(kit, made, ApiKit::json(answer));
  CHECK(rows.size() == 2);
  CHECK(rows.count("ben") == 0);
  // It is made: there is nothing to decide any more.
  CHECK(ApiKit::problem(kit.ask("residents/1", "GET", path_of(made, "/subjects"))) == "proposal-ended");
}

TEST_CASE("asking who is enrolled by proposing is counted, and whoever is asked about") {
  NEEDS_TOKEN();
  ApiKit kit;
  REQUIRE(kit.vault.unseal(*kit.service));
  enrol_one(kit, "anna", 1);
  const auto refused = [&](const Json& ids) {
    const Json body = {{"purpose", "x"}, {"action", export_action()}, {"subjects", ids}};
    return ApiKit::text(kit.ask("property/1", "POST", "/v1/proposals", body.dump()));
  };
  const std::string answer = refused({"anna", "nobody"});
  CHECK(answer == refused({"someone-else"}));
  CHECK(answer.find("nobody") == std::string::npos);
  kit.vault.clock.advance(120'000);
  const std::uint64_t before = kit.service->sequencer().durable_size();
  kit.service->housekeeping();
  bool counted = false;
  for (std::uint64_t i = before; i < kit.service->sequencer().durable_size(); ++i) {
    const auto leaf = ledger::decode_leaf(as_chars(kit.service->sequencer().entry(i).value())).value();
    const auto* e = std::get_if<ledger::Event>(&leaf);
    const auto* sums = e == nullptr ? nullptr : std::get_if<ledger::Sums>(&e->body);
    counted = counted || (sums != nullptr && sums->counts.contains("refused-governance"));
  }
  CHECK(counted);
}

TEST_CASE("whom an export names is told whole or not at all") {
  NEEDS_TOKEN();
  ApiKit kit;
  REQUIRE(kit.vault.unseal(*kit.service));
  for (const char* id : {"anna", "ben", "carol"}) enrol_one(kit, id, static_cast<std::uint64_t>(id[0]));
  const Json made = propose_export(kit, export_action(), {"anna", "ben", "carol"});
  const Json whole = propose_export(kit, export_action());
  CHECK(ApiKit::problem(kit.ask("property/1", "GET", path_of(whole, "/subjects"))) == "not-found");
  REQUIRE(kit.ask("operator/1", "DELETE", "/v1/sites/main/subjects/carol").status == 200);
  const Json left = ApiKit::json(kit.ask("property/1", "GET", path_of(made, "/subjects")));
  CHECK(left.at("subjects").size() == 2);
  CHECK(left.at("erased") == 1);
  // Anna's record is altered in the database.
  const auto ref = kit.service->sequencer().read([](const ledger::State& st) { return st.subjects().begin()->first; });
  store::Batch batch;
  batch.head_before = batch.head_after = kit.service->sequencer().durable_size();
  batch.puts.push_back({store::keys::record(ref), Bytes(100)});
  REQUIRE(kit.vault.store->commit(batch, store::Urgency::kOrdinary));
  const auto answer = kit.ask("property/1", "GET", path_of(made, "/subjects"));
  CHECK(ApiKit::problem(answer) == "integrity");
  CHECK(ApiKit::text(answer).find("anna") == std::string::npos);
  REQUIRE(kit.ask("property/1", "POST", "/v1/seal").status == 200);
  CHECK(ApiKit::problem(kit.ask("property/1", "GET", path_of(made, "/subjects"))) == "sealed");
}

namespace {

// Answers for no template of one person, if told so.
class TornStore final : public StoreAround {
 public:
  using StoreAround::StoreAround;
  Result<std::optional<Bytes>> get(ByteView key) const override {
    if (torn && as_chars(key).starts_with(as_chars(prefix))) return make_error(Errc::kIo, "the disk does not answer");
    return StoreAround::get(key);
  }
  std::atomic<bool> torn{false};
  Bytes prefix = store::keys::prefix(store::keys::Kind::kTemplate);  // set it before `torn`
};

}  // namespace

TEST_CASE("an export that fails keeps no other waiting, is tried again ever later, and is seen") {
  NEEDS_TOKEN();
  std::unique_ptr<TornStore> store;
  std::mutex mutex;
  std::vector<std::string> failed;
  ServiceOptions options;
  options.on_export_failed = [&](const Id128& id, const Error& why) {
    const std::lock_guard lock(mutex);
    failed.push_back(to_hex(id) + " " + why.message);
  };
  ApiKit kit({}, options, [&](VaultFixture& f) {
    f.around_store = [&](store::RocksStore& inner) -> store::Store& {
      store = std::make_unique<TornStore>(inner);
      return *store;
    };
  });
  REQUIRE(kit.vault.unseal(*kit.service));
  enrol_one(kit, "anna", 1);
  const auto anna = kit.service->sequencer().read([](const ledger::State& st) { return st.subjects().begin()->first; });
  enrol_one(kit, "ben", 2);
  store->prefix.insert(store->prefix.end(), anna.begin(), anna.end());
  store->torn = true;
  const auto failures = [&] {
    const std::lock_guard lock(mutex);
    return failed.size();
  };
  const auto wait_for_failures = [&](std::size_t n) {
    for (int i = 0; i < 400 && failures() < n; ++i) {
      kit.service->housekeeping();
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return failures();
  };
  const Json bad = propose_export(kit, export_action(), {"anna"});
  const Json good = propose_export(kit, export_action(), {"ben"});
  const Json also_bad = propose_export(kit, export_action(), {"anna"});
  for (const Json& made : {bad, good, also_bad}) {
    for (const char* who : {"property/1", "residents/2"}) REQUIRE(approve(kit, who, made).status == 200);
  }
  kit.vault.clock.advance(bad.at("rule").at("delay_s").get<std::int64_t>() * 1000);
  CHECK(result_of(kit, good).status == 200);
  REQUIRE(wait_for_failures(2) == 2);
  CHECK(kit.service->metrics().exports_failing == 2);
  CHECK(failed.front().find("the disk does not answer") != std::string::npos);
  // Not before its time; and twice as late the second time.
  kit.vault.clock.advance(29'000);
  kit.service->housekeeping();
  CHECK(failures() == 2);
  kit.vault.clock.advance(1'000);
  REQUIRE(wait_for_failures(4) == 4);
  kit.vault.clock.advance(59'000);
  kit.service->housekeeping();
  CHECK(failures() == 4);
  store->torn = false;
  kit.vault.clock.advance(1'000);
  CHECK(result_of(kit, bad).status == 200);
  CHECK(result_of(kit, also_bad).status == 200);
  CHECK(kit.service->metrics().exports_failing == 0);
}

TEST_CASE("an export over its limit opens no template and writes no part") {
  NEEDS_TOKEN();
  std::unique_ptr<TornStore> store;
  ApiKit kit({}, {}, [&](VaultFixture& f) {
    f.around_store = [&](store::RocksStore& inner) -> store::Store& {
      store = std::make_unique<TornStore>(inner);
      return *store;
    };
  });
  REQUIRE(kit.vault.unseal(*kit.service));
  enrol_one(kit, "anna", 1);
  enrol_one(kit, "ben", 2);
  const Json made = propose_export(kit, export_action(1));
  // Whoever looks at a template fails.
  store->torn = true;
  // What an attempt before had left is gone before the log says that there is nothing.
  const std::string left = kit.vault.dir() + "/exports/" + made.at("id").get<std::string>();
  for (const char* who : {"property/1", "residents/2"}) REQUIRE(approve(kit, who, made).status == 200);
  REQUIRE(kit.ask("property/1", "POST", "/v1/seal").status == 200);
  kit.vault.clock.advance(made.at("rule").at("delay_s").get<std::int64_t>() * 1000);
  kit.service->housekeeping();
  std::filesystem::create_directories(left);
  std::ofstream(left + "/part-0001.cms") << "half";
  REQUIRE(kit.vault.unseal(*kit.service));
  bool seen = false;
  bool there = false;
  for (int i = 0; i < 600 && !seen; ++i) {
    kit.service->housekeeping();
    seen = count_events(kit).ended == 1;
    there = seen && std::filesystem::exists(left);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  CHECK(seen);
  CHECK_FALSE(there);
  CHECK(ApiKit::json(kit.ask("property/1", "GET", path_of(made, "/result")))
            .at("detail")
            .get<std::string>()
            .find("over-limit") != std::string::npos);
}

TEST_CASE("a vetoed export of named people is put again over its veto, and takes the same people") {
  NEEDS_TOKEN();
  ApiKit kit;
  REQUIRE(kit.vault.unseal(*kit.service));
  for (const char* id : {"anna", "ben", "carol"}) enrol_one(kit, id, static_cast<std::uint64_t>(id[0]));
  const Json vetoed = propose_export(kit, export_action(), {"anna", "carol"});
  const Json action = Json::parse(vetoed.at("proposal").get<std::string>()).at("action");
  const auto again = [&] {
    return kit.ask("property/1", "POST", "/v1/proposals",
                   Json{{"purpose", "again"}, {"action", action}, {"overrides", vetoed.at("id")}}.dump());
  };
  CHECK(ApiKit::problem(again()) == "unknown-override");
  const auto veto = kit.ask("residents/3", "POST", path_of(vetoed, "/veto"),
                            vote_body(kit, "residents/3", vetoed, ledger::Verb::kVeto).dump());
  REQUIRE(veto.status == 200);
  // Another proposal lets the state forget what the vetoed one kept.
  propose_export(kit, export_action());
  const auto answer = again();
  INFO(ApiKit::text(answer));
  REQUIRE(answer.status == 201);
  const Json made = ApiKit::json(answer).at("proposal");
  CHECK(Json::parse(made.at("proposal").get<std::string>()).at("action") == action);
  const auto seen = ApiKit::json(kit.ask("residents/1", "GET", path_of(made, "/subjects")));
  CHECK(seen.at("subjects").get<std::set<std::string>>() == std::set<std::string>{"anna", "carol"});
  for (const char* who : {"property/1", "property/2", "residents/1", "residents/2"}) {
    REQUIRE(approve(kit, who, made).status == 200);
  }
  kit.vault.clock.advance(made.at("rule").at("delay_s").get<std::int64_t>() * 1000);
  kit.service->housekeeping();
  const auto result = result_of(kit, made);
  INFO(ApiKit::text(result));
  REQUIRE(result.status == 200);
  const auto rows = opened(kit, made, ApiKit::json(result));
  CHECK(rows.size() == 2);
  CHECK(rows.count("ben") == 0);
}

TEST_CASE("a recipient that can't be is refused when it is proposed") {
  NEEDS_TOKEN();
  ApiKit kit;
  CHECK(proposed(kit, export_action(10, "ED25519")) == "bad-recipient");
  CHECK(proposed(kit, export_action(10, "RSA:2048")) == "bad-recipient");
  Json lie = export_action();
  lie["recipients"][0]["spki"] = std::string(64, 'a');
  CHECK(proposed(kit, lie) == "bad-action");
  Json list = export_action();
  list["subjects"] = std::string(64, 'a');
  CHECK(proposed(kit, list) == "bad-action");
  Json nobody = export_action();
  nobody["recipients"] = Json::array();
  CHECK(proposed(kit, nobody) == "bad-recipient");
}

TEST_CASE("an export in which nobody is ends and says so") {
  NEEDS_TOKEN();
  ApiKit kit;
  REQUIRE(kit.vault.unseal(*kit.service));
  enrol_one(kit, "carol", 3, false);
  const Json made = propose_export(kit, export_action());
  decide(kit, made);
  const auto answer = result_of(kit, made);
  CHECK(ApiKit::problem(answer) == "export-ended");
  CHECK(ApiKit::json(answer).at("detail").get<std::string>().find("nobody") != std::string::npos);
}

TEST_CASE("a vault that stops behind the decision makes the export once") {
  NEEDS_TOKEN();
  ApiKit kit;
  REQUIRE(kit.vault.unseal(*kit.service));
  enrol_one(kit, "anna", 1);
  const Json made = propose_export(kit, export_action());
  for (const char* who : {"property/1", "residents/2"}) REQUIRE(approve(kit, who, made).status == 200);
  REQUIRE(kit.ask("property/1", "POST", "/v1/seal").status == 200);
  kit.vault.clock.advance(made.at("rule").at("delay_s").get<std::int64_t>() * 1000);
  kit.service->housekeeping();
  REQUIRE(count_events(kit).done == 1);
  // What an attempt left on disk before the process died.
  const std::string left = kit.vault.dir() + "/exports/" + made.at("id").get<std::string>();
  std::filesystem::create_directories(left);
  std::ofstream(left + "/part-0001.cms") << "half";
  kit.stop();
  kit.start();
  REQUIRE(kit.vault.unseal(*kit.service));
  const auto answer = result_of(kit, made);
  REQUIRE(answer.status == 200);
  CHECK(opened(kit, made, ApiKit::json(answer)).size() == 1);
  kit.stop();
  kit.start();
  // Handed out while sealed too: the parts are sealed to the recipients.
  REQUIRE(kit.ask("property/1", "GET", path_of(made, "/result")).status == 200);
  CHECK(count_events(kit).done == 1);
  CHECK(count_events(kit).sealed == 1);
}

TEST_CASE("a manifest that was changed on disk is not handed out") {
  NEEDS_TOKEN();
  ApiKit kit;
  REQUIRE(kit.vault.unseal(*kit.service));
  enrol_one(kit, "anna", 1);
  const Json made = propose_export(kit, export_action());
  decide(kit, made);
  REQUIRE(result_of(kit, made).status == 200);
  std::ofstream(kit.vault.dir() + "/exports/" + made.at("id").get<std::string>() + "/manifest.json", std::ios::app)
      << " ";
  CHECK(ApiKit::problem(kit.ask("property/1", "GET", path_of(made, "/result"))) == "integrity");
  CHECK(count_events(kit).given == 1);
}
