// The sealed register of people: a bad row, pages, what one person may put into it, and when names go.
#include <set>

#include "tests/unit/dispatch/dual_kit.h"
#include "vault/ledger/person_name.h"
#include "vault/store/keys.h"

using namespace facekeep;
using namespace facekeep::test;

namespace {

void put_row(ApiKit& kit, const Bytes& key, Bytes value) {
  store::Batch batch;
  batch.head_before = batch.head_after = kit.service->sequencer().durable_size();
  batch.puts.push_back({key, std::move(value)});
  REQUIRE(kit.vault.store->commit(batch, store::Urgency::kOrdinary));
}

bool has_names(ApiKit& kit, const Json& proposal) {
  return kit.vault.store->get(store::keys::names(proposal.at("entry"))).value().has_value();
}

// Registers door/7, with a name of that many bytes.
std::pair<Json, Json> named(std::size_t bytes) {
  const ledger::PersonName name{std::string(bytes, 'W'), sha256(as_bytes("salt"))};
  Json action = register_action("door/7", sha256(as_bytes("new door")));
  action["principals"][0]["name"] = to_hex(ledger::name_commitment(name));
  return {action, ledger::to_json(ledger::PeopleNames{{"door/7", name}})};
}

}  // namespace

TEST_CASE("names that do not open hide neither the proposal, nor the other names") {
  NEEDS_TOKEN();
  ApiKit kit;
  REQUIRE(kit.vault.unseal(*kit.service));
  const Json first = propose(kit, "property/1", named_door(), kNames);
  const Json second = propose(kit, "property/1", named_door(), kNames);
  put_row(kit, store::keys::names(first.at("entry")), Bytes(200));
  const auto seen = kit.ask("residents/1", "GET", path_of(first));
  REQUIRE(seen.status == 200);
  CHECK_FALSE(ApiKit::json(seen).contains("names"));
  const Json page = ApiKit::json(kit.ask("auditor/1", "GET", "/v1/log/register"));
  CHECK(page.at("damaged") == Json::array({first.at("entry")}));
  REQUIRE(page.at("later").size() == 1);
  CHECK(page.at("later")[0].at("entry") == second.at("entry"));
  CHECK(page.at("people").contains("property/1"));
  CHECK_FALSE(page.contains("next"));
  CHECK(kit.ask("property/2", "POST", path_of(first, "/veto"),
                vote_body(kit, "property/2", first, ledger::Verb::kVeto).dump())
            .status == 200);
  put_row(kit, store::keys::names(0), Bytes(200));
  const Json without = ApiKit::json(kit.ask("auditor/1", "GET", "/v1/log/register"));
  CHECK(without.at("people").empty());
  CHECK(without.at("damaged") == Json{0, first.at("entry")});
}

TEST_CASE("the register comes in pages, and what one person puts into it is bounded") {
  NEEDS_TOKEN();
  ApiKit kit;
  REQUIRE(kit.vault.unseal(*kit.service));
  // Sealed parts of about 150 kB, as large as a request lets them be.
  Json action = register_action("door/100", sha256(as_bytes("door 100")));
  ledger::PeopleNames names;
  for (int i = 0; i < 130; ++i) {
    const std::string id = "door/" + std::to_string(100 + i);
    const ledger::PersonName name{std::string(ledger::kMaxPersonName, 'W'), sha256(as_bytes(id))};
    Json record = door_record(id, sha256(as_bytes("key of " + id)));
    record["name"] = to_hex(ledger::name_commitment(name));
    action["principals"][static_cast<std::size_t>(i)] = record;
    names.emplace(id, name);
  }
  const Json brought = ledger::to_json(names);
  std::vector<Json> made;
  std::string last;
  while (made.size() < 16 && last.empty()) {
    const Json body = {{"purpose", "x"}, {"action", action}, {"names", brought}};
    const auto answer = kit.ask("property/1", "POST", "/v1/proposals", body.dump());
    if (answer.status == 201) {
      made.push_back(ApiKit::json(answer).at("proposal"));
    } else {
      last = ApiKit::problem(answer);
    }
  }
  CHECK(last == "too-many-names");
  CHECK(made.size() >= 5);
  CHECK(made.size() <= 8);
  for (const char* who : {"property/2", "residents/1"}) {
    for (int i = 0; i < 3; ++i) propose(kit, who, action, brought);
  }
  std::set<std::uint64_t> entries;
  std::size_t pages = 0;
  std::string from;
  for (bool more = true; more; ++pages) {
    const auto answer = kit.ask("auditor/1", "GET", "/v1/log/register" + from);
    REQUIRE(answer.status == 200);
    CHECK(answer.body.size() < 2 * Service::kRegisterPage);
    const Json page = ApiKit::json(answer);
    CHECK(page.at("people").empty() == (pages > 0));
    for (const Json& part : page.at("later")) {
      CHECK(entries.insert(part.at("entry").get<std::uint64_t>()).second);
      CHECK(part.at("people") == brought);
    }
    more = page.contains("next");
    if (more) from = "?from=" + std::to_string(page["next"].get<std::uint64_t>());
  }
  CHECK(pages >= 2);
  CHECK(entries.size() == made.size() + 6);
  CHECK(ApiKit::problem(kit.ask("auditor/1", "GET", "/v1/log/register?from=x")) == "bad-parameter");
  // Room again.
  REQUIRE(kit.ask("property/1", "POST", path_of(made[0], "/withdrawal")).status == 200);
  propose(kit, "property/1", action, brought);
}

TEST_CASE("a clock that somebody set drops no names, until their proposal is forgotten") {
  NEEDS_TOKEN();
  ApiKit kit;
  REQUIRE(kit.vault.unseal(*kit.service));
  const Json lapsed = propose(kit, "property/1", named_door(), kNames);
  const Json theirs = propose(kit, "property/2", named_door(), kNames);
  kit.vault.clock.wall += lapsed.at("rule").at("lifetime_s").get<std::int64_t>() * 1000;
  REQUIRE(ApiKit::json(kit.ask("property/1", "GET", path_of(lapsed))).at("stage") == "expired");
  // Nobody's act drops them either; what is withdrawn goes.
  const Json taken_back = propose(kit, "property/1", named_door(), kNames);
  REQUIRE(kit.ask("property/1", "POST", path_of(taken_back, "/withdrawal")).status == 200);
  CHECK_FALSE(has_names(kit, taken_back));
  CHECK(has_names(kit, lapsed));
  kit.service->housekeeping();
  REQUIRE(kit.service->clock_jumped());
  CHECK(has_names(kit, lapsed));
  for (std::size_t n = 0; n < ledger::kMaxEndedProposals + 1; ++n) {
    const Json next = propose(kit, "property/1", register_action("door/7", sha256(as_bytes("new door"))));
    REQUIRE(kit.ask("property/1", "POST", path_of(next, "/withdrawal")).status == 200);
  }
  REQUIRE(kit.ask("property/1", "GET", path_of(lapsed)).status == 404);
  CHECK_FALSE(has_names(kit, lapsed));
  // Somebody has looked at the clock.
  CHECK(has_names(kit, theirs));
  kit.stop();
  kit.start();
  kit.service->housekeeping();
  CHECK_FALSE(has_names(kit, theirs));
}

TEST_CASE("names go with what comes to nothing, and stay with what may be put again or was carried out") {
  NEEDS_TOKEN();
  ApiKit kit;
  REQUIRE(kit.vault.unseal(*kit.service));
  const auto [action, names] = named(40);
  const auto made = [&, &action = action, &names = names] { return propose(kit, "property/1", action, names); };
  const Json done = carry_out(kit, named_door(), kNames);
  const Json withdrawn = made();
  REQUIRE(kit.ask("property/1", "POST", path_of(withdrawn, "/withdrawal")).status == 200);
  CHECK_FALSE(has_names(kit, withdrawn));
  const Json vetoed = made();
  REQUIRE(kit.ask("property/2", "POST", path_of(vetoed, "/veto"),
                  vote_body(kit, "property/2", vetoed, ledger::Verb::kVeto).dump())
              .status == 200);
  const Json lapsed = made();
  kit.vault.clock.advance(lapsed.at("rule").at("lifetime_s").get<std::int64_t>() * 1000);
  kit.service->housekeeping();
  CHECK_FALSE(has_names(kit, lapsed));
  CHECK(has_names(kit, vetoed));
  CHECK(has_names(kit, done));
  // The vetoed one leaves the state behind the 16 that ended after it.
  std::size_t asked = 0;
  for (; asked < 40 && kit.ask("property/1", "GET", path_of(vetoed)).status == 200; ++asked) {
    CHECK(has_names(kit, vetoed));
    const Json next = made();
    REQUIRE(kit.ask("property/1", "POST", path_of(next, "/withdrawal")).status == 200);
  }
  CHECK(asked < 40);
  CHECK_FALSE(has_names(kit, vetoed));
  CHECK(has_names(kit, done));
}
