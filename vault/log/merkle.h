// The Merkle tree of the log: hashes, an incremental tree, and proofs.
//
// Hashing is RFC 6962 section 2.1 with SHA-256; the verification algorithms are RFC 9162 sections
// 2.1.3.2 (inclusion) and 2.1.4.2 (consistency). Everything here is pure and holds no locks: an
// object belongs to one thread at a time, functions may run anywhere.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "vault/base/bytes.h"
#include "vault/base/result.h"

namespace facekeep::log {

// No proof in a tree of at most 2^64-1 leaves is longer.
inline constexpr std::size_t kMaxInclusionHashes = 64;
inline constexpr std::size_t kMaxConsistencyHashes = 65;

// SHA-256(0x00 || entry), SHA-256(0x01 || left || right), and SHA-256("") for the empty tree.
Digest leaf_hash(ByteView entry);
Digest node_hash(const Digest& left, const Digest& right);
const Digest& empty_root();

// An append-only tree that keeps only the roots of its complete subtrees (at most 64 hashes).
// A plain value: copy it to be able to go back.
class Tree {
 public:
  // Amortised one node_hash.
  void append(const Digest& leaf);
  [[nodiscard]] std::uint64_t size() const { return size_; }
  // empty_root() at size 0. At most 63 node hashes.
  [[nodiscard]] Digest root() const;

  // The tree of the first `index` leaves, out of an inclusion proof of leaf `index` in a tree of `size`: the
  // proof's left siblings are its peaks. They are only as good as the root that the caller compares: append
  // leaves `index` to `size` - 1 and hold root() against a trusted one. kIntegrity if the proof has not their
  // number, kInvalidArgument unless index < size.
  static Result<Tree> before(std::uint64_t index, std::uint64_t size, std::span<const Digest> proof);

 private:
  std::uint64_t size_ = 0;
  std::vector<Digest> peaks_;  // one for each set bit of size_, the largest subtree first
};

// Root of the complete subtree over leaves [index << level, (index + 1) << level). Called only for
// subtrees that lie wholly within the tree size asked for. What it returns is not checked here.
using HashSource = std::function<Result<Digest>(unsigned level, std::uint64_t index)>;

// The root of the first `size` leaves.
Result<Digest> root_at(std::uint64_t size, const HashSource& source);

// RFC 6962 section 2.1.1, from the leaf's sibling upwards. kInvalidArgument unless index < size.
Result<std::vector<Digest>> inclusion_proof(std::uint64_t index, std::uint64_t size, const HashSource& source);

// RFC 6962 section 2.1.2. Empty if the sizes are equal. kInvalidArgument unless
// 0 < old_size <= new_size (every tree extends the empty one, there is nothing to prove).
Result<std::vector<Digest>> consistency_proof(std::uint64_t old_size, std::uint64_t new_size, const HashSource& source);

// kIntegrity if `proof` does not show that `leaf` is the leaf at `index` of the tree with this size
// and root; kInvalidArgument if index >= size.
Status verify_inclusion(std::uint64_t index, std::uint64_t size, const Digest& leaf, std::span<const Digest> proof,
                        const Digest& root);

// kIntegrity if `proof` does not show that the new tree extends the old one. Equal sizes need equal
// roots and an empty proof, and at size 0 the root is empty_root(). kInvalidArgument if the old
// tree is larger, or empty while the new one is not.
Status verify_consistency(std::uint64_t old_size, const Digest& old_root, std::uint64_t new_size,
                          const Digest& new_root, std::span<const Digest> proof);

}  // namespace facekeep::log
