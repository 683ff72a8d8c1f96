// Where the engine gets a template's exact values when its code does not decide.
//
// The codes in memory prove for almost all templates that they can't be the answer; the few that remain are opened from
// here, one at a time, and their cosine decides.
#pragma once

#include <cstdint>
#include <span>

#include "vault/base/bytes.h"
#include "vault/base/result.h"

namespace facekeep::match {

using SubjectRef = Id128;  // drawn at random at enrolment; unique across sites

// A template as Engine::add() was told of it. `order` is unique to it.
struct TemplateName {
  SubjectRef ref{};
  std::uint64_t order = 0;
};

class ExactSource {
 public:
  virtual ~ExactSource() = default;
  // Writes the values that add() got, or got and normalised, to `out`, whose size is the gallery's dimension. `out`
  // lies in memory that the caller cleanses. kNotFound: erased meanwhile. Any other error ends the search that asked.
  // Called without any of the engine's locks, by many threads at once; must not call the engine.
  virtual Status open(const TemplateName& name, std::span<float> out) = 0;
};

}  // namespace facekeep::match
