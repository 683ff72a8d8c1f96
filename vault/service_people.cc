// The sealed register of people: the names behind the log's numbers. Those of genesis are in its part 0; each proposal
// that registers somebody brings its own, at its entry; they go when it has come to nothing.
#include <algorithm>

#include "vault/ledger/proposal_decide.h"
#include "vault/open_vault.h"
#include "vault/seal/blob.h"
#include "vault/service.h"
#include "vault/store/keys.h"

namespace facekeep {

using ledger::Stage;
using ledger::State;

namespace {

namespace keys = store::keys;

Result<seal::Aad> register_aad(const Id128& vault, std::uint32_t epoch, std::uint64_t entry) {
  Bytes id;
  if (entry != 0) append_be64(id, entry);
  return seal::make_aad({vault, seal::kVaultKeyName}, epoch, seal::Purpose::kRegister, id);
}

}  // namespace

Result<Bytes> Service::seal_names(OpenVault& vault, std::uint32_t epoch, std::uint64_t entry,
                                  const ledger::PeopleNames& names) const {
  const auto keys = vault.people().of(epoch);
  if (!keys) return make_error(Errc::kInternal, "the register's keys of this root epoch are not open");
  FK_TRY(const std::string text, canonical_json(ledger::to_json(names)));
  FK_TRY(const seal::Aad aad, register_aad(vault.vault(), epoch, entry));
  return seal::seal_blob(keys->key, aad, as_bytes(text));
}

Result<ledger::PeopleNames> Service::open_names(const OpenVault& vault, std::uint64_t entry, ByteView blob) const {
  Result<SecretBytes> plain = make_error(Errc::kInternal, "a register without keys");
  for (const auto& keys : vault.people().all()) {
    FK_TRY(const seal::Aad aad, register_aad(vault.vault(), keys->epoch, entry));
    plain = seal::open_blob(keys->key, aad, blob);
    if (plain) break;
  }
  if (!plain) return std::move(plain).error();
  FK_TRY(const Json json, parse_canonical_json(as_chars(plain->view())));
  return ledger::people_names_from_json(json, "the register of people");
}

Result<Service::RegisterPage> Service::people(const Digest& spki, std::uint64_t from) {
  FK_TRY(const auto vault, open_vault());
  FK_CHECK(log_openings_read(spki, {"", "register", std::nullopt}));
  RegisterPage out;
  std::size_t bytes = 0;
  FK_CHECK(parts_.store.scan(keys::prefix(keys::Kind::kNames), keys::names(from), [&](ByteView row, ByteView blob) {
    const auto entry = keys::parse_names(row);
    if (!entry) return true;  // of no entry: no part of the register
    bytes += blob.size();
    const bool first = out.parts.empty() && out.damaged.empty();
    if (bytes > kRegisterPage && !first) {
      out.next = *entry;
      return false;
    }
    // One bad row takes nobody the others: whose row it is follows from the log.
    auto names = open_names(*vault, *entry, blob);
    if (names) {
      out.parts.emplace(*entry, std::move(*names));
    } else {
      out.damaged.push_back(*entry);
    }
    return true;
  }));
  const bool has_genesis = out.parts.contains(0) || (!out.damaged.empty() && out.damaged.front() == 0);
  if (from == 0 && !has_genesis) out.damaged.insert(out.damaged.begin(), 0);
  return out;
}

// A vetoed proposal can be put again with the names that came with it, so these stay while the state has it; so do
// those of one that lapsed by a clock that is in doubt. Of those that ended, apply() keeps kMaxEndedProposals of each
// proposer; it counts one that is over its time as ended.
std::vector<std::uint64_t> Service::names_to_drop(const State& st, const Instant& now, Drop which) const {
  std::map<std::string, std::map<std::uint64_t, Stage>> ended;
  std::vector<std::uint64_t> out;
  const bool lapses = !time_is_doubtful(now);
  const ledger::Moment moment = st.moment_at(now);
  for (const auto& [id, p] : st.proposals()) {
    const Stage stage = stage_at(st, p, moment);
    // As the fold counts: a result that is still handed out, or what still holds an erasure, pushes nobody out.
    const bool served = stage == Stage::kDone && st.exports().contains(id) && !lifetime_is_over(st, p, moment);
    if (!is_final(stage) || served || may_hold(st, p, moment)) continue;
    ended[p.made.by].emplace(p.entry, stage);
    if (stage == Stage::kWithdrawn || (stage == Stage::kExpired && lapses)) out.push_back(p.entry);
  }
  if (which == Drop::kEnded) return out;
  for (const auto& [by, own] : ended) {
    auto oldest = own.begin();
    for (std::size_t n = own.size(); n > ledger::kMaxEndedProposals; --n, ++oldest) {
      const auto [entry, stage] = *oldest;
      if (stage == Stage::kVetoed || (stage == Stage::kExpired && !lapses)) out.push_back(entry);
    }
  }
  return out;
}

void Service::drop_names() {
  const Instant now = parts_.clock.now();
  const auto old = sequencer_->read([&](const State& st) { return names_to_drop(st, now, Drop::kEnded); });
  const bool any = std::any_of(old.begin(), old.end(), [&](std::uint64_t entry) {
    const auto row = parts_.store.get(keys::names(entry));
    return row && *row;
  });
  if (!any) return;
  const std::lock_guard names_lock(names_mutex_);
  static_cast<void>(sequencer_->submit(
      [&](const log::Turn& turn) -> Result<log::Write> {
        log::Write w;
        for (const std::uint64_t entry : names_to_drop(turn.state, turn.now, Drop::kEnded))
          w.deletes.push_back(keys::names(entry));
        return w;
      },
      store::Urgency::kNarrowing));
}

// A proposal that was carried out took a quorum: its names count against nobody.
Status Service::check_names_room(const State& st, const std::string& by, std::size_t more) const {
  std::size_t bytes = more;
  for (const auto& [id, p] : st.proposals()) {
    if (p.made.by != by || p.stage == Stage::kDone) continue;
    FK_TRY(const auto row, parts_.store.get(keys::names(p.entry)));
    if (row) bytes += row->size();
  }
  if (bytes <= kMaxNamesOfProposer) return {};
  return make_problem(Errc::kFailedPrecondition, "too-many-names",
                      "the names in this custodian's proposals are more than the register takes of one person",
                      "withdraw a proposal, or wait until one is carried out");
}

}  // namespace facekeep
