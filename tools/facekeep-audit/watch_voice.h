// What a watch says while it runs: lines for people, or with --json one object a line. Written out at once.
#pragma once

#include <set>
#include <string>

#include "tools/common/frame.h"
#include "tools/facekeep-audit/follower.h"
#include "tools/facekeep-audit/witness_key.h"

namespace facekeep::tools {

class WatchVoice {
 public:
  explicit WatchVoice(Frame& frame) : frame_(frame) {}

  // A witness serves: what the plan of a ceremony needs to name it.
  void cosigning(const ledger::Witness& witness);
  // The first look, or one that brought something.
  void news(const std::string& origin, const News& news, bool first);
  // Nothing can be read now, and again. Said once.
  void trouble(const Error& why);
  void well();
  // Something that must not be. The same sentence is said once.
  void alarm(const Error& what);
  [[nodiscard]] std::uint64_t alarms() const { return alarms_; }

 private:
  void event(const char* kind, Json fields);
  void line(const std::string& text);

  Frame& frame_;
  std::uint64_t alarms_ = 0;
  bool in_trouble_ = false;
  std::set<std::string> said_;
};

}  // namespace facekeep::tools
