#include "vault/audit/finding.h"

#include <algorithm>

namespace facekeep::audit {

std::string_view to_string(Severity s) noexcept {
  switch (s) {
    case Severity::kError: return "error";
    case Severity::kWarning: return "warning";
    case Severity::kNote: return "note";
  }
  return "error";
}

void Findings::add(Code code, std::uint64_t entry, std::vector<std::string> args) {
  ++totals_[static_cast<std::size_t>(row_of(code).severity)];
  if (++of_code_[static_cast<std::size_t>(code)] > kMaxFindingsKept) return;
  kept_.push_back({code, entry, std::move(args)});
}

std::vector<Finding> Findings::sorted() const {
  std::vector<Finding> out = kept_;
  std::stable_sort(out.begin(), out.end(), [](const Finding& a, const Finding& b) { return a.entry < b.entry; });
  return out;
}

std::optional<std::uint64_t> Findings::first_sign(std::uint64_t first, std::uint64_t end) const {
  std::optional<std::uint64_t> out;
  for (const Finding& f : kept_) {
    switch (f.code) {
      case Code::kEntryMalformed:
      case Code::kOpeningMismatch:
      case Code::kOpeningClass:
      case Code::kOpeningOfGovernance:
        if (f.entry >= first && f.entry < end && f.entry < out.value_or(end)) out = f.entry;
        break;
      default: break;
    }
  }
  return out;
}

}  // namespace facekeep::audit
