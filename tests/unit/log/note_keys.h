// Keys that sign notes in tests. The log's own key lives in a token.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <stdexcept>
#include <string>

#include "vault/base/bytes.h"
#include "vault/log/note.h"

namespace facekeep::log_test {

using Pkey = std::shared_ptr<EVP_PKEY>;

inline Pkey new_ec_key(const char* curve) {
  return Pkey(EVP_EC_gen(curve), EVP_PKEY_free);
}

inline Bytes spki(const Pkey& key) {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key.get(), &der);
  if (size <= 0) throw std::runtime_error("i2d_PUBKEY");
  const Bytes out(der, der + size);
  OPENSSL_free(der);
  return out;
}

struct TestSigner {
  Pkey pkey;
  log::VerifierKey key;

  static TestSigner ed25519(const std::string& name) {
    Pkey pkey(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), EVP_PKEY_free);
    Bytes raw(32);
    std::size_t size = raw.size();
    if (EVP_PKEY_get_raw_public_key(pkey.get(), raw.data(), &size) != 1) throw std::runtime_error("raw public key");
    return {pkey, log::make_verifier_key(name, log::SignatureType::kEd25519, raw).value()};
  }
  static TestSigner p256(const std::string& name) {
    Pkey pkey = new_ec_key("P-256");
    return {pkey, log::make_verifier_key(name, log::SignatureType::kEcdsaP256, spki(pkey)).value()};
  }

  log::Sign sign() const {
    return [pkey = pkey, type = key.type](ByteView message) -> Result<Bytes> {
      const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> ctx(EVP_MD_CTX_new(), EVP_MD_CTX_free);
      const EVP_MD* md = type == log::SignatureType::kEcdsaP256 ? EVP_sha256() : nullptr;
      Bytes out(256);
      std::size_t size = out.size();
      if (EVP_DigestSignInit(ctx.get(), nullptr, md, nullptr, pkey.get()) != 1 ||
          EVP_DigestSign(ctx.get(), out.data(), &size, message.data(), message.size()) != 1) {
        return make_error(Errc::kCrypto, "signing failed");
      }
      out.resize(size);
      return out;
    };
  }
};

}  // namespace facekeep::log_test
