// Rotation and re-share as the log knows them: the actions that a quorum approves, the events that follow, and what
// the state keeps meanwhile.
//
//   proposal (kind "rotate-keys" or "reshare") ... approvals ... proposal-done with `keys`    the commit point: the new
//     root and the new site keys are in force, sealed for all tokens; period keys and names are under them already
//   rewrapped ...   subject by subject in the order of their refs, in batches, while doors are served
//   keys-retired    the old root is destroyed in the token, and the files with keys under the old site keys are gone
//
// A re-share also has a new unseal secret U on new cards, for custodians who proved and signed before it was proposed.
// Format: vault/log/FORMAT.md, "Rotation and re-share". Pure but for OpenSSL.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vault/base/bytes.h"
#include "vault/base/json.h"
#include "vault/ledger/genesis.h"

namespace facekeep::ledger {

class ObjectReader;

inline constexpr std::size_t kMaxSparePem = 2048;  // bytes
inline constexpr int kMinSpareBits = 2048;
inline constexpr int kMaxSpareBits = 8192;
inline constexpr std::uint32_t kMaxEpoch = 1000000;

// Action "rotate-keys", class "rotate".
struct RotateKeys {
  std::optional<std::string> spare;  // PEM of a new spare key: the spare token attended
};

// Action "reshare", class "reshare".
struct Reshare {
  std::vector<Group> groups;                // with the new cards
  std::vector<PrincipalRecord> custodians;  // all of them as they are afterwards
  Digest unseal_key{};                      // U_pub, X25519
  std::uint32_t share_set = 0;              // SLIP-39 identifier
  std::map<std::string, Rule> rules;        // replaced ones; may be empty
  Digest transcript{};                      // SHA-256 of the ceremony's transcript
  std::optional<std::string> spare;         // as in RotateKeys
  std::vector<GenesisSignature> signatures;
};

// What was drawn for a new epoch: in the proposal-done of a rotation or a re-share.
struct NewKeys {
  std::uint32_t epoch = 0;
  KeyEvidence root;
  std::map<std::string, Digest> checks;  // site -> HKDF(S, "check") of its new key
  Digest register_check{};               // likewise of the vault's own
};

// How the keys of a proposal-done are vouched for by the vault's own key in force before it: HMAC-SHA256 under its
// S/proofs, over "facekeep/new-keys/v1" 0x00 and the statement. A check in the log says which key is meant, and whoever
// has the log's key could write one; a proof takes a vault that the custodians had opened. The fold has no key and only
// keeps it: an unseal checks it, before anything is opened with what it vouches for.
struct KeyProof {
  Id128 proposal{};
  Digest proof{};
};
inline constexpr std::string_view kProofDomain("facekeep/new-keys/v1\0", 21);
// What the proof is over, canonical JSON. `unseal_key`: to which the keys are sealed, the one in force from there on.
Result<std::string> new_keys_statement(const Id128& vault, const Id128& proposal, const NewKeys& keys,
                                       const Digest& unseal_key);
// `site` with the check and the epoch with which it is opened.
Result<std::string> new_site_statement(const Id128& vault, const Id128& proposal, const Site& site,
                                       const Digest& unseal_key);

// Subjects with a ref behind the one of the event before, up to `upto`, have their key in the slots of `epoch`.
struct Rewrapped {
  std::uint32_t epoch = 0;
  Id128 upto{};   // never a ref; all ff in the last batch
  Digest root{};  // RFC 6962 over the leaves ref || SHA-256(wrapped key), in the order of the refs
};
inline constexpr Id128 kAllRefs = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                   0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

// The root of `epoch` is gone from the token, which was asked, and the slot files of its time are removed. `lost`: the
// root was in a token that a recovery (recovery.h) said to be gone, so that nobody could destroy it.
struct KeysRetired {
  std::uint32_t epoch = 0;
  bool lost = false;
};

// SHA-256 of the SubjectPublicKeyInfo in DER. kInvalidArgument ("bad-action") unless the text is exactly the PEM form
// of one RSA public key of 2048 to 8192 bits with an odd exponent of 17 to 64 bits (hsm/rsa_oaep.h), in kMaxSparePem.
Result<Digest> spare_digest(std::string_view pem);

// SHA-256 of the canonical action without its signatures.
Result<Digest> reshare_digest(const Reshare& action);
// The canonical text that each of its custodians signs (SSHSIG, namespace facekeep-ceremony):
// {"digest":...,"v":1,"vault":...,"verb":"reshare"}.
Result<std::string> reshare_statement(const Reshare& action, const Id128& vault);

// A set of cards that opens a vault.
struct CardSet {
  Digest unseal_key{};
  std::vector<Group> groups;
};
Json to_json(const CardSet& set);
Result<CardSet> card_set_from_json(const Json& value);

// What the actions change in `current`, rules aside. "bad-action": the spare key is no such key or the registered one;
// the unseal key, the share set or a card is the present one; a vault of two groups would become one of one; somebody
// who stays would get another key, approval key or name; a custodian has not signed. What check_genesis asks for is
// left to apply_action.
Status change_keys(Genesis& current, const RotateKeys& action);
Status change_keys(Genesis& current, const Reshare& action);

// `next` with the keys of the new epoch, which replace those of `before`: every check differs, no site is missing, the
// root was made inside the token. kInvalidArgument.
Status take_keys(Genesis& next, const Genesis& before, const NewKeys& keys);

Json to_json(const RotateKeys& action);
Json to_json(const Reshare& action, bool with_signatures = true);  // without "kind"
Json to_json(const NewKeys& keys);
Json to_json(const Rewrapped& e);
Result<RotateKeys> rotate_from_json(ObjectReader& reader);
Result<Reshare> reshare_from_json(ObjectReader& reader);
Result<NewKeys> new_keys_from_json(const Json& value);
Result<Rewrapped> rewrapped_from_json(const Json& value);
Result<KeysRetired> keys_retired_from_json(const Json& value);

}  // namespace facekeep::ledger
