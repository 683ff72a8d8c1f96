#include "vault/ledger/rule.h"

#include <random>

#include "tests/unit/ledger/snapshot.h"

using namespace facekeep;
using namespace facekeep::ledger;

namespace {

const GroupSizes kTwo = {{"property", 3}, {"residents", 2}};
const GroupSizes kOne = {{"property", 3}};

Rule rule(std::map<std::string, int> groups, std::int64_t delay = 0, std::int64_t lifetime = 60) {
  return {std::move(groups), delay, lifetime};
}

void require_refused(const Rule& r, const GroupSizes& groups, Errc code, const std::string& why) {
  const Status s = check_rule(r, groups);
  REQUIRE_FALSE(s);
  CAPTURE(s.error().message);
  REQUIRE(s.error().code == code);
  REQUIRE(s.error().message.find(why) != std::string::npos);
}

TEST_CASE("rules that take two people of different groups are accepted") {
  REQUIRE(check_rule(rule({{"property", 1}, {"residents", 1}}), kTwo));
  REQUIRE(check_rule(rule({{"property", 3}, {"residents", 2}}), kTwo));
  REQUIRE(check_rule(rule({{"property", 2}}), kOne));
}

TEST_CASE("a rule that one person can satisfy is refused") {
  require_refused(rule({}), kTwo, Errc::kPermissionDenied, "one person can satisfy");
  require_refused(rule({{"property", 1}}), kTwo, Errc::kPermissionDenied, "one person can satisfy");
  require_refused(rule({{"property", 1}}), kOne, Errc::kPermissionDenied, "one person can satisfy");
  require_refused(rule({}), {}, Errc::kPermissionDenied, "one person can satisfy");
}

TEST_CASE("a rule of one group is refused in a vault of two") {
  require_refused(rule({{"property", 2}}), kTwo, Errc::kPermissionDenied, "one group alone");
  require_refused(rule({{"property", 3}}), kTwo, Errc::kPermissionDenied, "one group alone");
}

TEST_CASE("a rule names groups that exist and people that they have") {
  require_refused(rule({{"property", 1}, {"guests", 1}}), kTwo, Errc::kInvalidArgument, "\"guests\"");
  require_refused(rule({{"property", 1}, {"residents", 3}}), kTwo, Errc::kInvalidArgument, "which has 2");
  require_refused(rule({{"property", 2}, {"residents", 0}}), kTwo, Errc::kInvalidArgument, "asks for no one");
  require_refused(rule({{"property", 2}, {"residents", -1}}), kTwo, Errc::kInvalidArgument, "asks for no one");
}

TEST_CASE("delays and lifetimes keep their limits") {
  const std::map<std::string, int> groups = {{"property", 1}, {"residents", 1}};
  REQUIRE(check_rule(rule(groups, 7776000, 31622400), kTwo));
  REQUIRE(check_rule(rule(groups, 0, 1), kTwo));
  for (const auto& [delay, lifetime] :
       std::vector<std::pair<std::int64_t, std::int64_t>>{{-1, 60}, {7776001, 60}, {0, 0}, {0, -1}, {0, 31622401}}) {
    CAPTURE(delay, lifetime);
    require_refused(rule(groups, delay, lifetime), kTwo, Errc::kInvalidArgument, "delay");
  }
}

// Whether these people, by group, satisfy the rule.
bool satisfied(const Rule& r, const std::map<std::string, int>& people) {
  for (const auto& [group, count] : r.groups) {
    const auto it = people.find(group);
    if ((it == people.end() ? 0 : it->second) < count) return false;
  }
  return true;
}

TEST_CASE("no random rule that one person or one of two groups can satisfy passes, and all can be satisfied") {
  std::mt19937 random(20261122);
  const std::vector<std::string> names = {"a", "b", "c", "d"};
  std::size_t accepted = 0;
  std::size_t refused = 0;
  for (int round = 0; round < 20000; ++round) {
    GroupSizes groups;
    for (std::size_t i = 0; i < 1 + random() % 3; ++i) groups[names[i]] = 1 + static_cast<int>(random() % 4);
    Rule r = rule({}, static_cast<std::int64_t>(random() % 10), 1 + static_cast<std::int64_t>(random() % 10));
    for (const auto& name : names) {
      if (random() % 2 == 0) r.groups[name] = static_cast<int>(random() % 5) - (random() % 4 == 0 ? 1 : 0);
    }
    if (!check_rule(r, groups)) {
      ++refused;
      continue;
    }
    ++accepted;
    CAPTURE(to_json(r).dump(), Json(groups).dump());
    REQUIRE(satisfied(r, groups));
    for (const auto& name : names) {
      REQUIRE_FALSE(satisfied(r, {{name, 1}}));
      if (groups.size() > 1) REQUIRE_FALSE(satisfied(r, {{name, 1000}}));
    }
  }
  REQUIRE(accepted > 200);
  REQUIRE(refused > 200);
}

TEST_CASE("a rule in JSON reads back as it was written") {
  const Rule r = rule({{"property", 2}, {"residents", 64}}, 86400, 604800);
  const auto back = rule_from_json(to_json(r), "rule");
  REQUIRE(back);
  REQUIRE(*back == r);
}

TEST_CASE("a rule in JSON with anything missing, unknown or of a wrong type is refused by name") {
  const Json good = to_json(rule({{"property", 1}}));
  for (const auto& [key, value] : good.items()) {
    CAPTURE(key);
    Json j = good;
    j.erase(key);
    REQUIRE(rule_from_json(j, "rule").error().message == "rule: field \"" + key + "\" is missing");
    j = good;
    j[key] = "3";
    REQUIRE(rule_from_json(j, "rule").error().message.find(key + " is not") != std::string::npos);
  }
  Json j = good;
  j["people"] = 2;
  REQUIRE(rule_from_json(j, "rule").error().message == "rule: unknown field \"people\"");
  for (const Json& groups : {Json{{"property", 0}}, Json{{"property", 65}}, Json{{"property", "1"}},
                             Json{{"property", UINT64_MAX}}, Json{{"Property", 1}}, Json{{"", 1}}}) {
    CAPTURE(groups.dump());
    j = good;
    j["groups"] = groups;
    REQUIRE_FALSE(rule_from_json(j, "rule"));
  }
}

TEST_CASE("every action class has defaults that a rule may have, and is found by its own name alone") {
  for (const auto& a : action_classes()) {
    CAPTURE(std::string(a.name));
    REQUIRE(check_rule(rule({{"property", 1}, {"residents", 1}}, a.delay_s, a.lifetime_s), kTwo));
    REQUIRE(find_action_class(a.name) == &a);
  }
  REQUIRE(find_action_class("Export") == nullptr);
  REQUIRE(find_action_class("") == nullptr);
}

TEST_CASE("the action classes and their defaults are the reviewed ones") {
  std::string text;
  for (const auto& a : action_classes()) {
    text += std::string(a.name) + " delay " + std::to_string(a.delay_s) + " lifetime " + std::to_string(a.lifetime_s) +
            (a.uses > 1 ? " uses " + std::to_string(a.uses) : "") + ": " + std::string(a.meaning) + "\n";
  }
  facekeep::ledger::test::require_snapshot("rules.txt", text);
}

}  // namespace
