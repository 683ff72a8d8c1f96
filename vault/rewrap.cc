#include "vault/rewrap.h"

#include <algorithm>

#include "vault/base/digest.h"
#include "vault/base/thread.h"
#include "vault/ledger/decide.h"
#include "vault/log/merkle.h"
#include "vault/seal/blob.h"
#include "vault/store/keys.h"
#include "vault/subject/record.h"

namespace facekeep {
namespace {

__extension__ using Wide = unsigned __int128;

Wide wide(const Id128& bytes) {
  Wide out = 0;
  for (const std::uint8_t b : bytes) out = out << 8U | b;
  return out;
}

Id128 narrow(Wide value) {
  Id128 out{};
  for (std::size_t i = out.size(); i-- > 0; value >>= 8U) out[i] = static_cast<std::uint8_t>(value & 0xffU);
  return out;
}

}  // namespace

bool is_damage(const Error& e) {
  return e.code == Errc::kIntegrity || e.code == Errc::kCrypto || e.code == Errc::kMalformed ||
         e.code == Errc::kTooLarge || e.code == Errc::kNotFound;
}

std::vector<RewrapSubject> next_to_rewrap(const ledger::State::Subjects& subjects, const Id128& after,
                                          std::size_t most) {
  std::vector<RewrapSubject> out;
  for (auto it = subjects.upper_bound(after); it != subjects.end() && out.size() < most; ++it) {
    out.push_back({it->first, it->second});
  }
  return out;
}

std::optional<Id128> between(const Id128& below, const Id128& above) {
  const Wide low = wide(below);
  const Wide high = wide(above);
  if (high <= low || high - low < 2) return std::nullopt;
  return narrow(low + 1 + wide(random_array<16>()) % (high - low - 1));
}

Result<RewrapCut> cut_rewrap(const ledger::State::Subjects& subjects, const Id128& after,
                             std::span<const Id128> prepared) {
  RewrapCut out;
  Id128 last = after;  // nobody behind `after` and up to this one is left out
  auto next = subjects.upper_bound(after);
  for (std::size_t i = 0; i < prepared.size(); ++i) {
    if (prepared[i] <= after) continue;
    if (next != subjects.end() && next->first < prepared[i]) break;  // came meanwhile
    last = prepared[i];
    if (next == subjects.end() || next->first != prepared[i]) continue;  // gone
    out.taken.push_back(i);
    ++next;
  }
  if (next == subjects.end()) {
    out.upto = ledger::kAllRefs;
    return out;
  }
  const auto upto = between(last, next->first);
  if (!upto) return make_error(Errc::kConflict, "two subjects' refs have no value between them");
  out.upto = *upto;
  return out;
}

namespace {

// The work of one thread.
class Rewrapper {
 public:
  Rewrapper(const OpenVault& vault, const store::Store& store, const std::vector<std::string>& sites,
            std::uint32_t from, std::uint32_t to)
      : vault_(vault), store_(store), from_(from), to_(to) {
    for (const auto& id : sites) sites_.push_back(&vault.site(id));
  }

  Result<Rewrap> run(const RewrapSubject& s) const {
    const SiteSession& site = *sites_.at(s.state.site);
    Rewrap out;
    out.ref = s.ref;
    const auto key = vault_.subject_key(site, s.ref, s.state.slot, 1 + s.state.templates.size());
    if (!key && is_damage(key.error())) return out;
    if (!key) return key.error();
    FK_TRY(out.key, vault_.wrap_subject_key(site, to_, s.ref, s.state.slot, *key));
    out.leaf = log::leaf_hash(concat(s.ref, sha256(out.key->data)));
    const auto tags = tags_of(site, s, *key);
    if (tags) {
      out.tags = *tags;
    } else if (!is_damage(tags.error())) {
      return tags.error();
    }
    return out;
  }

 private:
  Result<std::pair<Digest, Digest>> tags_of(const SiteSession& site, const RewrapSubject& s,
                                            const seal::AeadKey& key) const {
    const auto before = site.keys.of(from_);
    const auto after = site.keys.of(to_);
    if (!before || !after) return make_error(Errc::kInternal, "the keys of a rotation are not open");
    FK_TRY(const auto blob, store_.get(store::keys::record(s.ref)));
    if (!blob) return make_error(Errc::kNotFound, "a subject's record is missing");
    FK_TRY(const seal::Aad aad, seal::make_record_aad({vault_.vault(), site.site}, s.ref));
    FK_TRY(const SecretBytes plain, seal::open_blob(key, aad, *blob));
    FK_TRY(const subject::SubjectRecord record, subject::decode_record(plain.view()));
    return std::pair(before->subject_tag(record.subject), after->subject_tag(record.subject));
  }

  const OpenVault& vault_;
  const store::Store& store_;
  const std::uint32_t from_;
  const std::uint32_t to_;
  std::vector<const SiteSession*> sites_;
};

}  // namespace

Result<std::vector<Rewrap>> rewrap_batch(const OpenVault& vault, const store::Store& store,
                                         const std::vector<std::string>& sites,
                                         const std::vector<RewrapSubject>& subjects, std::uint32_t from,
                                         std::uint32_t to) {
  std::vector<Rewrap> out(subjects.size());
  const Rewrapper rewrapper(vault, store, sites, from, to);
  const auto work = [&](std::size_t begin, std::size_t end) -> Status {
    for (std::size_t i = begin; i < end; ++i) {
      if (vault.closing) return make_problem(Errc::kSealed, "sealed", "the vault is being sealed");
      FK_TRY(out[i], rewrapper.run(subjects[i]));
    }
    return {};
  };
  const std::size_t half = subjects.size() / 2;
  Status other;
  const auto rest = [&] { other = work(half, subjects.size()); };
  std::thread second;
  const bool beside = start_thread(second, rest);
  const Status mine = work(0, half);
  if (beside) {
    second.join();
  } else {
    rest();
  }
  FK_CHECK(mine);
  FK_CHECK(other);
  return out;
}

Result<PeriodSlots> rewrap_period_keys(OpenVault& vault,
                                       const std::map<ledger::State::PeriodId, ledger::State::PeriodKeyState>& keys,
                                       std::uint64_t size, std::uint32_t to) {
  PeriodSlots out;
  for (const auto& [id, state] : keys) {
    const auto key = vault.period_key(id, state, size);
    if (!key && is_damage(key.error())) continue;
    if (!key) return key.error();
    FK_TRY(auto wrapped, vault.wrap_period_key(id, to, state.slot, **key));
    out.emplace(id, std::move(wrapped));
  }
  return out;
}

void add_rewrap(log::Write& w, Rewrap&& r) {
  if (r.key) w.new_keys.push_back(std::move(*r.key));
  if (!r.tags) return;
  w.deletes.push_back(store::keys::subject_index(r.tags->first));
  w.puts.push_back({store::keys::subject_index(r.tags->second), to_bytes(r.ref)});
}

Result<log::Write> write_rewrap(const log::Turn& turn, std::vector<Rewrap>& batch) {
  FK_CHECK(ledger::require_open(turn.state));
  const auto rotation = turn.state.rotation();
  if (!rotation) return make_error(Errc::kFailedPrecondition, "no rotation is open");
  std::vector<Id128> refs;
  refs.reserve(batch.size());
  for (const Rewrap& r : batch) refs.push_back(r.ref);
  FK_TRY(const RewrapCut cut, cut_rewrap(turn.state.subjects(), rotation->upto, refs));
  log::Write w;
  log::Tree tree;
  for (const std::size_t i : cut.taken) {
    if (batch[i].key) tree.append(batch[i].leaf);
    add_rewrap(w, std::move(batch[i]));
  }
  w.drafts.push_back({ledger::Rewrapped{rotation->to, cut.upto, tree.root()}, {}});
  return w;
}

}  // namespace facekeep
