#include "vault/ledger/witness.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "vault/base/digest.h"
#include "vault/ledger/json_reader.h"

namespace facekeep::ledger {
namespace {

constexpr std::uint8_t kCosignatureType = 0x04;
constexpr std::string_view kScheme = "https://";

Error bad(std::string message, std::string hint = "") {
  return make_error(Errc::kInvalidArgument, "witnesses: " + std::move(message), std::move(hint));
}

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

Bytes typed_key(const WitnessKey& key) {
  return concat(Bytes{kCosignatureType}, key.public_key);
}

bool is_port(std::string_view text) {
  unsigned port = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), port);
  return ec == std::errc() && end == text.data() + text.size() && text.front() != '0' && port <= 65535;
}

// An IPv4 address, or an IPv6 address in brackets; perhaps a port. No name: whoever answers for names could take a
// witness away, and looking one up has no time limit.
bool is_numeric_authority(std::string_view text) {
  const bool v6 = text.starts_with('[');
  const std::size_t end = v6 ? text.find(']') : text.find(':');
  if (v6 && end == text.npos) return false;
  const std::string host(v6 ? text.substr(1, end - 1) : text.substr(0, end));
  const std::string_view port = end == text.npos ? "" : text.substr(end + (v6 ? 1 : 0));
  in6_addr address{};
  if (::inet_pton(v6 ? AF_INET6 : AF_INET, host.c_str(), &address) != 1) return false;
  return port.empty() || (port.starts_with(':') && is_port(port.substr(1)));
}

}  // namespace

// Address and path alone: a query, a fragment or a user's name would reach no witness.
bool is_prefix_url(std::string_view url) {
  if (url.size() > kMaxWitnessUrl || !url.starts_with(kScheme) || !is_printable(url)) return false;
  const std::string_view rest = url.substr(kScheme.size());
  return !rest.empty() && rest.back() != '/' && rest.find_first_of("?#@%\\\"") == std::string_view::npos &&
         is_numeric_authority(rest.substr(0, rest.find('/')));
}

Result<WitnessKey> make_witness_key(std::string_view name, const std::array<std::uint8_t, 32>& public_key) {
  if (name.empty() || name.size() > kMaxWitnessName || !is_printable(name) || name.find('+') != name.npos) {
    return make_error(Errc::kMalformed, "a witness's name is not 1 to 128 printable ASCII characters without space",
                      "it looks like witness.example/w1");
  }
  WitnessKey key{std::string(name), 0, public_key};
  static constexpr std::string_view kNewline = "\n";
  const Digest d = sha256({as_bytes(name), as_bytes(kNewline), typed_key(key)});
  key.id = load_be32(d.data());
  return key;
}

std::string format_witness_key(const WitnessKey& key) {
  Bytes id;
  append_be32(id, key.id);
  return key.name + "+" + to_hex(id) + "+" + to_base64(typed_key(key));
}

Result<WitnessKey> parse_witness_key(std::string_view vkey) {
  const auto malformed = [] {
    return make_error(Errc::kMalformed, "not the verifier key of a witness",
                      "it looks like NAME+HASH+BASE64, with an Ed25519 key of type 0x04 (C2SP tlog-cosignature)");
  };
  const std::size_t first = vkey.find('+');
  if (first == vkey.npos || vkey.size() < first + 10 || vkey[first + 9] != '+') return malformed();
  const auto bytes = from_base64(vkey.substr(first + 10));
  if (!bytes || bytes->size() != 33 || bytes->front() != kCosignatureType) return malformed();
  std::array<std::uint8_t, 32> raw{};
  std::copy(bytes->begin() + 1, bytes->end(), raw.begin());
  FK_TRY(WitnessKey key, make_witness_key(vkey.substr(0, first), raw));
  if (format_witness_key(key) != vkey) return malformed();  // another id, or another spelling
  return key;
}

Json to_json(const Witnesses& w) {
  Json list = Json::array();
  for (const auto& x : w.list) list.push_back({{"key", to_hex(x.key)}, {"url", x.url}, {"vkey", x.vkey}});
  return {{"list", std::move(list)},
          {"on_missing", w.on_missing == OnMissing::kClosed ? "closed" : "open"},
          {"quorum", w.quorum}};
}

Result<Witnesses> witnesses_from_json(const Json& json, const std::string& what) {
  ObjectReader r(json, what);
  Witnesses out;
  out.quorum = static_cast<std::uint32_t>(r.integer("quorum", 1, kMaxWitnesses));
  const std::string on_missing = r.text("on_missing", 16);
  if (r.ok() && on_missing != "open" && on_missing != "closed") r.fail("on_missing is neither open nor closed");
  out.on_missing = on_missing == "closed" ? OnMissing::kClosed : OnMissing::kOpen;
  const Json& list = r.array("list", kMaxWitnesses);
  FK_CHECK(r.finish());
  for (const auto& j : list) {
    ObjectReader wr(j, "witness of " + what);
    Witness w{wr.text("vkey", 512), wr.text("url", kMaxWitnessUrl), wr.hex<32>("key")};
    FK_CHECK(wr.finish());
    out.list.push_back(std::move(w));
  }
  FK_CHECK(check_witnesses(out));
  return out;
}

Status check_witnesses(const Witnesses& w) {
  if (w.list.empty() || w.list.size() > kMaxWitnesses) return bad("there are not 1 to 16 of them");
  if (w.quorum < 1 || w.quorum > w.list.size()) return bad("the quorum is not between 1 and their number");
  std::set<std::string> names;
  std::set<std::string> urls;
  std::set<std::array<std::uint8_t, 32>> keys;
  std::set<Digest> servers;
  for (const auto& x : w.list) {
    FK_TRY(const WitnessKey key, parse_witness_key(x.vkey));
    // One machine counts once: a quorum of names over one key would be no quorum.
    if (!names.insert(key.name).second || !keys.insert(key.public_key).second) {
      return bad("two of them have the same name or key");
    }
    if (!servers.insert(x.key).second) return bad("two of them have the same TLS key, so they are one machine");
    if (!is_prefix_url(x.url)) {
      return bad("\"" + key.name + "\" has a URL that is not https://address[:port][/path]",
                 "the address is IPv4, or IPv6 in brackets; names are not looked up");
    }
    if (!urls.insert(x.url).second) return bad("two of them have the same URL");
  }
  return {};
}

}  // namespace facekeep::ledger
