// One CMS message, written as its content comes: AuthEnvelopedData (RFC 5083) with AES-256-GCM (RFC 5084), for each
// recipient the content key under RSAES-OAEP with SHA-256 (RFC 8017, RFC 3560) or under ephemeral-static ECDH with
// AES-256 key wrap (RFC 5753). `openssl cms -decrypt -binary -inform DER` opens it.
//
// Constant memory: nothing is kept but what the cipher holds, and what it holds is cleansed. Sealed bytes alone reach
// the sink. Not thread safe; several may run at once.
#pragma once

#include <functional>
#include <memory>
#include <span>

#include "vault/base/bytes.h"
#include "vault/base/result.h"
#include "vault/export/recipient.h"

namespace facekeep::exporter {

// Where sealed bytes go. Called in order, from the thread that writes; its first Error ends the message.
using Sink = std::function<Status(ByteView)>;

struct SealedSize {
  std::uint64_t bytes = 0;
  Digest digest{};  // SHA-256 of them
};

class CmsStream {
 public:
  // The message's head follows with the first bytes. kCrypto if OpenSSL refuses a recipient.
  static Result<CmsStream> open(std::span<const Recipient> recipients, Sink sink);
  ~CmsStream();
  CmsStream(CmsStream&&) noexcept;
  CmsStream& operator=(CmsStream&&) noexcept;

  // The sink's Error, or kCrypto. After an Error the message is worthless, and every later call gives it again.
  Status write(ByteView plain);
  // The authentication tag and the end. Without it the message does not open. kInvalidArgument if nothing was written.
  Result<SealedSize> finish();
  // Bytes that have reached the sink; write() keeps back none of them but a part of a cipher block.
  [[nodiscard]] std::uint64_t size() const;

  // No message is longer than its head, what its content takes, and its tail.
  static std::uint64_t max_sealed_size(std::uint64_t plain);
  static constexpr std::uint64_t kMaxTail = 256;
  // A recipient's part of the head holds the issuer's name from the certificate, and the wrapped key.
  static constexpr std::uint64_t kMaxHead = 256 + kMaxRecipients * (kMaxCertificate + 1024);

 private:
  struct Inner;
  explicit CmsStream(std::unique_ptr<Inner> inner);
  std::unique_ptr<Inner> inner_;
};

}  // namespace facekeep::exporter
