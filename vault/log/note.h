// Signed notes: C2SP signed-note v1.0.0, with Ed25519 (type 0x01) and ECDSA P-256 (type 0x02) keys.
//
// A note is text that ends in a newline, an empty line, and one signature line or more:
// "<em dash> <key name> base64(key id, signature)". Its text means nothing until verify_note has
// found a signature of a key that the caller trusts. Pure functions, thread safe.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vault/base/bytes.h"
#include "vault/base/result.h"

namespace facekeep::log {

inline constexpr std::size_t kMaxNoteSize = 256 * 1024;  // bytes of a whole note
inline constexpr std::size_t kMaxNoteSignatures = 64;    // the specification asks for 16 at least
inline constexpr std::size_t kMaxKeyName = 255;          // bytes
inline constexpr std::size_t kMaxVkeySize = 1024;        // characters

// The signature type byte of signed-note. The values are those of facekeep::NoteKeyType.
enum class SignatureType : std::uint8_t { kEd25519 = 0x01, kEcdsaP256 = 0x02 };

// A public key that checks notes. Made by make_verifier_key or parse_vkey only, so always valid.
struct VerifierKey {
  std::string name;
  std::uint32_t id = 0;
  SignatureType type = SignatureType::kEd25519;
  Bytes public_key;  // Ed25519: 32 bytes; P-256: SubjectPublicKeyInfo DER
  friend bool operator==(const VerifierKey&, const VerifierKey&) = default;
};

// kMalformed unless the name is a key name (UTF-8, not empty, no Unicode space, control character
// or plus) and the bytes are a key of that type.
Result<VerifierKey> make_verifier_key(std::string_view name, SignatureType type, ByteView public_key);

// The vkey text: "<name>+<key id in hex>+base64(type byte, public key)". Parsing also refuses an id
// that is not the key's.
std::string format_vkey(const VerifierKey& key);
Result<VerifierKey> parse_vkey(std::string_view text);

struct NoteSignature {
  std::string name;
  std::uint32_t id = 0;
  Bytes signature;  // without the key id; at least 1 byte
};

struct Note {
  std::string text;  // with its final newline
  std::vector<NoteSignature> signatures;
};

// Splits a note. Checks the form only, no signature. kTooLarge over the limits, else kMalformed.
Result<Note> parse_note(std::string_view bytes);

// Positions in `known` of the keys that signed, in order. Signatures of other keys are ignored.
// kCrypto if a known key's signature is wrong, or if no known key signed.
Result<std::vector<std::size_t>> verify_note(const Note& note, std::span<const VerifierKey> known);

// Checks one signature over the note text. kCrypto if it is wrong.
Status verify_signature(const VerifierKey& key, ByteView message, ByteView signature);

// Signs: Ed25519 64 bytes; P-256 ASN.1 DER ECDSA-Sig-Value over SHA-256 (RFC 3279 section 2.2.3).
using Sign = std::function<Result<Bytes>(ByteView message)>;
// The note over `text` (must end in a newline) with one signature, which is checked under `signer`
// before it is returned: a token that signs with another key is noticed here, not by clients.
Result<std::string> format_note(std::string_view text, const VerifierKey& signer, const Sign& sign);

// One signature line, newline included, to append to a note (cosignatures).
std::string format_signature_line(const NoteSignature& signature);

}  // namespace facekeep::log
