#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <memory>
#include <set>

#include "vault/base/digest.h"
#include "vault/ledger/reshare.h"

namespace facekeep::ledger {
namespace {

Error refused(std::string message, std::string hint = {}) {
  return make_problem(Errc::kInvalidArgument, "bad-action", std::move(message), std::move(hint));
}

template <auto kFree>
struct Free {
  template <class T>
  void operator()(T* p) const {
    kFree(p);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using Stream = std::unique_ptr<BIO, Free<BIO_free_all>>;

std::string pem_of(const EVP_PKEY* key) {
  const Stream out(BIO_new(BIO_s_mem()));
  char* text = nullptr;
  if (!out || PEM_write_bio_PUBKEY(out.get(), key) != 1) return {};
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

bool is_fit_for_spare(const EVP_PKEY* key) {
  if (EVP_PKEY_base_id(key) != EVP_PKEY_RSA) return false;
  const int bits = EVP_PKEY_bits(key);
  BIGNUM* e = nullptr;
  if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) != 1) return false;
  const std::unique_ptr<BIGNUM, Free<BN_free>> owned(e);
  return bits >= kMinSpareBits && bits <= kMaxSpareBits && BN_is_odd(e) && BN_num_bits(e) >= 17 && BN_num_bits(e) <= 64;
}

Status change_spare(Genesis& g, const std::optional<std::string>& pem) {
  if (!pem) return {};
  FK_TRY(const Digest spare, spare_digest(*pem));
  if (g.spare_key == spare) {
    return refused("this spare key is the registered one", "the spare token makes a new pair; leave it out otherwise");
  }
  g.spare_key = spare;
  return {};
}

bool is_single_card(const Group& group) {
  return group.threshold == 1 && group.shares.size() == 1;
}

// That of the shape, since a re-share may change it.
Preset preset_of(const std::vector<Group>& groups) {
  if (groups.size() == 1) return Preset::kOneGroup;
  return std::all_of(groups.begin(), groups.end(), is_single_card) ? Preset::kSmall : Preset::kStandard;
}

// New cards are no way to take over a person's registration.
Status check_who_stays(const Genesis& g, const Reshare& a) {
  for (const PrincipalRecord& now : g.principals) {
    const auto next =
        std::find_if(a.custodians.begin(), a.custodians.end(), [&](const auto& p) { return p.id == now.id; });
    if (next == a.custodians.end()) continue;
    if (next->key == now.key && next->approval_key == now.approval_key && next->name == now.name) continue;
    return refused("\"" + now.id + "\" is registered with another key, approval key or name",
                   "who stays keeps them: `facekeep propose custodian` changes them; a new person takes a free number");
  }
  return {};
}

Status check_new_cards(const Genesis& g, const Reshare& a) {
  if (a.unseal_key == g.unseal_key) return refused("the unseal key is the present one: old cards would go on opening");
  if (a.share_set == g.share_set) return refused("the share set has the number of the present one");
  if (g.groups.size() > 1 && a.groups.size() < 2) return refused("a vault of two groups stays one of two");
  std::set<Digest> present;
  for (const auto& group : g.groups) {
    for (const auto& card : group.shares) present.insert(card.commitment);
  }
  for (const auto& group : a.groups) {
    for (const auto& card : group.shares) {
      if (present.contains(card.commitment)) return refused("a card is one of the present cards");
    }
  }
  const auto custodian = [](const PrincipalRecord& p) { return p.role == Role::kCustodian; };
  if (!std::all_of(a.custodians.begin(), a.custodians.end(), custodian)) {
    return refused("somebody among the new custodians has another role");
  }
  return check_who_stays(g, a);
}

}  // namespace

Result<Digest> spare_digest(std::string_view pem) {
  const auto bad = [] {
    return refused("the spare key is not the PEM form of an RSA public key of 2048 bits or more",
                   "openssl pkey -pubin -in FILE.pem prints the form");
  };
  if (pem.empty() || pem.size() > kMaxSparePem) return bad();
  const Stream in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  // An encrypted one would have OpenSSL ask for its password.
  const auto no_password = [](char*, int, int, void*) { return -1; };
  const Key key(in ? PEM_read_bio_PUBKEY(in.get(), nullptr, no_password, nullptr) : nullptr);
  if (!key || !is_fit_for_spare(key.get())) return bad();
  // One key is one text.
  if (pem_of(key.get()) != pem) return bad();
  std::uint8_t* der = nullptr;
  const int size = i2d_PUBKEY(key.get(), &der);
  const std::unique_ptr<std::uint8_t, void (*)(std::uint8_t*)> owned(der, [](std::uint8_t* p) { OPENSSL_free(p); });
  if (size <= 0) return bad();
  return sha256(ByteView(der, static_cast<std::size_t>(size)));
}

Result<Digest> reshare_digest(const Reshare& a) {
  Json j = to_json(a, false);
  j["kind"] = "reshare";
  FK_TRY(const std::string text, canonical_json(j));
  return sha256(as_bytes(text));
}

Result<std::string> reshare_statement(const Reshare& a, const Id128& vault) {
  FK_TRY(const Digest digest, reshare_digest(a));
  return canonical_json({{"digest", to_hex(digest)}, {"v", 1}, {"vault", to_hex(vault)}, {"verb", "reshare"}});
}

Result<std::string> new_keys_statement(const Id128& vault, const Id128& proposal, const NewKeys& keys,
                                       const Digest& unseal_key) {
  return canonical_json({{"keys", to_json(keys)},
                         {"proposal", to_hex(proposal)},
                         {"unseal_key", to_hex(unseal_key)},
                         {"vault", to_hex(vault)}});
}

Result<std::string> new_site_statement(const Id128& vault, const Id128& proposal, const Site& site,
                                       const Digest& unseal_key) {
  return canonical_json({{"check", to_hex(site.check)},
                         {"epoch", site.epoch},
                         {"proposal", to_hex(proposal)},
                         {"site", site.id},
                         {"unseal_key", to_hex(unseal_key)},
                         {"vault", to_hex(vault)}});
}

Status change_keys(Genesis& g, const RotateKeys& a) {
  return change_spare(g, a.spare);
}

Status change_cards(Genesis& g, const Reshare& a) {
  FK_CHECK(check_new_cards(g, a));
  FK_CHECK(change_spare(g, a.spare));
  g.preset = preset_of(a.groups);
  g.groups = a.groups;
  g.unseal_key = a.unseal_key;
  g.share_set = a.share_set;
  std::vector<PrincipalRecord> people = a.custodians;
  std::copy_if(g.principals.begin(), g.principals.end(), std::back_inserter(people),
               [](const PrincipalRecord& p) { return p.role != Role::kCustodian; });
  if (people.size() > kMaxPrincipals) return refused("the vault would have too many principals");
  g.principals = std::move(people);
  return {};
}

Status change_keys(Genesis& g, const Reshare& a) {
  FK_CHECK(change_cards(g, a));
  FK_TRY(const std::string statement, reshare_statement(a, g.vault));
  if (auto ok = check_ceremony_signatures(g.principals, a.signatures, statement); !ok) {
    return refused(ok.error().message, "every custodian of the new set signs, each with the own approval key");
  }
  return {};
}

Status take_keys(Genesis& next, const Genesis& before, const NewKeys& keys) {
  if (keys.epoch != before.register_epoch + 1) return refused("the new keys are not of the next epoch");
  if (keys.register_check == before.register_check) return refused("the vault's own key was not drawn anew");
  if (keys.checks.size() != next.sites.size()) return refused("the new keys are not those of all sites");
  for (Site& site : next.sites) {
    const auto it = keys.checks.find(site.id);
    if (it == keys.checks.end()) return refused("there is no new key of the site \"" + site.id + "\"");
    if (it->second == site.check) return refused("the key of the site \"" + site.id + "\" was not drawn anew");
    site.epoch = keys.epoch;
    site.check = it->second;
  }
  next.register_epoch = keys.epoch;
  next.register_check = keys.register_check;
  next.token.root = keys.root;
  return check_genesis(next);
}

}  // namespace facekeep::ledger
