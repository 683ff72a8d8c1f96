// What became of each proposal, for people: who asked, who signed when, under which rule, and how it ended. An observer
// of the replay, as far as the rules held. Memory grows with the proposals and votes of the log.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "vault/audit/replay.h"

namespace facekeep::audit {

struct Signature {
  std::uint64_t entry = 0;
  UnixMillis time = 0;
  std::string by;
  bool veto = false;
  bool stands = true;  // false: rules or people changed since, and it no longer counts
};

struct ProposalStory {
  std::uint64_t entry = 0;
  UnixMillis time = 0;
  ledger::ProposalMade made;
  std::vector<Signature> signatures;  // in the order of the log
  ledger::Rule rule;                  // in force when it ended, or now
  std::uint64_t rule_version = 0;
  ledger::Stage stage = ledger::Stage::kDraft;  // as the state has it: stage_of() reads the clocks too
  std::uint64_t ended_entry = 0;                // carried out, vetoed or withdrawn in this entry; 0: in none
  UnixMillis ended_time = 0;
};

class ProposalStories {
 public:
  void see(const Seen& seen);
  [[nodiscard]] const std::vector<ProposalStory>& list() const { return list_; }
  // Null for one that the log never had, or only before the replay began and long ended.
  [[nodiscard]] const ProposalStory* find(const Id128& id) const;

 private:
  ProposalStory& story(const Id128& id, const ledger::State& state);
  void refresh(const ledger::State& state);

  std::vector<ProposalStory> list_;
  std::map<Id128, std::size_t> index_;
  std::vector<std::size_t> live_;
};

// Its stage at the end of the log.
ledger::Stage stage_of(const ProposalStory& story, const ledger::State& end);

}  // namespace facekeep::audit
