#include "tools/facekeepd/check.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "vault/base/digest.h"
#include "vault/base/json.h"
#include "vault/log/sequencer/slot_owners.h"
#include "vault/store/keys.h"

namespace facekeep::daemon {
namespace {

constexpr std::size_t kMaxFaults = 100;  // named; more are only counted

class Faults {
 public:
  explicit Faults(std::vector<std::string>& out) : out_(out) {}
  void finish() {
    if (total_ > kMaxFaults) out_.push_back("and " + std::to_string(total_ - kMaxFaults) + " more");
  }
  void add(std::string what) {
    if (++total_ <= kMaxFaults) out_.push_back(std::move(what));
  }

 private:
  std::vector<std::string>& out_;
  std::size_t total_ = 0;
};

Status compare(const store::Store& store, const Bytes& key, const Digest& digest, const std::string& what,
               Faults& faults) {
  FK_TRY(const auto value, store.get(key));
  if (!value) {
    faults.add(what + " is missing");
  } else if (sha256(*value) != digest) {
    faults.add(what + " is not what the log says");
  }
  return {};
}

// Of a restore that the log does not have yet: what was sealed there is gone, and the first start says so.
using Unlogged = std::optional<ledger::BehindBackup>;
bool is_lost(const Unlogged& unlogged, std::uint64_t entry) {
  return unlogged && unlogged->has(entry);
}

// What the first start asks of the mark as well, but for the key slots. Without one nothing is excused.
void check_mark(const ledger::State& state, const ledger::BehindBackup& mark, CheckReport& report, Faults& faults) {
  report.excused = mark;
  const ledger::RestoreMark placed = place_mark(state, mark);
  if (placed.logged || placed.at_end) return;
  faults.add("restored.json names a restore that is not of this log: find out who put it there");
}

Status check_subjects(const store::Store& store, const ledger::State& state, const Unlogged& unlogged,
                      CheckReport& report, Faults& faults) {
  for (const auto& [ref, subject] : state.subjects()) {
    if (is_lost(unlogged, subject.entry)) {
      ++report.lost;
      continue;
    }
    ++report.subjects;
    const std::string at = " of log entry " + std::to_string(subject.entry);
    FK_CHECK(compare(store, store::keys::record(ref), subject.record, "the sealed record" + at, faults));
    for (const auto& t : subject.templates) {
      if (is_lost(unlogged, t.entry)) continue;
      ++report.templates;
      FK_CHECK(compare(store, store::keys::template_of(ref, t.id), t.blob,
                       "the sealed template of log entry " + std::to_string(t.entry), faults));
    }
  }
  return {};
}

Status check_site_keys(const store::Store& store, const ledger::State& state, Faults& faults) {
  for (const auto& site : state.current().sites) {
    FK_TRY(const Bytes key, store::keys::site_key(site.id, site.epoch, store::keys::SiteKeyKind::kMain));
    FK_TRY(const auto value, store.get(key));
    if (!value) faults.add("the sealed key of site " + site.id + " is missing");
  }
  return {};
}

Status check_slots(const seal::SlotGenerations& slots, const ledger::State& state, const Unlogged& unlogged,
                   CheckReport& report, Faults& faults) {
  std::map<std::uint32_t, std::uint64_t> owners;  // slot -> the entry by which people know whose key it is
  for (const auto& [ref, subject] : state.subjects()) owners[subject.slot] = subject.entry;
  for (const auto& [id, key] : state.period_keys()) owners[key.slot] = key.entry;
  std::set<std::uint32_t> known;
  for (const log::Generation& g : log::generations(state)) {
    known.insert(g.epoch);
    if (!slots.has(g.epoch)) {
      if (g.needed) faults.add("the key slots of root epoch " + std::to_string(g.epoch) + " are missing");
      continue;
    }
    FK_TRY(const auto used, slots.in_use(g.epoch));
    const std::set<std::uint32_t> in_use(used.begin(), used.end());
    // In the generation before lie those keys alone that are not rewrapped yet, and what nobody needs any more.
    for (const std::uint32_t slot : g.must_hold) {
      const std::uint64_t entry = owners.at(slot);
      if (in_use.contains(slot) || is_lost(unlogged, entry)) continue;
      faults.add("the wrapped key of log entry " + std::to_string(entry) + ", in slot " + std::to_string(slot) +
                 ", is missing");
    }
    for (const std::uint32_t slot : in_use) {
      if (!g.owned.contains(slot)) ++report.spare_slots;
    }
  }
  for (const std::uint32_t epoch : slots.epochs()) {
    if (known.contains(epoch)) continue;
    FK_TRY(const auto used, slots.in_use(epoch));
    report.spare_slots += used.size();
  }
  return {};
}

}  // namespace

Result<CheckReport> check_vault(const store::Store& store, const seal::SlotGenerations& slots,
                                const log::Progress& progress, const std::optional<ledger::BehindBackup>& unlogged) {
  CheckReport report;
  FK_TRY(const log::Recovered recovered, log::recover(store, progress, unlogged));
  const ledger::State& state = recovered.state;
  if (state.phase() == ledger::Phase::kNew) {
    return make_error(Errc::kFailedPrecondition, "there is no vault in this directory");
  }
  report.vault = to_hex(state.genesis().vault);
  report.origin = state.genesis().origin;
  report.rehearsal = state.genesis().rehearsal;
  report.state = to_string(state.phase());
  report.entries = recovered.tree.size();
  report.checkpoint = recovered.checkpoint ? recovered.checkpoint->size : 0;
  report.root = to_base64(recovered.tree.root());
  report.digest = to_hex(state.digest());
  Faults faults(report.faults);
  if (unlogged) check_mark(state, *unlogged, report, faults);
  if (!recovered.checkpoint) faults.add("the log has no signed checkpoint");
  FK_CHECK(check_site_keys(store, state, faults));
  FK_CHECK(check_subjects(store, state, unlogged, report, faults));
  FK_CHECK(check_slots(slots, state, unlogged, report, faults));
  faults.finish();
  return report;
}

std::string to_text(const CheckReport& r) {
  std::string out = "vault       " + r.vault + (r.rehearsal ? " (rehearsal)" : "") + "\n";
  out += "origin      " + r.origin + "\n";
  out += "log         " + std::to_string(r.entries) + " entries, left " + r.state + "\n";
  out += "root        " + r.root + "\n";
  out += "state       " + r.digest + "\n";
  if (r.checkpoint > 0) {
    out += "checkpoint  signature verified, at " + std::to_string(r.checkpoint) + " entries\n";
  }
  out += "subjects    " + std::to_string(r.subjects) + ", with " + std::to_string(r.templates) + " templates\n";
  if (r.excused) {
    out += "restored    from a backup of " + std::to_string(r.excused->from) +
           " entries, says restored.json: openings of accesses are not looked for in entries " +
           std::to_string(r.excused->from) + " to " + std::to_string(r.excused->upto - 1) + "\n";
  }
  if (r.lost > 0) {
    out += "restored    " + std::to_string(r.lost) + " people of the log have no key: the first start takes them out\n";
  }
  if (r.spare_slots > 0) {
    out += "key slots   " + std::to_string(r.spare_slots) + " that no entry owns; the next start clears them\n";
  }
  for (const std::string& fault : r.faults) out += "error: " + fault + "\n";
  out += r.faults.empty() ? "all sealed records and templates are those that the log names\n"
                          : "hint: restore the missing files from a backup of the same vault\n";
  return out;
}

std::string to_json_text(const CheckReport& r) {
  nlohmann::ordered_json out = {{"ok", r.faults.empty()},
                                {"vault", r.vault},
                                {"origin", r.origin},
                                {"rehearsal", r.rehearsal},
                                {"state", r.state},
                                {"entries", r.entries},
                                {"root", r.root},
                                {"digest", r.digest},
                                {"checkpoint", r.checkpoint},
                                {"subjects", r.subjects},
                                {"templates", r.templates},
                                {"lost", r.lost},
                                {"spare_slots", r.spare_slots},
                                {"faults", r.faults}};
  if (r.excused) out["excused"] = {{"from", r.excused->from}, {"upto", r.excused->upto}};
  return out.dump(2) + "\n";
}

}  // namespace facekeep::daemon
