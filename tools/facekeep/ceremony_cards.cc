#include "tools/facekeep/ceremony_cards.h"

#include <algorithm>
#include <charconv>

#include "vault/seal/hpke.h"

namespace facekeep::tools {

std::uint32_t number_of(const std::string& custodian) {
  const std::size_t slash = custodian.find('/');
  if (slash == std::string::npos) return 0;
  std::uint32_t n = 0;
  const char* end = custodian.data() + custodian.size();
  const auto [at, ec] = std::from_chars(custodian.data() + slash + 1, end, n);
  return ec == std::errc() && at == end ? n : 0;
}

std::vector<std::size_t> first_holders(const PlannedGroup& group) {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < group.custodians.size(); ++i) {
    if (!group.custodians[i].deputy) out.push_back(i);
  }
  return out;
}

Result<DrawnSet> draw_set(const std::vector<PlannedGroup>& groups, const std::vector<std::uint32_t>& thresholds) {
  const seal::HpkeKeyPair u = seal::generate_hpke_key_pair();
  seal::SplitOptions options;
  options.group_threshold = static_cast<std::uint8_t>(groups.size());
  options.extendable = false;  // what other people's software reads most widely
  for (std::size_t gi = 0; gi < groups.size(); ++gi) {
    options.groups.push_back(
        {static_cast<std::uint8_t>(thresholds[gi]), static_cast<std::uint8_t>(first_holders(groups[gi]).size())});
  }
  FK_TRY(auto shares, seal::split_secret(u.private_key.view(), options));
  DrawnSet set;
  set.unseal_key = u.public_key;
  for (std::size_t gi = 0; gi < shares.size(); ++gi) {
    const PlannedGroup& planned = groups[gi];
    const auto first = first_holders(planned);
    ledger::Group group{planned.id, thresholds[gi], {}};
    for (std::size_t si = 0; si < shares[gi].size(); ++si) {
      DrawnCard card{gi, static_cast<std::uint32_t>(si + 1), {first[si]}, std::move(shares[gi][si])};
      for (std::size_t i = 0; si == 0 && i < planned.custodians.size(); ++i) {
        if (planned.custodians[i].deputy) card.holders.push_back(i);
      }
      ledger::ShareCard record{card.number, seal::share_commitment(card.words), {}};
      for (const auto h : card.holders) record.holders.push_back(number_of(planned.custodians[h].id));
      group.shares.push_back(std::move(record));
      FK_TRY(const seal::Share decoded, seal::decode_share(card.words));
      set.share_set = decoded.meta.identifier;
      set.cards.push_back(std::move(card));
    }
    set.groups.push_back(std::move(group));
  }
  return set;
}

Status check_cards(const ProvenCards& cards, const std::vector<ledger::Group>& groups, const Digest& unseal_key) {
  const Error wrong = make_error(Errc::kIntegrity, "the cards that were typed do not give the unseal key of this set",
                                 "every card of this set is void: destroy them, and look at this machine and its "
                                 "program before you begin anew");
  if (cards.size() != groups.size() || groups.empty()) return wrong;
  std::size_t sets = 0;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    if (cards[g].empty() || cards[g].size() < groups[g].threshold) return wrong;
    sets = std::max(sets, cards[g].size());
  }
  for (std::size_t first = 0; first < sets; ++first) {
    std::vector<seal::SecretWords> some;
    for (std::size_t g = 0; g < groups.size(); ++g) {
      for (std::size_t k = 0; k < groups[g].threshold; ++k) {
        some.push_back(cards[g][(first + k) % cards[g].size()].clone());
      }
    }
    const auto secret = seal::combine_shares(some);
    const auto own = secret ? seal::x25519_public(secret->view()) : Result<seal::X25519Public>(secret.error());
    if (!own || *own != unseal_key) return wrong;
  }
  return {};
}

}  // namespace facekeep::tools
