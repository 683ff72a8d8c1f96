#include "vault/ledger/genesis.h"

#include <functional>

#include "tests/support/catch.h"
#include "tests/unit/ledger/genesis_maker.h"

using namespace facekeep;
using namespace facekeep::ledger;
using namespace facekeep::ledger::test;

namespace {

using Change = std::function<void(Genesis&)>;

std::string refusal_of(const Change& change) {
  Genesis g = unsigned_genesis();
  change(g);
  const Status s = check_genesis(g);
  if (s) return "(accepted)";
  REQUIRE(s.error().code != Errc::kInternal);
  return s.error().message;
}

PrincipalRecord& find(Genesis& g, const std::string& id) {
  for (auto& p : g.principals) {
    if (p.id == id) return p;
  }
  FAIL("no principal " + id);
  return g.principals.front();
}

struct Case {
  const char* why;
  Change change;
};

void require_all_refused(const std::vector<Case>& cases) {
  for (const auto& c : cases) {
    const std::string got = refusal_of(c.change);
    CAPTURE(c.why, got);
    REQUIRE(got.find(c.why) != std::string::npos);
  }
}

TEST_CASE("the genesis of these tests is accepted, with its signatures") {
  REQUIRE(check_genesis(valid_genesis()));
  REQUIRE(check_genesis_signatures(valid_genesis()));
}

TEST_CASE("the other presets are accepted in their own shape") {
  Genesis one = unsigned_genesis();
  one.preset = Preset::kOneGroup;
  one.groups.pop_back();
  std::erase_if(one.principals, [](const PrincipalRecord& p) { return p.id.starts_with("residents/"); });
  for (auto& [name, rule] : one.rules) rule.groups = {{"property", 2}};
  REQUIRE(check_genesis(one));

  Genesis small = unsigned_genesis();
  small.preset = Preset::kSmall;
  for (auto& group : small.groups) {
    group.threshold = 1;
    group.shares.resize(1);
    group.shares[0].holders = {1, 2};
    std::erase_if(small.principals, [&](const PrincipalRecord& p) { return p.id == group.id + "/3"; });
    find(small, group.id + "/2").deputy = true;
  }
  REQUIRE(check_genesis(small));
}

TEST_CASE("no set of cards of one person or too few opens the vault") {
  require_all_refused({
      {"one share would open the vault",
       [](Genesis& g) {
         g.groups.pop_back();
         g.groups[0].threshold = 1;
         g.groups[0].shares.resize(1);
       }},
      {"one share would open the vault", [](Genesis& g) { g.groups.clear(); }},
      {"fewer than two groups", [](Genesis& g) { g.groups.pop_back(); }},
      {"one group with a threshold", [](Genesis& g) { g.preset = Preset::kOneGroup; }},
      {"small has one share in each", [](Genesis& g) { g.preset = Preset::kSmall; }},
      {"more of them than it needs", [](Genesis& g) { g.groups[1].threshold = 3; }},
      {"more of them than it needs", [](Genesis& g) { g.groups[1].shares.resize(2); }},
      {"a threshold that its shares can't meet", [](Genesis& g) { g.groups[0].threshold = 4; }},
      {"a threshold that its shares can't meet", [](Genesis& g) { g.groups[0].threshold = 0; }},
      {"has 1 of several shares", [](Genesis& g) { g.groups[0].threshold = 1; }},
      {"one person holds two cards of group \"property\"", [](Genesis& g) { g.groups[0].shares[1].holders = {1}; }},
      {"one person holds two cards of group \"property\"",
       [](Genesis& g) {
         g.groups[0].shares[1].holders = {2, 2};
       }},
  });
}

TEST_CASE("groups and cards are named and numbered once") {
  require_all_refused({
      {"two groups are called \"property\"", [](Genesis& g) { g.groups[1].id = "property"; }},
      {"the name of a role", [](Genesis& g) { g.groups[0].id = "operator"; }},
      {"the name of a role", [](Genesis& g) { g.groups[0].id = "custodian"; }},
      {"the name of a role", [](Genesis& g) { g.groups[0].id = "daemon"; }},
      {"not numbered in order", [](Genesis& g) { g.groups[0].shares[0].number = 2; }},
      {"not numbered in order", [](Genesis& g) { std::swap(g.groups[0].shares[0], g.groups[0].shares[1]); }},
      {"two share cards are the same",
       [](Genesis& g) { g.groups[0].shares[0].commitment = g.groups[1].shares[2].commitment; }},
      {"has no holder", [](Genesis& g) { g.groups[0].shares[0].holders.clear(); }},
      {"held by no registered custodian", [](Genesis& g) { g.groups[0].shares[0].holders.push_back(4); }},
  });
}

TEST_CASE("principals are one person or machine each") {
  require_all_refused({
      {"two principals are called \"operator/1\"", [](Genesis& g) { find(g, "operator/2").id = "operator/1"; }},
      {"have the same key", [](Genesis& g) { find(g, "door/1").key = find(g, "operator/1").key; }},
      {"the same name commitment", [](Genesis& g) { find(g, "property/1").name = find(g, "residents/1").name; }},
      {"is not a role or group with a number", [](Genesis& g) { find(g, "operator/1").id = "operator"; }},
      {"is not a role or group with a number", [](Genesis& g) { find(g, "operator/1").id = "operator/01"; }},
      {"is not a role or group with a number", [](Genesis& g) { find(g, "operator/1").id = "operator/"; }},
      {"is not a role or group with a number", [](Genesis& g) { find(g, "operator/1").id = "operator/12345"; }},
      {"is not a role or group with a number", [](Genesis& g) { find(g, "operator/1").id = "operator/1a"; }},
      {"is not a role or group with a number", [](Genesis& g) { find(g, "operator/1").id = "/1"; }},
      {"is not called after its role", [](Genesis& g) { find(g, "operator/1").id = "door/9"; }},
  });
}

TEST_CASE("custodians have a group, a card and an approval key of their own") {
  require_all_refused({
      {"is of no group", [](Genesis& g) { find(g, "property/1").id = "guests/1"; }},
      {"custodian \"property/4\" holds no card", [](Genesis& g) { find(g, "property/3").id = "property/4"; }},
      {"not an OpenSSH public key", [](Genesis& g) { find(g, "property/1").approval_key = "ssh-ed25519 AAAA"; }},
      {"not an OpenSSH public key", [](Genesis& g) { find(g, "property/1").approval_key.clear(); }},
      {"not written as type and base64 alone", [](Genesis& g) { find(g, "property/1").approval_key += " me@here"; }},
      {"two custodians have the same approval key",
       [](Genesis& g) { find(g, "residents/1").approval_key = find(g, "property/1").approval_key; }},
      {"not written as type and base64 alone",
       [](Genesis& g) { find(g, "residents/1").approval_key = find(g, "property/1").approval_key + " second"; }},
      {"has a scope of sites or doors", [](Genesis& g) { find(g, "property/1").sites = {"main"}; }},
  });
}

TEST_CASE("scopes fit the role and name what exists") {
  require_all_refused({
      {"which does not exist",
       [](Genesis& g) {
         find(g, "operator/1").sites = {"main", "roof"};
       }},
      {"needs sites and no doors", [](Genesis& g) { find(g, "operator/1").sites.clear(); }},
      {"needs sites and no doors", [](Genesis& g) { find(g, "operator/1").doors = {"north"}; }},
      {"needs one site and at least one door", [](Genesis& g) { find(g, "door/1").doors.clear(); }},
      {"needs one site and at least one door",
       [](Genesis& g) {
         find(g, "door/1").sites = {"main", "annex"};
       }},
      {"which is at none of its sites", [](Genesis& g) { find(g, "door/1").doors = {"side"}; }},
      {"auditor \"auditor/1\" has a scope", [](Genesis& g) { find(g, "auditor/1").sites = {"main"}; }},
  });
}

TEST_CASE("sites, doors and models are named once, and no door is at a private room") {
  require_all_refused({
      {"no site", [](Genesis& g) { g.sites.clear(); }},
      {"no model", [](Genesis& g) { g.models.clear(); }},
      {"two sites are called \"main\"", [](Genesis& g) { g.sites[1].id = "main"; }},
      {"two models are called \"face\"", [](Genesis& g) { g.models[1].id = "face"; }},
      {"are called \"north\"", [](Genesis& g) { g.sites[0].doors[1].id = "north"; }},
      {"which is not allowed", [](Genesis& g) { g.sites[0].doors[0].location_class = "bathroom"; }},
      {"which is not allowed", [](Genesis& g) { g.sites[0].doors[0].location_class = "hotel-room"; }},
      {"which is not allowed", [](Genesis& g) { g.sites[0].doors[0].location_class = ""; }},
  });
}

TEST_CASE("keys of the token were made inside and cannot leave") {
  require_all_refused({
      {"the root key was not made inside", [](Genesis& g) { g.token.root.extractable = true; }},
      {"the root key was not made inside", [](Genesis& g) { g.token.root.local = false; }},
      {"the root key was not made inside", [](Genesis& g) { g.token.root.sensitive = false; }},
      {"the root key was not made inside", [](Genesis& g) { g.token.root.always_sensitive = false; }},
      {"the root key was not made inside", [](Genesis& g) { g.token.root.never_extractable = false; }},
      {"the log-signing key was not made inside", [](Genesis& g) { g.token.log_sign.extractable = true; }},
      {"unknown class of token", [](Genesis& g) { g.token.token_class = "cloud"; }},
  });
}

TEST_CASE("every action class has one rule that one person or group cannot satisfy") {
  require_all_refused({
      {"no rule for the action class \"export\"", [](Genesis& g) { g.rules.erase("export"); }},
      {"unknown action class", [](Genesis& g) { g.rules["sing"] = g.rules["export"]; }},
      {"one person can satisfy",
       [](Genesis& g) {
         g.rules["export"].groups = {{"property", 1}};
       }},
      {"one group alone",
       [](Genesis& g) {
         g.rules["witness"].groups = {{"property", 2}};
       }},
      {"which has 3", [](Genesis& g) { g.rules["rule"].groups["residents"] = 4; }},
      {"does not have", [](Genesis& g) { g.rules["model"].groups["guests"] = 1; }},
  });
}

TEST_CASE("the origin can stand in a signed note") {
  for (const char* origin : {"", "vault example", "vault+1", "vault\n", "vault\x7f", "v\xc3\xa4ult"}) {
    CAPTURE(origin);
    REQUIRE(refusal_of([&](Genesis& g) { g.origin = origin; }).find("the origin is not") != std::string::npos);
  }
}

std::string signature_refusal(const Change& change) {
  Genesis g = valid_genesis();
  change(g);
  const Status s = check_genesis_signatures(g);
  return s ? "(accepted)" : s.error().message;
}

TEST_CASE("every custodian has signed once, with the own key, for this purpose, and nobody else has") {
  const std::string statement = genesis_statement(valid_genesis()).value();
  const std::vector<Case> cases = {
      {"custodian \"residents/3\" has not signed", [](Genesis& g) { g.signatures.pop_back(); }},
      {"custodian \"property/1\" has not signed", [](Genesis& g) { g.signatures.clear(); }},
      {"signed twice by \"property/1\"", [](Genesis& g) { g.signatures.push_back(g.signatures[0]); }},
      {"\"auditor/1\", who is no custodian",
       [&](Genesis& g) {
         g.signatures.push_back({"auditor/1", sign_as("auditor/1", kCeremonyNamespace, statement)});
       }},
      {"the signature of \"property/1\" does not verify",
       [](Genesis& g) { g.signatures[0].signature = g.signatures[1].signature; }},
      {"the signature of \"property/1\" does not verify",
       [](Genesis& g) { std::swap(g.signatures[0].signature, g.signatures[1].signature); }},
      {"the signature of \"property/1\" does not verify",
       [&](Genesis& g) { g.signatures[0].signature = sign_as("property/1", kApprovalNamespace, statement); }},
      {"the signature of \"property/1\" does not verify",
       [&](Genesis& g) { g.signatures[0].signature = sign_as("property/1", kCeremonyNamespace, statement + "\n"); }},
      {"the signature of \"property/1\" does not verify", [](Genesis& g) { g.signatures[0].signature = ""; }},
  };
  for (const auto& c : cases) {
    const std::string got = signature_refusal(c.change);
    CAPTURE(c.why, got);
    REQUIRE(got.find(c.why) != std::string::npos);
  }
}

TEST_CASE("a genesis that changed after it was signed does not verify") {
  const std::vector<Change> changes = {
      [](Genesis& g) { g.origin += "x"; },
      [](Genesis& g) { g.vault[0] ^= 1; },
      [](Genesis& g) { g.rehearsal = true; },
      [](Genesis& g) { g.groups[0].threshold = 3; },
      [](Genesis& g) { g.principals[0].key[0] ^= 1; },
      [](Genesis& g) { g.rules["export"].delay_s = 0; },
      [](Genesis& g) { g.sites[0].erase_daily = 3; },
      [](Genesis& g) { g.models[0].verify_threshold = 1; },
      [](Genesis& g) { g.spare_key.reset(); },
      [](Genesis& g) { g.transcript[31] ^= 1; },
      [](Genesis& g) { g.token.token_class = "hardware"; },
  };
  for (const auto& change : changes) {
    REQUIRE(signature_refusal(change).find("does not verify") != std::string::npos);
  }
}

TEST_CASE("the statement names vault and digest, and does not depend on the signatures") {
  Genesis g = valid_genesis();
  const auto digest = genesis_digest(g).value();
  REQUIRE(digest == sha256(as_bytes(canonical_json(to_json(g, false)).value())));
  REQUIRE(genesis_statement(g).value() == "{\"digest\":\"" + to_hex(digest) + "\",\"v\":1,\"vault\":\"" +
                                              "01020300000000000000000000000000\",\"verb\":\"genesis\"}");
  g.signatures.clear();
  REQUIRE(genesis_digest(g).value() == digest);
}

TEST_CASE("groups are as large as they have custodians") {
  REQUIRE(group_sizes(valid_genesis()) == GroupSizes{{"property", 3}, {"residents", 3}});
}

}  // namespace
