// A state as text, to go on from without the entries before it: what the digest is made of, and the little that it
// leaves out. Lines, each ended by 0x0a:
//
//   facekeep/snapshot/v1
//   time <L> | base <B> | start-event <event> | genesis-event <event> | digest <hex>     one line each
//   then the text under the digest (vault/log/FORMAT.md, "State digest")
//   custody unopened    before the subjects, where a custody event was folded without its opening
//   public-clock <G>    likewise, where G is not C
//   public-time <P>     likewise, where P is not L
//   suspended <ref> <entry>    likewise, of each subject that is
//
// Pure. Who keeps such a text answers for it: the digest shows a slip, not a forgery.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "vault/ledger/state.h"

namespace facekeep::ledger {

// The lines before those of the subjects. Precondition: phase() is not kNew.
std::string write_state_head(const State& state);

// Takes the lines one by one, without their ends.
class StateTextReader {
 public:
  // kMalformed for a line that can't stand there.
  Status line(std::string_view line);
  // The state, if its digest is the one that the text names. kMalformed, kIntegrity.
  Result<State> finish() &&;

 private:
  using Words = std::vector<std::string_view>;
  Status head(std::string_view key, std::string_view rest);
  Status ticket(std::string_view json);
  Status current(std::string_view json);
  Status proposal(std::string_view json);
  Status export_of(std::string_view rest);
  Status agreed_rule(std::string_view rest);
  Status cards_before(std::string_view json);
  Status state_line(const Words& w);
  Status log_key_line(const Words& w);
  Status subject(const Words& w);
  Status template_line(const Words& w);

  State state_;
  std::size_t lines_ = 0;
  std::optional<Digest> digest_;
  std::map<Id128, std::uint64_t> suspended_;  // whose lines have not come
  SubjectState* last_ = nullptr;              // whose templates follow
};

}  // namespace facekeep::ledger
