#include "tools/common/sshsig_sign.h"

#include <openssl/ec.h>
#include <openssl/evp.h>

#include <memory>

namespace facekeep::tools {
namespace {

using ledger::SshKeyType;

void append_string(Bytes& out, ByteView bytes) {
  append_be32(out, static_cast<std::uint32_t>(bytes.size()));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

// RFC 4251 mpint of a positive number.
void append_mpint(Bytes& out, const BIGNUM* n) {
  Bytes bytes(static_cast<std::size_t>(BN_num_bytes(n)));
  BN_bn2bin(n, bytes.data());
  if (!bytes.empty() && (bytes[0] & 0x80) != 0) bytes.insert(bytes.begin(), 0x00);
  append_string(out, bytes);
}

Result<Bytes> wire_from_der(ByteView der) {
  const unsigned char* p = der.data();
  const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> sig(
      d2i_ECDSA_SIG(nullptr, &p, static_cast<long>(der.size())), ECDSA_SIG_free);
  if (!sig || p != der.data() + der.size()) {
    return make_error(Errc::kMalformed, "the ECDSA signature is not a DER ECDSA-Sig-Value");
  }
  Bytes out;
  append_mpint(out, ECDSA_SIG_get0_r(sig.get()));
  append_mpint(out, ECDSA_SIG_get0_s(sig.get()));
  return out;
}

Result<Bytes> sign_raw(EVP_PKEY* key, SshKeyType type, ByteView data) {
  const EVP_MD* md = type == SshKeyType::kEcdsaP256 ? EVP_sha256() : nullptr;
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> ctx(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  std::size_t size = 0;
  if (!ctx || EVP_DigestSignInit(ctx.get(), nullptr, md, nullptr, key) != 1 ||
      EVP_DigestSign(ctx.get(), nullptr, &size, data.data(), data.size()) != 1) {
    return make_error(Errc::kCrypto, "the key could not sign", "is it a private key?");
  }
  Bytes out(size);
  if (EVP_DigestSign(ctx.get(), out.data(), &size, data.data(), data.size()) != 1) {
    return make_error(Errc::kCrypto, "the key could not sign", "is it a private key?");
  }
  out.resize(size);
  return out;
}

}  // namespace

Result<Bytes> assemble_sshsig(const ledger::SshPublicKey& key, std::string_view ns, ByteView raw) {
  if (ledger::is_security_key(key.type)) {
    return make_error(Errc::kInvalidArgument, "a security key signs through ssh-keygen alone",
                      "ssh-keygen -Y sign -f KEY -n " + std::string(ns) + " FILE");
  }
  if (ns.empty() || ns.size() > ledger::kMaxSshSigNamespaceSize) {
    return make_error(Errc::kInvalidArgument, "the namespace is not 1 to 64 characters");
  }
  Bytes signature = to_bytes(raw);
  if (key.type == SshKeyType::kEcdsaP256) {
    FK_TRY(signature, wire_from_der(raw));
  } else if (raw.size() != 64) {
    return make_error(Errc::kMalformed, "the Ed25519 signature is not 64 bytes");
  }
  Bytes inner;
  append_string(inner, as_bytes(to_string(key.type)));
  append_string(inner, signature);
  Bytes out = to_bytes(std::string_view("SSHSIG"));
  append_be32(out, 1);
  append_string(out, ledger::ssh_key_blob(key));
  append_string(out, as_bytes(ns));
  append_string(out, {});
  append_string(out, as_bytes("sha512"));
  append_string(out, inner);
  return out;
}

Result<Bytes> make_sshsig(EVP_PKEY* key, std::string_view ns, ByteView message) {
  FK_TRY(const ledger::SshPublicKey public_key, ledger::ssh_key_from_evp(key));
  FK_TRY(const Bytes raw, sign_raw(key, public_key.type, ledger::sshsig_signed_bytes(ns, message)));
  return assemble_sshsig(public_key, ns, raw);
}

}  // namespace facekeep::tools
