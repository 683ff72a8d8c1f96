// Owners of the OpenSSL objects that this folder uses, and OpenSSL's own word on what failed.
#pragma once

#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

#include "vault/base/bytes.h"
#include "vault/base/result.h"

namespace facekeep::exporter {

template <auto Free>
struct OpensslFree {
  template <class T>
  void operator()(T* p) const noexcept {
    Free(p);
  }
};
using X509Ptr = std::unique_ptr<X509, OpensslFree<X509_free>>;
using PkeyPtr = std::unique_ptr<EVP_PKEY, OpensslFree<EVP_PKEY_free>>;
using PkeyCtxPtr = std::unique_ptr<EVP_PKEY_CTX, OpensslFree<EVP_PKEY_CTX_free>>;
using CmsPtr = std::unique_ptr<CMS_ContentInfo, OpensslFree<CMS_ContentInfo_free>>;
using BioPtr = std::unique_ptr<BIO, OpensslFree<BIO_free_all>>;

// Empties this thread's queue of OpenSSL errors; what failed, and why as far as OpenSSL says.
inline Error openssl_failed(const std::string& what) {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  Error e = make_error(Errc::kCrypto, what + (reason == nullptr ? "" : std::string(": ") + reason));
  ERR_clear_error();
  return e;
}

// The certificate of these bytes, all of them; nullptr if they are none.
inline X509Ptr x509_from_der(ByteView der) {
  const unsigned char* at = der.data();
  X509Ptr cert(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  if (cert != nullptr && at != der.data() + der.size()) cert.reset();
  return cert;
}

}  // namespace facekeep::exporter
