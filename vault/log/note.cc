#include "vault/log/note.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/x509.h>

#include <algorithm>
#include <memory>

#include "vault/base/digest.h"

namespace facekeep::log {
namespace {

constexpr std::string_view kSignaturePrefix = "\xE2\x80\x94 ";  // em dash, space
constexpr std::size_t kKeyIdSize = 4;
constexpr std::size_t kEd25519KeySize = 32;
constexpr std::size_t kMaxPublicKeySize = 512;

struct PkeyFree {
  void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
};
using Pkey = std::unique_ptr<EVP_PKEY, PkeyFree>;
struct MdCtxFree {
  void operator()(EVP_MD_CTX* p) const { EVP_MD_CTX_free(p); }
};

// Null if the bytes are not a key of the type.
Pkey load_key(SignatureType type, ByteView key) {
  if (type == SignatureType::kEd25519) {
    if (key.size() != kEd25519KeySize) return nullptr;
    return Pkey(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.data(), key.size()));
  }
  if (type != SignatureType::kEcdsaP256 || key.size() > kMaxPublicKeySize) return nullptr;
  const unsigned char* at = key.data();
  Pkey pkey(d2i_PUBKEY(nullptr, &at, static_cast<long>(key.size())));
  if (!pkey || at != key.data() + key.size() || EVP_PKEY_get_base_id(pkey.get()) != EVP_PKEY_EC) return nullptr;
  char group[64];
  std::size_t length = 0;
  if (EVP_PKEY_get_group_name(pkey.get(), group, sizeof group, &length) != 1) return nullptr;
  if (std::string_view(group, length) != SN_X9_62_prime256v1) return nullptr;
  return pkey;
}

std::uint32_t key_id(std::string_view name, SignatureType type, ByteView key) {
  // P-256 ids hash the key alone: signed-note, "Signature types", 0x02.
  if (type == SignatureType::kEcdsaP256) return load_be32(sha256(key).data());
  const std::uint8_t separator[] = {'\n', static_cast<std::uint8_t>(type)};
  return load_be32(sha256({as_bytes(name), separator, key}).data());
}

// The code points with the Unicode property White_Space, beyond ASCII.
constexpr std::string_view kWideSpaces[] = {
    "\xC2\x85",     "\xC2\xA0",     "\xE1\x9A\x80", "\xE2\x80\x80", "\xE2\x80\x81", "\xE2\x80\x82", "\xE2\x80\x83",
    "\xE2\x80\x84", "\xE2\x80\x85", "\xE2\x80\x86", "\xE2\x80\x87", "\xE2\x80\x88", "\xE2\x80\x89", "\xE2\x80\x8A",
    "\xE2\x80\xA8", "\xE2\x80\xA9", "\xE2\x80\xAF", "\xE2\x81\x9F", "\xE3\x80\x80"};

bool is_key_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxKeyName || !is_valid_utf8(name)) return false;
  if (std::any_of(name.begin(), name.end(), [](char c) { return (c >= 0 && c <= ' ') || c == '\x7f' || c == '+'; })) {
    return false;
  }
  return std::none_of(std::begin(kWideSpaces), std::end(kWideSpaces),
                      [&](std::string_view s) { return name.find(s) != std::string_view::npos; });
}

// What a note may consist of: UTF-8 without control characters but newline.
bool is_note_text(std::string_view text) {
  return is_valid_utf8(text) &&
         std::none_of(text.begin(), text.end(), [](char c) { return c >= 0 && c < ' ' && c != '\n'; });
}

Error malformed(const char* what) {
  return make_error(Errc::kMalformed, what, "a signed note is text, an empty line, and signature lines");
}

Result<NoteSignature> parse_signature_line(std::string_view line) {
  if (!line.starts_with(kSignaturePrefix)) return malformed("a line behind the text of the note is no signature");
  line.remove_prefix(kSignaturePrefix.size());
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos || !is_key_name(line.substr(0, space))) {
    return malformed("a signature line of the note has no valid key name");
  }
  FK_TRY(const Bytes bytes, from_base64(line.substr(space + 1)));
  if (bytes.size() <= kKeyIdSize) return malformed("a signature of the note is too short");
  return NoteSignature{std::string(line.substr(0, space)), load_be32(bytes.data()),
                       Bytes(bytes.begin() + kKeyIdSize, bytes.end())};
}

}  // namespace

Result<VerifierKey> make_verifier_key(std::string_view name, SignatureType type, ByteView public_key) {
  if (!is_key_name(name)) {
    return make_error(Errc::kMalformed, "not a key name",
                      "a key name is 1 to 255 bytes of UTF-8 without spaces, control characters and plus");
  }
  if (!load_key(type, public_key)) {
    return make_error(Errc::kMalformed, "not a public key of its type",
                      "facekeep reads Ed25519 keys (32 bytes) and P-256 keys (SubjectPublicKeyInfo DER)");
  }
  return VerifierKey{std::string(name), key_id(name, type, public_key), type, to_bytes(public_key)};
}

std::string format_vkey(const VerifierKey& key) {
  Bytes id;
  append_be32(id, key.id);
  const std::uint8_t type[] = {static_cast<std::uint8_t>(key.type)};
  return key.name + "+" + to_hex(id) + "+" + to_base64(concat(ByteView(type), key.public_key));
}

Result<VerifierKey> parse_vkey(std::string_view text) {
  if (text.size() > kMaxVkeySize) return make_error(Errc::kTooLarge, "the verifier key is over 1024 characters");
  const Error bad = make_error(Errc::kMalformed, "not a verifier key", "a verifier key is name+id+base64");
  const std::size_t first = text.find('+');
  if (first == std::string_view::npos) return bad;
  const std::size_t second = text.find('+', first + 1);
  if (second == std::string_view::npos) return bad;
  FK_TRY(const auto id, from_hex_exact<kKeyIdSize>(text.substr(first + 1, second - first - 1)));
  FK_TRY(const Bytes bytes, from_base64(text.substr(second + 1)));
  if (bytes.empty()) return bad;
  FK_TRY(VerifierKey key,
         make_verifier_key(text.substr(0, first), static_cast<SignatureType>(bytes[0]), ByteView(bytes).subspan(1)));
  if (key.id != load_be32(id.data())) {
    return make_error(Errc::kMalformed, "the id in the verifier key is not that of its key",
                      "the text was altered or mistyped: get it again from where it was published");
  }
  return key;
}

Result<Note> parse_note(std::string_view bytes) {
  if (bytes.size() > kMaxNoteSize) return make_error(Errc::kTooLarge, "the note is over 256 KiB");
  if (!is_note_text(bytes)) return malformed("the note is not UTF-8 without control characters");
  const std::size_t end = bytes.rfind("\n\n");
  if (end == std::string_view::npos) return malformed("the note has no empty line before its signatures");
  Note note{std::string(bytes.substr(0, end + 1)), {}};
  std::string_view rest = bytes.substr(end + 2);
  if (!rest.ends_with('\n')) return malformed("the note does not end with a signature line");
  while (!rest.empty()) {
    const std::size_t newline = rest.find('\n');
    if (note.signatures.size() == kMaxNoteSignatures) {
      return make_error(Errc::kTooLarge, "the note has more than 64 signatures");
    }
    FK_TRY(NoteSignature signature, parse_signature_line(rest.substr(0, newline)));
    note.signatures.push_back(std::move(signature));
    rest.remove_prefix(newline + 1);
  }
  return note;
}

Status verify_signature(const VerifierKey& key, ByteView message, ByteView signature) {
  const Pkey pkey = load_key(key.type, key.public_key);
  const std::unique_ptr<EVP_MD_CTX, MdCtxFree> ctx(EVP_MD_CTX_new());
  const EVP_MD* md = key.type == SignatureType::kEcdsaP256 ? EVP_sha256() : nullptr;  // Ed25519 has its own
  if (!pkey || !ctx || EVP_DigestVerifyInit(ctx.get(), nullptr, md, nullptr, pkey.get()) != 1 ||
      EVP_DigestVerify(ctx.get(), signature.data(), signature.size(), message.data(), message.size()) != 1) {
    return make_error(Errc::kCrypto, "the signature of " + key.name + " is wrong",
                      "the text was altered, or another key of that name signed it");
  }
  return {};
}

Result<std::vector<std::size_t>> verify_note(const Note& note, std::span<const VerifierKey> known) {
  std::vector<std::size_t> signers;
  for (std::size_t i = 0; i < known.size(); ++i) {
    bool signed_by = false;
    for (const NoteSignature& s : note.signatures) {
      if (s.name != known[i].name || s.id != known[i].id) continue;
      FK_CHECK(verify_signature(known[i], as_bytes(note.text), s.signature));
      signed_by = true;
    }
    if (signed_by) signers.push_back(i);
  }
  if (signers.empty()) {
    return make_error(Errc::kCrypto, "no known key signed the note",
                      "compare the verifier key with the one that the vault published");
  }
  return signers;
}

Result<std::string> format_note(std::string_view text, const VerifierKey& signer, const Sign& sign) {
  if (!text.ends_with('\n') || !is_note_text(text)) {
    return make_error(Errc::kInvalidArgument, "the text of a note is UTF-8 lines, each ended by a newline");
  }
  FK_TRY(Bytes signature, sign(as_bytes(text)));
  FK_CHECK(verify_signature(signer, as_bytes(text), signature));
  std::string note =
      std::string(text) + "\n" + format_signature_line(NoteSignature{signer.name, signer.id, std::move(signature)});
  if (note.size() > kMaxNoteSize) return make_error(Errc::kTooLarge, "the note is over 256 KiB");
  return note;
}

std::string format_signature_line(const NoteSignature& signature) {
  Bytes bytes;
  append_be32(bytes, signature.id);
  bytes.insert(bytes.end(), signature.signature.begin(), signature.signature.end());
  return std::string(kSignaturePrefix) + signature.name + " " + to_base64(bytes) + "\n";
}

}  // namespace facekeep::log
