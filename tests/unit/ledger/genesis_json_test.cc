#include <set>

#include "tests/support/catch.h"
#include "tests/unit/ledger/genesis_maker.h"
#include "tests/unit/ledger/json_walk.h"

using namespace facekeep;
using namespace facekeep::ledger;
using namespace facekeep::ledger::test;

namespace {

std::string refusal(const Json& j) {
  const auto g = genesis_from_json(j);
  return g ? "(accepted)" : g.error().message;
}
bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// Objects whose keys are names (of action classes, of groups) and not fields.
bool is_map(const std::string& object) {
  return object == "/rules" || (object.starts_with("/rules/") && object.ends_with("/groups"));
}
bool is_optional(const std::string& object, const std::string& key) {
  static const std::set<std::string> keys = {"sites", "doors", "until"};
  return (object.empty() && (key == "spare_key" || key == "witnesses")) ||
         (object.starts_with("/principals/") && keys.contains(key));
}

TEST_CASE("a genesis reads back as it was written") {
  const Json j = to_json(valid_genesis());
  const auto back = genesis_from_json(j);
  REQUIRE(back);
  REQUIRE(to_json(*back) == j);
  REQUIRE(canonical_json(to_json(*back)).value() == canonical_json(j).value());
  REQUIRE(check_genesis_signatures(*back));
}

TEST_CASE("the text without signatures differs in the signatures alone") {
  Json with = to_json(valid_genesis());
  with.erase("signatures");
  REQUIRE(with == to_json(valid_genesis(), false));
}

TEST_CASE("optional fields of a genesis may be missing") {
  Genesis g = unsigned_genesis();
  g.spare_key.reset();
  g.witnesses.reset();
  g.principals.back().until.reset();
  const auto back = genesis_from_json(to_json(g));
  REQUIRE(back);
  REQUIRE_FALSE(back->spare_key);
  REQUIRE_FALSE(back->witnesses);
  REQUIRE_FALSE(back->principals.back().until);
}

TEST_CASE("a genesis without any one of its fields is refused by name") {
  const Json good = to_json(valid_genesis());
  std::size_t fields = 0;
  walk_fields(good, "", [&](const std::string& object, const std::string& key) {
    if (is_map(object) || is_optional(object, key)) return;
    Json j = good;
    at(j, object).erase(key);
    CAPTURE(object, key);
    REQUIRE(has(refusal(j), "field \"" + key + "\" is missing"));
    ++fields;
  });
  REQUIRE(fields > 150);
}

TEST_CASE("a genesis with any one field of a wrong type is refused by name") {
  const Json good = to_json(valid_genesis());
  walk_fields(good, "", [&](const std::string& object, const std::string& key) {
    if (is_map(object)) return;
    for (const Json& wrong : {Json(nullptr), Json(1.5)}) {
      Json j = good;
      at(j, object)[key] = wrong;
      CAPTURE(object, key, wrong.dump());
      REQUIRE(has(refusal(j), ": " + key + " is not "));
    }
  });
}

TEST_CASE("a genesis with an unknown field in any object is refused by name") {
  const Json good = to_json(valid_genesis());
  std::set<std::string> objects;
  walk_fields(good, "", [&](const std::string& object, const std::string&) {
    if (!is_map(object)) objects.insert(object);
  });
  REQUIRE(objects.size() > 30);
  for (const auto& object : objects) {
    Json j = good;
    at(j, object)["embedding"] = 1;
    CAPTURE(object);
    REQUIRE(has(refusal(j), "unknown field \"embedding\""));
  }
}

TEST_CASE("a principal has the approval key of its own role alone") {
  Json j = to_json(valid_genesis());
  for (auto& p : j["principals"]) {
    if (p["role"] == "auditor") p["approval_key"] = approval_line("auditor/1");
  }
  REQUIRE(has(refusal(j), "unknown field \"approval_key\""));
}

TEST_CASE("values outside their limits are refused") {
  struct Case {
    const char* object;
    const char* key;
    Json value;
    const char* why;
  };
  const Json none = Json::array();
  const std::vector<Case> cases = {
      {"", "format", 2, "the format of genesis has format 2"},
      {"", "suite", 2, "the suite of genesis has format 2"},
      {"", "suite", UINT64_MAX, "suite is not between"},
      {"", "vault", std::string(32, 'A'), "vault is not 16 bytes"},
      {"", "vault", std::string(30, 'a'), "vault is not 16 bytes"},
      {"", "vault", std::string(34, 'a'), "vault is longer"},
      {"", "origin", std::string(121, 'a'), "origin is longer"},
      {"", "preset", "large", "unknown preset"},
      {"", "share_set", 32768, "share_set is not between"},
      {"", "share_set", -1, "share_set is not between"},
      {"", "log_key", std::string(513, 'a'), "log_key is longer"},
      {"", "groups", Json(std::vector<int>(9, 1)), "groups has more than 8 items"},
      {"", "principals", Json(std::vector<int>(1001, 1)), "principals has more than 1000 items"},
      {"", "sites", Json(std::vector<int>(65, 1)), "sites has more than 64 items"},
      {"", "models", Json(std::vector<int>(201, 1)), "models has more than 200 items"},
      {"", "signatures", Json(std::vector<int>(129, 1)), "signatures has more than 128 items"},
      {"", "groups", Json(std::vector<int>(1, 1)), "group of genesis: is not an object"},
      {"/register", "epoch", 0, "epoch is not between"},
      {"/groups/0", "threshold", 0, "threshold is not between"},
      {"/groups/0", "threshold", 17, "threshold is not between"},
      {"/groups/0", "id", "Property", "id is not a name"},
      {"/groups/0/shares/0", "number", 0, "number is not between"},
      {"/groups/0/shares/0", "holders", Json(std::vector<int>(1, 0)), "holders is not a list of numbers"},
      {"/groups/0/shares/0", "holders", Json(std::vector<int>(1, 65)), "holders is not a list of numbers"},
      {"/groups/0/shares/0", "holders", Json(std::vector<int>(9, 1)), "holders has more than 8 items"},
      {"/groups/0/shares/0", "holders", none, "has no holder"},
      {"/principals/0", "role", "root", "unknown role"},
      {"/principals/0", "approval_key", std::string(1025, 'a'), "approval_key is longer"},
      {"/principals/6", "sites", none, "sites is empty"},
      {"/principals/6", "sites", Json(std::vector<std::string>{"Main"}), "sites has something that is not a name"},
      {"/principals/0", "until", "2026-02-30", "until is not a date"},
      {"/sites/0", "access_log_days", 0, "access_log_days is not between"},
      {"/sites/0", "access_log_days", 3661, "access_log_days is not between"},
      {"/sites/0", "erase_daily", 100001, "erase_daily is not between"},
      {"/sites/0/assessment", "date", "2026-1-1", "date is not a date"},
      {"/models/0", "dimension", 63, "dimension is not between"},
      {"/models/0", "dimension", 1025, "dimension is not between"},
      {"/models/0", "version", 0, "version is not between"},
      {"/models/0", "verify_threshold", 1000001, "verify_threshold is not between"},
      {"/models/0", "identify_threshold", -1000001, "identify_threshold is not between"},
      {"/token", "serial", std::string(65, 'a'), "serial is longer"},
      {"/token/root", "mechanism", std::string(33, 'a'), "mechanism is longer"},
      {"/signatures/0", "signature", std::string(4097, 'a'), "signature is longer"},
      {"/rules/export", "delay_s", 7776001, "delay_s is not between"},
      {"/rules/export", "lifetime_s", 31622401, "lifetime_s is not between"},
      {"/rules", "export", nullptr, "rule of genesis: is not an object"},
      {"/rules", "sing", to_json(Rule{{{"property", 1}, {"residents", 1}}, 0, 60}), "unknown action class"},
  };
  const Json good = to_json(valid_genesis());
  for (const auto& c : cases) {
    Json j = good;
    at(j, c.object)[c.key] = c.value;
    CAPTURE(c.object, c.key, c.why, refusal(j));
    REQUIRE(has(refusal(j), c.why));
  }
}

TEST_CASE("a body that is no object is no genesis") {
  for (const Json& j : {Json(), Json(1), Json("genesis"), Json::array(), Json::object()}) {
    REQUIRE_FALSE(genesis_from_json(j));
  }
}

}  // namespace
