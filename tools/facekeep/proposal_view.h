// A proposal as a custodian's machine takes it from a vault: checked against the log that this machine remembers,
// and in words. Nothing is signed that did not come through check_proposal().
#pragma once

#include <string>
#include <vector>

#include "tools/facekeep/start_check.h"
#include "vault/ledger/person_name.h"
#include "vault/ledger/proposal.h"

namespace facekeep::tools {

// What a vault answers about one proposal, nothing of it checked yet but its form.
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
};
// Pure. kMalformed.
Result<ProposalStatus> parse_proposal(const Json& answer);

// A proposal that stands in the log under a checkpoint which continues the one that this machine remembered.
struct CheckedProposal {
  ProposalStatus status;
  Digest digest{};
  log::Checkpoint checkpoint;
};
// Fetches proposal `id`, the log's head and the entry, and holds them against each other; names must open their
// commitments. kIntegrity: what the vault shows is not what the log has. "bad-recipient": an export to a certificate
// that can't receive, or has another key.
Result<CheckedProposal> check_proposal(const Context& context, const Notice& notice, VaultApi& api,
                                       const std::string& id);

// The action in words, a line a fact. Others wrote parts of each line: escape a line before a person sees it
// (Reporter::line does). Pure.
std::vector<std::string> describe(Lang lang, const ledger::Action& action);
// The whole proposal in words: id, proposer, purpose, action, rule, who signed, digest. Pure.
std::vector<std::string> describe(Lang lang, const ProposalStatus& status, const Digest& digest);

}  // namespace facekeep::tools
