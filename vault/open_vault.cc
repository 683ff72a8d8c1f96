#include "vault/open_vault.h"

#include <algorithm>
#include <utility>

#include "vault/base/digest.h"
#include "vault/seal/blob.h"
#include "vault/seal/template_seal.h"
#include "vault/store/keys.h"

namespace facekeep {
namespace {

using seal::Purpose;

constexpr std::string_view kSubjectIdDomain("facekeep/subject-id/v1\0", 23);
constexpr std::string_view kNonceDomain("facekeep/nonce/v1\0", 18);
constexpr std::string_view kRequestDomain("facekeep/request/v1\0", 20);

Error altered(const char* what) {
  return make_error(Errc::kIntegrity, std::string("the stored ") + what + " of a subject is not the one in the log",
                    "the database was changed from outside; `facekeepd check` names what is wrong");
}

}  // namespace

SiteKeys::SiteKeys(std::uint32_t epoch_, const seal::SiteKey& key, seal::TokenWraps token_wraps_, std::uint64_t wraps)
    : epoch(epoch_),
      // The log counts every key that was ever wrapped for this site, whichever subkey of whichever epoch wrapped it:
      // an upper bound for each of them.
      wrap(key.aead(seal::SiteSubkey::kWrap, wraps)),
      openings(key.aead(seal::SiteSubkey::kOpenings, wraps)),
      changes(key.aead(seal::SiteSubkey::kChanges, wraps)),
      index(key.subkey(seal::SiteSubkey::kIndex)),
      token_wraps(std::move(token_wraps_)) {}

Digest SiteKeys::subject_tag(const std::string& subject_id) const {
  return hmac_sha256(index.view(), {as_bytes(kSubjectIdDomain), as_bytes(subject_id)});
}

Digest SiteKeys::request_tag(std::initializer_list<ByteView> parts) const {
  // Each part is hashed first, so that their borders are part of the result.
  Bytes all = to_bytes(kRequestDomain);
  for (const ByteView p : parts) {
    const Digest d = sha256(p);
    all.insert(all.end(), d.begin(), d.end());
  }
  return hmac_sha256(index.view(), {all});
}

Id128 SiteKeys::nonce_tag(const std::string& camera, const Id128& nonce) const {
  const Digest tag =
      hmac_sha256(index.view(), {as_bytes(kNonceDomain), ByteView(sha256(as_bytes(camera))), ByteView(nonce)});
  Id128 out{};
  std::copy_n(tag.begin(), out.size(), out.begin());
  return out;
}

RegisterKeys::RegisterKeys(std::uint32_t epoch_, const seal::SiteKey& key_, seal::TokenWraps token_wraps_,
                           std::uint64_t uses)
    : epoch(epoch_),
      key(key_.aead(seal::SiteSubkey::kRegister, uses)),
      proofs(key_.subkey(seal::SiteSubkey::kProofs)),
      token_wraps(std::move(token_wraps_)) {}

Digest RegisterKeys::prove(std::string_view statement) const {
  return hmac_sha256(proofs.view(), {as_bytes(ledger::kProofDomain), as_bytes(statement)});
}

std::vector<Digest> index_tags(const SiteSession& site, const std::string& subject_id) {
  std::vector<Digest> out;
  for (const auto& keys : site.keys.all()) out.push_back(keys->subject_tag(subject_id));
  return out;
}

Digest subject_name(const std::string& site, const std::string& subject_id) {
  return sha256({sha256(as_bytes(site)), as_bytes(subject_id)});
}

Status OpenVault::add_site(const std::string& site, std::shared_ptr<SiteKeys> keys, bool empty) {
  auto session = std::make_unique<SiteSession>(site, std::move(keys));
  session->ready = empty;
  const std::unique_lock lock(sites_mutex_);
  if (sites_.emplace(site, std::move(session)).second) return {};
  return make_error(Errc::kAlreadyExists, "the site \"" + site + "\" is open already");
}

void OpenVault::promote(std::uint32_t epoch) {
  const std::shared_lock lock(sites_mutex_);
  for (const auto& [id, session] : sites_) session->keys.promote(epoch);
  people_.promote(epoch);
}

void OpenVault::drop(std::uint32_t epoch) {
  const std::shared_lock lock(sites_mutex_);
  for (const auto& [id, session] : sites_) session->keys.drop(epoch);
  people_.drop(epoch);
}

void OpenVault::remove_site(const std::string& id) {
  const std::unique_lock lock(sites_mutex_);
  sites_.erase(id);
}

SiteSession& OpenVault::site(const std::string& id) const {
  const std::shared_lock lock(sites_mutex_);
  return *sites_.at(id);
}

bool OpenVault::ready() const {
  const std::shared_lock lock(sites_mutex_);
  return std::all_of(sites_.begin(), sites_.end(), [](const auto& s) { return s.second->ready.load(); });
}

Result<std::optional<Id128>> OpenVault::look_up(const SiteSession& site, const std::string& subject_id) const {
  for (const auto& keys : site.keys.all()) {
    FK_TRY(const auto stored, store_.get(store::keys::subject_index(keys->subject_tag(subject_id))));
    if (!stored) continue;
    Id128 ref{};
    if (stored->size() != ref.size()) return altered("index");
    std::copy(stored->begin(), stored->end(), ref.begin());
    return std::optional<Id128>(ref);
  }
  return std::optional<Id128>();
}

Result<std::optional<Id128>> OpenVault::stored_ref(const SiteSession& site, const std::string& subject_id) const {
  FK_TRY(auto found, look_up(site, subject_id));
  // While a rotation rewraps, the row may have moved behind the look: then it is where the first look was.
  if (!found && site.keys.all().size() > 1) return look_up(site, subject_id);
  return found;
}

Result<std::optional<Id128>> OpenVault::find_ref(const SiteSession& site, const std::string& subject_id,
                                                 const IsEnrolled& is_enrolled) const {
  std::optional<Id128> corrected;
  {
    const std::lock_guard lock(corrections_mutex_);
    const auto it = corrections_.find(subject_name(site.site, subject_id));
    if (it != corrections_.end()) corrected = it->second;
  }
  if (corrected && is_enrolled(*corrected)) return corrected;
  return stored_ref(site, subject_id);
}

void OpenVault::correct_index(const SiteSession& site, const std::string& subject_id, const Id128& ref) {
  const auto stored = stored_ref(site, subject_id);
  if (stored && *stored == ref) return;
  const std::lock_guard lock(corrections_mutex_);
  corrections_[subject_name(site.site, subject_id)] = ref;
}

void OpenVault::forget_correction(const std::string& site, const std::string& subject_id) {
  const std::lock_guard lock(corrections_mutex_);
  corrections_.erase(subject_name(site, subject_id));
}

void OpenVault::note_unread(const Id128& ref) {
  const std::lock_guard lock(unread_mutex_);
  unread_.insert(ref);
}

std::set<Id128> OpenVault::take_unread() {
  const std::lock_guard lock(unread_mutex_);
  return std::exchange(unread_, {});
}

namespace {

Result<seal::Aad> subject_aad(const Id128& vault, const std::string& site, std::uint32_t epoch, const Id128& ref) {
  return seal::make_aad({vault, site}, epoch, Purpose::kSubjectKey, ref);
}

Error no_keys(std::uint32_t epoch) {
  return make_error(Errc::kInternal, "the keys of root epoch " + std::to_string(epoch) + " are not open");
}

// A wrapped key of this slot in the generation of whichever keys have it: one that is damaged may still be whole where
// it was moved from. One that a rotation moves meanwhile is found at the second look, where the first one began.
template <class Open>
Result<seal::AeadKey> first_generation(const seal::SlotGenerations& slots, const EpochKeys<SiteKeys>& keys,
                                       std::uint32_t slot, const Open& open) {
  Error missing = make_error(Errc::kNotFound, "key slot " + std::to_string(slot) + " is empty");
  for (int look = 0; look < 2; ++look) {
    for (const auto& k : keys.all()) {
      const auto record = slots.read(k->epoch, slot);
      if (record) return open(*k, *record);
      if (record.error().code == Errc::kIntegrity) {
        missing = record.error();
      } else if (record.error().code != Errc::kNotFound) {
        return record.error();
      }
    }
  }
  return missing;
}

}  // namespace

Result<seal::SlotWrite> OpenVault::wrap_subject_key(const SiteSession& site, std::uint32_t epoch, const Id128& ref,
                                                    std::uint32_t slot, const seal::AeadKey& key) const {
  const auto keys = site.keys.of(epoch);
  if (!keys) return no_keys(epoch);
  FK_TRY(const seal::Aad aad, subject_aad(vault_, site.site, epoch, ref));
  FK_TRY(Bytes record, seal::wrap_key(keys->wrap, aad, key));
  return seal::SlotWrite{slot, std::move(record), epoch};
}

Result<seal::AeadKey> OpenVault::subject_key(const SiteSession& site, const Id128& ref, std::uint32_t slot,
                                             std::uint64_t used) const {
  return first_generation(slots_, site.keys, slot,
                          [&](const SiteKeys& k, const Bytes& record) -> Result<seal::AeadKey> {
                            FK_TRY(const seal::Aad aad, subject_aad(vault_, site.site, k.epoch, ref));
                            return seal::unwrap_key(k.wrap, aad, record, used);
                          });
}

Result<OpenSubject> OpenVault::open_subject(const SiteSession& site, const Id128& ref,
                                            const ledger::SubjectState& state) const {
  FK_TRY(const auto blob, store_.get(store::keys::record(ref)));
  if (!blob || seal::blob_digest(*blob) != state.record) return altered("record");
  // One encryption for the record and one for each template that K ever sealed.
  FK_TRY(seal::AeadKey key, subject_key(site, ref, state.slot, 1 + state.templates.size()));
  FK_TRY(const seal::Aad aad, seal::make_record_aad({vault_, site.site}, ref));
  FK_TRY(const SecretBytes plain, seal::open_blob(key, aad, *blob));
  FK_TRY(subject::SubjectRecord record, subject::decode_record(plain.view()));
  FK_TRY(subject::Consent consent, subject::parse_consent(record.consent));
  return OpenSubject{std::move(key), std::move(record), std::move(consent)};
}

namespace {

// Monthly and daily keys are under subkeys of their own.
template <class Keys>
auto& period_wrap(Keys& keys, const ledger::State::PeriodId& id) {
  return std::get<0>(id) == "access" ? keys.openings : keys.changes;
}

Result<seal::Aad> period_aad(const Id128& vault, std::uint32_t epoch, const ledger::State::PeriodId& id) {
  const auto& [purpose, site, period] = id;
  return seal::make_aad({vault, site}, epoch, Purpose::kPeriodKey, as_bytes(purpose + "/" + period));
}

}  // namespace

Result<seal::SlotWrite> OpenVault::wrap_period_key(const ledger::State::PeriodId& id, std::uint32_t epoch,
                                                   std::uint32_t slot, const seal::AeadKey& key) const {
  const auto keys = site(std::get<1>(id)).keys.of(epoch);
  if (!keys) return no_keys(epoch);
  FK_TRY(const seal::Aad aad, period_aad(vault_, epoch, id));
  FK_TRY(Bytes record, seal::wrap_key(period_wrap(*keys, id), aad, key));
  return seal::SlotWrite{slot, std::move(record), epoch};
}

Result<seal::AeadKey> OpenVault::open_period_key(const ledger::State::PeriodId& id, std::uint32_t slot,
                                                 std::uint64_t used) const {
  return first_generation(slots_, site(std::get<1>(id)).keys, slot,
                          [&](const SiteKeys& k, const Bytes& record) -> Result<seal::AeadKey> {
                            FK_TRY(const seal::Aad aad, period_aad(vault_, k.epoch, id));
                            return seal::unwrap_key(period_wrap(k, id), aad, record, used);
                          });
}

Result<std::shared_ptr<seal::AeadKey>> OpenVault::period_key(const ledger::State::PeriodId& id,
                                                             const ledger::State::PeriodKeyState& state,
                                                             std::uint64_t log_size) {
  const std::lock_guard lock(period_mutex_);
  if (const auto it = period_keys_.find(id); it != period_keys_.end()) return it->second;
  // It seals at most one thing an entry, so the entries since its own bound its uses.
  FK_TRY(seal::AeadKey key, open_period_key(id, state.slot, log_size - state.entry));
  auto shared = std::make_shared<seal::AeadKey>(std::move(key));
  period_keys_[id] = shared;
  return shared;
}

bool OpenVault::has_period_key(const ledger::State::PeriodId& id) const {
  const std::lock_guard lock(period_mutex_);
  return period_keys_.contains(id);
}

void OpenVault::forget_period_key(const ledger::State::PeriodId& id) {
  const std::lock_guard lock(period_mutex_);
  period_keys_.erase(id);
}

}  // namespace facekeep
