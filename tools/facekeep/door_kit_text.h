// The texts of a door kit: what an installer reads and runs. Pure.
#pragma once

#include <string>

namespace facekeep::tools {

struct DoorKit {
  std::string name;  // all four are slugs
  std::string site;
  std::string door;
  std::string model;
};

// The entry for the plan of a ceremony (tools/facekeep/ceremony_plan.h): one line of JSON.
std::string principal_line(const DoorKit& kit, const std::string& certificate);
// A shell script around curl: address and pin come from notice.json beside it.
std::string example_call(const DoorKit& kit);
// In English and in Chinese.
std::string readme(const DoorKit& kit, const std::string& spki);

}  // namespace facekeep::tools
