// RFC 6962 section 2.1 written down as it stands there, to compare the real trees with.
#pragma once

#include <bit>
#include <span>
#include <string>
#include <vector>

#include "vault/base/bytes.h"
#include "vault/log/merkle.h"

namespace facekeep::log_test {

inline Digest naive_root(std::span<const Digest> leaves) {
  if (leaves.empty()) return log::empty_root();
  if (leaves.size() == 1) return leaves[0];
  const std::size_t k = std::bit_floor(leaves.size() - 1);
  return log::node_hash(naive_root(leaves.first(k)), naive_root(leaves.subspan(k)));
}

// Refers to `leaves`.
inline log::HashSource naive_source(const std::vector<Digest>& leaves) {
  return [&leaves](unsigned level, std::uint64_t index) -> Result<Digest> {
    const std::size_t width = std::size_t{1} << level;
    if ((index + 1) * width > leaves.size()) return make_error(Errc::kInternal, "asked for a subtree beyond the tree");
    return naive_root(std::span(leaves).subspan(index * width, width));
  };
}

inline std::vector<Digest> numbered_leaves(std::size_t n) {
  std::vector<Digest> out;
  out.reserve(n);
  for (std::size_t i = 0; i < n; ++i) out.push_back(log::leaf_hash(as_bytes("entry " + std::to_string(i))));
  return out;
}

}  // namespace facekeep::log_test
