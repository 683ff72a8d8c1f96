#include "vault/ledger/sshsig.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>

#include "tests/support/catch.h"
#include "vault/base/digest.h"

using namespace facekeep;
using namespace facekeep::ledger;

namespace {

// Made by ssh-keygen 9.2 (-Y sign -n facekeep-approval) over "approve 7\n" with throw-away keys.
constexpr std::string_view kMessage = "approve 7\n";
struct Vector {
  std::string_view line, fingerprint, signature;
};
constexpr Vector kVectors[] = {
    {"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOrGV6DjJdwN8YDFNSFbhl+jbwxMzNUsOQHr+evwndyY li wei",
     "SHA256:FppNhR/gFgyq1ZcUrPsCkgN5E1ZQIWvHZVsaIa+5jpI",
     "-----BEGIN SSH SIGNATURE-----\n"
     "U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAg6sZXoOMl3A3xgMU1IVuGX6NvDE\n"
     "zM1Sw5Aev56/Cd3JgAAAARZmFjZWtlZXAtYXBwcm92YWwAAAAAAAAABnNoYTUxMgAAAFMA\n"
     "AAALc3NoLWVkMjU1MTkAAABAMFEd82jla39xbEKnOpg/OEeqr7XtamCbkcOrNk/kXjMB3a\n"
     "67HJFzBQkThyb2RR5K9uUE84sNvfmXm+ty7pYzCQ==\n"
     "-----END SSH SIGNATURE-----\n"},
    {"ecdsa-sha2-nistp256 "
     "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBAWOsXBrfFvryqrcF4H5WpqCjuyOedvY+"
     "9iQ6guRFWSxkVwvWsnGYCISr6wJFT84gVzMiKqGz2pMtZhs2xSYzeU= li wei",
     "SHA256:K482H6833ElTCMuv6bpOxrT3zxDyygpyGWjwr8f+9xI",
     "-----BEGIN SSH SIGNATURE-----\n"
     "U1NIU0lHAAAAAQAAAGgAAAATZWNkc2Etc2hhMi1uaXN0cDI1NgAAAAhuaXN0cDI1NgAAAE\n"
     "EEBY6xcGt8W+vKqtwXgflamoKO7I5529j72JDqC5EVZLGRXC9aycZgIhKvrAkVPziBXMyI\n"
     "qobPaky1mGzbFJjN5QAAABFmYWNla2VlcC1hcHByb3ZhbAAAAAAAAAAGc2hhNTEyAAAAZA\n"
     "AAABNlY2RzYS1zaGEyLW5pc3RwMjU2AAAASQAAACAWFaKbUrgKHS7Neb58IRTO8OEE/Gza\n"
     "kqnZbe7DLtZBKQAAACEAx4iszQsa7nYfZRGzwfW5TrthkQYqHutUix2VCrkn2G0=\n"
     "-----END SSH SIGNATURE-----\n"},
};

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
Key new_key(SshKeyType type) {
  const bool ec = type == SshKeyType::kSkEcdsaP256 || type == SshKeyType::kEcdsaP256;
  return {ec ? EVP_EC_gen("P-256") : EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), EVP_PKEY_free};
}

// A security key in software: the signature that a FIDO2 device would make.
SshSignature touch(EVP_PKEY* key, const SshPublicKey& public_key, std::uint8_t flags, std::string_view message) {
  SshSignature out{public_key, std::string(kApprovalNamespace), {}, flags, 41};
  Bytes data = to_bytes(sha256(as_bytes(public_key.application)));
  data.push_back(flags);
  append_be32(data, out.counter);
  const Digest digest = sha256(sshsig_signed_bytes(kApprovalNamespace, as_bytes(message)));
  data.insert(data.end(), digest.begin(), digest.end());
  const EVP_MD* md = public_key.type == SshKeyType::kSkEcdsaP256 ? EVP_sha256() : nullptr;
  EVP_MD_CTX* ctx = EVP_MD_CTX_new();
  std::size_t size = 128;
  out.raw.resize(size);
  REQUIRE(EVP_DigestSignInit(ctx, nullptr, md, nullptr, key) == 1);
  REQUIRE(EVP_DigestSign(ctx, out.raw.data(), &size, data.data(), data.size()) == 1);
  out.raw.resize(size);
  EVP_MD_CTX_free(ctx);
  return out;
}

SshPublicKey key_of(std::string_view line) {
  auto parsed = parse_public_key_line(line);
  REQUIRE(parsed);
  return parsed->key;
}

}  // namespace

TEST_CASE("signatures of ssh-keygen verify") {
  for (const Vector& v : kVectors) {
    INFO(v.line);
    const auto signature = parse_armored_sshsig(v.signature);
    REQUIRE(signature);
    CHECK(signature->ns == kApprovalNamespace);
    CHECK(verify_sshsig(*signature, key_of(v.line), kApprovalNamespace, as_bytes(kMessage)));
    CHECK(verify_sshsig(v.signature, v.line, kApprovalNamespace, as_bytes(kMessage)));
    CHECK_FALSE(verify_sshsig(v.signature, v.line, kCeremonyNamespace, as_bytes(kMessage)));
  }
}

TEST_CASE("public key lines and fingerprints are those of ssh-keygen") {
  for (const Vector& v : kVectors) {
    const auto parsed = parse_public_key_line(v.line);
    REQUIRE(parsed);
    CHECK(parsed->comment == "li wei");
    CHECK(format_ssh_key_line(parsed->key, parsed->comment) == v.line);
    CHECK(ssh_fingerprint(parsed->key) == v.fingerprint);
    CHECK(*parse_ssh_key_blob(ssh_key_blob(parsed->key)) == parsed->key);
  }
}

TEST_CASE("a signature is bound to its message, its namespace and its signer") {
  const SshPublicKey first = key_of(kVectors[0].line);
  const SshPublicKey second = key_of(kVectors[1].line);
  auto signature = *parse_armored_sshsig(kVectors[0].signature);
  const auto code = [&](const SshPublicKey& key, std::string_view ns, std::string_view message) {
    return verify_sshsig(signature, key, ns, as_bytes(message)).error().code;
  };
  CHECK(code(first, kApprovalNamespace, "approve 8\n") == Errc::kCrypto);
  CHECK(code(first, kCeremonyNamespace, kMessage) == Errc::kPermissionDenied);
  CHECK(code(second, kApprovalNamespace, kMessage) == Errc::kPermissionDenied);
  signature.ns = kCeremonyNamespace;  // relabelled: the namespace is under the signature too
  CHECK(code(first, kCeremonyNamespace, kMessage) == Errc::kCrypto);
  signature = *parse_armored_sshsig(kVectors[0].signature);
  signature.key = second;  // relabelled: claims the other signer
  CHECK(code(second, kApprovalNamespace, kMessage) == Errc::kCrypto);
}

TEST_CASE("the armour comes back as it was") {
  for (const Vector& v : kVectors) {
    const auto blob = dearmor_sshsig(v.signature);
    REQUIRE(blob);
    CHECK(armor_sshsig(*blob) == v.signature);
  }
}

TEST_CASE("no cut or extended signature parses") {
  const Bytes blob = *dearmor_sshsig(kVectors[0].signature);
  for (std::size_t n = 0; n < blob.size(); ++n) CHECK_FALSE(parse_sshsig(ByteView(blob).first(n)));
  Bytes longer = blob;
  longer.push_back(0);
  CHECK_FALSE(parse_sshsig(longer));
  CHECK(parse_sshsig(Bytes(5000, 0)).error().code == Errc::kTooLarge);
}

TEST_CASE("no signature with one changed byte verifies") {
  for (const Vector& v : kVectors) {
    const Bytes blob = *dearmor_sshsig(v.signature);
    const SshPublicKey key = key_of(v.line);
    for (std::size_t i = 0; i < blob.size(); ++i) {
      Bytes changed = blob;
      changed[i] ^= 0x01;
      const auto parsed = parse_sshsig(changed);
      if (parsed) CHECK_FALSE(verify_sshsig(*parsed, key, kApprovalNamespace, as_bytes(kMessage)));
    }
  }
}

TEST_CASE("text that is not an armoured signature is refused") {
  const std::string good(kVectors[0].signature);
  CHECK(parse_armored_sshsig("\r\n" + good + "\n"));
  for (const std::string& bad :
       {std::string(), good.substr(0, 60), good.substr(5), good + "x", std::string("-----BEGIN SSH SIGNATURE-----"),
        std::string("-----BEGIN SSH SIGNATURE----------END SSH SIGNATURE-----"), std::string(9000, 'A')}) {
    CHECK_FALSE(parse_armored_sshsig(bad));
  }
}

TEST_CASE("bad public keys are refused") {
  const SshPublicKey good = key_of(kVectors[0].line);
  const auto refused = [](SshPublicKey key) { return !parse_ssh_key_blob(ssh_key_blob(key)); };
  SshPublicKey key = good;
  key.point.resize(31);
  CHECK(refused(key));
  key = good;
  key.point.assign(32, 0);
  CHECK(refused(key));  // order 4
  key.point[0] = 1;
  key.point[31] = 0x80;
  CHECK(refused(key));  // order 1, sign bit set
  key = key_of(kVectors[1].line);
  key.point[64] ^= 1;
  CHECK(refused(key));  // off the curve
  key = SshPublicKey{SshKeyType::kSkEd25519, good.point, ""};
  CHECK(refused(key));
  key.application = "ssh:\n";
  CHECK(refused(key));
  key.application = std::string(129, 'a');
  CHECK(refused(key));
  key.application = "ssh:";
  CHECK_FALSE(refused(key));
}

TEST_CASE("bad public key lines are refused") {
  const std::string good(kVectors[0].line);
  for (const std::string& bad :
       {std::string(), std::string("ssh-ed25519"), std::string("ssh-ed25519 "), std::string("ssh-ed25519 !!!!"),
        "ssh-rsa " + good.substr(12), "no-touch-required " + good, good + "\n" + good, good + "\xff",
        "ssh-ed25519 " + std::string(3000, 'A')}) {
    INFO(bad);
    CHECK_FALSE(parse_public_key_line(bad));
  }
}

TEST_CASE("a security key's signature needs a person, and a PIN when asked for") {
  for (const SshKeyType type : {SshKeyType::kSkEd25519, SshKeyType::kSkEcdsaP256}) {
    const Key key = new_key(type);
    SshPublicKey public_key = *ssh_key_from_evp(key.get());
    public_key.type = type;
    public_key.application = "ssh:";
    const auto check = [&](const SshSignature& s, bool verified = false) {
      return verify_sshsig(s, public_key, kApprovalNamespace, as_bytes(kMessage), verified);
    };
    CHECK(check(touch(key.get(), public_key, 0x01, kMessage)));
    CHECK(check(touch(key.get(), public_key, 0x05, kMessage), true));
    CHECK(check(touch(key.get(), public_key, 0x00, kMessage)).error().code == Errc::kPermissionDenied);
    CHECK(check(touch(key.get(), public_key, 0x04, kMessage)).error().code == Errc::kPermissionDenied);
    CHECK(check(touch(key.get(), public_key, 0x01, kMessage), true).error().code == Errc::kPermissionDenied);
    SshSignature altered = touch(key.get(), public_key, 0x01, kMessage);
    altered.counter += 1;
    CHECK(check(altered).error().code == Errc::kCrypto);
    altered = touch(key.get(), public_key, 0x00, kMessage);
    altered.flags = 0x01;
    CHECK(check(altered).error().code == Errc::kCrypto);
  }
}

TEST_CASE("keys of OpenSSL become SSH keys, other kinds do not") {
  for (const SshKeyType type : {SshKeyType::kEd25519, SshKeyType::kEcdsaP256}) {
    const Key key = new_key(type);
    const auto ssh = ssh_key_from_evp(key.get());
    REQUIRE(ssh);
    CHECK(ssh->type == type);
    CHECK(*parse_ssh_key_blob(ssh_key_blob(*ssh)) == *ssh);
    unsigned char* der = nullptr;
    const int size = i2d_PUBKEY(key.get(), &der);
    CHECK(*ssh_key_spki(*ssh) == Bytes(der, der + size));
    OPENSSL_free(der);
  }
  const Key p384{EVP_EC_gen("P-384"), EVP_PKEY_free};
  CHECK(ssh_key_from_evp(p384.get()).error().code == Errc::kInvalidArgument);
}
