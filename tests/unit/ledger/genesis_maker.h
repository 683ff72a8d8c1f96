// A small, valid, signed genesis for the tests of the ledger, made of fixed keys so that it is the same in every run.
//
// Groups property and residents, two of three cards each (custodian n holds card n). operator/1 at main, operator/2 at
// annex; door/1 drives north and south of main, door/2 drives side of annex; auditor/1. Models face and other.
#pragma once

#include <openssl/evp.h>

#include <memory>
#include <stdexcept>
#include <string>

#include "vault/base/digest.h"
#include "vault/ledger/genesis.h"
#include "vault/ledger/sshsig.h"

namespace facekeep::ledger::test {

inline Digest digest_of(const std::string& text) {
  return sha256(as_bytes(text));
}

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using TestKey = std::unique_ptr<EVP_PKEY, FreeKey>;

// Tests alone may have keys out of a text.
inline TestKey approval_key(const std::string& who) {
  const Digest seed = digest_of("approval key of " + who);
  TestKey key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size()));
  if (!key) throw std::runtime_error("no key");
  return key;
}

inline std::string approval_line(const std::string& who) {
  const auto key = ssh_key_from_evp(approval_key(who).get());
  if (!key) throw std::runtime_error(key.error().message);
  return format_ssh_key_line(*key);
}

inline void append_string(Bytes& out, ByteView s) {
  append_be32(out, static_cast<std::uint32_t>(s.size()));
  out.insert(out.end(), s.begin(), s.end());
}

// As `ssh-keygen -Y sign -n NAMESPACE` with that person's key.
inline std::string sign_as(const std::string& who, std::string_view ns, std::string_view message) {
  const TestKey key = approval_key(who);
  const Bytes to_sign = sshsig_signed_bytes(ns, as_bytes(message));
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> ctx(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  Bytes raw(64);
  std::size_t size = raw.size();
  if (EVP_DigestSignInit(ctx.get(), nullptr, nullptr, nullptr, key.get()) != 1 ||
      EVP_DigestSign(ctx.get(), raw.data(), &size, to_sign.data(), to_sign.size()) != 1) {
    throw std::runtime_error("no signature");
  }
  Bytes signature;
  append_string(signature, as_bytes("ssh-ed25519"));
  append_string(signature, raw);
  Bytes blob = to_bytes("SSHSIG");
  append_be32(blob, 1);
  append_string(blob, ssh_key_blob(ssh_key_from_evp(key.get()).value()));
  append_string(blob, as_bytes(ns));
  append_string(blob, {});
  append_string(blob, as_bytes("sha512"));
  append_string(blob, signature);
  return armor_sshsig(blob);
}

// Every custodian signs what the genesis says now.
inline void sign_genesis(Genesis& g) {
  g.signatures.clear();
  const std::string statement = genesis_statement(g).value();
  for (const auto& p : g.principals) {
    if (p.role == Role::kCustodian) g.signatures.push_back({p.id, sign_as(p.id, kCeremonyNamespace, statement)});
  }
}

inline PrincipalRecord make_principal(const std::string& id, Role role) {
  PrincipalRecord p;
  p.id = id;
  p.role = role;
  p.key = digest_of("key " + id);
  p.name = digest_of("name " + id);
  if (role == Role::kCustodian) p.approval_key = approval_line(id);
  return p;
}

inline Site make_site(const std::string& id, std::vector<DoorResource> doors) {
  Site s;
  s.id = id;
  s.check = digest_of("check " + id);
  s.purpose = "entry";
  s.alternative = "card";
  s.assessment = digest_of("assessment " + id);
  s.assessment_date = "2026-10-01";
  s.erase_daily = 2;
  s.doors = std::move(doors);
  return s;
}

inline std::string witness_vkey(const std::string& who) {
  return format_witness_key(make_witness_key("witness.example/" + who, digest_of("witness " + who)).value());
}
inline Witnesses sample_witnesses() {
  return {2,
          OnMissing::kClosed,
          {{witness_vkey("w1"), "https://192.0.2.1:8443/w1", digest_of("server of w1")},
           {witness_vkey("w2"), "https://[fd00::2]", digest_of("server of w2")}}};
}

inline Genesis unsigned_genesis() {
  Genesis g;
  g.vault = {1, 2, 3};
  g.origin = "vault.example/test";
  g.share_set = 4711;
  for (const std::string group : {"property", "residents"}) {
    Group out{group, 2, {}};
    for (std::uint32_t n = 1; n <= 3; ++n) {
      const std::string id = group + "/" + std::to_string(n);
      out.shares.push_back({n, digest_of("card " + id), {n}});
      g.principals.push_back(make_principal(id, Role::kCustodian));
    }
    g.groups.push_back(std::move(out));
  }
  for (const auto& [id, role, sites, doors] :
       std::vector<std::tuple<std::string, Role, std::vector<std::string>, std::vector<std::string>>>{
           {"operator/1", Role::kOperator, {"main"}, {}},
           {"operator/2", Role::kOperator, {"annex"}, {}},
           {"door/1", Role::kDoor, {"main"}, {"north", "south"}},
           {"door/2", Role::kDoor, {"annex"}, {"side"}},
           {"auditor/1", Role::kAuditor, {}, {}}}) {
    PrincipalRecord p = make_principal(id, role);
    p.sites = sites;
    p.doors = doors;
    g.principals.push_back(std::move(p));
  }
  g.principals.back().until = "2027-12-31";
  for (const auto& action : action_classes()) {
    g.rules[std::string(action.name)] = {{{"property", 1}, {"residents", 1}}, action.delay_s, action.lifetime_s};
  }
  g.sites = {make_site("main", {{"north", "entrance"}, {"south", "lobby"}}), make_site("annex", {{"side", "gate"}})};
  g.models = {{"face", 1, 64, 500000, 600000}, {"other", 3, 128, -1000000, 1000000}};
  g.unseal_key = digest_of("unseal key");
  g.register_check = digest_of("register");
  const KeyEvidence inside{"AES-256-GCM", true, true, true, false, true};
  g.token = {"maker", "model", "serial", "1.0", "software", inside, inside};
  g.token.log_sign.mechanism = "Ed25519";
  g.log_key = "vault.example/test+2e074323+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea";
  g.spare_key = digest_of("spare");
  g.witnesses = sample_witnesses();
  g.server_key = digest_of("server");
  g.transcript = digest_of("transcript");
  g.program = digest_of("program");
  return g;
}

inline const Genesis& valid_genesis() {
  static const Genesis g = [] {
    Genesis made = unsigned_genesis();
    sign_genesis(made);
    return made;
  }();
  return g;
}

}  // namespace facekeep::ledger::test
