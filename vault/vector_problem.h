// What is wrong with a vector, as a problem that a client can act on; and the end of its plain values.
#pragma once

#include <span>
#include <vector>

#include "vault/base/result.h"
#include "vault/base/secret_bytes.h"
#include "vault/ledger/genesis.h"

namespace facekeep {

// "wrong-dimension", "not-a-number", "infinite", "zero-vector", "norm-out-of-range". Never quotes a value.
Status check_vector(std::span<const float> values, std::size_t dimension);
// The same for a vector of `model`; a wrong dimension is told with both numbers.
Status check_vector(std::span<const float> values, const ledger::Model& model);

void cleanse_values(std::vector<float>& values) noexcept;

// Cleanses a vector of plain values when it goes out of scope.
class CleanseOnExit {
 public:
  explicit CleanseOnExit(std::vector<float>& values) : values_(values) {}
  ~CleanseOnExit() { cleanse_values(values_); }
  CleanseOnExit(const CleanseOnExit&) = delete;
  CleanseOnExit& operator=(const CleanseOnExit&) = delete;

 private:
  std::vector<float>& values_;
};

}  // namespace facekeep
