#include "vault/seal/slip39.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string_view>

#include "vault/base/digest.h"
#include "vault/seal/shamir.h"

namespace facekeep::seal {
namespace {

Status check_passphrase(ByteView passphrase) {
  const bool ok = std::all_of(passphrase.begin(), passphrase.end(), [](std::uint8_t c) { return c >= 32 && c <= 126; });
  if (!ok || passphrase.size() > 256) {
    return make_error(Errc::kInvalidArgument, "a passphrase is at most 256 printable ASCII characters");
  }
  return {};
}

Status check_options(const SplitOptions& o) {
  if (o.groups.empty() || o.groups.size() > kMaxShares || o.group_threshold < 1 ||
      o.group_threshold > o.groups.size() || o.iteration_exponent > 15) {
    return make_error(Errc::kInvalidArgument, "a split has 1 to 16 groups and a group threshold among them");
  }
  for (const GroupSpec& g : o.groups) {
    if (g.threshold < 1 || g.threshold > g.count || g.count > kMaxShares) {
      return make_error(Errc::kInvalidArgument, "a group's threshold is between 1 and its members, at most 16");
    }
    if (g.threshold == 1 && g.count > 1) {
      return make_error(Errc::kInvalidArgument, "a group of several members can't have threshold 1",
                        "use a threshold of 2 or more, or one member");
    }
  }
  return {};
}

// Shares by group, after the checks that make them one set.
struct ShareSet {
  ShareMeta common;
  std::map<std::uint8_t, std::uint8_t> thresholds;
  std::map<std::uint8_t, std::vector<ShamirPoint>> members;
};

Status add_share(ShareSet& set, Share share, bool first) {
  const ShareMeta& m = share.meta;
  if (first) set.common = m;
  const ShareMeta& c = set.common;
  if (m.identifier != c.identifier || m.extendable != c.extendable || m.iteration_exponent != c.iteration_exponent ||
      m.group_threshold != c.group_threshold || m.group_count != c.group_count) {
    return make_error(Errc::kInvalidArgument, "the shares are of different sets");
  }
  const auto [at, added] = set.thresholds.emplace(m.group_index, m.member_threshold);
  if (!added && at->second != m.member_threshold) {
    return make_error(Errc::kInvalidArgument, "shares of one group have different thresholds");
  }
  auto& members = set.members[m.group_index];
  for (const ShamirPoint& p : members) {
    if (p.x == m.member_index) return make_error(Errc::kInvalidArgument, "the same share twice");
  }
  members.push_back({m.member_index, std::move(share.value)});
  return {};
}

}  // namespace

Result<std::vector<std::vector<SecretWords>>> split_secret(ByteView master, const SplitOptions& options,
                                                           ByteView passphrase) {
  FK_CHECK(check_options(options));
  FK_CHECK(check_passphrase(passphrase));
  ShareMeta meta;
  const auto id = random_array<2>();
  meta.identifier = static_cast<std::uint16_t>(load_be16(id.data()) & 0x7fff);
  meta.extendable = options.extendable;
  meta.iteration_exponent = options.iteration_exponent;
  meta.group_threshold = options.group_threshold;
  meta.group_count = static_cast<std::uint8_t>(options.groups.size());
  FK_TRY(const SecretBytes encrypted, slip39_encrypt(master, passphrase, meta));
  FK_TRY(const auto group_points, shamir_split(encrypted.view(), options.group_threshold, meta.group_count));
  std::vector<std::vector<SecretWords>> out;
  for (const ShamirPoint& group : group_points) {
    const GroupSpec& spec = options.groups[group.x];
    meta.group_index = group.x;
    meta.member_threshold = spec.threshold;
    FK_TRY(auto member_points, shamir_split(group.y.view(), spec.threshold, spec.count));
    std::vector<SecretWords>& members = out.emplace_back();
    for (ShamirPoint& member : member_points) {
      meta.member_index = member.x;
      FK_TRY(SecretWords words, encode_share({meta, std::move(member.y)}));
      members.push_back(std::move(words));
    }
  }
  return out;
}

Result<SecretBytes> combine_shares(const std::vector<SecretWords>& shares, ByteView passphrase) {
  if (shares.empty()) return make_error(Errc::kInvalidArgument, "no shares to combine");
  FK_CHECK(check_passphrase(passphrase));
  ShareSet set;
  for (const SecretWords& words : shares) {
    FK_TRY(Share share, decode_share(words));
    FK_CHECK(add_share(set, std::move(share), &words == shares.data()));
  }
  std::vector<ShamirPoint> groups;
  for (const auto& [index, members] : set.members) {
    const std::uint8_t threshold = set.thresholds[index];
    if (members.size() < threshold) continue;
    FK_TRY(SecretBytes value, shamir_combine(members, threshold));
    groups.push_back({index, std::move(value)});
  }
  if (groups.size() < set.common.group_threshold) {
    return make_error(Errc::kInvalidArgument, "too few shares: not enough groups are complete");
  }
  FK_TRY(const SecretBytes encrypted, shamir_combine(groups, set.common.group_threshold));
  return slip39_decrypt(encrypted.view(), passphrase, set.common);
}

Digest share_commitment(const SecretWords& share) {
  const std::uint8_t zero = 0;
  return sha256({as_bytes("facekeep/share/v1"), ByteView(&zero, 1), share.view()});
}

}  // namespace facekeep::seal
