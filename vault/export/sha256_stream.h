// SHA-256 of what comes in pieces, for parts that are larger than memory should be.
#pragma once

#include <openssl/evp.h>

#include <cstdlib>
#include <memory>

#include "vault/base/bytes.h"

namespace facekeep::exporter {

// Not thread safe. Like vault/base/digest.h, a failure inside OpenSSL ends the process.
class Sha256Stream {
 public:
  Sha256Stream() : ctx_(EVP_MD_CTX_new()) {
    require(ctx_ && EVP_DigestInit_ex(ctx_.get(), EVP_sha256(), nullptr) == 1);
  }
  void add(ByteView bytes) { require(EVP_DigestUpdate(ctx_.get(), bytes.data(), bytes.size()) == 1); }
  // Of all that was added. Nothing may be added behind it.
  Digest finish() {
    Digest out{};
    require(EVP_DigestFinal_ex(ctx_.get(), out.data(), nullptr) == 1);
    return out;
  }

 private:
  static void require(bool ok) {
    if (!ok) std::abort();
  }
  struct Free {
    void operator()(EVP_MD_CTX* p) const noexcept { EVP_MD_CTX_free(p); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> ctx_;
};

}  // namespace facekeep::exporter
