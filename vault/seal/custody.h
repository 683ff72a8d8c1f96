// Custody: what the vault asks of a hardware security module, and nothing more.
//
// vault/ includes no PKCS#11 type; hsm/ implements this interface (hsm/token_custody.h). No call
// returns a root key, and none can: root keys are generated in the token, sensitive and not
// extractable.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "vault/base/bytes.h"
#include "vault/base/clock.h"
#include "vault/base/result.h"
#include "vault/base/secret_bytes.h"

namespace facekeep {

// How the token signs checkpoints. The values are the signature types of C2SP signed-note.
enum class NoteKeyType : std::uint8_t {
  kEd25519 = 0x01,
  kEcdsaP256 = 0x02,  // where the token has no EdDSA
};

// A key that signs checkpoints, as it is checked: 32 bytes for Ed25519; SubjectPublicKeyInfo DER for P-256.
struct LogPublicKey {
  NoteKeyType type = NoteKeyType::kEd25519;
  Bytes bytes;
  friend bool operator==(const LogPublicKey&, const LogPublicKey&) = default;
};

// The rollback anchor: the newest log position that the token has seen.
struct Anchor {
  std::uint64_t size = 0;  // entries in the log
  Digest root{};           // RFC 6962 root hash at that size
  UnixMillis time = 0;     // when it was written (wall clock)
  friend bool operator==(const Anchor&, const Anchor&) = default;
};

// The spare token, as the vault knows it: its public key alone.
struct SpareToken {
  std::string pem;     // SubjectPublicKeyInfo
  Digest fingerprint;  // SHA-256 of its DER, as genesis has it
};

// What the token says of a root key that was made in it (PKCS#11 attributes).
struct RootEvidence {
  std::string mechanism;  // "AES-256-GCM", "RSA-3072-OAEP-SHA1"
  bool local = false;
  bool sensitive = false;
  bool always_sensitive = false;
  bool extractable = true;
  bool never_extractable = false;
};

class Custody {
 public:
  virtual ~Custody() = default;

  // All calls are thread safe. Errors: kHsm (the token refused), kHsmGone (the token or its session
  // is away and could not be brought back), kHsmPin (the PIN was refused; never tried again by
  // itself), kCrypto (a blob does not open under this key and context).

  // Encrypts `secret` (at most 64 bytes) under the root key of `epoch`, bound to `context`. The
  // returned blob names the mechanism and carries the IV that the token used (vault/log/FORMAT.md).
  virtual Result<Bytes> wrap(std::uint32_t epoch, ByteView secret, ByteView context) = 0;
  // Opens what wrap() returned. kCrypto if blob, epoch or context are not those of the wrap.
  virtual Result<SecretBytes> unwrap(std::uint32_t epoch, ByteView blob, ByteView context) = 0;

  // Rotation. Makes the root key of `epoch` in the token, durable there when it returns. kAlreadyExists if the token
  // has one of this epoch.
  virtual Result<RootEvidence> make_root(std::uint32_t epoch) = 0;
  // Destroys it, durable: what was wrapped under it opens no more. kNotFound if it is gone already.
  virtual Status destroy_root(std::uint32_t epoch) = 0;
  // Asks the token now whether it has any object of this root key.
  virtual Result<bool> has_root(std::uint32_t epoch) = 0;

  // A blob of `secret` that the spare token alone opens; made in software. kIntegrity if the key is not the one of the
  // fingerprint. Tokens that have no spare refuse.
  virtual Result<Bytes> wrap_to_spare(const SpareToken& /*spare*/, std::uint32_t /*epoch*/, ByteView /*secret*/,
                                      ByteView /*context*/) {
    return make_error(Errc::kHsm, "this custody has no spare token");
  }

  // Opens what wrap_to_spare() returned, in the spare token: for a vault that was recovered from the loss of its main
  // token. kFailedPrecondition without a spare token that is named and open; kCrypto if none of its keys opens it.
  virtual Result<SecretBytes> unwrap_spare(std::uint32_t /*epoch*/, ByteView /*blob*/, ByteView /*context*/) {
    return make_error(Errc::kFailedPrecondition, "this custody has no spare token");
  }

  // The keys that sign checkpoints, and nothing else. One is in force (the log says which); while it hands over to the
  // next there are two. Asks the token; the oldest first. kNotFound if it has none.
  virtual Result<std::vector<LogPublicKey>> log_keys() = 0;
  // Makes a further one, of the kind of those that are there; durable in the token when it returns.
  virtual Result<LogPublicKey> make_log_key() = 0;
  // Destroys one, durable. kNotFound if it is gone already.
  virtual Status destroy_log_key(ByteView public_key) = 0;
  // A signature over `message` by the key with that public half: 64 bytes for Ed25519; ASN.1 DER ECDSA-Sig-Value over
  // SHA-256 for P-256. kIntegrity if the token has no such key.
  virtual Result<Bytes> sign_checkpoint(ByteView public_key, ByteView message) = 0;

  // Restart tickets. Each has a key of its own in the token, which wraps half of it, as wrap() and unwrap() do; its end
  // is the end of the ticket. `number`: TicketMade::number. Errors as those of root keys.
  virtual Status make_ticket_key(std::uint32_t /*number*/) { return no_tickets(); }
  virtual Status destroy_ticket_key(std::uint32_t /*number*/) { return no_tickets(); }
  virtual Result<bool> has_ticket_key(std::uint32_t /*number*/) { return no_tickets(); }
  virtual Result<Bytes> wrap_half(std::uint32_t /*number*/, ByteView /*half*/, ByteView /*context*/) {
    return no_tickets();
  }
  virtual Result<SecretBytes> unwrap_half(std::uint32_t /*number*/, ByteView /*blob*/, ByteView /*context*/) {
    return no_tickets();
  }

  // The anchor: two alternating objects, so that a crash between create and destroy leaves one.
  // read returns the newer valid one; nothing if there is none.
  virtual Result<std::optional<Anchor>> read_anchor() = 0;
  virtual Status write_anchor(const Anchor& anchor) = 0;
  // Takes the anchor back to a smaller log: only where the custodians signed that what was behind it is lost. Without
  // it, whoever has an old copy of the database undoes what came since.
  virtual Status restart_anchor(const Anchor& anchor) = 0;

  // A cheap question that the token must answer, to notice early that it is away.
  virtual Status ping() = 0;

 private:
  static Error no_tickets() { return make_error(Errc::kHsm, "this custody makes no keys for restart tickets"); }
};

}  // namespace facekeep
