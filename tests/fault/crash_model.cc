#include "tests/fault/crash_model.h"

#include <cstdio>
#include <sstream>

namespace facekeep::test {

bool Promises::take(const std::string& line) {
  std::istringstream in(line);
  std::string verb;
  std::string id;
  in >> verb;
  if (verb == "enrolling") {
    in >> id >> people[id].seed;
    people[id].fresh = true;
  } else if (verb == "enrolled") {
    std::string key;
    in >> id;
    Person& p = people[id];
    in >> p.entry >> key;
    p.key = from_hex(key).value_or(Bytes{});
    p.is = Person::Is::kLive;
    p.fresh = true;
    ++enrolled;
  } else if (verb == "erasing" || verb == "erased") {
    in >> id;
    people[id].is = verb == "erased" ? Person::Is::kErased : Person::Is::kErasing;
    people[id].fresh = true;
    erased += verb == "erased" ? 1 : 0;
  } else if (verb == "found") {  // what became of what was not acknowledged
    std::string is;
    in >> id >> is;
    people[id].is = is == "live" ? Person::Is::kLive : Person::Is::kErased;
  } else if (verb == "matched") {
    PromisedEntry e;
    std::string leaf;
    in >> e.entry >> leaf;
    e.leaf = from_hex_exact<32>(leaf).value_or(Digest{});
    entries.push_back(e);
    ++matched;
  } else if (verb == "checkpoint") {
    std::uint64_t size = 0;
    std::string root;
    in >> size >> root;
    if (size < checkpoint_size) {
      std::fprintf(stderr, "a checkpoint of %llu entries followed one of %llu\n", static_cast<unsigned long long>(size),
                   static_cast<unsigned long long>(checkpoint_size));
      return false;
    }
    checkpoint_size = size;
    checkpoint_root = from_hex_exact<32>(root).value_or(Digest{});
  } else if (verb == "checked") {
    checked();
  } else {
    std::fprintf(stderr, "%s\n", line.c_str());
    return false;
  }
  return true;
}

void Promises::checked() {
  entries.clear();
  for (auto& [id, p] : people) p.fresh = false;
}

}  // namespace facekeep::test
