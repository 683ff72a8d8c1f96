#include "vault/open_vault.h"

#include <algorithm>

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

SiteSession::SiteSession(const ledger::Site& s, const seal::SiteKey& key, std::uint64_t wraps)
    : site(s.id),
      epoch(s.epoch),
      // The log counts every key that was ever wrapped for this site, whichever subkey wrapped it: an upper
      // bound for each of the three.
      wrap(key.aead(seal::SiteSubkey::kWrap, wraps)),
      openings(key.aead(seal::SiteSubkey::kOpenings, wraps)),
      changes(key.aead(seal::SiteSubkey::kChanges, wraps)),
      index(key.subkey(seal::SiteSubkey::kIndex)) {}

Digest SiteSession::subject_tag(const std::string& subject_id) const {
  return hmac_sha256(index.view(), {as_bytes(kSubjectIdDomain), as_bytes(subject_id)});
}

Digest SiteSession::request_tag(std::initializer_list<ByteView> parts) const {
  // Each part is hashed first, so that their borders are part of the result.
  Bytes all = to_bytes(kRequestDomain);
  for (const ByteView p : parts) {
    const Digest d = sha256(p);
    all.insert(all.end(), d.begin(), d.end());
  }
  return hmac_sha256(index.view(), {all});
}

Id128 SiteSession::nonce_tag(const std::string& camera, const Id128& nonce) const {
  const Digest tag =
      hmac_sha256(index.view(), {as_bytes(kNonceDomain), ByteView(sha256(as_bytes(camera))), ByteView(nonce)});
  Id128 out{};
  std::copy_n(tag.begin(), out.size(), out.begin());
  return out;
}

Status OpenVault::add_site(const ledger::Site& site, const seal::SiteKey& key, std::uint64_t wraps, bool empty) {
  auto session = std::make_unique<SiteSession>(site, key, wraps);
  session->ready = empty;
  const std::unique_lock lock(sites_mutex_);
  if (sites_.emplace(site.id, std::move(session)).second) return {};
  return make_error(Errc::kAlreadyExists, "the site \"" + site.id + "\" is open already");
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

Result<std::optional<Id128>> OpenVault::find_ref(const SiteSession& site, const std::string& subject_id) const {
  const Digest tag = site.subject_tag(subject_id);
  {
    const std::lock_guard lock(corrections_mutex_);
    if (const auto it = corrections_.find(tag); it != corrections_.end()) return std::optional<Id128>(it->second);
  }
  FK_TRY(const auto stored, store_.get(store::keys::subject_index(tag)));
  if (!stored) return std::optional<Id128>();
  Id128 ref{};
  if (stored->size() != ref.size()) return altered("index");
  std::copy(stored->begin(), stored->end(), ref.begin());
  return std::optional<Id128>(ref);
}

void OpenVault::correct_index(const SiteSession& site, const std::string& subject_id, const Id128& ref) {
  const Digest tag = site.subject_tag(subject_id);
  const auto stored = store_.get(store::keys::subject_index(tag));
  if (stored && *stored && std::equal((*stored)->begin(), (*stored)->end(), ref.begin(), ref.end())) return;
  const std::lock_guard lock(corrections_mutex_);
  corrections_[tag] = ref;
}

void OpenVault::forget_correction(const Digest& tag) {
  const std::lock_guard lock(corrections_mutex_);
  corrections_.erase(tag);
}

Result<OpenVault::NewKey> OpenVault::new_subject_key(SiteSession& site, const Id128& ref) const {
  FK_TRY(const seal::Aad aad, seal::make_aad({vault_, site.site}, site.epoch, Purpose::kSubjectKey, ref));
  seal::AeadKey key = seal::AeadKey::generate();
  FK_TRY(Bytes record, seal::wrap_key(site.wrap, aad, key));
  return NewKey{std::move(key), std::move(record)};
}

Result<seal::AeadKey> OpenVault::subject_key(const SiteSession& site, const Id128& ref, std::uint32_t slot,
                                             std::uint64_t used) const {
  FK_TRY(const Bytes record, slots_.read(slot));
  FK_TRY(const seal::Aad aad, seal::make_aad({vault_, site.site}, site.epoch, Purpose::kSubjectKey, ref));
  return seal::unwrap_key(site.wrap, aad, record, used);
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

seal::AeadKey& OpenVault::period_wrap(const ledger::State::PeriodId& id) const {
  SiteSession& s = site(std::get<1>(id));
  return std::get<0>(id) == "access" ? s.openings : s.changes;
}

Result<seal::Aad> OpenVault::period_aad(const ledger::State::PeriodId& id) const {
  const auto& [purpose, site_id, period] = id;
  return seal::make_aad({vault_, site_id}, site(site_id).epoch, Purpose::kPeriodKey, as_bytes(purpose + "/" + period));
}

Result<OpenVault::NewKey> OpenVault::new_period_key(const ledger::State::PeriodId& id) const {
  FK_TRY(const seal::Aad aad, period_aad(id));
  seal::AeadKey key = seal::AeadKey::generate();
  FK_TRY(Bytes record, seal::wrap_key(period_wrap(id), aad, key));
  return NewKey{std::move(key), std::move(record)};
}

Result<std::shared_ptr<seal::AeadKey>> OpenVault::period_key(const ledger::State::PeriodId& id,
                                                             const ledger::State::PeriodKeyState& state,
                                                             std::uint64_t log_size) {
  const std::lock_guard lock(period_mutex_);
  if (const auto it = period_keys_.find(id); it != period_keys_.end()) return it->second;
  FK_TRY(const Bytes record, slots_.read(state.slot));
  FK_TRY(const seal::Aad aad, period_aad(id));
  // It seals at most one thing an entry, so the entries since its own bound its uses.
  FK_TRY(seal::AeadKey key, seal::unwrap_key(period_wrap(id), aad, record, log_size - state.entry));
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
