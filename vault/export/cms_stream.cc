#include "vault/export/cms_stream.h"

#include <openssl/rsa.h>

#include <algorithm>
#include <utility>

#include "vault/export/sha256_stream.h"
#include "vault/export/sink_bio.h"

namespace facekeep::exporter {
namespace {

constexpr std::size_t kMaxWrite = std::size_t{64} << 10;  // bytes handed to OpenSSL at a time

// Of the strength of the curve (RFC 5753, section 7).
const EVP_MD* kdf_digest(const Recipient& r) {
  if (r.key == "P-256") return EVP_sha256();
  return r.key == "P-384" ? EVP_sha384() : EVP_sha512();
}

Status add_recipient(CMS_ContentInfo* cms, const Recipient& r) {
  const X509Ptr cert = x509_from_der(r.certificate);
  CMS_RecipientInfo* info = cert == nullptr ? nullptr : CMS_add1_recipient_cert(cms, cert.get(), CMS_KEY_PARAM);
  EVP_PKEY_CTX* ctx = info == nullptr ? nullptr : CMS_RecipientInfo_get0_pkey_ctx(info);
  if (ctx == nullptr) return openssl_failed("OpenSSL refused the recipient " + to_hex(r.spki));
  const bool rsa = r.key.starts_with("RSA-");
  // RSA's default is PKCS #1 v1.5, the KDF's SHA-1.
  const bool ok = rsa ? EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) > 0 &&
                            EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha256()) > 0 &&
                            EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha256()) > 0
                      : EVP_PKEY_CTX_set_ecdh_kdf_md(ctx, kdf_digest(r)) > 0;
  if (!ok) return openssl_failed("OpenSSL refused the parameters of the recipient " + to_hex(r.spki));
  return {};
}

}  // namespace

struct CmsStream::Inner {
  Sink sink;
  Sha256Stream hash;
  SinkEnd end{[this](ByteView sealed) { return take(sealed); }, 0, std::nullopt};
  CmsPtr cms;
  BIO* chain = nullptr;  // OpenSSL's filters, down to `out`
  BioPtr out;

  ~Inner() { free_chain(); }
  Inner() = default;
  Inner(const Inner&) = delete;
  Inner& operator=(const Inner&) = delete;
  void free_chain() {
    while (chain != nullptr && chain != out.get()) {
      BIO* next = BIO_pop(chain);
      BIO_free(chain);
      chain = next;
    }
    chain = nullptr;
  }
  Status take(ByteView sealed) {
    hash.add(sealed);
    return sink(sealed);
  }
  Error failed() {
    if (!end.error) end.error = openssl_failed("a part of the export could not be sealed");
    return *end.error;
  }
};

CmsStream::CmsStream(std::unique_ptr<Inner> inner) : inner_(std::move(inner)) {}
CmsStream::~CmsStream() = default;
CmsStream::CmsStream(CmsStream&&) noexcept = default;
CmsStream& CmsStream::operator=(CmsStream&&) noexcept = default;

Result<CmsStream> CmsStream::open(std::span<const Recipient> recipients, Sink sink) {
  auto in = std::make_unique<Inner>();
  in->sink = std::move(sink);
  constexpr unsigned kFlags = CMS_STREAM | CMS_PARTIAL | CMS_BINARY;
  in->cms.reset(CMS_encrypt(nullptr, nullptr, EVP_aes_256_gcm(), kFlags));
  if (in->cms == nullptr) return openssl_failed("OpenSSL can't write CMS with AES-256-GCM");
  for (const Recipient& r : recipients) FK_CHECK(add_recipient(in->cms.get(), r));
  in->out = make_sink_bio(in->end);
  if (in->out == nullptr) return in->failed();
  in->chain = BIO_new_CMS(in->out.get(), in->cms.get());
  if (in->chain == nullptr) return in->failed();
  return CmsStream(std::move(in));
}

Status CmsStream::write(ByteView plain) {
  if (inner_->end.error) return *inner_->end.error;
  while (!plain.empty()) {
    const ByteView now = plain.first(std::min(plain.size(), kMaxWrite));
    std::size_t written = 0;
    if (BIO_write_ex(inner_->chain, now.data(), now.size(), &written) != 1 || written != now.size()) {
      return inner_->failed();
    }
    if (inner_->end.error) return *inner_->end.error;
    plain = plain.subspan(now.size());
  }
  return {};
}

Result<SealedSize> CmsStream::finish() {
  if (inner_->end.error) return *inner_->end.error;
  if (inner_->end.bytes == 0) return make_error(Errc::kInvalidArgument, "a part of an export is not empty");
  if (BIO_flush(inner_->chain) <= 0 || inner_->end.error) return inner_->failed();
  inner_->free_chain();
  const SealedSize out{inner_->end.bytes, inner_->hash.finish()};
  inner_->end.error = make_error(Errc::kInternal, "the part is finished");
  return out;
}

std::uint64_t CmsStream::size() const {
  return inner_->end.bytes;
}

// OpenSSL writes an OCTET STRING, with a head of up to six bytes, for every 4 kB or less of a write.
std::uint64_t CmsStream::max_sealed_size(std::uint64_t plain) {
  return plain + (plain / 2048 + 4) * 6;
}

}  // namespace facekeep::exporter
