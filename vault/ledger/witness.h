// Witnesses: who besides the vault says that its log only grows (https://c2sp.org/tlog-witness), and how many of
// them must say so. Part of genesis; format in vault/log/FORMAT.md, section 5.
//
// A witness's key is a C2SP tlog-cosignature one: Ed25519, type byte 0x04. Pure functions, thread safe.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "vault/base/bytes.h"
#include "vault/base/json.h"

namespace facekeep::ledger {

// A public key that checks cosignatures. Made by the functions below only, so its id always fits.
struct WitnessKey {
  std::string name;
  std::uint32_t id = 0;  // first 4 bytes of SHA-256(name || 0x0a || 0x04 || key)
  std::array<std::uint8_t, 32> public_key{};
  friend bool operator==(const WitnessKey&, const WitnessKey&) = default;
};

// kMalformed unless the name is 1 to 128 printable ASCII characters without space and plus.
Result<WitnessKey> make_witness_key(std::string_view name, const std::array<std::uint8_t, 32>& public_key);
// The vkey text: "<name>+<key id in hex>+base64(0x04, public key)". Parsing takes what formatting makes.
std::string format_witness_key(const WitnessKey& key);
Result<WitnessKey> parse_witness_key(std::string_view vkey);

struct Witness {
  std::string vkey;
  std::string url;  // submission prefix: "https://address[:port][/path]", a numeric address, no slash at its end
  Digest key{};     // SHA-256 of the SubjectPublicKeyInfo of its server's TLS key
  friend bool operator==(const Witness&, const Witness&) = default;
};

// What the vault does when fewer than `quorum` witnesses were heard for too long.
enum class OnMissing : std::uint8_t {
  kOpen,    // it goes on; reports show the age of the evidence
  kClosed,  // it refuses access calls
};

struct Witnesses {
  std::uint32_t quorum = 0;
  OnMissing on_missing = OnMissing::kOpen;
  std::vector<Witness> list;
  friend bool operator==(const Witnesses&, const Witnesses&) = default;
};

inline constexpr std::size_t kMaxWitnesses = 16;
inline constexpr std::size_t kMaxWitnessName = 128;
inline constexpr std::size_t kMaxWitnessUrl = 256;

Json to_json(const Witnesses& witnesses);
// Reads and checks. `what` names the object in errors.
Result<Witnesses> witnesses_from_json(const Json& json, const std::string& what);
// "https://address[:port][/path]": a numeric address, so that nobody who answers for names can take it away; no slash
// at its end.
bool is_prefix_url(std::string_view url);
// 1 to 16 witnesses with different names, signing keys, TLS keys and URLs, and a quorum between 1 and their number.
Status check_witnesses(const Witnesses& witnesses);

}  // namespace facekeep::ledger
