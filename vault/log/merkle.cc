#include "vault/log/merkle.h"

#include <algorithm>
#include <array>
#include <bit>

#include "vault/base/digest.h"

namespace facekeep::log {
namespace {

constexpr std::array<std::uint8_t, 1> kLeafPrefix = {0x00};
constexpr std::array<std::uint8_t, 1> kNodePrefix = {0x01};

// The largest power of two smaller than n: where RFC 6962 splits a range of n > 1 leaves.
std::uint64_t split(std::uint64_t n) {
  return std::bit_floor(n - 1);
}

// Root of leaves [lo, hi). Every range that RFC 6962's recursion makes starts at a multiple of the
// power of two that bounds its length, so each power of two in it is one complete subtree.
Result<Digest> range_root(std::uint64_t lo, std::uint64_t hi, const HashSource& source) {
  std::vector<Digest> peaks;
  while (lo < hi) {
    const unsigned level = static_cast<unsigned>(std::bit_width(hi - lo)) - 1;
    FK_TRY(const Digest peak, source(level, lo >> level));
    peaks.push_back(peak);
    lo += std::uint64_t{1} << level;
  }
  if (peaks.empty()) return empty_root();
  Digest root = peaks.back();
  for (std::size_t i = peaks.size() - 1; i-- > 0;) root = node_hash(peaks[i], root);
  return root;
}

bool odd(std::uint64_t v) {
  return (v & 1) != 0;
}

Error not_included() {
  return make_error(Errc::kIntegrity, "the inclusion proof does not lead to the root of the tree",
                    "the entry, the proof or the checkpoint was altered, or they belong to different logs");
}

Error not_consistent() {
  return make_error(Errc::kIntegrity, "the consistency proof does not connect the two trees",
                    "the log was rewritten, or the checkpoints belong to different logs: keep both as evidence");
}

}  // namespace

Digest leaf_hash(ByteView entry) {
  return sha256({kLeafPrefix, entry});
}

Digest node_hash(const Digest& left, const Digest& right) {
  return sha256({kNodePrefix, left, right});
}

const Digest& empty_root() {
  static const Digest root = sha256(ByteView{});
  return root;
}

void Tree::append(const Digest& leaf) {
  Digest hash = leaf;
  for (std::uint64_t bits = size_; odd(bits); bits >>= 1) {
    hash = node_hash(peaks_.back(), hash);
    peaks_.pop_back();
  }
  peaks_.push_back(hash);
  ++size_;
}

Digest Tree::root() const {
  if (peaks_.empty()) return empty_root();
  Digest root = peaks_.back();
  for (std::size_t i = peaks_.size() - 1; i-- > 0;) root = node_hash(peaks_[i], root);
  return root;
}

Result<Digest> root_at(std::uint64_t size, const HashSource& source) {
  return range_root(0, size, source);
}

Result<std::vector<Digest>> inclusion_proof(std::uint64_t index, std::uint64_t size, const HashSource& source) {
  if (index >= size) {
    return make_error(Errc::kInvalidArgument,
                      "entry " + std::to_string(index) + " is not in a tree of size " + std::to_string(size));
  }
  std::vector<Digest> proof;
  std::uint64_t lo = 0;
  std::uint64_t hi = size;
  while (hi - lo > 1) {  // the root's child first; turned round below
    const std::uint64_t mid = lo + split(hi - lo);
    const bool left = index < mid;
    FK_TRY(const Digest sibling, left ? range_root(mid, hi, source) : range_root(lo, mid, source));
    proof.push_back(sibling);
    (left ? hi : lo) = mid;
  }
  std::reverse(proof.begin(), proof.end());
  return proof;
}

Result<std::vector<Digest>> consistency_proof(std::uint64_t old_size, std::uint64_t new_size,
                                              const HashSource& source) {
  if (old_size == 0 || old_size > new_size) {
    return make_error(Errc::kInvalidArgument, "no consistency proof leads from size " + std::to_string(old_size) +
                                                  " to size " + std::to_string(new_size));
  }
  std::vector<Digest> proof;
  std::uint64_t lo = 0;
  std::uint64_t hi = new_size;
  while (hi != old_size) {
    const std::uint64_t mid = lo + split(hi - lo);
    const bool left = old_size <= mid;
    FK_TRY(const Digest sibling, left ? range_root(mid, hi, source) : range_root(lo, mid, source));
    proof.push_back(sibling);
    (left ? hi : lo) = mid;
  }
  if (lo != 0) {  // the old tree is not one complete subtree: the verifier can't know its last part
    FK_TRY(const Digest last, range_root(lo, hi, source));
    proof.push_back(last);
  }
  std::reverse(proof.begin(), proof.end());
  return proof;
}

Status verify_inclusion(std::uint64_t index, std::uint64_t size, const Digest& leaf, std::span<const Digest> proof,
                        const Digest& root) {
  if (index >= size) {
    return make_error(Errc::kInvalidArgument,
                      "entry " + std::to_string(index) + " is not in a tree of size " + std::to_string(size));
  }
  std::uint64_t fn = index;
  std::uint64_t sn = size - 1;
  Digest r = leaf;
  for (const Digest& p : proof) {
    if (sn == 0) return not_included();
    if (odd(fn) || fn == sn) {
      r = node_hash(p, r);
      while (!odd(fn) && fn != 0) {
        fn >>= 1;
        sn >>= 1;
      }
    } else {
      r = node_hash(r, p);
    }
    fn >>= 1;
    sn >>= 1;
  }
  if (sn != 0 || r != root) return not_included();
  return {};
}

Result<Tree> Tree::before(std::uint64_t index, std::uint64_t size, std::span<const Digest> proof) {
  if (index >= size) return make_error(Errc::kInvalidArgument, "the tree has no such leaf");
  Tree out;
  out.size_ = index;
  std::uint64_t fn = index;
  std::uint64_t sn = size - 1;
  for (const Digest& p : proof) {  // the walk of verify_inclusion
    if (sn == 0) return not_included();
    if (odd(fn) || fn == sn) {
      out.peaks_.push_back(p);
      while (!odd(fn) && fn != 0) {
        fn >>= 1;
        sn >>= 1;
      }
    }
    fn >>= 1;
    sn >>= 1;
  }
  if (out.peaks_.size() != static_cast<std::size_t>(std::popcount(index))) return not_included();
  std::reverse(out.peaks_.begin(), out.peaks_.end());
  return out;
}

Status verify_consistency(std::uint64_t old_size, const Digest& old_root, std::uint64_t new_size,
                          const Digest& new_root, std::span<const Digest> proof) {
  if (old_size > new_size || (old_size == 0 && new_size != 0)) {
    return make_error(Errc::kInvalidArgument, "no consistency proof leads from size " + std::to_string(old_size) +
                                                  " to size " + std::to_string(new_size));
  }
  if (old_size == new_size) {
    if (!proof.empty() || old_root != new_root || (old_size == 0 && old_root != empty_root())) return not_consistent();
    return {};
  }
  // A complete old tree is its own first hash, which the proof leaves out.
  const bool implied = std::has_single_bit(old_size);
  if (proof.empty()) return not_consistent();
  const Digest& seed = implied ? old_root : proof.front();
  std::uint64_t fn = old_size - 1;
  std::uint64_t sn = new_size - 1;
  while (odd(fn)) {
    fn >>= 1;
    sn >>= 1;
  }
  Digest fr = seed;
  Digest sr = seed;
  for (const Digest& c : proof.subspan(implied ? 0 : 1)) {
    if (sn == 0) return not_consistent();
    if (odd(fn) || fn == sn) {
      fr = node_hash(c, fr);
      sr = node_hash(c, sr);
      while (!odd(fn) && fn != 0) {
        fn >>= 1;
        sn >>= 1;
      }
    } else {
      sr = node_hash(sr, c);
    }
    fn >>= 1;
    sn >>= 1;
  }
  if (sn != 0 || fr != old_root || sr != new_root) return not_consistent();
  return {};
}

}  // namespace facekeep::log
