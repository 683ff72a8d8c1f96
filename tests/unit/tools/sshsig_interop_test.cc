// Both ways with the real ssh-keygen: what it signs verifies here, and what is signed here verifies there.
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>

#include "tests/support/catch.h"
#include "tests/unit/tools/scratch.h"
#include "tools/common/sshsig_sign.h"
#include "vault/base/digest.h"

using namespace facekeep;
using namespace facekeep::tools;
using ledger::SshKeyType;
using ledger::SshPublicKey;

namespace {

const std::string kMessage = "{\"proposal\":\"00ab\",\"v\":1}";

bool have_ssh_keygen() {
  if (std::system("command -v ssh-keygen >/dev/null 2>&1") == 0) return true;
  WARN("skipped: ssh-keygen is not installed");
  return false;
}

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
Key new_key(bool ec) {
  return {ec ? EVP_EC_gen("P-256") : EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), EVP_PKEY_free};
}

// Whether `ssh-keygen -Y verify` takes the signature from this signer.
bool ssh_keygen_verifies(const Scratch& dir, const SshPublicKey& key, const std::string& armored,
                         const std::string& message, const std::string& ns = "facekeep-approval") {
  dir.write("signers", "wang@site " + ledger::format_ssh_key_line(key) + "\n");
  dir.write("m", message);
  dir.write("m.sig", armored);
  const std::string at = dir.path().string();
  const std::string command = "ssh-keygen -Y verify -f " + at + "/signers -I wang@site -n " + ns + " -s " + at +
                              "/m.sig <" + at + "/m >/dev/null 2>&1";
  return std::system(command.c_str()) == 0;
}

}  // namespace

TEST_CASE("ssh-keygen verifies what make_sshsig signs") {
  if (!have_ssh_keygen()) return;
  const Scratch dir;
  for (const bool ec : {false, true}) {
    for (int i = 0; i < 8; ++i) {  // ECDSA integers of several lengths
      const Key key = new_key(ec);
      const SshPublicKey public_key = *ledger::ssh_key_from_evp(key.get());
      const auto blob = make_sshsig(key.get(), ledger::kApprovalNamespace, as_bytes(kMessage));
      REQUIRE(blob);
      const std::string armored = ledger::armor_sshsig(*blob);
      CHECK(ssh_keygen_verifies(dir, public_key, armored, kMessage));
      CHECK_FALSE(ssh_keygen_verifies(dir, public_key, armored, kMessage + " "));
      CHECK_FALSE(ssh_keygen_verifies(dir, public_key, armored, kMessage, "git"));
      CHECK(verify_sshsig(*ledger::parse_sshsig(*blob), public_key, ledger::kApprovalNamespace, as_bytes(kMessage)));
    }
  }
}

TEST_CASE("what ssh-keygen signs verifies") {
  if (!have_ssh_keygen()) return;
  for (const std::string type : {"ed25519", "ecdsa -b 256"}) {
    const Scratch dir;
    const std::string at = dir.path().string();
    dir.write("m", kMessage);
    REQUIRE(std::system(("ssh-keygen -q -t " + type + " -N '' -C wang -f " + at + "/k").c_str()) == 0);
    REQUIRE(std::system(
                ("ssh-keygen -q -Y sign -f " + at + "/k -n facekeep-ceremony " + at + "/m >/dev/null 2>&1").c_str()) ==
            0);
    const auto line = ledger::parse_public_key_line(dir.read("k.pub"));
    const auto signature = ledger::parse_armored_sshsig(dir.read("m.sig"));
    REQUIRE(line);
    REQUIRE(signature);
    CHECK(line->comment == "wang");
    CHECK(verify_sshsig(*signature, line->key, ledger::kCeremonyNamespace, as_bytes(kMessage)));
  }
}

TEST_CASE("a software security key's signature verifies for ssh-keygen, and here if touched") {
  if (!have_ssh_keygen()) return;
  const Scratch dir;
  for (const bool ec : {false, true}) {
    const Key key = new_key(ec);
    const SshPublicKey plain = *ledger::ssh_key_from_evp(key.get());
    SshPublicKey sk = plain;
    sk.type = ec ? SshKeyType::kSkEcdsaP256 : SshKeyType::kSkEd25519;
    sk.application = "ssh:";
    for (const std::uint8_t flags : {0x01, 0x00}) {
      // As a device does it: sign digests, then flags and counter behind the signature.
      Bytes data = to_bytes(sha256(as_bytes(sk.application)));
      data.push_back(flags);
      append_be32(data, 7);
      const Bytes signed_bytes = ledger::sshsig_signed_bytes(ledger::kApprovalNamespace, as_bytes(kMessage));
      const Digest digest = sha256(signed_bytes);
      data.insert(data.end(), digest.begin(), digest.end());
      const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> ctx(EVP_MD_CTX_new(), EVP_MD_CTX_free);
      Bytes raw(128);
      std::size_t size = raw.size();
      REQUIRE(EVP_DigestSignInit(ctx.get(), nullptr, ec ? EVP_sha256() : nullptr, nullptr, key.get()) == 1);
      REQUIRE(EVP_DigestSign(ctx.get(), raw.data(), &size, data.data(), data.size()) == 1);
      raw.resize(size);
      // The plain key's blob has the same wire form of the signature; put the other type around it.
      const Bytes blob = *assemble_sshsig(plain, ledger::kApprovalNamespace, raw);
      const std::string plain_type(to_string(plain.type));
      Bytes inner_plain;
      append_be32(inner_plain, static_cast<std::uint32_t>(plain_type.size()));
      inner_plain = concat(inner_plain, as_bytes(plain_type));
      const auto at = std::find_end(blob.begin(), blob.end(), inner_plain.begin(), inner_plain.end());
      REQUIRE(at != blob.end());
      const Bytes wire(at + static_cast<std::ptrdiff_t>(inner_plain.size()), blob.end());
      const auto string = [](ByteView b) {
        Bytes out;
        append_be32(out, static_cast<std::uint32_t>(b.size()));
        return concat(out, b);
      };
      Bytes tail = {flags, 0, 0, 0, 7};
      const Bytes inner = concat(string(as_bytes(to_string(sk.type))), wire, tail);
      Bytes version;
      append_be32(version, 1);
      const Bytes sk_blob =
          concat(as_bytes("SSHSIG"), version, string(ledger::ssh_key_blob(sk)),
                 string(as_bytes(ledger::kApprovalNamespace)), string({}), string(as_bytes("sha512")), string(inner));
      const bool ours = static_cast<bool>(
          verify_sshsig(*ledger::parse_sshsig(sk_blob), sk, ledger::kApprovalNamespace, as_bytes(kMessage)));
      CHECK(ours == (flags == 0x01));
      // ssh-keygen leaves the touch to sshd's policy; here it is asked for.
      CHECK(ssh_keygen_verifies(dir, sk, ledger::armor_sshsig(sk_blob), kMessage));
    }
  }
}

TEST_CASE("signing refuses keys and names that the format has no place for") {
  const Key p384{EVP_EC_gen("P-384"), EVP_PKEY_free};
  CHECK(make_sshsig(p384.get(), ledger::kApprovalNamespace, as_bytes(kMessage)).error().code == Errc::kInvalidArgument);
  const Key key = new_key(false);
  CHECK(make_sshsig(key.get(), "", as_bytes(kMessage)).error().code == Errc::kInvalidArgument);
  CHECK(make_sshsig(key.get(), std::string(65, 'n'), as_bytes(kMessage)).error().code == Errc::kInvalidArgument);
  Bytes raw(32);
  std::size_t size = 32;
  REQUIRE(EVP_PKEY_get_raw_public_key(key.get(), raw.data(), &size) == 1);
  const Key half{EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, raw.data(), 32), EVP_PKEY_free};
  CHECK(make_sshsig(half.get(), ledger::kApprovalNamespace, as_bytes(kMessage)).error().code == Errc::kCrypto);
}
