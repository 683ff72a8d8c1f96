// What exists in memory only while the vault is open: site keys, their working keys, the index.
//
// Held by shared_ptr: a request in flight keeps its copy alive; sealing waits until all let go, and the
// keys are cleansed with the last.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <shared_mutex>
#include <string>
#include <vector>

#include "vault/base/clock.h"
#include "vault/epoch_keys.h"
#include "vault/ledger/state.h"
#include "vault/seal/aead.h"
#include "vault/seal/site_key.h"
#include "vault/seal/slot_generations.h"
#include "vault/store/store.h"
#include "vault/subject/consent.h"
#include "vault/subject/record.h"

namespace facekeep {

// The keys of one site under one root epoch. Thread safe (AeadKey is).
struct SiteKeys {
  std::uint32_t epoch = 0;
  seal::AeadKey wrap;      // S/wrap: subject keys
  seal::AeadKey openings;  // S/openings: monthly keys
  seal::AeadKey changes;   // S/changes: daily keys
  SecretBytes index;       // S/index
  seal::TokenWraps token_wraps;

  SiteKeys(std::uint32_t epoch_, const seal::SiteKey& key, seal::TokenWraps token_wraps_, std::uint64_t wraps);
  // HMAC-SHA256(S/index, "facekeep/subject-id/v1" || 0 || id): where the store keeps the ref of a subject.
  [[nodiscard]] Digest subject_tag(const std::string& subject_id) const;
  // HMAC-SHA256(S/index, "facekeep/request/v1" || 0 || ...): what a Request-Id leaves in an opening.
  [[nodiscard]] Digest request_tag(std::initializer_list<ByteView> parts) const;
  // The first 16 bytes of HMAC-SHA256(S/index, "facekeep/nonce/v1" || 0 || SHA-256(camera) || nonce): what the nonce of
  // a signed probe leaves in an opening.
  [[nodiscard]] Id128 nonce_tag(const std::string& camera, const Id128& nonce) const;
};

// One site while open.
struct SiteSession {
  const std::string site;
  EpochKeys<SiteKeys> keys;
  std::atomic<bool> ready{false};  // every template of the site is in the gallery

  SiteSession(std::string id, std::shared_ptr<SiteKeys> first) : site(std::move(id)), keys(std::move(first)) {}
};

// The vault's own key: the sealed register of people, and the word for keys that are drawn while it is in force.
struct RegisterKeys {
  std::uint32_t epoch = 0;
  seal::AeadKey key;
  SecretBytes proofs;  // S/proofs
  seal::TokenWraps token_wraps;

  RegisterKeys(std::uint32_t epoch_, const seal::SiteKey& key_, seal::TokenWraps token_wraps_, std::uint64_t uses);
  // ledger::KeyProof of a statement.
  [[nodiscard]] Digest prove(std::string_view statement) const;
};

// A subject as a request needs it: the key K and the record it opens.
struct OpenSubject {
  seal::AeadKey key;
  subject::SubjectRecord record;
  subject::Consent consent;
};

class OpenVault {
 public:
  OpenVault(const Id128& vault, const store::Store& store, seal::SlotGenerations& slots,
            std::shared_ptr<RegisterKeys> people)
      : vault_(vault), store_(store), slots_(slots), people_(std::move(people)) {}

  // A site is here before the state has it, so that whoever finds it there finds it here. `empty`: it has no templates
  // to load. Sessions stay where they are; only a site that the state never got is taken out again. kAlreadyExists: one
  // key is never passed over for another.
  Status add_site(const std::string& site, std::shared_ptr<SiteKeys> keys, bool empty = false);
  void remove_site(const std::string& id);
  // Of every site and the register: the epoch is in force, or its keys go.
  void promote(std::uint32_t epoch);
  void drop(std::uint32_t epoch);
  // Of the sealed register of people.
  [[nodiscard]] EpochKeys<RegisterKeys>& people() { return people_; }
  [[nodiscard]] const EpochKeys<RegisterKeys>& people() const { return people_; }
  // Precondition: the state has the site.
  [[nodiscard]] SiteSession& site(const std::string& id) const;
  // Every site's gallery is loaded: no door is told "refer" for want of it.
  [[nodiscard]] bool ready() const;
  [[nodiscard]] const Id128& vault() const { return vault_; }

  // The ref under which the store has this subject id. A hint, not trusted: check open_subject()'s record.
  // `is_enrolled` asks the state: a correction for somebody who was erased since says nothing.
  using IsEnrolled = std::function<bool(const Id128&)>;
  Result<std::optional<Id128>> find_ref(const SiteSession& site, const std::string& subject_id,
                                        const IsEnrolled& is_enrolled) const;

  // K for a slot of the generation of `epoch`, whose keys are here.
  Result<seal::SlotWrite> wrap_subject_key(const SiteSession& site, std::uint32_t epoch, const Id128& ref,
                                           std::uint32_t slot, const seal::AeadKey& key) const;
  // From whichever generation has it whole. kNotFound: none has anything; kIntegrity: what is there is damaged.
  Result<seal::AeadKey> subject_key(const SiteSession& site, const Id128& ref, std::uint32_t slot,
                                    std::uint64_t used) const;
  // kIntegrity unless the stored record is the one whose digest is in the log, and opens.
  Result<OpenSubject> open_subject(const SiteSession& site, const Id128& ref, const ledger::SubjectState& state) const;

  // The key of a period (monthly for "access", daily for "changes"), once an event and a slot exist for it.
  Result<std::shared_ptr<seal::AeadKey>> period_key(const ledger::State::PeriodId& id,
                                                    const ledger::State::PeriodKeyState& state, std::uint64_t log_size);
  [[nodiscard]] bool has_period_key(const ledger::State::PeriodId& id) const;  // opened before
  Result<seal::SlotWrite> wrap_period_key(const ledger::State::PeriodId& id, std::uint32_t epoch, std::uint32_t slot,
                                          const seal::AeadKey& key) const;
  void forget_period_key(const ledger::State::PeriodId& id);

  std::atomic<std::uint64_t> templates_total{0};
  std::atomic<std::uint64_t> templates_loaded{0};
  std::atomic<std::uint64_t> templates_refused{0};
  std::atomic<bool> closing{false};       // the loader stops early
  std::atomic<bool> marks_folded{false};  // Request-Ids and nonces of the last minute are known again

  // The stored index is not trusted, least of all where it says nothing: while galleries load, each subject's own
  // record is held against it, and what differs is kept here. find_ref() asks here first.
  void correct_index(const SiteSession& site, const std::string& subject_id, const Id128& ref);
  void forget_correction(const std::string& site, const std::string& subject_id);
  // Whose record did not open while galleries loaded: a rotation that moved the key has not moved the index row. Given
  // once.
  void note_unread(const Id128& ref);
  std::set<Id128> take_unread();

 private:
  Result<std::optional<Id128>> look_up(const SiteSession& site, const std::string& subject_id) const;
  Result<std::optional<Id128>> stored_ref(const SiteSession& site, const std::string& subject_id) const;
  Result<seal::AeadKey> open_period_key(const ledger::State::PeriodId& id, std::uint32_t slot,
                                        std::uint64_t used) const;

  const Id128 vault_;
  const store::Store& store_;
  seal::SlotGenerations& slots_;
  mutable std::shared_mutex sites_mutex_;
  std::map<std::string, std::unique_ptr<SiteSession>> sites_;
  EpochKeys<RegisterKeys> people_;
  mutable std::mutex period_mutex_;
  std::map<ledger::State::PeriodId, std::shared_ptr<seal::AeadKey>> period_keys_;
  mutable std::mutex corrections_mutex_;
  std::map<Digest, Id128> corrections_;  // by subject_name()
  std::mutex unread_mutex_;
  std::set<Id128> unread_;
};

// Where the index may have this subject: under the keys of each epoch that is here.
std::vector<Digest> index_tags(const SiteSession& site, const std::string& subject_id);

// A subject id of a site under no key, for what stays in memory: it is the same through a rotation.
Digest subject_name(const std::string& site, const std::string& subject_id);

}  // namespace facekeep
