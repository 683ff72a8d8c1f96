#include "tools/facekeep/in_force.h"

#include <algorithm>
#include <map>
#include <set>

#include "tools/facekeep/log_entries.h"
#include "vault/ledger/json_reader.h"
#include "vault/ledger/sshsig.h"

namespace facekeep::tools {
namespace {

constexpr std::size_t kMaxChanges = 4096;  // of custodians, over the vault's life

// Where the vault says that something was put to the log.
struct Origin {
  std::uint64_t proposal = 0;
  std::vector<std::uint64_t> approvals;
  std::uint64_t done = 0;
};

Error bad_policy(const std::string& why) {
  return say_error(Errc::kIntegrity, "bad-witness-policy", Msg::kCliBadWitnessPolicy, Msg::kCliTellHint, {why});
}

Result<Origin> origin_from(const Json& json, bool with_custodians) {
  constexpr std::int64_t kMax = (std::int64_t{1} << 53) - 1;
  ledger::ObjectReader r(json, "answer of /v1/witnesses");
  Origin out;
  out.proposal = static_cast<std::uint64_t>(r.integer("proposal", 0, kMax));
  out.done = static_cast<std::uint64_t>(r.integer("done", 0, kMax));
  for (const Json& entry : r.array("approvals", ledger::kMaxPrincipals)) {
    if (!entry.is_number_unsigned()) r.fail("an approval is no entry");
    if (r.ok()) out.approvals.push_back(entry.get<std::uint64_t>());
  }
  if (with_custodians) r.array("custodians", kMaxChanges);
  FK_CHECK(r.finish());
  return out;
}

template <class Body>
Result<Body> prove_event(VaultApi& api, const log::Checkpoint& head, std::uint64_t entry) {
  FK_TRY(const ledger::Leaf leaf, prove_entry(api, head, entry));
  const auto* event = std::get_if<ledger::Event>(&leaf);
  const auto* body = event == nullptr ? nullptr : std::get_if<Body>(&event->body);
  if (body == nullptr) return bad_policy("entry " + std::to_string(entry) + " is another event");
  return *body;
}

// Follows what custodians carried out, with the approval keys that counted then.
class SignedChanges {
 public:
  SignedChanges(VaultApi& api, const log::Checkpoint& head, const ledger::Genesis& genesis)
      : api_(api), head_(head), genesis_(genesis) {
    for (const auto& p : genesis.principals) {
      if (p.role == ledger::Role::kCustodian) keys_[p.id] = p.approval_key;
    }
  }

  // The action of a proposal that enough people signed and that was carried out, as the entries prove.
  Result<ledger::Action> prove(const Origin& o) {
    if (o.proposal >= o.done || o.done < last_done_) return bad_policy("its entries are out of order");
    FK_TRY(const auto made, prove_event<ledger::ProposalMade>(api_, head_, o.proposal));
    FK_TRY(const auto done, prove_event<ledger::ProposalDone>(api_, head_, o.done));
    if (done.proposal != made.id) return bad_policy("another proposal was carried out");
    FK_TRY(const Digest digest, ledger::proposal_digest(made, genesis_.vault));
    std::set<std::string> people;
    std::set<std::string> groups;
    for (const std::uint64_t entry : o.approvals) {
      // What was signed before a custodian changed no longer counted afterwards.
      if (entry <= std::max(o.proposal, last_done_) || entry >= o.done)
        return bad_policy("an approval is out of order");
      FK_TRY(const std::string by, prove_vote(entry, made.id, digest));
      people.insert(by);
      groups.insert(by.substr(0, by.find('/')));
    }
    if (people.size() < 2 || groups.size() < std::min<std::size_t>(2, genesis_.groups.size())) {
      return bad_policy("too few people signed it");
    }
    return made.action;
  }

  Status follow_custodian(const Origin& o) {
    FK_TRY(const ledger::Action action, prove(o));
    const auto* change = std::get_if<ledger::ChangeCustodian>(&action);
    if (change == nullptr) return bad_policy("no custodian was changed there");
    keys_[change->custodian.id] = change->custodian.approval_key;
    last_done_ = o.done;
    return {};
  }

 private:
  // Who signed.
  Result<std::string> prove_vote(std::uint64_t entry, const Id128& proposal, const Digest& digest) {
    FK_TRY(const auto approval, prove_event<ledger::Approval>(api_, head_, entry));
    const ledger::Vote& vote = approval.vote;
    const auto key = keys_.find(vote.by);
    if (vote.proposal != proposal || key == keys_.end()) return bad_policy("an approval is of something else");
    FK_TRY(const std::string statement, vote_statement(vote, ledger::Verb::kApprove, digest, genesis_.vault));
    if (auto ok = ledger::verify_sshsig(vote.signature, key->second, ledger::kApprovalNamespace, as_bytes(statement));
        !ok) {
      return bad_policy("the signature of " + vote.by + " does not verify");
    }
    return vote.by;
  }

  VaultApi& api_;
  const log::Checkpoint& head_;
  const ledger::Genesis& genesis_;
  std::map<std::string, std::string> keys_;  // custodian -> approval key
  std::uint64_t last_done_ = 0;
};

}  // namespace

Result<ledger::PrincipalRecord> prove_registration(VaultApi& api, const Notice& notice, const log::Checkpoint& head,
                                                   const std::string& id, std::uint64_t entry) {
  std::vector<ledger::PrincipalRecord> records;
  if (entry == 0) {
    FK_TRY(const ledger::Genesis genesis, prove_genesis(api, notice, head));
    records = genesis.principals;
  } else {
    FK_TRY(const ledger::Leaf leaf, prove_entry(api, head, entry));
    const auto* event = std::get_if<ledger::Event>(&leaf);
    const auto* made = event == nullptr ? nullptr : std::get_if<ledger::ProposalMade>(&event->body);
    if (made != nullptr) records = ledger::records_in(made->action);
  }
  for (auto& p : records) {
    if (p.id == id) return std::move(p);
  }
  return say_error(Errc::kIntegrity, "other-registration", Msg::kCliOtherRegistration, Msg::kCliTellHint,
                   {std::to_string(entry), id});
}

Result<std::optional<ledger::Witnesses>> prove_witnesses(const Context& context, const Notice& notice, VaultApi& api,
                                                         const log::Checkpoint& head) {
  FK_TRY(const ledger::Genesis genesis, prove_genesis(api, notice, head));
  FK_TRY(const Json answer, api.json("GET", "/v1/witnesses"));
  FK_TRY(const Origin origin, origin_from(answer, true));
  FK_TRY(const ClientMemory memory, context.memory());
  FK_TRY(const auto before, memory.witness_policy(notice.vault));
  if (before && origin.done < *before) {
    return bad_policy("the vault names an older one than this machine has seen, of entry " + std::to_string(*before));
  }
  if (origin.done == 0) return genesis.witnesses;
  SignedChanges changes(api, head, genesis);
  for (const Json& one : answer["custodians"]) {
    FK_TRY(const Origin change, origin_from(one, false));
    if (change.done < origin.done) FK_CHECK(changes.follow_custodian(change));
  }
  FK_TRY(const ledger::Action action, changes.prove(origin));
  const auto* policy = std::get_if<ledger::ChangeWitnesses>(&action);
  if (policy == nullptr) return bad_policy("no witnesses were changed there");
  if (before != origin.done) FK_CHECK(memory.put_witness_policy(notice.vault, origin.done));
  return policy->witnesses;
}

}  // namespace facekeep::tools
