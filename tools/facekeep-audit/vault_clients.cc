#include "tools/facekeep-audit/vault_clients.h"

#include <filesystem>

#include "api/http/cert.h"
#include "tools/common/say.h"
#include "tools/common/terminal.h"
#include "vault/ledger/event.h"

namespace facekeep::tools {
namespace {

Result<std::vector<Digest>> pins_of(const std::string& server_key) {
  if (server_key.empty()) return std::vector<Digest>();
  FK_TRY(const Digest pin, from_hex_exact<32>(server_key));
  return std::vector<Digest>{pin};
}

// The server's key that the log's own first entry names.

}  // namespace

Result<ledger::Genesis> genesis_of(const Mirror& mirror, std::uint64_t size) {
  FK_TRY(const Bytes bundle, mirror.read(format_path(log::BundleId{0, log::tile_width_at(size, 0, 0)})));
  FK_TRY(const auto entries, log::decode_bundle(bundle, log::tile_width_at(size, 0, 0)));
  FK_TRY(ledger::Event event, ledger::decode_event(as_chars(entries.front())));
  auto* genesis = std::get_if<ledger::Genesis>(&event.body);
  if (genesis == nullptr) return make_error(Errc::kIntegrity, "the log does not begin with a genesis");
  return std::move(*genesis);
}

void add_client_options(CLI::App& command, Frame& frame, ClientOptions& o) {
  command.add_option("--url", o.url, frame.text(Msg::kAuditHelpUrl))->required();
  command.add_option("--api", o.api, frame.text(Msg::kAuditHelpApi));
  command.add_option("--key", o.key, frame.text(Msg::kAuditHelpKey));
  command.add_option("--cert", o.cert, frame.text(Msg::kAuditHelpCert));
  command.add_option("--passphrase-fd", o.passphrase_fd, frame.text(Msg::kAuditHelpPassphraseFd));
  command.add_option("--server-key", o.server_key, frame.text(Msg::kAuditHelpServerKey));
  command.add_option("--rate", o.rate, frame.text(Msg::kAuditHelpRate))->check(CLI::Range(1, 100000));
}

Result<PoliteClient> public_client(const ClientOptions& o) {
  http::ClientConfig config;
  config.url = o.url;
  FK_TRY(config.pins, pins_of(o.server_key));
  // The log proves itself: what another server gives is found out by its signature.
  config.any_server = config.pins.empty();
  config.max_response = kMaxServedFile;
  FK_TRY(http::Client client, http::Client::create(config));
  return PoliteClient(std::move(client), o.rate, o.tries);
}

Result<PoliteClient> auditors_client(Frame& frame, const ClientOptions& o, const Mirror& mirror, std::uint64_t size) {
  if (o.key.empty()) {
    return say_error(Errc::kInvalidArgument, "no-key", Msg::kAuditNeedsKey, Msg::kAuditNeedsKeyHint);
  }
  const auto passphrase = [&]() -> Result<SecretBytes> {
    if (o.passphrase_fd >= 0) return read_secret_fd(o.passphrase_fd);
    FK_TRY(const auto person, open_terminal());
    return person->read_secret(frame.text(Msg::kCliPassphraseFor, {o.key}) + " ");
  };
  const std::string cert_path =
      o.cert.empty() ? std::filesystem::path(o.key).replace_extension(".crt").string() : o.cert;
  FK_TRY(const http::CertPtr cert, http::load_cert(cert_path));
  FK_TRY(const http::KeyPtr key, http::load_private_key(o.key, passphrase));
  http::ClientConfig config;
  config.url = o.api;
  config.certificate = cert.get();
  config.key = key.get();
  FK_TRY(config.pins, pins_of(o.server_key));
  if (config.pins.empty()) {
    FK_TRY(const ledger::Genesis genesis, genesis_of(mirror, size));
    config.pins.push_back(genesis.server_key);
  }
  config.max_response = kMaxServedFile;
  FK_TRY(http::Client client, http::Client::create(config));
  return PoliteClient(std::move(client), o.rate, o.tries);
}

}  // namespace facekeep::tools
