// A proposal as a custodian's machine takes it from a vault: checked against the log that this machine remembers,
// and in words. Nothing is signed that did not come through check_proposal().
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tools/facekeep/start_check.h"
#include "vault/ledger/person_name.h"
#include "vault/ledger/proposal.h"
#include "vault/ledger/state.h"

namespace facekeep::tools {

// One proposal. As a vault answers it, nothing is checked yet but its form: take_from_log() puts the log's own in the
// place of everything but `subjects` and `names`.
struct ProposalStatus {
  ledger::ProposalMade made;
  std::uint64_t entry = 0;
  std::string stage;
  std::uint64_t rule_version = 0;
  ledger::Rule rule;
  std::vector<std::string> approved;
  // Whom an export names, as the vault says in a call of its own; the log has a commitment alone. check_proposal()
  // asks.
  std::vector<std::string> subjects;
  // Of the principals that it registers, where the vault is open and the proposer gave them.
  std::optional<ledger::PeopleNames> names;
  // The custodians whom it changes, as they are registered now: all of them for a re-share.
  std::map<std::string, ledger::PrincipalRecord> before = {};
  // The groups whose cards a re-share replaces, as they are now.
  std::vector<ledger::Group> groups_before = {};
};
// Pure. kMalformed.
Result<ProposalStatus> parse_proposal(const Json& answer);

// What the proposal is and how it stands by the log, folded here. kIntegrity: "other-proposal" if the log has another
// one than `status` says, or none; "other-names" where a name does not open its commitment. Pure.
Status take_from_log(const ledger::State& state, ProposalStatus& status);

// A proposal that stands in the log under a checkpoint which continues the one that this machine remembered.
struct CheckedProposal {
  ProposalStatus status;
  Digest digest{};
  log::Checkpoint checkpoint;
};
// Fetches proposal `id`, folds the log up to its head, and holds them against each other; names must open their
// commitments. kIntegrity: what the vault shows is not what the log has. "bad-recipient": an export to a certificate
// that can't receive, or has another key.
Result<CheckedProposal> check_proposal(const Context& context, const Notice& notice, VaultApi& api,
                                       const std::string& id);

// That new cards leave the custodian of this key (of TLS) with the registered key, approval key and name, or without a
// card: nobody signs the own person over to somebody else. kIntegrity ("not-your-keys"). Pure.
Status check_own_registration(const ProposalStatus& status, const Digest& signer);

// That whoever signs an export of named people is shown each of them. kFailedPrecondition ("names-missing"). Pure.
Status check_everybody_named(const ProposalStatus& status);

// The action in words, a line a fact. Others wrote parts of each line: escape a line before a person sees it
// (Reporter::line does). Pure.
std::vector<std::string> describe(Lang lang, const ledger::Action& action);
// The whole proposal in words: id, proposer, purpose, action, rule, who signed, digest. Pure.
std::vector<std::string> describe(Lang lang, const ProposalStatus& status, const Digest& digest);

}  // namespace facekeep::tools
