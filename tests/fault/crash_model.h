// What the vault has promised so far, as its callers saw it: kept by the process that outlives the vault.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "vault/base/bytes.h"

namespace facekeep::test {

struct Person {
  enum class Is : std::uint8_t {
    kAsked,    // enrolment asked for, not acknowledged: either outcome is right, half of it is not
    kLive,     // enrolment acknowledged
    kErasing,  // erasure asked for, not acknowledged
    kErased,   // erasure acknowledged
  };
  std::uint64_t seed = 0;  // of the face
  Is is = Is::kAsked;
  std::uint64_t entry = 0;  // of the enrolment
  Bytes key;                // the wrapped key, as it stood in its slot
  bool fresh = true;        // something happened to it since the last check
};

struct PromisedEntry {
  std::uint64_t entry = 0;
  Digest leaf{};
};

struct Promises {
  std::map<std::string, Person> people;
  std::vector<PromisedEntry> entries;  // answered to matches since the last check
  std::uint64_t checkpoint_size = 0;   // the newest that anybody saw
  Digest checkpoint_root{};
  std::uint64_t enrolled = 0;  // acknowledged, in all
  std::uint64_t erased = 0;
  std::uint64_t matched = 0;

  // One line of the vault's process. False: it reports a broken promise, in words.
  bool take(const std::string& line);
  // Everything acknowledged so far was found to be there.
  void checked();
};

}  // namespace facekeep::test
