#include "tools/facekeepd/start.h"

#include <fcntl.h>
#include <unistd.h>

#include "api/http/socket.h"
#include "api/routes.h"
#include "hsm/pin.h"
#include "hsm/uri.h"

namespace facekeep::daemon {
namespace {

using http::UniqueFd;

constexpr std::size_t kMiB = 1024 * 1024;

Result<SecretBytes> read_pin_file(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) {
    return make_error(Errc::kIo, "the PIN's file " + path + " can't be opened: " + http::errno_text());
  }
  return hsm::read_pin_from_descriptor(fd.get());
}

}  // namespace

Result<SecretBytes> read_pin(const Config& config, const RunOptions& options) {
  if (options.pin_fd) return hsm::read_pin_from_descriptor(*options.pin_fd);
  if (config.pin_fd) return hsm::read_pin_from_descriptor(static_cast<int>(*config.pin_fd));
  if (!config.pin_credential.empty()) return hsm::read_pin_from_credential(config.pin_credential);
  if (!config.pin_file.empty()) return read_pin_file(config.pin_file);
  return make_error(Errc::kInvalidArgument, "nothing says where the token's PIN comes from",
                    "set token.pin_credential or token.pin_file, or give --pin-fd");
}

Result<SecretBytes> read_spare_pin(const Config& config) {
  if (config.spare_pin_fd) return hsm::read_pin_from_descriptor(static_cast<int>(*config.spare_pin_fd));
  if (!config.spare_pin_credential.empty()) return hsm::read_pin_from_credential(config.spare_pin_credential);
  return read_pin_file(config.spare_pin_file);
}

Result<std::unique_ptr<hsm::TokenCustody>> open_custody(const Config& config, const Id128& vault,
                                                        const ledger::TokenEvidence& token, SecretBytes pin) {
  hsm::OpenOptions options;
  options.module_path = config.token_module;
  options.expected = hsm::ExpectedToken{token.manufacturer, token.serial};
  FK_TRY(auto pool, hsm::open_token(config.token_uri, std::move(pin), options));
  return hsm::TokenCustody::open(std::move(pool), vault);
}

Result<std::shared_ptr<hsm::SessionPool>> open_spare(const Config& config) {
  FK_TRY(SecretBytes pin, read_spare_pin(config));
  hsm::OpenOptions options;
  options.module_path = config.token_module;
  return hsm::open_token(config.spare_uri, std::move(pin), options);
}

Result<ServerIdentity> load_identity(const Config& config, const ledger::Genesis& genesis) {
  ServerIdentity out;
  FK_TRY(out.key, http::load_private_key(config.tls_key_file));
  FK_TRY(const Digest pinned, http::spki_digest(out.key.get()));
  if (pinned != genesis.server_key) {
    return make_error(Errc::kFailedPrecondition,
                      "the server's key " + config.tls_key_file + " is not the one that genesis pins",
                      "put back the key that the ceremony made; clients trust no other");
  }
  if (config.tls_certificate_file.empty()) {
    FK_TRY(out.certificate, http::self_signed(out.key.get(), "facekeep", config.tls_names));
    return out;
  }
  FK_TRY(out.certificate, http::load_cert(config.tls_certificate_file));
  FK_TRY(const Digest certified, http::spki_digest(out.certificate.get()));
  if (certified != pinned) {
    return make_error(Errc::kFailedPrecondition,
                      "the certificate " + config.tls_certificate_file + " is over another key",
                      "have one issued over " + config.tls_key_file);
  }
  return out;
}

Result<std::string> module_of(const Config& config, const std::string& text) {
  FK_TRY(const hsm::TokenUri uri, hsm::parse_token_uri(text));
  return uri.module_path.empty() ? config.token_module : uri.module_path;
}

http::ServerConfig front_config(const Config& c) {
  http::ServerConfig out;
  http::ListenerConfig listener;
  listener.max_connections = static_cast<std::size_t>(c.max_connections);
  listener.max_handshakes = static_cast<std::size_t>(c.max_handshakes);
  listener.max_handshakes_per_address = static_cast<std::size_t>(c.max_handshakes_per_address);
  listener.max_per_peer = static_cast<std::size_t>(c.max_connections_per_key);
  listener.max_body = api::kMaxBulkBody;
  listener.kind = http::ListenerKind::kMain;
  listener.address = c.main_address;
  listener.port = static_cast<std::uint16_t>(c.main_port);
  out.listeners.push_back(listener);
  if (c.public_enabled) {
    listener.kind = http::ListenerKind::kPublic;
    listener.address = c.public_address;
    listener.port = static_cast<std::uint16_t>(c.public_port);
    out.listeners.push_back(listener);
  }
  out.allow_tls12 = c.tls12;
  out.timeouts.handshake = http::Millis(c.handshake_ms);
  out.timeouts.head = http::Millis(c.head_ms);
  out.timeouts.body = http::Millis(c.body_ms);
  out.timeouts.total = http::Millis(c.total_ms);
  out.timeouts.write = http::Millis(c.write_ms);
  out.timeouts.idle = http::Millis(c.idle_ms);
  out.max_buffered = static_cast<std::size_t>(c.max_buffered_mib) * kMiB;
  out.workers = static_cast<unsigned>(c.workers);
  out.queue = static_cast<std::size_t>(c.queue);
  out.public_max_buffered = static_cast<std::size_t>(c.public_buffered_mib) * kMiB;
  out.public_workers = static_cast<unsigned>(c.public_workers);
  out.public_queue = static_cast<std::size_t>(c.public_queue);
  out.limits_for = api::limits_for;
  out.is_reserved = api::is_reserved;
  return out;
}

}  // namespace facekeep::daemon
