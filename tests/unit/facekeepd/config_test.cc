#include "tools/facekeepd/config.h"

#include <fstream>
#include <sstream>

#include "tests/support/catch.h"
#include "tests/support/paths.h"
#include "vault/base/digest.h"

namespace facekeep::daemon {
namespace {

const std::string kLeast = "data_dir = \"/tmp/x\"\ntoken.uri = \"pkcs11:token=x\"\n";

std::string error_of(const std::string& text) {
  const auto r = parse_config(text, "test.toml");
  return r ? std::string() : r.error().message;
}

bool mentions(const std::string& text, const std::string& word) {
  return text.find(word) != std::string::npos;
}

std::string example() {
  std::ifstream in(facekeep::test::source_dir() + "/deploy/facekeepd.toml.example");
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

TEST_CASE("a spare token has one place for its PIN, and none without it") {
  const std::string spare = kLeast + "token.spare = \"pkcs11:token=y\"\n";
  const auto c = parse_config(spare + "token.spare_pin_file = \"/run/pin\"\n", "test.toml");
  REQUIRE(c);
  CHECK(c->spare_uri == "pkcs11:token=y");
  CHECK(c->spare_pin_file == "/run/pin");
  CHECK(parse_config(spare + "token.spare_pin_fd = 4\n", "test.toml"));
  CHECK(mentions(error_of(spare), "token.spare"));
  CHECK(mentions(error_of(spare + "token.spare_pin_fd = 4\ntoken.spare_pin_credential = \"x\"\n"), "token.spare"));
  CHECK(mentions(error_of(kLeast + "token.spare_pin_file = \"/run/pin\"\n"), "token.spare"));
}

TEST_CASE("the example is a configuration") {
  const auto c = parse_config(example(), "example");
  INFO((c ? "" : c.error().message));
  REQUIRE(c);
  REQUIRE(c->main_port == 8443);
  REQUIRE(c->public_port == 8444);
  REQUIRE(c->pin_credential == "token-pin");
  REQUIRE(c->tls_key_file == "/var/lib/facekeep/tls/server.key");
}

TEST_CASE("every key is in the example, under its section") {
  std::string section;
  std::vector<std::string> seen;
  std::istringstream lines(example());
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("[")) section = line.substr(1, line.find(']') - 1) + ".";
    if (line.starts_with("# ")) line.erase(0, 2);
    if (const auto at = line.find(" = "); at != std::string::npos) seen.push_back(section + line.substr(0, at));
  }
  for (const std::string& key : config_keys()) {
    CAPTURE(key);
    REQUIRE(std::find(seen.begin(), seen.end(), key) != seen.end());
  }
}

TEST_CASE("values in the example that are not comments are the defaults") {
  const auto shown = parse_config(example(), "example");
  const auto least = parse_config(kLeast, "test.toml");
  REQUIRE(shown);
  REQUIRE(least);
  REQUIRE(shown->workers == least->workers);
  REQUIRE(shown->queue == least->queue);
  REQUIRE(shown->public_buffered_mib == least->public_buffered_mib);
  REQUIRE(shown->public_workers == least->public_workers);
  REQUIRE(shown->public_queue == least->public_queue);
  REQUIRE(shown->max_connections == least->max_connections);
  REQUIRE(shown->max_handshakes_per_address == least->max_handshakes_per_address);
  REQUIRE(shown->idle_ms == least->idle_ms);
  REQUIRE(shown->total_ms == least->total_ms);
  REQUIRE(shown->unseal_ms == least->unseal_ms);
  REQUIRE(shown->anchor_ms == least->anchor_ms);
  REQUIRE(shown->checkpoint_ms == least->checkpoint_ms);
  REQUIRE(shown->witness_interval_ms == least->witness_interval_ms);
  REQUIRE(shown->witness_max_age_ms == least->witness_max_age_ms);
  REQUIRE(shown->template_memory_mib == least->template_memory_mib);
  REQUIRE(shown->metrics_listener == least->metrics_listener);
  REQUIRE(shown->allow_public_bind == least->allow_public_bind);
}

TEST_CASE("an unknown key is refused by its name") {
  REQUIRE(mentions(error_of(kLeast + "colour = 1\n"), "colour"));
  REQUIRE(mentions(error_of(kLeast + "[listen.main]\nadress = \"::1\"\n"), "listen.main.adress"));
  REQUIRE(mentions(error_of(kLeast + "[threshold]\nverify = 0.1\n"), "threshold"));
  REQUIRE(mentions(error_of(kLeast + "listen = 3\n"), "listen"));
}

TEST_CASE("what is needed and missing is named") {
  REQUIRE(mentions(error_of(""), "data_dir"));
  REQUIRE(mentions(error_of("data_dir = \"/tmp/x\"\n"), "token.uri"));
}

TEST_CASE("values of a wrong type or out of range are refused by their key") {
  REQUIRE(mentions(error_of(kLeast + "limits.workers = \"8\"\n"), "limits.workers"));
  REQUIRE(mentions(error_of(kLeast + "limits.workers = 0\n"), "limits.workers"));
  REQUIRE(mentions(error_of(kLeast + "limits.workers = 8.0\n"), "limits.workers"));
  REQUIRE(mentions(error_of(kLeast + "listen.main.port = 65536\n"), "listen.main.port"));
  REQUIRE(mentions(error_of(kLeast + "tls.allow_tls12 = 1\n"), "tls.allow_tls12"));
  REQUIRE(mentions(error_of(kLeast + "log.level = \"loud\"\n"), "log.level"));
  REQUIRE(mentions(error_of(kLeast + "tls.names = \"x\"\n"), "tls.names"));
  REQUIRE(mentions(error_of(kLeast + "witnesses.max_age_ms = 3600001\n"), "witnesses.max_age_ms"));
  REQUIRE(mentions(error_of(kLeast + "witnesses.interval_ms = 0\n"), "witnesses.interval_ms"));
  REQUIRE(mentions(error_of("data_dir = \"here\"\ntoken.uri = \"pkcs11:\"\n"), "data_dir"));
}

TEST_CASE("what is not TOML is refused with its place") {
  const std::string message = error_of("data_dir = \"/tmp/x\"\ndata_dir = \n");
  REQUIRE(mentions(message, "test.toml"));
  REQUIRE(mentions(message, "line 2"));
}

TEST_CASE("public addresses are refused unless they are meant") {
  for (const char* address : {"0.0.0.0", "::", "8.8.8.8", "2001:db8::1", "172.32.0.1", "192.169.0.1"}) {
    CAPTURE(address);
    const std::string text = kLeast + "listen.main.address = \"" + address + "\"\n";
    REQUIRE(mentions(error_of(text), "listen.main.address"));
    REQUIRE(error_of(text + "listen.allow_public_bind = true\n").empty());
  }
  for (const char* address : {"127.0.0.1", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.7.7", "169.254.1.1",
                              "::1", "fd00::1", "fe80::1"}) {
    CAPTURE(address);
    REQUIRE(error_of(kLeast + "listen.public.address = \"" + address + "\"\n").empty());
  }
  REQUIRE(mentions(error_of(kLeast + "listen.main.address = \"localhost\"\n"), "numeric"));
}

TEST_CASE("one place of the PIN is enough") {
  REQUIRE(mentions(error_of(kLeast + "token.pin_fd = 3\ntoken.pin_file = \"/x\"\n"), "token.pin_fd"));
  REQUIRE(parse_config(kLeast + "token.pin_fd = 3\n", "t")->pin_fd == 3);
}

TEST_CASE("notices go to a pinned key, or to the machine itself") {
  const std::string key = "notices.key_file = \"/x\"\n";
  const std::string pin = "notices.pin = \"" + std::string(64, 'a') + "\"\n";
  const auto url = [&](const std::string& u) { return kLeast + key + "notices.url = \"" + u + "\"\n"; };
  CHECK(error_of(url("http://127.0.0.1:9/x")).empty());
  CHECK(error_of(url("http://[::1]:9")).empty());
  CHECK(error_of(url("https://192.0.2.1:443/x") + pin).empty());
  CHECK(mentions(error_of(url("http://192.0.2.1:80/x")), "without TLS"));
  CHECK(mentions(error_of(url("https://192.0.2.1:443/x")), "notices.pin"));
  CHECK(mentions(error_of(url("http://127.0.0.1:9/") + pin), "notices.pin"));
  CHECK(mentions(error_of(url("https://hooks.example:443/x") + pin), "numeric"));
  CHECK(mentions(error_of(url("https://192.0.2.1/x") + pin), "port"));
  CHECK(mentions(error_of(url("ftp://127.0.0.1:9")), "http"));
  CHECK(mentions(error_of(kLeast + key), "notices.url"));
  CHECK(mentions(error_of(kLeast + "notices.url = \"http://127.0.0.1:9\"\n"), "key_file"));
}

TEST_CASE("metrics can't be asked for on a listener that is off") {
  REQUIRE(mentions(error_of(kLeast + "metrics.listener = \"public\"\nlisten.public.enabled = false\n"),
                   "metrics.listener"));
}

TEST_CASE("the digest is that of the bytes") {
  REQUIRE(parse_config(kLeast, "t")->digest == sha256(as_bytes(kLeast)));
  REQUIRE(parse_config(kLeast + "\n", "t")->digest != sha256(as_bytes(kLeast)));
}

}  // namespace
}  // namespace facekeep::daemon
