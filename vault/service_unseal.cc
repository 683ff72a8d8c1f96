// Unsealing: shares come in, the quorum opens the site keys, the log says so.
#include <algorithm>
#include <set>

#include "vault/history.h"
#include "vault/known_people.h"
#include "vault/ledger/decide.h"
#include "vault/ledger/key_proof.h"
#include "vault/open_vault.h"
#include "vault/opening.h"
#include "vault/seal/share_envelope.h"
#include "vault/service.h"
#include "vault/site_rows.h"
#include "vault/store/keys.h"

namespace facekeep {

using ledger::Phase;
using ledger::Role;
using log::Turn;
using log::Write;

namespace {

// What the collector says of a card, for the person who handed it in.
Status refuse(const seal::ShareReply& reply, const std::vector<ledger::Group>& groups) {
  const std::string card = reply.group < groups.size()
                               ? "card " + std::to_string(reply.member + 1) + " of group " + groups[reply.group].id
                               : "";
  switch (reply.outcome) {
    case seal::ShareOutcome::kAccepted: return {};
    case seal::ShareOutcome::kDuplicate:
      return make_problem(Errc::kConflict, "duplicate-share", card + " is in already; the progress stays");
    case seal::ShareOutcome::kNotNeeded:
      return make_problem(Errc::kConflict, "share-not-needed",
                          card + " is right, but its group is complete; the progress stays");
    case seal::ShareOutcome::kWrongSet:
      return make_problem(Errc::kInvalidArgument, "old-share", "this card is from before the shares were renewed",
                          "use the newer card; destroy this one");
    case seal::ShareOutcome::kForeign: break;
  }
  return make_problem(Errc::kInvalidArgument, "foreign-share",
                      "this card is not one of this vault's cards; the progress stays",
                      "check the vault's name on the card");
}

bool has_card(const std::vector<ledger::Group>& groups, std::size_t group, const Digest& commitment) {
  if (group >= groups.size()) return false;
  const auto& cards = groups[group].shares;
  return std::any_of(cards.begin(), cards.end(), [&](const auto& c) { return c.commitment == commitment; });
}

// A key as the database has it, and the check by which the log knows it.
struct KeyAtRest {
  std::string name;
  std::uint32_t epoch = 0;
  Digest check{};
  std::uint64_t uses = 0;
};

// Everything that an unseal opens, from the state.
struct KeysAtRest {
  Id128 vault{};
  std::vector<KeyAtRest> sites;
  KeyAtRest people;
  // While a rotation is open: those before, which some subjects' keys are still under.
  std::vector<KeyAtRest> old;
  std::optional<KeyAtRest> old_people;
  bool old_needed = false;
  std::set<std::uint32_t> by_spare;  // epochs whose root is gone with a lost token
  bool untried = false;              // of a re-share: the new cards have opened nothing yet
  std::optional<Digest> spare_key;
  // What the vault's own keys vouch for: that before the rotation, and that in force.
  std::optional<ledger::Vouched> keys;
  std::vector<ledger::Vouched> opened_sites;
};

Result<KeysAtRest> keys_at_rest(const ledger::State& st) {
  KeysAtRest out;
  const ledger::Genesis& now = st.current();
  const std::string vault_key(seal::kVaultKeyName);
  for (const auto& [epoch, retired] : st.lost_roots()) out.by_spare.insert(epoch);
  out.vault = now.vault;
  out.spare_key = now.spare_key;
  for (const auto& s : now.sites) out.sites.push_back({s.id, s.epoch, s.check, st.wraps(s.id)});
  out.people = {vault_key, now.register_epoch, now.register_check, 0};
  FK_TRY(out.keys, vouched_keys(st));
  FK_TRY(out.opened_sites, vouched_sites(st));
  const auto rotation = st.rotation();
  if (!rotation) return out;
  for (const auto& [site, check] : rotation->old_checks)
    out.old.push_back({site, rotation->from, check, st.wraps(site)});
  out.old_people = {vault_key, rotation->from, rotation->old_register_check, 0};
  out.old_needed = rotation->upto != ledger::kAllRefs;
  out.untried = rotation->cards_untried;
  return out;
}

Error missing_key(const KeyAtRest& k) {
  return make_error(Errc::kIntegrity, "the sealed key of site \"" + k.name + "\" is missing from the database",
                    "restore the database; the log is not enough to open a vault");
}

// With which keys the stored ones of the vault are opened.
struct Opener {
  const store::Store& store;
  Custody& custody;
  const Id128& vault;
  const SecretBytes& unseal_key;
  const std::set<std::uint32_t>& by_spare;
  const StoredKeys& stored;
  // Set if that is of the cards before: the epoch of the keys that were drawn when these were in force, and the spare
  // token for what is sealed anew.
  std::optional<std::uint32_t> before;
  std::optional<SpareToken> spare;

  Result<seal::OpenedSiteKey> open(const KeyAtRest& k) const {
    if (before && k.epoch > *before) return open_newer(k);
    FK_TRY(const auto sealed, stored(k.name, k.epoch));
    if (!sealed) return missing_key(k);
    const auto open_it = by_spare.contains(k.epoch) ? seal::open_site_key_by_spare : seal::open_site_key_for_all;
    return open_it(custody, {vault, k.name, k.epoch}, unseal_key.view(), *sealed, k.check);
  }
  // A key that came with newer cards, as the old root keeps it for those before.
  Result<seal::OpenedSiteKey> open_newer(const KeyAtRest& k) const {
    using store::keys::SiteKeyKind;
    if (by_spare.contains(*before)) {
      return make_error(Errc::kFailedPrecondition, "the token that the cards before these went with is lost",
                        "the new cards alone open the vault: use them");
    }
    FK_TRY(const Bytes row, store::keys::site_key(k.name, k.epoch, SiteKeyKind::kMainBefore));
    FK_TRY(const auto sealed, store.get(row));
    if (!sealed) return missing_key(k);
    FK_TRY(seal::SiteKey key,
           seal::open_site_key(custody, {vault, k.name, *before}, unseal_key.view(), *sealed, k.check));
    FK_TRY(seal::TokenWraps wraps, seal::wrap_site_key(custody, {vault, k.name, k.epoch}, spare, key));
    return seal::OpenedSiteKey{std::move(key), std::move(wraps)};
  }
  Result<std::shared_ptr<RegisterKeys>> open_register(const KeyAtRest& k, std::uint64_t uses) const {
    FK_TRY(auto opened, open(k));
    return std::make_shared<RegisterKeys>(k.epoch, opened.key, std::move(opened.wraps), uses);
  }
  Result<std::shared_ptr<SiteKeys>> open_site(const KeyAtRest& k) const {
    FK_TRY(auto opened, open(k));
    return std::make_shared<SiteKeys>(k.epoch, opened.key, std::move(opened.wraps), k.uses);
  }
};

Status check_proof(const RegisterKeys& by, const ledger::Vouched& what) {
  if (constant_time_equal(by.prove(what.statement), what.proof)) return {};
  return make_error(
      Errc::kIntegrity, "the log names keys for which the vault's own key does not vouch",
      "somebody with the token and the disk put keys of their own in place: enrol nobody, hand in no more "
      "cards, and restore the vault from a backup");
}

// The rows of the keys before go in one step at the end of a rotation; then nobody is left under them. Before the new
// cards have opened the vault that end does not come.
Result<bool> is_retired(const store::Store& store, const KeysAtRest& rest) {
  if (!rest.old_people || rest.old_needed) return false;
  FK_TRY(const auto left, stored_site_key(store, rest.old_people->name, rest.old_people->epoch));
  if (!left && rest.untried) return missing_key(*rest.old_people);
  return !left;
}

}  // namespace

Status Service::open_keys(const SecretBytes& key, const StoredKeys& stored, bool before,
                          std::shared_ptr<OpenVault>& out) {
  std::uint64_t templates = 0;
  std::vector<KnownPerson> known;
  FK_TRY(KeysAtRest rest, sequencer_->read([&](const ledger::State& st) {
    for (const auto& [ref, s] : st.subjects()) templates += s.templates.size();
    // The keys of the ceremony are the first that anybody was under.
    if (st.root_epoch() > 1) known = longest_enrolled(st);
    return keys_at_rest(st);
  }));
  FK_CHECK(parts_.store.scan(store::keys::prefix(store::keys::Kind::kNames), {}, [&](ByteView, ByteView) {
    ++rest.people.uses;  // one row each
    return true;
  }));
  Opener opener{parts_.store, parts_.custody, rest.vault, key, rest.by_spare, stored, {}, {}};
  if (before) {
    if (!rest.old_people) return make_error(Errc::kInternal, "there are no cards before those in force");
    opener.before = rest.old_people->epoch;
    FK_TRY(opener.spare, stored_spare(parts_.store, rest.spare_key));
  }
  FK_TRY(const bool retired, is_retired(parts_.store, rest));
  // Nothing is opened with keys before those that vouch for them have.
  std::shared_ptr<RegisterKeys> old_people;
  if (rest.old_people && !retired) {
    FK_TRY(old_people, opener.open_register(*rest.old_people, rest.people.uses));
    FK_CHECK(check_proof(*old_people, *rest.keys));
  }
  FK_TRY(auto people, opener.open_register(rest.people, rest.people.uses));
  for (const auto& site : rest.opened_sites) FK_CHECK(check_proof(*people, site));
  auto opened = std::make_shared<OpenVault>(rest.vault, parts_.store, parts_.slots, std::move(people));
  for (const auto& s : rest.sites) {
    FK_TRY(auto keys, opener.open_site(s));
    FK_CHECK(opened->add_site(s.name, std::move(keys)));
  }
  if (old_people) {
    opened->people().add(std::move(old_people));
    for (const auto& k : rest.old) {
      FK_TRY(auto keys, opener.open_site(k));
      opened->site(k.name).keys.add(std::move(keys));
    }
  }
  // The keys of the ceremony vouch for those that follow them, whoever is lost.
  if (rest.old_people && !retired && rest.old_people->epoch == 1) known.clear();
  FK_TRY(const std::size_t lost, count_lost(*opened, known));
  FK_CHECK(
      check_lost(lost, known.size(), "the keys in force",
                 "the disk is damaged, or somebody with the token and the disk put keys of their own in place: enrol "
                 "nobody, and restore the vault from a backup"));
  opened->templates_total = templates;  // known before anybody sees the vault open
  FK_CHECK(make_galleries(*sequencer_, *engine_));
  out = std::move(opened);
  return {};
}

Status Service::finish_unseal(const SecretBytes& unseal_key, bool before, std::shared_ptr<OpenVault>& out) {
  const StoredKeys stored = [this, before](const std::string& name, std::uint32_t epoch) {
    return stored_site_key(parts_.store, name, epoch, before);
  };
  return open_keys(unseal_key, stored, before, out);
}

// Open, even if the checkpoint behind it could not be signed: what held shares, or could open one, ends here.
void Service::end_unsealing(const std::shared_ptr<OpenVault>& opened, std::uint64_t entry) {
  clear_shares();
  unseal_since_ms_ = 0;
  unseal_private_.reset();
  start_loading(opened, entry);
}

Result<UnsealProgress> Service::unseal(const Digest& spki, ByteView sealed_share) {
  const Instant now = parts_.clock.now();
  FK_TRY(const ledger::PrincipalRecord by,
         sequencer_->read([&](const ledger::State& st) -> Result<ledger::PrincipalRecord> {
           FK_TRY(const auto* p, ledger::authorise(st, spki, Role::kCustodian, now.wall));
           return *p;
         }));
  const std::lock_guard phase_lock(phase_mutex_);
  FK_CHECK(settle_phase());
  Id128 vault{};
  std::vector<ledger::Group> groups;
  std::vector<ledger::Group> groups_before;
  FK_CHECK(sequencer_->read([&](const ledger::State& st) -> Status {
    if (st.phase() == Phase::kOpen) {
      return make_problem(Errc::kFailedPrecondition, "already-open", "the vault is open; no share is needed",
                          "`facekeep status` shows its state");
    }
    vault = st.genesis().vault;
    groups = st.current().groups;
    if (const auto* set = st.cards_before()) groups_before = set->groups;
    return {};
  }));
  FK_TRY(seal::SecretWords words, seal::open_share(unseal_private_, vault, sealed_share));
  FK_TRY(const seal::Share share, seal::decode_share(words));
  const std::uint32_t number = share.meta.member_index + 1U;
  const Digest commitment = seal::share_commitment(words);
  const bool before = has_card(groups_before, share.meta.group_index, commitment);
  if (before) groups = groups_before;
  // Whose card it is comes before whether it is new: a card in other hands is refused untouched.
  if (has_card(groups, share.meta.group_index, commitment)) {
    FK_CHECK(sequencer_->read([&](const ledger::State& st) {
      return ledger::decide_unseal_share(st, by, groups[share.meta.group_index].id, number, st.moment_at(now), before);
    }));
  }
  seal::ShareCollector& collector = collector_of(before);
  seal::SecretWords again = words.clone();
  FK_TRY(const seal::ShareReply reply, collector.add(std::move(words)));
  if (auto ok = refuse(reply, groups); !ok) {
    sums_.add("bad-share", 1);
    return std::move(ok).error();
  }
  if (unseal_since_ms_ == 0) unseal_since_ms_ = parts_.clock.now().uptime_ms + 1;

  std::shared_ptr<OpenVault> opened;
  if (reply.complete) {
    // U's private half lives in this block only.
    auto unseal_key = collector.combine();
    Status ok = unseal_key ? finish_unseal(*unseal_key, before, opened) : Status(unseal_key.error());
    if (!ok) {
      // The last card is taken back, so that it can be handed in again when the token is there.
      take_back(before, share.meta.group_index, share.meta.member_index);
      return std::move(ok).error();
    }
  }
  const std::string group = groups[reply.group].id;
  bool durable = false;
  std::uint64_t unsealed_entry = 0;
  auto receipt = sequencer_->submit([&](const Turn& turn) -> Result<Write> {
    FK_CHECK(ledger::decide_unseal_share(turn.state, by, group, number, turn.state.moment_at(turn.now), before));
    Write w;
    w.drafts.push_back({ledger::UnsealShare{by.id, group, number, before}, {}});
    w.receipt = true;
    if (reply.complete) {
      ledger::Unsealed e;
      e.before = before;
      for (const auto& [g, shares] : turn.state.shares_in(before)) {
        for (const auto n : shares) e.by.push_back(g + "/" + std::to_string(n));
      }
      e.by.push_back(group + "/" + std::to_string(number));
      std::sort(e.by.begin(), e.by.end());
      w.drafts.push_back({std::move(e), {}});
      w.checkpoint = true;
      unsealed_entry = turn.next_entry + 1;
      // In log order with a seal that may follow at once: the sequencer runs this before the next group.
      w.after = [&] {
        const std::lock_guard open_lock(open_mutex_);
        open_ = opened;
        durable = true;
      };
    } else {
      w.after = [&] { durable = true; };
    }
    return w;
  });
  if (durable && reply.complete) {
    // Open, even if the checkpoint behind it could not be signed: what held shares, or could open one, ends here.
    collectors_stale_ |= !before;  // the set before opens nothing from here on
    end_unsealing(opened, unsealed_entry);
  }
  if (!receipt) {
    if (!durable) take_back(before, share.meta.group_index, share.meta.member_index);
    return std::move(receipt).error();
  }
  UnsealProgress p;
  p.open = reply.complete;
  p.group = group;
  p.share = number;
  p.entry = receipt->entry;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    p.groups.push_back({groups[i].id, reply.progress[i].have, reply.progress[i].need});
  }
  return p;
}

void Service::take_back(bool before, std::uint8_t group, std::uint8_t member) {
  collector_of(before).remove(group, member);
  if (collector_->empty() && (!before_collector_ || before_collector_->empty())) unseal_since_ms_ = 0;
}

void Service::start_loading(const std::shared_ptr<OpenVault>& vault, std::uint64_t upto) {
  if (loader_.joinable()) loader_.join();
  loader_ = std::thread([this, vault, upto] {
    const UnixMillis now = parts_.clock.now().wall;
    fold_last_minute(*vault, *sequencer_, parts_.store, now, marks_, nonces_);
    // Beside the galleries: doors are told "refer" until both are there.
    std::thread budgets([&] { fold_match_budgets(*vault, *sequencer_, parts_.store, budgets_); });
    load_galleries(*vault, *sequencer_, parts_.store, *engine_, upto, now);
    budgets.join();
  });
}

// The shares go when their time is over; the log may be told later, and until then it counts them as in.
Status Service::end_stale_unseal() {
  if (unseal_since_ms_ == 0) return {};
  const auto age = static_cast<std::int64_t>(parts_.clock.now().uptime_ms + 1 - unseal_since_ms_);
  if (age < options_.unseal_timeout_ms) return {};
  clear_shares();
  const auto written = sequencer_->submit(
      [](const Turn& turn) -> Result<Write> {
        Write w;
        if (turn.state.phase() == Phase::kUnsealing) w.drafts.push_back({ledger::UnsealEnded{"timeout"}, {}});
        return w;
      },
      store::Urgency::kNarrowing);
  if (!written) return written.error();
  unseal_since_ms_ = 0;
  return {};
}

}  // namespace facekeep
