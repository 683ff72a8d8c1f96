// What an error is, by the name of its problem.
#pragma once

#include <string_view>

#include "vault/base/result.h"

namespace facekeep {

// True for an error of that problem; false for one without any.
inline bool is_problem(const Error& error, std::string_view name) noexcept {
  return error.problem != nullptr && name == error.problem;
}

}  // namespace facekeep
