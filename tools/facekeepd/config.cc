#include "tools/facekeepd/config.h"

#include <arpa/inet.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <functional>
#include <sstream>

#include "vault/base/digest.h"

namespace facekeep::daemon {
namespace {

using Set = std::function<Status(Config&, const toml::node&)>;

struct Key {
  std::string name;
  Set set;
};

Error bad(const std::string& why, const std::string& hint = {}) {
  return make_error(Errc::kInvalidArgument, why,
                    hint.empty() ? "deploy/facekeepd.toml.example documents every key" : hint);
}

Set text(std::string Config::*field, std::vector<std::string> allowed = {}) {
  return [field, allowed](Config& c, const toml::node& n) -> Status {
    const auto v = n.value_exact<std::string>();
    if (!v) return bad("is not a text");
    if (v->empty() || v->find('\0') != std::string::npos) return bad("is empty or has a zero byte");
    if (!allowed.empty() && std::find(allowed.begin(), allowed.end(), *v) == allowed.end()) {
      std::string list;
      for (const auto& a : allowed) list += (list.empty() ? "\"" : ", \"") + a + "\"";
      return bad("is not one of " + list);
    }
    c.*field = *v;
    return {};
  };
}

Set path(std::string Config::*field) {
  return [field](Config& c, const toml::node& n) -> Status {
    FK_CHECK(text(field)(c, n));
    if ((c.*field).front() != '/') return bad("is not an absolute path");
    return {};
  };
}

Set boolean(bool Config::*field) {
  return [field](Config& c, const toml::node& n) -> Status {
    const auto v = n.value_exact<bool>();
    if (!v) return bad("is not true or false");
    c.*field = *v;
    return {};
  };
}

Result<std::int64_t> read_number(const toml::node& n, std::int64_t min, std::int64_t max) {
  const auto v = n.value_exact<std::int64_t>();
  if (!v) return bad("is not a whole number");
  if (*v < min || *v > max) return bad("is not " + std::to_string(min) + " to " + std::to_string(max));
  return *v;
}

Set number(std::int64_t Config::*field, std::int64_t min, std::int64_t max) {
  return [field, min, max](Config& c, const toml::node& n) -> Status {
    FK_TRY(c.*field, read_number(n, min, max));
    return {};
  };
}

Set descriptor(std::optional<std::int64_t> Config::*field) {
  return [field](Config& c, const toml::node& n) -> Status {
    FK_TRY(c.*field, read_number(n, 0, 1023));
    return {};
  };
}

Status set_names(Config& c, const toml::node& n) {
  const toml::array* list = n.as_array();
  if (list == nullptr || list->size() > 32) return bad("is not a list of at most 32 names");
  for (const toml::node& item : *list) {
    const auto v = item.value_exact<std::string>();
    if (!v || v->empty() || v->size() > 253) return bad("has an item that is not a DNS name or an address");
    c.tls_names.push_back(*v);
  }
  return {};
}

constexpr std::int64_t kHourMs = 3'600'000;

const std::vector<Key>& keys() {
  static const std::vector<Key> table = {
      {"backup.dir", path(&Config::backup_dir)},
      {"data_dir", path(&Config::data_dir)},
      {"listen.allow_public_bind", boolean(&Config::allow_public_bind)},
      {"listen.main.address", text(&Config::main_address)},
      {"listen.main.port", number(&Config::main_port, 0, 65535)},
      {"listen.public.address", text(&Config::public_address)},
      {"listen.public.enabled", boolean(&Config::public_enabled)},
      {"listen.public.port", number(&Config::public_port, 0, 65535)},
      {"limits.connections", number(&Config::max_connections, 1, 100'000)},
      {"limits.connections_per_key", number(&Config::max_connections_per_key, 1, 100'000)},
      {"limits.handshakes", number(&Config::max_handshakes, 1, 100'000)},
      {"limits.handshakes_per_address", number(&Config::max_handshakes_per_address, 1, 100'000)},
      {"limits.buffered_mib", number(&Config::max_buffered_mib, 32, 65'536)},
      {"limits.public_buffered_mib", number(&Config::public_buffered_mib, 17, 65'536)},
      {"limits.public_queue", number(&Config::public_queue, 1, 100'000)},
      {"limits.public_workers", number(&Config::public_workers, 1, 1024)},
      {"limits.queue", number(&Config::queue, 1, 100'000)},
      {"limits.workers", number(&Config::workers, 1, 1024)},
      {"log.format", text(&Config::log_format, {"text", "json"})},
      {"log.level", text(&Config::log_level, {"debug", "info", "warning", "error"})},
      {"memory.allow_unlocked", boolean(&Config::allow_unlocked_memory)},
      {"memory.templates_mib", number(&Config::template_memory_mib, 1, 1'048'576)},
      {"metrics.listener", text(&Config::metrics_listener, {"none", "main", "public"})},
      {"notices.key_credential", text(&Config::webhook_key_credential)},
      {"notices.key_file", path(&Config::webhook_key_file)},
      {"notices.pin", text(&Config::webhook_server)},
      {"notices.url", text(&Config::webhook_url)},
      {"process.user", text(&Config::user)},
      {"sequencer.anchor_ms", number(&Config::anchor_ms, 1'000, 60'000)},
      {"sequencer.checkpoint_ms", number(&Config::checkpoint_ms, 10, 5'000)},
      {"time.max_clock_jump_hours", number(&Config::max_clock_jump_hours, 1, 168)},
      {"timeouts.body_ms", number(&Config::body_ms, 100, kHourMs)},
      {"timeouts.handshake_ms", number(&Config::handshake_ms, 100, kHourMs)},
      {"timeouts.head_ms", number(&Config::head_ms, 100, kHourMs)},
      {"timeouts.idle_ms", number(&Config::idle_ms, 100, 24 * kHourMs)},
      {"timeouts.total_ms", number(&Config::total_ms, 100, kHourMs)},
      {"timeouts.unseal_ms", number(&Config::unseal_ms, 1'000, 900'000)},
      {"timeouts.write_ms", number(&Config::write_ms, 100, kHourMs)},
      {"tls.allow_tls12", boolean(&Config::tls12)},
      {"tls.certificate_file", path(&Config::tls_certificate_file)},
      {"tls.key_file", path(&Config::tls_key_file)},
      {"tls.names", set_names},
      {"token.module", path(&Config::token_module)},
      {"token.pin_credential", text(&Config::pin_credential)},
      {"token.pin_fd", descriptor(&Config::pin_fd)},
      {"token.pin_file", path(&Config::pin_file)},
      {"token.spare", text(&Config::spare_uri)},
      {"token.spare_pin_credential", text(&Config::spare_pin_credential)},
      {"token.spare_pin_fd", descriptor(&Config::spare_pin_fd)},
      {"token.spare_pin_file", path(&Config::spare_pin_file)},
      {"token.uri", text(&Config::token_uri)},
      {"witnesses.interval_ms", number(&Config::witness_interval_ms, 1'000, 60'000)},
      {"witnesses.max_age_ms", number(&Config::witness_max_age_ms, 10'000, kHourMs)},
  };
  return table;
}

bool is_section(const std::string& name) {
  return std::any_of(keys().begin(), keys().end(), [&](const Key& k) { return k.name.starts_with(name + "."); });
}

Status read_table(Config& c, const toml::table& table, const std::string& prefix) {
  for (const auto& [key, node] : table) {
    const std::string name = prefix + std::string(key.str());
    const auto at = std::find_if(keys().begin(), keys().end(), [&](const Key& k) { return k.name == name; });
    if (at != keys().end()) {
      if (auto ok = at->set(c, node); !ok) {
        ok.error().message = "the key " + name + " " + ok.error().message;
        return ok;
      }
    } else if (const toml::table* section = node.as_table(); section != nullptr && is_section(name)) {
      FK_CHECK(read_table(c, *section, name + "."));
    } else {
      return bad("the key " + name + " is not known");
    }
  }
  return {};
}

Status check_address(const char* key, const std::string& address, bool allow_public) {
  const auto is_private = is_private_address(address);
  if (!is_private) return bad(std::string("the key ") + key + " is not a numeric IPv4 or IPv6 address");
  if (*is_private || allow_public) return {};
  return bad(std::string("the key ") + key + " is not a private address",
             "bind to a private address; if the vault really has to answer on this one, set listen.allow_public_bind");
}

// The address is numeric, as that of everything that the daemon calls: it resolves no names. In the clear, it is the
// machine's own.
Status check_notices(const Config& c) {
  const int keys = (c.webhook_key_credential.empty() ? 0 : 1) + (c.webhook_key_file.empty() ? 0 : 1);
  if (c.webhook_url.empty()) {
    return keys == 0 && c.webhook_server.empty() ? Status() : Status(bad("the key notices.url is missing"));
  }
  if (keys != 1) return bad("the section notices takes one of key_credential and key_file");
  const bool tls = c.webhook_url.starts_with("https://");
  if (!tls && !c.webhook_url.starts_with("http://")) return bad("the key notices.url is no http or https URL");
  const std::size_t from = tls ? 8 : 7;
  const std::string authority = c.webhook_url.substr(from, c.webhook_url.find('/', from) - from);
  const std::size_t colon = authority.rfind(':');
  std::string host = authority.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (colon == std::string::npos || !is_private_address(host)) {
    return bad("the key notices.url has no numeric address with a port");
  }
  if (!tls && host != "::1" && !host.starts_with("127.")) {
    return bad("the key notices.url leaves the machine without TLS", "use https with notices.pin");
  }
  if (tls != from_hex_exact<32>(c.webhook_server).has_value()) {
    return bad(
        "the key notices.pin is not the SHA-256 of the server's public key, which https takes and http does not");
  }
  return {};
}

Status check(Config& c) {
  if (c.data_dir.empty()) return bad("the key data_dir is missing");
  if (c.token_uri.empty()) return bad("the key token.uri is missing");
  const int pins = (c.pin_fd ? 1 : 0) + (c.pin_credential.empty() ? 0 : 1) + (c.pin_file.empty() ? 0 : 1);
  if (pins > 1) return bad("more than one of token.pin_fd, token.pin_credential and token.pin_file is set");
  const int spare_pins =
      (c.spare_pin_fd ? 1 : 0) + (c.spare_pin_credential.empty() ? 0 : 1) + (c.spare_pin_file.empty() ? 0 : 1);
  if (spare_pins != (c.spare_uri.empty() ? 0 : 1)) {
    return bad(
        "the key token.spare takes one of token.spare_pin_fd, token.spare_pin_credential and token.spare_pin_file");
  }
  FK_CHECK(check_address("listen.main.address", c.main_address, c.allow_public_bind));
  if (c.public_enabled) FK_CHECK(check_address("listen.public.address", c.public_address, c.allow_public_bind));
  if (!c.public_enabled && c.metrics_listener == "public") {
    return bad("the key metrics.listener names the public listener, which is off");
  }
  FK_CHECK(check_notices(c));
  if (c.tls_key_file.empty()) c.tls_key_file = c.data_dir + "/tls/server.key";
  return {};
}

}  // namespace

Result<bool> is_private_address(const std::string& address) {
  std::array<std::uint8_t, 16> a{};
  if (inet_pton(AF_INET, address.c_str(), a.data()) == 1) {
    return a[0] == 127 || a[0] == 10 || (a[0] == 172 && (a[1] & 0xf0) == 16) || (a[0] == 192 && a[1] == 168) ||
           (a[0] == 169 && a[1] == 254);
  }
  if (inet_pton(AF_INET6, address.c_str(), a.data()) != 1) {
    return make_error(Errc::kInvalidArgument, "not a numeric IPv4 or IPv6 address");
  }
  if (std::all_of(a.begin(), a.end() - 1, [](std::uint8_t b) { return b == 0; })) return a[15] == 1;
  return (a[0] & 0xfe) == 0xfc || (a[0] == 0xfe && (a[1] & 0xc0) == 0x80);
}

std::vector<std::string> config_keys() {
  std::vector<std::string> out;
  for (const Key& k : keys()) out.push_back(k.name);
  std::sort(out.begin(), out.end());
  return out;
}

Result<Config> parse_config(std::string_view text, const std::string& source) {
  Config c;
  try {
    const toml::table table = toml::parse(text, source);
    FK_CHECK(read_table(c, table, ""));
  } catch (const toml::parse_error& e) {
    return make_error(Errc::kMalformed,
                      source + " is not TOML, at line " + std::to_string(e.source().begin.line) + ", column " +
                          std::to_string(e.source().begin.column),
                      std::string(e.description()));
  }
  FK_CHECK(check(c));
  c.digest = sha256(as_bytes(text));
  return c;
}

Result<Config> load_config(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  if (!in || !(text << in.rdbuf())) {
    return make_error(Errc::kIo, "the configuration " + path + " can't be read", "name it with --config");
  }
  return parse_config(text.str(), path);
}

}  // namespace facekeep::daemon
