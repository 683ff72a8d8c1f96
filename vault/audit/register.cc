#include "vault/audit/register.h"

#include <algorithm>

#include "vault/ledger/json_reader.h"
#include "vault/ledger/person_name.h"

namespace facekeep::audit {
namespace {

using ledger::PeopleNames;

// The names that fit, and what they opened: a registration with the same commitment brings no name again.
struct Opened {
  Names names;
  std::map<std::string, Digest> commitments;  // principal -> of the name

  // Takes the names that fit the records; what does not fit, or is not there, is a finding at `entry`.
  void take(const PeopleNames& people, const std::vector<ledger::PrincipalRecord>& records, std::uint64_t entry,
            Findings& findings) {
    for (const ledger::PrincipalRecord& p : records) {
      const auto it = people.find(p.id);
      const auto known = commitments.find(p.id);
      if (it == people.end() && known != commitments.end() && known->second == p.name) continue;
      if (it == people.end()) {
        findings.add(Code::kNameMissing, entry, {p.id});
      } else if (ledger::name_commitment(it->second) != p.name) {
        findings.add(Code::kNameMismatch, entry, {p.id});
      } else {
        names[p.id] = it->second.name;
        commitments[p.id] = p.name;
      }
    }
  }
};

}  // namespace

void LaterPeople::see(std::uint64_t entry, const ledger::Event& event) {
  if (const auto* made = std::get_if<ledger::ProposalMade>(&event.body)) {
    auto records = records_in(made->action);
    if (records.empty()) return;
    entries_[made->id] = entry;
    parts_[entry].records = std::move(records);
  }
  if (const auto* done = std::get_if<ledger::ProposalDone>(&event.body)) {
    const auto it = entries_.find(done->proposal);
    if (it != entries_.end()) parts_[it->second].done = entry;
  }
}

Result<Names> check_register(std::string_view json, const ledger::Genesis& genesis, const LaterPeople& later,
                             std::uint64_t from, Findings& findings) {
  FK_TRY(const Json doc, parse_json(json));
  ledger::ObjectReader r(doc, "register");
  FK_TRY(const PeopleNames people, ledger::people_names_from_json(r.object("people"), "register"));
  std::map<std::uint64_t, PeopleNames> brought;
  // Parts that are stored and do not open: their names are missing below, where the log has them; genesis' too.
  if (r.has("damaged")) {
    for (const Json& entry : r.array("damaged", std::size_t{1} << 20)) {
      if (!entry.is_number_unsigned())
        return make_error(Errc::kMalformed, "the register's damaged parts are no entries");
      findings.add(Code::kNamesDamaged, entry.get<std::uint64_t>());
    }
  }
  // A register of before there were proposals has no such part.
  if (r.has("later")) {
    for (const Json& one : r.array("later", std::size_t{1} << 20)) {
      ledger::ObjectReader part(one, "part of the register");
      const auto entry = static_cast<std::uint64_t>(part.integer("entry", 1, (std::int64_t{1} << 53) - 1));
      auto names = ledger::people_names_from_json(part.object("people"), "register");
      FK_CHECK(part.finish());
      if (names) {
        brought[entry] = std::move(*names);
      } else {
        findings.add(Code::kNamesDamaged, entry);
      }
    }
  }
  FK_CHECK(r.finish());
  Opened out;
  out.take(people, genesis.principals, 0, findings);
  std::map<std::uint64_t, std::uint64_t> in_order;  // done -> entry of the proposal
  for (const auto& [entry, part] : later.parts()) {
    if (part.done != 0) in_order[part.done] = entry;
  }
  for (const auto& [done, entry] : in_order) {
    out.take(brought[entry], later.parts().at(entry).records, entry, findings);
  }
  // A proposal that came to nothing has its names all the same; what opens no commitment is no name of anybody.
  for (const auto& [entry, names] : brought) {
    const auto part = later.parts().find(entry);
    if (entry < from || (part != later.parts().end() && part->second.done != 0)) continue;
    const std::vector<ledger::PrincipalRecord> none;
    const auto& records = part == later.parts().end() ? none : part->second.records;
    for (const auto& name : names) {
      const auto opens = [&](const ledger::PrincipalRecord& p) {
        return p.id == name.first && p.name == ledger::name_commitment(name.second);
      };
      if (std::none_of(records.begin(), records.end(), opens)) findings.add(Code::kNameMismatch, entry, {name.first});
    }
  }
  return std::move(out.names);
}

}  // namespace facekeep::audit
