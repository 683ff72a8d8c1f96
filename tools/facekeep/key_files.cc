#include "tools/facekeep/key_files.h"

#include <filesystem>

#include "tools/facekeep/context.h"
#include "vault/base/digest.h"
#include "vault/ledger/sshsig.h"

namespace facekeep::tools {
namespace {

Result<KeyFacts> facts_of(const EVP_PKEY* key) {
  KeyFacts out;
  FK_TRY(out.spki, http::spki_digest(key));
  if (const auto ssh = ledger::ssh_key_from_evp(key)) {
    out.ssh_fingerprint = ledger::ssh_fingerprint(*ssh);
    out.ssh_line = ledger::format_ssh_key_line(*ssh);
  }
  return out;
}

// The first bytes tell the kind; a private key's own bytes are left to load_private_key.
Result<std::string> head_of(const std::string& path) {
  FK_TRY(std::string text, load_text(path));
  const std::string head = text.substr(0, 48);
  cleanse(text);
  return head;
}

}  // namespace

Status check_new_key_files(const std::string& stem) {
  for (const char* extension : {".key", ".crt", ".pub"}) {
    std::error_code error;
    if (std::filesystem::exists(std::filesystem::symlink_status(stem + extension, error))) {
      return say_error(Errc::kAlreadyExists, "file-exists", Msg::kCliFileExists, Msg::kCliFileExistsHint,
                       {stem + extension});
    }
  }
  return {};
}

Result<KeyFacts> write_new_key(const std::string& stem, http::KeyType type, const std::string& name,
                               const SecretBytes* passphrase) {
  FK_CHECK(check_new_key_files(stem));
  FK_TRY(const http::KeyPtr key, http::generate_key(type));
  FK_TRY(const http::CertPtr cert, http::self_signed(key.get(), name));
  FK_TRY(const std::string certificate, http::cert_pem(cert.get()));
  FK_TRY(const ledger::SshPublicKey ssh, ledger::ssh_key_from_evp(key.get()));
  FK_TRY(const SecretBytes pem,
         passphrase != nullptr ? http::private_key_pem(key.get(), *passphrase) : http::private_key_pem(key.get()));
  FK_CHECK(http::save_private_file(stem + ".key", pem.view()));
  FK_CHECK(save_text(stem + ".crt", certificate));
  FK_CHECK(save_text(stem + ".pub", ledger::format_ssh_key_line(ssh, name) + "\n"));
  return facts_of(key.get());
}

Result<http::KeyPtr> load_key(const std::string& path, const http::PassphraseSource& passphrase) {
  bool asked = false;
  auto key = http::load_private_key(path, [&]() -> Result<SecretBytes> {
    asked = true;
    return passphrase();
  });
  if (key || !asked || key.error().code != Errc::kCrypto) return key;
  return say_error(Errc::kInvalidArgument, "wrong-passphrase", Msg::kCliWrongPassphrase, Msg::kCliWrongPassphraseHint,
                   {path});
}

Result<KeyFacts> read_key_facts(const std::string& path, const http::PassphraseSource& passphrase) {
  FK_TRY(const std::string head, head_of(path));
  if (head.starts_with("-----BEGIN CERTIFICATE")) {
    FK_TRY(const http::CertPtr cert, http::load_cert(path));
    return facts_of(X509_get0_pubkey(cert.get()));
  }
  if (head.starts_with("-----BEGIN")) {
    FK_TRY(const http::KeyPtr key, load_key(path, passphrase));
    return facts_of(key.get());
  }
  FK_TRY(const std::string text, load_text(path, ledger::kMaxSshKeyLine + 2));
  const auto line = ledger::parse_public_key_line(text.substr(0, text.find_first_of("\r\n")));
  if (!line) return say_error(Errc::kMalformed, "no-key-file", Msg::kCliNoKeyFile, Msg::kCliNoKeyFileHint, {path});
  FK_TRY(const Bytes spki, ledger::ssh_key_spki(line->key));
  return KeyFacts{sha256(spki), ledger::ssh_fingerprint(line->key), ledger::format_ssh_key_line(line->key)};
}

}  // namespace facekeep::tools
