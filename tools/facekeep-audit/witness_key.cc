#include "tools/facekeep-audit/witness_key.h"

#include <filesystem>

#include "tools/common/files.h"
#include "tools/common/say.h"

namespace facekeep::tools {
namespace {

constexpr std::size_t kMaxVkeyFile = 1024;
constexpr int kCertificateDays = 3650;  // nobody looks at its dates: the key is pinned

using RawKey = std::array<std::uint8_t, 32>;

Result<RawKey> raw_public_key(const EVP_PKEY* key) {
  RawKey out{};
  std::size_t size = out.size();
  if (EVP_PKEY_get_id(key) != EVP_PKEY_ED25519 || EVP_PKEY_get_raw_public_key(key, out.data(), &size) != 1) {
    return make_error(Errc::kInvalidArgument, "a witness signs with an Ed25519 key",
                      "facekeep-audit witness-key new makes one");
  }
  return out;
}

std::string stem_of(const std::string& path) {
  return path.ends_with(".key") ? path.substr(0, path.size() - 4) : path;
}

Status save_key(const std::string& path, EVP_PKEY* key) {
  FK_TRY(const SecretBytes pem, http::private_key_pem(key));
  return http::save_private_file(path, pem.view());
}

}  // namespace

log::Sign WitnessIdentity::sign() const {
  return [key = signing.get()](ByteView message) -> Result<Bytes> {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> ctx(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    Bytes out(64);
    std::size_t size = out.size();
    if (!ctx || EVP_DigestSignInit(ctx.get(), nullptr, nullptr, nullptr, key) != 1 ||
        EVP_DigestSign(ctx.get(), out.data(), &size, message.data(), message.size()) != 1 || size != out.size()) {
      return make_error(Errc::kCrypto, "the witness's key could not sign: " + http::openssl_error());
    }
    return out;
  };
}

Result<ledger::Witness> WitnessIdentity::at(const std::string& url) const {
  ledger::Witness out{ledger::format_witness_key(key), url, pin};
  FK_CHECK(ledger::check_witnesses({1, ledger::OnMissing::kOpen, {out}}));
  return out;
}

Result<WitnessIdentity> make_witness_identity(const std::string& stem, const std::string& name) {
  for (const char* extension : {".key", ".vkey", ".tls.key", ".tls.crt"}) {
    std::error_code error;
    if (std::filesystem::exists(std::filesystem::symlink_status(stem + extension, error))) {
      return say_error(Errc::kAlreadyExists, "file-exists", Msg::kCliFileExists, Msg::kCliFileExistsHint,
                       {stem + extension});
    }
  }
  WitnessIdentity out;
  FK_TRY(out.signing, http::generate_key(http::KeyType::kEd25519));
  FK_TRY(const RawKey raw, raw_public_key(out.signing.get()));
  FK_TRY(out.key, ledger::make_witness_key(name, raw));
  FK_TRY(out.tls, http::generate_key(http::KeyType::kP256));
  FK_TRY(out.certificate, http::self_signed(out.tls.get(), "facekeep witness", {}, kCertificateDays));
  FK_TRY(out.pin, http::spki_digest(out.tls.get()));
  FK_TRY(const std::string certificate, http::cert_pem(out.certificate.get()));
  FK_CHECK(save_key(stem + ".key", out.signing.get()));
  FK_CHECK(save_key(stem + ".tls.key", out.tls.get()));
  FK_CHECK(save_text(stem + ".tls.crt", certificate));
  FK_CHECK(save_text(stem + ".vkey", ledger::format_witness_key(out.key) + "\n"));
  return out;
}

Result<WitnessIdentity> load_witness_identity(const std::string& path) {
  const std::string stem = stem_of(path);
  WitnessIdentity out;
  FK_TRY(std::string vkey, load_text(stem + ".vkey", kMaxVkeyFile));
  vkey.erase(std::min(vkey.find_first_of("\r\n"), vkey.size()));
  FK_TRY(out.key, ledger::parse_witness_key(vkey));
  FK_TRY(out.signing, http::load_private_key(stem + ".key"));
  FK_TRY(const RawKey raw, raw_public_key(out.signing.get()));
  if (raw != out.key.public_key) {
    return make_error(Errc::kIntegrity, stem + ".vkey is not the verifier key of " + stem + ".key");
  }
  FK_TRY(out.tls, http::load_private_key(stem + ".tls.key"));
  FK_TRY(out.certificate, http::load_cert(stem + ".tls.crt"));
  FK_TRY(out.pin, http::spki_digest(out.tls.get()));
  FK_TRY(const Digest shown, http::spki_digest(out.certificate.get()));
  if (shown != out.pin) {
    return make_error(Errc::kIntegrity, stem + ".tls.crt is not the certificate of " + stem + ".tls.key");
  }
  return out;
}

}  // namespace facekeep::tools
