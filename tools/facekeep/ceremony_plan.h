// The plan of a key ceremony: everything that is decided beforehand and is no secret, as a JSON file that
// the groups agree on. deploy/RUNBOOK.md explains each field; unknown ones are refused.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "vault/base/json.h"
#include "vault/ledger/genesis.h"
#include "vault/ledger/json_reader.h"

namespace facekeep::tools {

struct PlannedCustodian {
  std::string id;  // "property/1", from the group and the position
  std::string name;
  Digest key{};  // SHA-256 of the SubjectPublicKeyInfo of the TLS certificate
  std::string approval_key;
  bool deputy = false;
};

struct PlannedGroup {
  std::string id;
  std::vector<PlannedCustodian> custodians;
};

struct PlannedMachine {
  ledger::PrincipalRecord record;  // without the name's commitment
  std::string name;
};

struct Plan {
  std::string name;    // of the vault, for people; on the cards and the notice, not in the log
  std::string origin;  // of the log; empty: "facekeep/" and the vault's id
  std::string api;     // https://host:port, for the notice
  std::string public_url;
  ledger::Preset preset = ledger::Preset::kStandard;
  std::vector<PlannedGroup> groups;
  std::vector<PlannedMachine> machines;
  std::vector<ledger::Site> sites;  // without check values
  std::vector<ledger::Model> models;
  std::map<std::string, ledger::Rule> rules;  // over the defaults
  std::string spare_key_pem;                  // empty: no spare token yet
  std::optional<ledger::Witnesses> witnesses;
};

// Reads the plan and the certificates and keys that it names (paths are relative to the plan's folder).
// Errors name the field or file. `allow_one_group`: the explicit flag for preset one-group.
Result<Plan> read_plan(const std::string& path, bool allow_one_group);

// The default rules for these groups: one person of each group (preset one-group: two people), with the
// delays of ledger::action_classes().
std::map<std::string, ledger::Rule> default_rules(const Plan& plan);

// A custodian of a plan: "name", "certificate", "approval_key" and perhaps "deputy", files relative to the plan. The id
// is the caller's.
Result<PlannedCustodian> read_custodian(const std::string& plan, ledger::ObjectReader& reader);

Result<std::string> read_small_file(const std::string& path, std::size_t max_bytes = 1 << 20);

}  // namespace facekeep::tools
