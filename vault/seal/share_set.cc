#include "vault/seal/share_set.h"

#include <algorithm>

#include "vault/seal/shamir.h"

namespace facekeep::seal {

Result<ShareCollector> ShareCollector::create(ShareSetSpec spec) {
  const Error bad = make_error(Errc::kInvalidArgument, "the shares that the log names contradict each other");
  const std::size_t groups = spec.member_thresholds.size();
  if (groups == 0 || groups > kMaxShares || spec.group_threshold < 1 || spec.group_threshold > groups) return bad;
  for (std::size_t g = 0; g < groups; ++g) {
    const auto members =
        std::count_if(spec.shares.begin(), spec.shares.end(), [g](const KnownShare& s) { return s.group == g; });
    if (spec.member_thresholds[g] < 1 || members < spec.member_thresholds[g]) return bad;
  }
  for (std::size_t i = 0; i < spec.shares.size(); ++i) {
    const KnownShare& a = spec.shares[i];
    if (a.group >= groups || a.member >= kMaxShares) return bad;
    for (std::size_t j = 0; j < i; ++j) {
      const KnownShare& b = spec.shares[j];
      if ((a.group == b.group && a.member == b.member) || a.commitment == b.commitment) return bad;
    }
  }
  return ShareCollector(std::move(spec));
}

Result<ShareReply> ShareCollector::add(SecretWords words) {
  FK_TRY(const Share share, decode_share(words));
  const Digest commitment = share_commitment(words);
  const auto known = std::find_if(spec_.shares.begin(), spec_.shares.end(),
                                  [&](const KnownShare& s) { return s.commitment == commitment; });
  if (known == spec_.shares.end()) {
    const bool retired = std::find(spec_.retired.begin(), spec_.retired.end(), commitment) != spec_.retired.end();
    return reply(retired ? ShareOutcome::kWrongSet : ShareOutcome::kForeign, 0, 0);
  }
  const ShareMeta& m = share.meta;
  if (m.group_index != known->group || m.member_index != known->member || m.group_threshold != spec_.group_threshold ||
      m.group_count != spec_.member_thresholds.size() || m.member_threshold != spec_.member_thresholds[known->group]) {
    return make_error(Errc::kIntegrity, "a share is not where the log says that it belongs");
  }
  for (const Held& h : held_) {
    if (h.group == known->group && h.member == known->member) {
      return reply(ShareOutcome::kDuplicate, known->group, known->member);
    }
  }
  const GroupProgress group = progress()[known->group];
  if (group.have >= group.need) return reply(ShareOutcome::kNotNeeded, known->group, known->member);
  held_.push_back({known->group, known->member, std::move(words)});
  return reply(ShareOutcome::kAccepted, known->group, known->member);
}

ShareReply ShareCollector::reply(ShareOutcome outcome, std::uint8_t group, std::uint8_t member) const {
  return {outcome, group, member, progress(), complete()};
}

std::vector<GroupProgress> ShareCollector::progress() const {
  std::vector<GroupProgress> out;
  for (const std::uint8_t need : spec_.member_thresholds) out.push_back({0, need});
  for (const Held& h : held_) ++out[h.group].have;
  return out;
}

bool ShareCollector::complete() const {
  const auto groups = progress();
  const auto done = std::count_if(groups.begin(), groups.end(), [](GroupProgress g) { return g.have >= g.need; });
  return done >= spec_.group_threshold;
}

Result<SecretBytes> ShareCollector::combine() const {
  if (!complete()) return make_error(Errc::kFailedPrecondition, "not enough shares yet");
  std::vector<SecretWords> shares;
  for (const Held& h : held_) shares.push_back(h.words.clone());
  FK_TRY(SecretBytes secret, combine_shares(shares));
  const auto own = x25519_public(secret.view());
  if (!own || *own != spec_.u_public) {
    return make_error(Errc::kIntegrity, "the shares do not give the secret that genesis names");
  }
  return secret;
}

void ShareCollector::remove(std::uint8_t group, std::uint8_t member) {
  std::erase_if(held_, [&](const Held& h) { return h.group == group && h.member == member; });
}

}  // namespace facekeep::seal
