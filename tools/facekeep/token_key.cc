#include "tools/facekeep/token_key.h"

#include "hsm/log_key.h"
#include "hsm/pin.h"
#include "hsm/token_custody.h"
#include "hsm/uri.h"
#include "tools/common/say.h"
#include "tools/common/sshsig_sign.h"

namespace facekeep::tools {

Result<std::string> sign_with_token(const TokenKey& key, std::string_view ns, std::string_view message) {
  FK_TRY(const hsm::KeyUri uri, hsm::parse_key_uri(key.uri));
  FK_TRY(SecretBytes pin,
         key.pin_fd >= 0 ? hsm::read_pin_from_descriptor(key.pin_fd) : hsm::read_pin_from_terminal("PIN: "));
  hsm::OpenOptions options;
  options.module_path = key.module;
  options.pool.max_sessions = 1;
  FK_TRY(const auto pool, hsm::open_token(uri.token, std::move(pin), options));
  const Bytes to_sign = ledger::sshsig_signed_bytes(ns, as_bytes(message));
  hsm::LogKey pair;
  const auto raw = pool->run(hsm::Repeat::kSafe, [&](hsm::Session& session) -> Result<Bytes> {
    FK_TRY(pair, hsm::read_pair(session, uri.label));
    return hsm::sign_message(session, pair, to_sign);
  });
  if (!raw && raw.error().code == Errc::kNotFound) {
    return say_error(Errc::kNotFound, "no-token-key", Msg::kPropTokenKey, Msg::kPropTokenKeyHint);
  }
  if (!raw) return raw.error();
  // Of P-256 a SubjectPublicKeyInfo, which ends with the uncompressed point.
  constexpr std::size_t kPoint = 65;
  ledger::SshPublicKey public_key;
  const ByteView found = pair.public_key;
  if (pair.type == NoteKeyType::kEd25519) {
    public_key.point = to_bytes(found);
  } else {
    public_key.type = ledger::SshKeyType::kEcdsaP256;
    public_key.point = to_bytes(found.last(kPoint));
  }
  FK_TRY(const Bytes blob, assemble_sshsig(public_key, ns, *raw));
  return ledger::armor_sshsig(blob);
}

}  // namespace facekeep::tools
