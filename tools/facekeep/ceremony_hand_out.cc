#include "tools/facekeep/ceremony_hand_out.h"

#include <fstream>

#include "tools/common/escape.h"
#include "vault/base/clock.h"
#include "vault/base/digest.h"

namespace facekeep::tools {

void Transcript::add(const std::string& line) {
  text_ += format_time(SystemClock().now().wall) + " " + line + "\n";
}

Digest Transcript::digest() const {
  return sha256(as_bytes(text_));
}

Status hand_out_cards(const Occasion& occasion, const std::vector<DrawnCard>& cards, Room& room,
                      Transcript& transcript) {
  const std::string today = format_day(SystemClock().now().wall);
  ProvenCards proven(occasion.groups.size());
  for (const DrawnCard& card : cards) {
    const PlannedGroup& group = occasion.people[card.group];
    const PlannedCustodian& holder = group.custodians[card.holders.front()];
    CardInfo info;
    info.vault = occasion.name;
    info.vault_id = to_hex(occasion.vault);
    info.group = group.id;
    info.custodian = holder.id;
    info.date = today;
    info.member = card.number;
    info.members = static_cast<unsigned>(occasion.groups[card.group].shares.size());
    info.threshold = occasion.groups[card.group].threshold;
    info.groups = static_cast<unsigned>(occasion.people.size());
    info.rehearsal = occasion.rehearsal;
    // Of a person who stays, the register of people has the name, and this machine does not.
    const std::string name = holder.name.empty() ? "" : " (" + escape_untrusted(holder.name) + ")";
    FK_TRY(auto typed, room.hand_out(info, card.words, holder.id + name));
    proven[card.group].push_back(std::move(typed));
    transcript.add("card " + std::to_string(card.number) + " of group " + group.id + " handed to " + holder.id +
                   " and proven");
    for (std::size_t i = 1; i < card.holders.size(); ++i) {
      transcript.add("to be given as a sealed copy: card " + std::to_string(card.number) + " of group " + group.id +
                     ", to the deputy " + group.custodians[card.holders[i]].id);
    }
  }
  FK_CHECK(check_cards(proven, occasion.groups, occasion.unseal_key));
  transcript.add("the proven cards were combined, each of them, and give the unseal key");
  return {};
}

Result<std::vector<ledger::GenesisSignature>> collect_signatures(const std::vector<PlannedGroup>& people,
                                                                 const std::string& statement, Room& room) {
  std::vector<ledger::GenesisSignature> out;
  for (const auto& group : people) {
    for (const auto& who : group.custodians) {
      FK_TRY(std::string signature, room.sign(who, statement));
      out.push_back({who.id, std::move(signature)});
    }
  }
  return out;
}

Status write_public(const std::string& path, std::string_view text) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << text;
  out.flush();
  if (out) return {};
  return make_error(Errc::kIo, "the file " + path + " can't be written");
}

}  // namespace facekeep::tools
