// The register of people: the names behind the log's numbers, each checked against the commitment in genesis, or in the
// proposal that brought it.
//
//   {"people":{"property/1":{"name":"...","salt":"<64 hex>"},...},"later":[{"entry":7,"people":{...}},...],
//    "damaged":[9,...]?}
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "vault/audit/finding.h"
#include "vault/base/result.h"
#include "vault/ledger/event.h"

namespace facekeep::audit {

using Names = std::map<std::string, std::string>;  // principal -> name

// The registrations that proposals brought, by the entry of the proposal; those that were carried out, by the entry
// that did so. Feed it every governance event, in log order.
class LaterPeople {
 public:
  void see(std::uint64_t entry, const ledger::Event& event);
  struct Part {
    std::uint64_t done = 0;  // 0: not carried out
    std::vector<ledger::PrincipalRecord> records;
  };
  [[nodiscard]] const std::map<std::uint64_t, Part>& parts() const { return parts_; }

 private:
  std::map<Id128, std::uint64_t> entries_;  // of proposals
  std::map<std::uint64_t, Part> parts_;
};

// The names that fit, the latest that was carried out for each principal; the others, principals without one, and parts
// that the vault has and can't open are findings. Parts of entries before `from` are not looked at. kMalformed if it is
// no such document.
Result<Names> check_register(std::string_view json, const ledger::Genesis& genesis, const LaterPeople& later,
                             std::uint64_t from, Findings& findings);

}  // namespace facekeep::audit
