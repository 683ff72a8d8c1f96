// Rotation and re-share: a new root key in the token and a new key of every site, in force with one entry; then each
// subject's key is rewrapped while doors are served, and what was before is destroyed.
//
// Where a crash leaves it, the log says: before proposal-done nothing has happened but a key in the token and slot
// files that nobody owns, and both are made anew; from then on the rotation goes on from its last batch, as soon as the
// vault is open.
#include <algorithm>
#include <functional>

#include "vault/ledger/decide.h"
#include "vault/open_vault.h"
#include "vault/opening.h"
#include "vault/rewrap.h"
#include "vault/seal/blob.h"
#include "vault/service.h"
#include "vault/site_rows.h"
#include "vault/store/keys.h"

namespace facekeep {

using ledger::State;
using log::Turn;
using log::Write;
namespace keys = store::keys;

namespace {

constexpr std::uint64_t kFirstRetryMs = 10'000;
constexpr std::uint64_t kLongestRetryMs = 600'000;

// What the state says of a change of keys that is to be carried out.
struct KeyChange {
  Id128 vault{};
  std::uint32_t from = 0;
  std::uint32_t to = 0;
  bool reshare = false;
  bool lost = false;                     // the root in force went with a lost token
  Digest u_public{};                     // to which the new keys are sealed
  Digest u_before{};                     // in force
  std::optional<std::string> new_spare;  // PEM
  std::optional<Digest> spare_key;       // of the one that is registered
  std::vector<std::string> sites;
  std::map<State::PeriodId, State::PeriodKeyState> period_keys;
  std::uint64_t size = 0;
};

Result<KeyChange> key_change_in(const State& st, const Id128& id, const Instant& now) {
  FK_CHECK(decide_carry_out(st, id, st.moment_at(now)));
  FK_CHECK(ledger::require_open(st));
  const ledger::Action& action = st.proposals().at(id).made.action;
  KeyChange out{st.genesis().vault,
                st.root_epoch(),
                st.root_epoch() + 1,
                false,
                st.lost_roots().contains(st.root_epoch()),
                st.current().unseal_key,
                st.current().unseal_key,
                {},
                st.current().spare_key,
                {},
                st.period_keys(),
                st.size()};
  for (const auto& s : st.current().sites) out.sites.push_back(s.id);
  if (const auto* reshare = std::get_if<ledger::Reshare>(&action)) {
    out.reshare = true;
    out.u_public = reshare->unseal_key;
    out.new_spare = reshare->spare;
  } else {
    out.new_spare = std::get<ledger::RotateKeys>(action).spare;
  }
  return out;
}

// What was drawn and wrapped for it, ready to be written.
struct NewEpoch {
  ledger::NewKeys keys;
  std::vector<store::Batch::Put> puts;
  std::map<std::string, std::shared_ptr<SiteKeys>> sites;
  std::shared_ptr<RegisterKeys> people;
  PeriodSlots period_keys;
};

// Makes the parts of a NewEpoch, one after another.
class EpochMaker {
 public:
  EpochMaker(Custody& custody, const store::Store& store, const KeyChange& change)
      : custody_(custody), store_(store), change_(change) {}

  // The root key, the site keys under it, and what the tokens and the custodians seal them with. The token may take its
  // time: it needs no open vault, and ends with the error of `go_on` once that has one.
  Status draw(const std::function<Status()>& go_on);
  // From here on the open vault has the new keys, for those who find the new epoch in the log.
  void put_in(OpenVault& vault) const;
  // Period keys, and for a re-share the old keys of sites, which the new cards must open until the end. What the cards
  // before open stays beside them: until the new ones have opened the vault, nobody knows that they do.
  Status rewrap(OpenVault& vault);
  [[nodiscard]] NewEpoch& made() { return made_; }

 private:
  Status make_root();
  Result<std::pair<seal::SiteKey, seal::TokenWraps>> draw_key(const std::string& name);
  Status seal_for_old_cards(const std::string& name, const seal::SiteKey& key);
  Status reseal_old(const std::string& name, const seal::TokenWraps& wraps);

  Custody& custody_;
  const store::Store& store_;
  const KeyChange& change_;
  std::optional<SpareToken> spare_;
  NewEpoch made_;
};

// One of this epoch that the log does not know is from an attempt that a crash ended.
Status EpochMaker::make_root() {
  FK_TRY(const bool left, custody_.has_root(change_.to));
  if (left) FK_CHECK(custody_.destroy_root(change_.to));
  FK_TRY(const RootEvidence e, custody_.make_root(change_.to));
  made_.keys.epoch = change_.to;
  made_.keys.root = {e.mechanism, e.local, e.sensitive, e.always_sensitive, e.extractable, e.never_extractable};
  return {};
}

Result<std::pair<seal::SiteKey, seal::TokenWraps>> EpochMaker::draw_key(const std::string& name) {
  const seal::SiteKeyPlace place{change_.vault, name, change_.to};
  seal::SiteKey key = seal::SiteKey::generate();
  FK_TRY(seal::TokenWraps wraps, seal::wrap_site_key(custody_, place, spare_, key));
  FK_TRY(const auto sealed, seal::seal_token_wraps(place, change_.u_public, wraps));
  FK_CHECK(put_site_key(name, change_.to, sealed, made_.puts));
  if (change_.reshare && !change_.lost) FK_CHECK(seal_for_old_cards(name, key));
  return std::pair(std::move(key), std::move(wraps));
}

// The cards before open the new keys too, until the new cards have: but only with the old root, which goes then.
Status EpochMaker::seal_for_old_cards(const std::string& name, const seal::SiteKey& key) {
  FK_TRY(Bytes sealed, seal::seal_site_key(custody_, {change_.vault, name, change_.from}, change_.u_before, key));
  FK_TRY(Bytes row, keys::site_key(name, change_.to, keys::SiteKeyKind::kMainBefore));
  made_.puts.push_back({std::move(row), std::move(sealed)});
  return {};
}

Status EpochMaker::draw(const std::function<Status()>& go_on) {
  if (change_.new_spare) {
    FK_TRY(const Digest fingerprint, ledger::spare_digest(*change_.new_spare));
    spare_ = SpareToken{*change_.new_spare, fingerprint};
    made_.puts.push_back({keys::meta_spare(), to_bytes(as_bytes(*change_.new_spare))});
  } else {
    FK_TRY(spare_, stored_spare(store_, change_.spare_key));
  }
  FK_CHECK(make_root());
  for (const auto& site : change_.sites) {
    FK_CHECK(go_on());
    FK_TRY(auto drawn, draw_key(site));
    made_.keys.checks[site] = drawn.first.check();
    made_.sites[site] = std::make_shared<SiteKeys>(change_.to, drawn.first, std::move(drawn.second), 0);
  }
  FK_CHECK(go_on());
  FK_TRY(auto own, draw_key(std::string(seal::kVaultKeyName)));
  made_.keys.register_check = own.first.check();
  made_.people = std::make_shared<RegisterKeys>(change_.to, own.first, std::move(own.second), 0);
  return {};
}

void EpochMaker::put_in(OpenVault& vault) const {
  for (const auto& [site, keys] : made_.sites) vault.site(site).keys.add(keys);
  vault.people().add(made_.people);
}

Status EpochMaker::reseal_old(const std::string& name, const seal::TokenWraps& wraps) {
  FK_TRY(const auto sealed, seal::seal_token_wraps({change_.vault, name, change_.from}, change_.u_public, wraps));
  return put_site_key(name, change_.from, sealed, made_.puts, true);
}

Status EpochMaker::rewrap(OpenVault& vault) {
  // One that does not open is left behind; the old keys wait a day for it (service_rewrap.cc).
  FK_TRY(made_.period_keys, rewrap_period_keys(vault, change_.period_keys, change_.size, change_.to));
  if (!change_.reshare) return {};
  for (const auto& site : change_.sites) {
    const auto old = vault.site(site).keys.of(change_.from);
    if (!old) return make_error(Errc::kInternal, "a site's present keys are not open");
    FK_CHECK(reseal_old(site, old->token_wraps));
  }
  const auto people = vault.people().of(change_.from);
  if (!people) return make_error(Errc::kInternal, "the register's present keys are not open");
  return reseal_old(std::string(seal::kVaultKeyName), people->token_wraps);
}

// Nothing came between the plan and its turn that the plan does not have.
Status still_fits(const State& st, const KeyChange& change, const NewEpoch& made) {
  const bool period = std::any_of(st.period_keys().begin(), st.period_keys().end(), [&](const auto& k) {
    const auto known = change.period_keys.find(k.first);
    return known == change.period_keys.end() || known->second.slot != k.second.slot ||
           known->second.entry != k.second.entry;
  });
  if (st.root_epoch() == change.from && st.current().sites.size() == made.sites.size() && !period) return {};
  return make_error(Errc::kConflict, "the vault changed while new keys were being made; they are made anew");
}

// The entry that puts them in force, and everything that comes with it.
Result<Write> write_new_keys(const Turn& turn, const Id128& id, const KeyChange& change, const NewEpoch& made,
                             const RegisterKeys& now_open) {
  FK_CHECK(decide_carry_out(turn.state, id, turn.state.moment_at(turn.now)));
  FK_CHECK(ledger::require_open(turn.state));
  FK_CHECK(still_fits(turn.state, change, made));
  FK_TRY(const std::string statement, ledger::new_keys_statement(change.vault, id, made.keys, change.u_public));
  Write w;
  w.drafts.push_back({ledger::ProposalDone{id, {}, made.keys, now_open.prove(statement)}, {}});
  w.puts = made.puts;
  for (const auto& [period, slot] : made.period_keys) {
    if (turn.state.period_keys().contains(period)) w.new_keys.push_back(slot);
  }
  w.checkpoint = true;
  return w;
}

}  // namespace

// The names of people, under the register's new key.
Status Service::reseal_names(OpenVault& vault, std::uint32_t epoch, std::vector<store::Batch::Put>& puts) const {
  Status failed;
  FK_CHECK(parts_.store.scan(keys::prefix(keys::Kind::kNames), {}, [&](ByteView row, ByteView blob) {
    const auto entry = keys::parse_names(row);
    if (!entry) return true;
    const auto names = open_names(vault, *entry, blob);
    if (!names) return true;  // damaged before: the register names it
    auto sealed = seal_names(vault, epoch, *entry, *names);
    if (!sealed) {
      failed = sealed.error();
      return false;
    }
    puts.push_back({to_bytes(row), std::move(*sealed)});
    return true;
  }));
  return failed;
}

Status Service::change_keys(const Id128& id) {
  const std::lock_guard one(key_change_mutex_);
  const Instant now = parts_.clock.now();
  const bool rotating = sequencer_->read([](const State& st) { return st.rotation().has_value(); });
  FK_CHECK(sequencer_->read([&](const State& st) { return decide_carry_out(st, id, st.moment_at(now)); }));
  KeyChange change;
  if (!rotating) {
    FK_TRY(change, sequencer_->read([&](const State& st) { return key_change_in(st, id, now); }));
  }
  // Each try makes a key in the token, whose memory wears.
  if (!key_change_retry_.is_due(now.uptime_ms)) {
    return make_error(Errc::kUnavailable, "new keys are made again some time after a try that failed");
  }
  if (rotating) {
    const Status renewed = renew_cards(id);
    note_key_change(renewed, renewed.has_value());
    return renewed;
  }
  EpochMaker maker(parts_.custody, parts_.store, change);
  bool durable = false;
  const auto put_in_force = [&]() -> Status {
    // Sealing waits for this lock, and no unseal is under way. Whoever holds the vault must not wait for it.
    const std::lock_guard phase_lock(phase_mutex_);
    const std::lock_guard names_lock(names_mutex_);
    FK_TRY(const auto vault, open_vault());
    const auto now_open = vault->people().of(change.from);
    if (!now_open) return make_error(Errc::kInternal, "the register's present keys are not open");
    maker.put_in(*vault);
    const Status done = [&]() -> Status {
      FK_CHECK(maker.rewrap(*vault));
      FK_CHECK(reseal_names(*vault, change.to, maker.made().puts));
      FK_CHECK(sequencer_->submit([&](const Turn& turn) -> Result<Write> {
        FK_TRY(Write w, write_new_keys(turn, id, change, maker.made(), *now_open));
        w.after = [&] {
          vault->promote(change.to);
          rotation_done_ = 0;
          collectors_stale_ = true;
          durable = true;
        };
        return w;
      }));
      return {};
    }();
    if (durable) FK_CHECK(settle_collectors());  // the cards of a re-share open it from now on
    const auto halt = halted();
    if (!done && !durable && !(halt && halt->fatal)) vault->drop(change.to);
    return done;
  };
  const Status done = [&]() -> Status {
    FK_CHECK(parts_.store.check());            // room for what follows, before a key is made
    FK_CHECK(settle_log());                    // the keys that are to be moved are on disk
    FK_CHECK(parts_.slots.retire(change.to));  // what an earlier try left
    FK_CHECK(parts_.slots.begin(change.to, change.from));
    FK_CHECK(maker.draw([this] {
      const auto vault = open_vault();
      return vault ? Status() : Status(vault.error());
    }));
    return put_in_force();
  }();
  note_key_change(done, durable);
  if (done || durable) return done;
  // After a failed commit nobody knows what the log has: that halt is for good, and nothing is destroyed.
  const auto halt = halted();
  if (halt && halt->fatal) return done;
  static_cast<void>(parts_.slots.retire(change.to));
  static_cast<void>(parts_.custody.destroy_root(change.to));
  return done;
}

// That the vault was sealed, or changed, meanwhile is no failure of the token. But each try that ends in a change has
// made a key too.
void Service::note_key_change(const Status& done, bool durable) {
  const Errc why = done ? Errc::kInternal : done.error().code;
  if (done || durable || why == Errc::kSealed) {
    key_change_retry_.succeeded();
  } else {
    key_change_retry_.failed(parts_.clock.now().uptime_ms, kFirstRetryMs, kLongestRetryMs);
  }
  if (!done && why != Errc::kConflict && why != Errc::kSealed && options_.on_rotation_failed) {
    options_.on_rotation_failed(done.error());
  }
}

}  // namespace facekeep
