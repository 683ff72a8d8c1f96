// Genesis: entry 0 of every vault. What it says is what the custodians signed at the ceremony; until
// proposals exist, principals, sites, doors and models come from here alone.
//
// Format: vault/log/FORMAT.md, "genesis". One type, one writer, one reader; the reader checks
// everything that the ceremony promised, so that a vault which one person could open does not parse.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "vault/base/bytes.h"
#include "vault/base/json.h"
#include "vault/ledger/budget.h"
#include "vault/ledger/rule.h"
#include "vault/ledger/ticket.h"
#include "vault/ledger/types.h"
#include "vault/ledger/witness.h"

namespace facekeep::ledger {

// The presets of the ceremony (design section 2).
enum class Preset : std::uint8_t { kSmall, kStandard, kOneGroup };
std::string_view to_string(Preset p) noexcept;
Result<Preset> parse_preset(std::string_view text);

// One SLIP-39 share card: which of the group's shares, its public commitment, and the numbers of the
// people who hold a copy (the named deputy of preset `small` holds a sealed copy).
struct ShareCard {
  std::uint32_t number = 0;  // 1-based within the group; SLIP-39 member index + 1
  Digest commitment{};       // vault/seal/slip39.h, share_commitment
  std::vector<std::uint32_t> holders;
};

struct Group {
  std::string id;               // slug; position in the list is the SLIP-39 group index
  std::uint32_t threshold = 0;  // shares of this group that an unseal needs
  std::vector<ShareCard> shares;
};

// A principal: a public key with a role and an optional end date. In the log people and machines are
// role or group and number; `name` is a salted commitment whose opening is in the sealed register.
struct PrincipalRecord {
  std::string id;  // "property/1", "operator/1", "door/3", "auditor/1"
  Role role = Role::kCustodian;
  Digest key{};                              // SHA-256 of the SubjectPublicKeyInfo of its TLS key
  Digest name{};                             // commitment to the name
  std::string approval_key;                  // custodians: OpenSSH public key "type base64", no comment
  bool deputy = false;                       // custodians: holds a sealed copy only
  std::optional<std::string> approval_held;  // custodians: where the approval key lies, of approval_holders()
  std::optional<Digest> approval_evidence;   // and the digest of what shows it (attestation, the token's description)
  std::vector<std::string> sites;            // operators and doors: scope. Auditors and custodians: empty
  std::vector<std::string> doors;            // doors: resources that this controller may drive
  std::optional<std::string> until;          // last day (UTC) on which the key is accepted
  // Cameras, and doors that sign as one: the whole key whose digest is `key`, an OpenSSH public key "type base64" of
  // Ed25519 or P-256. Without it no signature of theirs is accepted.
  std::string signing_key = {};
};

// "file", "token" (PKCS#11), "fido2" (security key: exactly the sk- types of key).
const std::array<std::string_view, 3>& approval_holders();

struct DoorResource {
  std::string id;
  std::string location_class;
};

struct Site {
  std::string id;
  std::uint32_t epoch = 1;      // of the site key
  Digest check{};               // HKDF(S, "check")
  std::string purpose;          // slug
  std::string alternative;      // slug: the other way in
  Digest assessment{};          // digest of the impact assessment
  std::string assessment_date;  // day
  std::uint32_t access_log_days = 90;
  std::uint32_t erase_daily = 50;           // erasures a day an operator that destroy at once; beyond: suspend, wait
  bool hide_subject = false;                // a match answer does not name the subject
  std::optional<SiteBudgets> budgets = {};  // none: the defaults
  std::vector<DoorResource> doors;
  bool signed_probes_required = false;  // probes and templates come signed by a camera
  std::uint32_t min_pad = 0;            // level of presentation attack detection; what is not signed has level 0
};

// Thresholds are cosines in millionths: integers, since the log has no floats.
struct Model {
  std::string id;
  std::uint32_t version = 1;
  std::uint32_t dimension = 0;
  std::int32_t verify_threshold = 0;
  std::int32_t identify_threshold = 0;
};

// What the token said about a key that was generated in it (PKCS#11 attributes).
struct KeyEvidence {
  std::string mechanism;  // "AES-256-GCM", "RSA-OAEP", "Ed25519", "P-256"
  bool local = false;
  bool sensitive = false;
  bool always_sensitive = false;
  bool extractable = true;
  bool never_extractable = false;
};

struct TokenEvidence {
  std::string manufacturer;
  std::string model;
  std::string serial;
  std::string firmware;
  std::string token_class;  // "software" or "hardware"
  KeyEvidence root;
  KeyEvidence log_sign;
};

struct GenesisSignature {
  std::string by;         // custodian id
  std::string signature;  // armored SSHSIG, namespace facekeep-ceremony
};

struct Genesis {
  Id128 vault{};
  std::string origin;  // checkpoint origin: schema-less URL without spaces, at most 120 bytes
  bool rehearsal = false;
  Preset preset = Preset::kStandard;
  std::uint32_t share_set = 0;  // SLIP-39 identifier
  std::vector<Group> groups;
  std::vector<PrincipalRecord> principals;  // custodians first
  std::map<std::string, Rule> rules;        // every action class
  std::vector<Site> sites;
  std::vector<Model> models;
  Digest unseal_key{};      // U_pub, X25519
  Digest register_check{};  // HKDF(S, "check") of the vault's own key (sealed register)
  std::uint32_t register_epoch = 1;
  TokenEvidence token;
  std::string log_key;              // vkey (C2SP signed-note)
  std::optional<Digest> spare_key;  // SHA-256 of the spare token's SubjectPublicKeyInfo
  std::optional<Witnesses> witnesses;
  std::optional<TicketPolicy> ticket;  // never at the ceremony: it is off until a proposal brings it
  Digest server_key{};                 // SHA-256 of the daemon's TLS SubjectPublicKeyInfo
  Digest transcript{};                 // SHA-256 of the ceremony's transcript
  Digest program{};                    // SHA-256 of the program that held the ceremony
  std::vector<GenesisSignature> signatures;
  std::uint32_t rotate_days = 0;  // the schedule of rotations; 0: there is none
};

inline constexpr std::size_t kMaxGroups = 8;
inline constexpr std::size_t kMaxSharesPerGroup = 16;  // SLIP-39
inline constexpr std::int64_t kMaxShareSet = 32767;    // SLIP-39
inline constexpr std::size_t kMaxGenesisSignatures = 128;
inline constexpr std::size_t kMaxPrincipals = 1000;  // the entry's 65,535 bytes end it earlier
inline constexpr std::size_t kMaxSites = 64;
inline constexpr std::size_t kMaxDoors = 1000;
inline constexpr std::size_t kMaxModels = 200;
inline constexpr std::int64_t kMaxAccessLogDays = 3660;
inline constexpr std::int64_t kMaxEraseDaily = 100000;
inline constexpr std::int64_t kMaxRotateDays = 3650;
// Presentation attack detection (ISO/IEC 30107-3) that passed a capture as bona fide: 0, none; 1 to 3, one whose
// product was tested against attacks of that level by an accredited laboratory (iBeta's levels).
inline constexpr std::uint32_t kMaxPadLevel = 3;

// Body of the genesis event. `with_signatures` false gives what the custodians sign.
Json to_json(const Genesis& genesis, bool with_signatures = true);
Json to_json(const SiteBudgets& budgets);
Result<SiteBudgets> budgets_from_json(const Json& value, const std::string& what);
// Parts that actions have too. `what` names the object in errors. The readers check form alone.
Json to_json(const PrincipalRecord& principal);
Json to_json(const Model& model);
Json to_json(const Group& group);
Json to_json(const KeyEvidence& evidence);
Json to_json(const std::vector<GenesisSignature>& signatures);
// A site before it was opened has neither epoch nor check.
Json to_json(const Site& site, bool opened = true);
Result<Site> site_from_json(const Json& value, const std::string& what, bool opened = true);
Result<PrincipalRecord> principal_from_json(const Json& value, const std::string& what);
Result<Model> model_from_json(const Json& value, const std::string& what);
Result<Group> group_from_json(const Json& value, const std::string& what);
Result<KeyEvidence> key_evidence_from_json(const Json& value, const std::string& what);
// Of a list of at most kMaxGenesisSignatures.
Result<std::vector<GenesisSignature>> signatures_from_json(const Json& list, const std::string& what);

// Reads and checks (check_genesis without the signatures' cryptography).
Result<Genesis> genesis_from_json(const Json& body);

// SHA-256 of the canonical body without signatures: what a custodian's statement names.
Result<Digest> genesis_digest(const Genesis& genesis);
// The canonical text that each custodian signs (SSHSIG, namespace facekeep-ceremony):
// {"digest":...,"v":1,"vault":...,"verb":"genesis"}.
Result<std::string> genesis_statement(const Genesis& genesis);

// Everything but the signatures: unique ids, keys and names; thresholds; no set of cards that one
// person holds opens the vault; every rule passes check_rule; every custodian has a card; doors and
// scopes exist; token evidence shows keys that were made inside and can't leave.
Status check_genesis(const Genesis& genesis);
// Every custodian signed, each with the registered approval key.
Status check_genesis_signatures(const Genesis& genesis);
// The same of any ceremony: every custodian among `principals` has signed the statement once, and nobody else.
Status check_ceremony_signatures(const std::vector<PrincipalRecord>& principals,
                                 const std::vector<GenesisSignature>& signatures, const std::string& statement);

// May this principal sign probes for the place? `door` empty: for enrolment. A camera whose doors are not named serves
// every door of its sites and enrolment; one with doors serves those alone.
bool may_sign(const PrincipalRecord& p, const std::string& site, const std::string& door);

// People of each group, deputies included: each is a custodian with a key of the own.
GroupSizes group_sizes(const Genesis& genesis);

}  // namespace facekeep::ledger
