#include "vault/known_people.h"

#include <iterator>
#include <map>

#include "vault/rewrap.h"

namespace facekeep {
namespace {

constexpr std::size_t kAsked = 64;

}  // namespace

std::vector<KnownPerson> longest_enrolled(const ledger::State& state) {
  std::map<std::uint64_t, Id128> oldest;  // by entry
  for (const auto& [ref, s] : state.subjects()) {
    if (oldest.size() == kAsked && s.entry > oldest.rbegin()->first) continue;
    oldest.emplace(s.entry, ref);
    if (oldest.size() > kAsked) oldest.erase(std::prev(oldest.end()));
  }
  std::vector<KnownPerson> out;
  for (const auto& [entry, ref] : oldest) {
    const ledger::SubjectState& s = *state.subject(ref);
    out.push_back({ref, s, state.current().sites[s.site].id});
  }
  return out;
}

Result<std::size_t> count_lost(const OpenVault& vault, const std::vector<KnownPerson>& people) {
  std::size_t lost = 0;
  for (const KnownPerson& p : people) {
    const auto open = vault.open_subject(vault.site(p.site), p.ref, p.state);
    if (!open && !is_damage(open.error())) return open.error();
    lost += open ? 0 : 1;
  }
  return lost;
}

Status check_lost(std::size_t lost, std::size_t asked, const std::string& whose, const std::string& hint) {
  if (lost < 2 || lost * 2 <= asked) return {};
  return make_error(Errc::kIntegrity,
                    whose + " open " + std::to_string(asked - lost) + " of the " + std::to_string(asked) +
                        " people who have been enrolled longest",
                    hint);
}

}  // namespace facekeep
