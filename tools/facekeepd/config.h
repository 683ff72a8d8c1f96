// The daemon's configuration file (TOML). It holds only what can't widen anything: paths, addresses,
// sizes and times. Who may do what is in the log; the file's digest is in every start event.
//
// Every key is documented in deploy/facekeepd.toml.example, which the tests read. An unknown key is refused
// by its name. Nothing secret is ever in the file: it says where the PIN comes from, never what it is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vault/base/bytes.h"

namespace facekeep::daemon {

struct Config {
  std::string data_dir;  // absolute; db/, keys/ and tls/ are in it

  std::string token_uri;     // RFC 7512
  std::string token_module;  // where the URI has no module-path
  // Where the PIN comes from: exactly one, unless --pin-fd says otherwise.
  std::optional<std::int64_t> pin_fd;
  std::string pin_credential;
  std::string pin_file;
  // The spare token, while a recovery's new cards are due; empty: there is none. One place for its PIN.
  std::string spare_uri;
  std::optional<std::int64_t> spare_pin_fd;
  std::string spare_pin_credential;
  std::string spare_pin_file;

  std::string main_address = "127.0.0.1";
  std::int64_t main_port = 8443;
  bool public_enabled = true;
  std::string public_address = "127.0.0.1";
  std::int64_t public_port = 8444;
  bool allow_public_bind = false;

  std::string tls_key_file;          // default: data_dir/tls/server.key
  std::string tls_certificate_file;  // default: self-signed at every start
  std::vector<std::string> tls_names;
  bool tls12 = false;

  std::int64_t max_connections = 4096;
  std::int64_t max_handshakes = 1024;
  std::int64_t max_handshakes_per_address = 256;
  std::int64_t max_connections_per_key = 256;
  std::int64_t max_buffered_mib = 256;
  std::int64_t workers = 64;
  std::int64_t queue = 1024;
  std::int64_t public_buffered_mib = 32;
  std::int64_t public_workers = 4;
  std::int64_t public_queue = 256;

  std::int64_t handshake_ms = 5'000;
  std::int64_t head_ms = 5'000;
  std::int64_t body_ms = 20'000;
  std::int64_t total_ms = 30'000;
  std::int64_t write_ms = 30'000;
  std::int64_t idle_ms = 600'000;
  std::int64_t unseal_ms = 15LL * 60 * 1000;

  std::int64_t checkpoint_ms = 1'000;
  std::int64_t anchor_ms = 60'000;

  std::int64_t max_clock_jump_hours = 6;
  std::int64_t witness_interval_ms = 10'000;
  std::int64_t witness_max_age_ms = 600'000;

  // Where what custodians do is told (notices.h); empty: nowhere.
  std::string webhook_url;
  std::string webhook_server;  // SHA-256 of its server's SubjectPublicKeyInfo, hexadecimal; for https
  std::string webhook_key_credential;
  std::string webhook_key_file;

  bool allow_unlocked_memory = false;
  std::int64_t template_memory_mib = 64;

  std::string backup_dir;  // where backups are written; empty: they are refused

  std::string user;  // empty: stay what we are

  std::string log_level = "info";
  std::string log_format = "text";
  std::string metrics_listener = "none";

  Digest digest{};  // SHA-256 of the file's bytes
};

// Reads and checks the whole text. kMalformed (not TOML, with line and column), kInvalidArgument (a key's name, and
// what is wrong with it). Pure; `source` names the text in errors.
Result<Config> parse_config(std::string_view text, const std::string& source);
Result<Config> load_config(const std::string& path);

// Dotted names of every key, sorted.
std::vector<std::string> config_keys();

// True for loopback, private (RFC 1918, RFC 4193) and link-local addresses; false for all others, the
// unspecified one included. kInvalidArgument unless it is a numeric address.
Result<bool> is_private_address(const std::string& address);

}  // namespace facekeep::daemon
