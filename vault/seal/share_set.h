// A progressing unseal: shares come one by one until every group has its threshold.
//
// Pure logic: no clock, no I/O. What it needs is public and in the log: a commitment to each share
// (share_commitment), the thresholds, and U's public half. A share that is not wanted is said to be
// so and changes nothing: the others' progress stays.
//
// Not thread safe: one owner, who also calls clear() when kPartialUnsealMillis have passed since the
// first accepted share. Shares and the combined secret are in secret memory; all are cleansed by
// clear() and at the end.
#pragma once

#include <cstdint>
#include <vector>

#include "vault/base/bytes.h"
#include "vault/base/result.h"
#include "vault/base/secret_bytes.h"
#include "vault/seal/hpke.h"
#include "vault/seal/slip39.h"

namespace facekeep::seal {

inline constexpr std::int64_t kPartialUnsealMillis = std::int64_t{15} * 60 * 1000;

// A share that the vault knows: where it belongs and its commitment.
struct KnownShare {
  std::uint8_t group = 0;   // 0-based, as in the share
  std::uint8_t member = 0;  // 0-based
  Digest commitment{};
};

struct ShareSetSpec {
  std::vector<KnownShare> shares;
  std::vector<std::uint8_t> member_thresholds;  // one a group, in order
  std::uint8_t group_threshold = 0;
  std::vector<Digest> retired;  // commitments of this vault's earlier sets
  X25519Public u_public{};
};

enum class ShareOutcome : std::uint8_t {
  kAccepted,   // counted
  kDuplicate,  // this card is already in
  kNotNeeded,  // right, but its group is complete; not kept
  kForeign,    // a sound share of something else: not a card of this vault
  kWrongSet,   // a card of this vault from before its shares were renewed
};

struct GroupProgress {
  std::uint8_t have = 0;
  std::uint8_t need = 0;
};

struct ShareReply {
  ShareOutcome outcome = ShareOutcome::kForeign;
  std::uint8_t group = 0;               // of the share; meaningful unless kForeign or kWrongSet
  std::uint8_t member = 0;              // likewise
  std::vector<GroupProgress> progress;  // one a group
  bool complete = false;
};

class ShareCollector {
 public:
  // kInvalidArgument if the spec contradicts itself (a threshold that can't be met, a share twice).
  static Result<ShareCollector> create(ShareSetSpec spec);

  // Takes one share. kMalformed if it is no share (checksum, length): nothing changed. kIntegrity if
  // the share matches a commitment of the log but belongs elsewhere than the log says.
  Result<ShareReply> add(SecretWords share);

  [[nodiscard]] std::vector<GroupProgress> progress() const;
  [[nodiscard]] bool complete() const;
  [[nodiscard]] bool empty() const { return held_.empty(); }

  // U's private half (32 bytes). kFailedPrecondition if not complete; kIntegrity if what the shares
  // give is not the private half of U_pub. Keeps the shares: clear() when the vault is open.
  [[nodiscard]] Result<SecretBytes> combine() const;

  // Takes one accepted share back (0-based, as in the reply): the unseal that it completed could not be
  // carried out, and it may be handed in again.
  void remove(std::uint8_t group, std::uint8_t member);

  // Forgets every share.
  void clear() { held_.clear(); }

 private:
  struct Held {
    std::uint8_t group = 0;
    std::uint8_t member = 0;
    SecretWords words;
  };
  explicit ShareCollector(ShareSetSpec spec) : spec_(std::move(spec)) {}
  [[nodiscard]] ShareReply reply(ShareOutcome outcome, std::uint8_t group, std::uint8_t member) const;
  ShareSetSpec spec_;
  std::vector<Held> held_;
};

}  // namespace facekeep::seal
