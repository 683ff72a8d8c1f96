// What the calls answer that read a site's people: pages of subjects, and of the changes feed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "vault/base/json.h"

namespace facekeep {

struct SubjectInfo {
  std::string subject;
  std::string until;
  bool suspended = false;
  std::uint64_t entry = 0;
  struct Template {
    std::string id;
    std::string model;
    std::uint32_t version = 0;
    std::uint64_t entry = 0;
  };
  std::vector<Template> templates;
  Json consent;  // single subject only
};
struct SubjectPage {
  std::vector<SubjectInfo> subjects;
  // Enrolled by these entries, but the record in the database is missing or not the one that the log names.
  std::vector<std::uint64_t> damaged;
  std::string next;  // cursor, empty at the end
  std::uint64_t entry = 0;
};

struct Change {
  std::uint64_t entry = 0;
  std::string what;                    // "enrolled", "suspended", "erased"
  std::optional<std::string> subject;  // unset once its 30 days of readability are over
};
struct ChangePage {
  std::vector<Change> changes;
  std::uint64_t next = 0;  // pass as `after`
  bool more = false;
  std::uint64_t entry = 0;
};

}  // namespace facekeep
