#include "vault/vector_problem.h"

#include "vault/match/vector.h"

namespace facekeep {
namespace {

const char* problem_name(match::VectorFault fault) {
  switch (fault) {
    case match::VectorFault::kWrongDimension: return "wrong-dimension";
    case match::VectorFault::kNan: return "not-a-number";
    case match::VectorFault::kInfinite: return "infinite";
    case match::VectorFault::kZero: return "zero-vector";
    case match::VectorFault::kNormOutOfRange: return "norm-out-of-range";
  }
  return "wrong-dimension";
}

}  // namespace

Status check_vector(std::span<const float> values, std::size_t dimension) {
  const auto fault = match::find_fault(values, dimension);
  if (!fault) return {};
  Error e = match::to_error(*fault);
  e.problem = problem_name(*fault);
  return e;
}

Status check_vector(std::span<const float> values, const ledger::Model& model) {
  Status ok = check_vector(values, model.dimension);
  if (!ok && values.size() != model.dimension) {
    ok.error().message = "model " + model.id + " has " + std::to_string(model.dimension) + " values, the request has " +
                         std::to_string(values.size());
  }
  return ok;
}

void cleanse_values(std::vector<float>& values) noexcept {
  cleanse({reinterpret_cast<std::uint8_t*>(values.data()), values.size() * sizeof(float)});
}

}  // namespace facekeep
