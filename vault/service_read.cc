// Metadata for operators, and the changes feed. Each read is logged before it is answered.
#include <algorithm>

#include "vault/ledger/decide.h"
#include "vault/log/sequencer/recovery.h"
#include "vault/open_vault.h"
#include "vault/opening.h"
#include "vault/seal/blob.h"
#include "vault/service.h"
#include "vault/store/keys.h"

namespace facekeep {

using ledger::Role;
using log::Turn;
using log::Write;
namespace keys = store::keys;

namespace {

SubjectInfo describe(const ledger::SubjectState& s, const OpenSubject& open) {
  SubjectInfo i;
  i.subject = open.record.subject;
  i.until = s.until;
  i.suspended = s.erase_due.has_value();
  i.entry = s.entry;
  for (const auto& t : s.templates) i.templates.push_back({to_hex(t.id), t.model, t.model_version, t.entry});
  return i;
}

std::optional<ledger::SubjectState> state_at_site(const log::Sequencer& sequencer, const std::string& site,
                                                  const Id128& ref) {
  return sequencer.read([&](const ledger::State& st) -> std::optional<ledger::SubjectState> {
    const auto* s = st.subject(ref);
    if (s == nullptr || st.current().sites[s->site].id != site) return std::nullopt;
    return *s;
  });
}

// What was stored does not open as what the log names, as against a store that does not answer.
bool is_damage(const Error& e) {
  return e.code == Errc::kIntegrity || e.code == Errc::kCrypto || e.code == Errc::kNotFound ||
         e.code == Errc::kMalformed;
}

}  // namespace

Result<ledger::PrincipalRecord> Service::reader(const Digest& spki, const std::string& site, bool doors_too) const {
  const UnixMillis now = parts_.clock.now().wall;
  return sequencer_->read([&](const ledger::State& st) -> Result<ledger::PrincipalRecord> {
    const auto* known = st.principal_by_key(spki, now);
    const bool door = doors_too && known != nullptr && known->role == Role::kDoor;
    FK_TRY(const auto* p, ledger::authorise(st, spki, door ? Role::kDoor : Role::kOperator, now));
    FK_CHECK(ledger::decide_site(st, *p, site));
    FK_CHECK(ledger::require_open(st));
    return *p;
  });
}

Result<std::uint64_t> Service::log_read(OpenVault& vault, const ledger::PrincipalRecord& by, const std::string& site,
                                        const std::string& what, std::optional<Id128> subject) {
  FK_CHECK(require_witnesses());
  FK_TRY(log::Draft draft, access_draft(vault, site, ledger::MetadataRead{site, by.id, what, subject}));
  FK_TRY(const auto receipt, sequencer_->submit([&](const Turn& turn) -> Result<Write> {
    // Revoked or sealed since: nothing leaves.
    FK_CHECK(ledger::require_open(turn.state));
    FK_TRY(const auto* p, ledger::authorise(turn.state, by.key, by.role, turn.now.wall));
    FK_CHECK(ledger::decide_site(turn.state, *p, site));
    Write w;
    w.drafts.push_back(std::move(draft));
    return w;
  }));
  return receipt.entry;
}

Result<SubjectPage> Service::list_subjects(const Digest& spki, const std::string& site, const std::string& cursor,
                                           std::size_t limit) {
  FK_TRY(const auto vault, open_vault());
  FK_TRY(const auto by, reader(spki, site, false));
  limit = std::clamp<std::size_t>(limit, 1, kMaxPage);
  Id128 from{};
  if (!cursor.empty()) {
    const auto ref = from_hex_exact<16>(cursor);
    if (!ref) return make_problem(Errc::kInvalidArgument, "bad-cursor", "the cursor is not one that this call gave");
    from = *ref;
  }
  // Who there is is for the log to say, not for the rows of the database.
  std::vector<std::pair<Id128, ledger::SubjectState>> rows;
  sequencer_->read([&](const ledger::State& st) {
    const auto& all = st.subjects();
    for (auto it = all.lower_bound(from); it != all.end() && rows.size() <= limit; ++it) {
      if (st.current().sites[it->second.site].id == site) rows.emplace_back(*it);
    }
  });
  SubjectPage page;
  if (rows.size() > limit) {
    page.next = to_hex(rows.back().first);
    rows.pop_back();
  }
  for (const auto& [ref, s] : rows) {
    const auto open = vault->open_subject(vault->site(site), ref, s);
    if (open) {
      page.subjects.push_back(describe(s, *open));
    } else if (!is_damage(open.error())) {
      return open.error();
    } else if (state_at_site(*sequencer_, site, ref)) {  // else erased this very moment
      page.damaged.push_back(s.entry);
    }
  }
  FK_TRY(page.entry, log_read(*vault, by, site, "list", std::nullopt));
  return page;
}

Result<SubjectPage> Service::get_subject(const Digest& spki, const std::string& site, const std::string& subject_id) {
  FK_TRY(const auto vault, open_vault());
  FK_TRY(const auto by, reader(spki, site, false));
  FK_CHECK(ledger::check_subject_id(subject_id));
  SiteSession& session = vault->site(site);
  FK_TRY(const auto ref, vault->find_ref(session, subject_id, enrolled_in(*sequencer_)));
  SubjectPage page;
  std::optional<Id128> pseudonym;
  if (ref) {
    if (const auto s = state_at_site(*sequencer_, site, *ref)) {
      FK_TRY(const OpenSubject open, vault->open_subject(session, *ref, *s));
      if (open.record.subject == subject_id) {
        page.subjects.push_back(describe(*s, open));
        FK_TRY(page.subjects.back().consent, parse_json(open.record.consent));
        FK_TRY(pseudonym, subject::pseudonym(open.record.log_key.view(), format_day(parts_.clock.now().wall)));
      }
    }
  }
  // That somebody is not enrolled is an answer too: it is logged like the other.
  FK_TRY(page.entry, log_read(*vault, by, site, "subject", pseudonym));
  if (page.subjects.empty()) return ledger::no_such_subject();
  return page;
}

std::optional<std::string> Service::erased_id(OpenVault& vault, const std::string& site, UnixMillis day,
                                              std::uint64_t entry) {
  const ledger::State::PeriodId id{"changes", site, format_day(day)};
  const auto key_state = sequencer_->read([&](const ledger::State& st) -> std::optional<ledger::State::PeriodKeyState> {
    const auto it = st.period_keys().find(id);
    return it == st.period_keys().end() ? std::nullopt : std::optional(it->second);
  });
  const auto name = keys::deleted(format_day(day), entry);
  if (!key_state || !name) return std::nullopt;
  const auto blob = parts_.store.get(*name);
  if (!blob || !*blob) return std::nullopt;
  const auto key =
      vault.period_key(id, *key_state, sequencer_->read([](const ledger::State& st) { return st.size(); }));
  Bytes ref;
  append_be64(ref, entry);
  const auto aad = seal::make_aad({vault.vault(), site}, 0, seal::Purpose::kChange, ref);
  if (!key || !aad) return std::nullopt;
  const auto plain = seal::open_blob(**key, *aad, **blob);
  if (!plain) return std::nullopt;
  return std::string(as_chars(plain->view()));
}

std::optional<Change> Service::change_of(OpenVault& vault, const std::string& site, std::uint64_t entry,
                                         const ledger::Event& e) {
  const auto live_id = [&](const Id128& ref) -> std::optional<std::string> {
    const auto s = state_at_site(*sequencer_, site, ref);
    if (!s) return std::nullopt;  // erased since: a later change says so
    auto open = vault.open_subject(vault.site(site), ref, *s);
    return open ? std::optional(open->record.subject) : std::nullopt;
  };
  if (const auto* x = std::get_if<ledger::Enrolled>(&e.body); x != nullptr && x->site == site) {
    return Change{entry, "enrolled", live_id(x->ref)};
  }
  if (const auto* x = std::get_if<ledger::Suspended>(&e.body); x != nullptr && x->site == site) {
    return Change{entry, "suspended", live_id(x->ref)};
  }
  if (const auto* x = std::get_if<ledger::Erased>(&e.body); x != nullptr && x->site == site) {
    return Change{entry, "erased", erased_id(vault, site, e.time, entry)};
  }
  return std::nullopt;
}

Result<ChangePage> Service::changes(const Digest& spki, const std::string& site, std::uint64_t after) {
  static constexpr std::uint64_t kMaxLooked = 20'000;  // entries of the log looked at in one call
  FK_TRY(const auto vault, open_vault());
  FK_TRY(const auto by, reader(spki, site, true));
  const std::uint64_t size = sequencer_->durable_size();
  after = std::min(after, size);
  ChangePage page;
  page.next = after;
  std::vector<std::pair<std::uint64_t, Bytes>> openings;
  FK_CHECK(parts_.store.scan(
      keys::prefix(keys::Kind::kOpening), keys::opening(page.next), [&](ByteView key, ByteView value) {
        const auto entry = keys::parse_opening(key);
        if (!entry || *entry >= size || *entry >= after + kMaxLooked || openings.size() >= kMaxPage) return false;
        if (!value.empty() && value[0] == log::kOpeningClear) openings.emplace_back(*entry, to_bytes(value));
        page.next = *entry + 1;
        return true;
      }));
  // Governance entries have no opening: what lies behind the last private one was looked at too.
  if (openings.size() < kMaxPage) page.next = std::min(size, after + kMaxLooked);
  for (const auto& [entry, opening] : openings) {
    FK_TRY(const Bytes leaf_bytes, sequencer_->entry(entry));
    FK_TRY(const ledger::Leaf leaf, ledger::decode_leaf(as_chars(leaf_bytes)));
    const auto* hidden = std::get_if<ledger::PrivateLeaf>(&leaf);
    if (hidden == nullptr) continue;
    FK_TRY(const ledger::Event event, log::open_custody(*hidden, opening));
    if (auto change = change_of(*vault, site, entry, event)) page.changes.push_back(std::move(*change));
  }
  page.more = page.next < size;
  FK_TRY(page.entry, log_read(*vault, by, site, "changes", std::nullopt));
  return page;
}

}  // namespace facekeep
