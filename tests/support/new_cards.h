// A re-share as a room of custodians makes it, without the room: new cards of a fixture's vault, signed by everybody.
#pragma once

#include <map>
#include <string>

#include "tests/support/vault_fixture.h"
#include "tools/common/sshsig_sign.h"
#include "vault/ledger/reshare.h"
#include "vault/ledger/sshsig.h"
#include "vault/seal/hpke.h"
#include "vault/seal/slip39.h"

namespace facekeep::test {

// The cards of one share set, by holder, and what they open.
struct Cards {
  std::map<std::string, seal::SecretWords> words;
  SecretBytes unseal_key;
  ledger::Reshare action;
};

// By every custodian; again after a change of the action.
inline void sign_new_cards(const VaultFixture& f, ledger::Reshare& a) {
  a.signatures.clear();
  const std::string statement = ledger::reshare_statement(a, f.genesis().vault).value();
  for (const auto& p : a.custodians) {
    const auto blob = tools::make_sshsig(f.private_key(p.id), ledger::kCeremonyNamespace, as_bytes(statement));
    a.signatures.push_back({p.id, ledger::armor_sshsig(blob.value())});
  }
}

// For the same people. `now`: what is in force.
inline Cards draw_new_cards(const VaultFixture& f, const ledger::Genesis& now) {
  Cards out;
  seal::HpkeKeyPair u = seal::generate_hpke_key_pair();
  seal::SplitOptions split;
  split.group_threshold = static_cast<std::uint8_t>(now.groups.size());
  split.extendable = false;
  for (const auto& group : now.groups)
    split.groups.push_back(
        {static_cast<std::uint8_t>(group.threshold), static_cast<std::uint8_t>(group.shares.size())});
  auto shares = seal::split_secret(u.private_key.view(), split).value();
  ledger::Reshare& a = out.action;
  a.groups = now.groups;
  for (std::size_t gi = 0; gi < shares.size(); ++gi) {
    for (std::size_t si = 0; si < shares[gi].size(); ++si) {
      a.groups[gi].shares[si].commitment = seal::share_commitment(shares[gi][si]);
      a.share_set = seal::decode_share(shares[gi][si])->meta.identifier;
      out.words[now.groups[gi].id + "/" + std::to_string(si + 1)] = std::move(shares[gi][si]);
    }
  }
  for (const auto& p : now.principals) {
    if (p.role == ledger::Role::kCustodian) a.custodians.push_back(p);
  }
  a.unseal_key = u.public_key;
  out.unseal_key = std::move(u.private_key);
  sign_new_cards(f, a);
  return out;
}

}  // namespace facekeep::test
