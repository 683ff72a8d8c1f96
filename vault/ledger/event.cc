#include "vault/ledger/event.h"

#include <algorithm>

#include "vault/base/digest.h"
#include "vault/ledger/json_reader.h"

namespace facekeep::ledger {

const std::vector<std::string_view>& event_types() {
  static const std::vector<std::string_view> names = {"genesis",
                                                      "start",
                                                      "unseal-share",
                                                      "unsealed",
                                                      "unseal-ended",
                                                      "sealed",
                                                      "sums",
                                                      "openings-read",
                                                      "proposal",
                                                      "approval",
                                                      "veto",
                                                      "proposal-withdrawn",
                                                      "proposal-done",
                                                      "revoked",
                                                      "tightened",
                                                      "custodian-suspended",
                                                      "alarms-acknowledged",
                                                      "export-sealed",
                                                      "export-ended",
                                                      "export-given",
                                                      "rewrapped",
                                                      "keys-retired",
                                                      "backup-made",
                                                      "restored",
                                                      "recovered",
                                                      "ticket-made",
                                                      "ticket-used",
                                                      "ticket-ended",
                                                      "enrolled",
                                                      "template",
                                                      "erased",
                                                      "suspended",
                                                      "period-key",
                                                      "period-key-destroyed",
                                                      "export-subjects",
                                                      "exported",
                                                      "match",
                                                      "metadata-read"};
  return names;
}

BudgetCall budget_call(const Match& match) {
  const auto camera = match.camera ? std::optional<std::string_view>(match.camera->camera) : std::nullopt;
  return {match.site, match.door, camera, match.subject, match.repeat.has_value()};
}

const std::vector<std::string_view>& repeat_kinds() {
  static const std::vector<std::string_view> kinds = {"exact", "near", "chain"};
  return kinds;
}

const std::vector<std::string_view>& sum_kinds() {
  static const std::vector<std::string_view> kinds = {"handshake-unknown-key",
                                                      "handshake-no-certificate",
                                                      "handshake-tls",
                                                      "handshake-timeout",
                                                      "bad-request",
                                                      "refused-role",
                                                      "refused-scope",
                                                      "refused-sealed",
                                                      "overload",
                                                      "bad-share",
                                                      "refused-governance",
                                                      "bad-probe",
                                                      "over-budget"};
  return kinds;
}

namespace {
// Position of a type among Body's alternatives.
template <class T, std::size_t I = 0>
constexpr std::size_t index_of() {
  if constexpr (std::is_same_v<std::variant_alternative_t<I, Body>, T>) {
    return I;
  } else {
    return index_of<T, I + 1>();
  }
}
}  // namespace

// Body lists governance first, then custody, then access.
EventClass class_of(const Body& body) noexcept {
  if (body.index() < index_of<Enrolled>()) return EventClass::kGovernance;
  return body.index() < index_of<Match>() ? EventClass::kCustody : EventClass::kAccess;
}

bool is_of_own_clock(const Body& body) noexcept {
  return std::holds_alternative<Genesis>(body) || std::holds_alternative<Start>(body) ||
         std::holds_alternative<Recovered>(body);
}

std::string_view type_of(const Body& body) noexcept {
  return event_types()[body.index()];
}

Digest commit(const Salt& salt, std::string_view canonical_event) {
  static constexpr std::string_view kDomain("facekeep/commitment/v1\0", 23);
  return sha256({as_bytes(kDomain), salt, as_bytes(canonical_event)});
}

std::string private_leaf(EventClass event_class, const Digest& commitment) {
  return "{\"class\":\"" + std::string(to_string(event_class)) + "\",\"commitment\":\"" + to_hex(commitment) +
         "\",\"v\":1}";
}

Result<Leaf> decode_leaf(std::string_view entry) {
  if (entry.size() > kMaxLeafBytes) return make_error(Errc::kTooLarge, "a log entry is longer than 65,535 bytes");
  // A private leaf has one fixed shape; it is the common case and needs no JSON parser.
  static constexpr std::string_view kTail = "\",\"v\":1}";
  static constexpr std::pair<EventClass, std::string_view> kHeads[] = {
      {EventClass::kAccess, "{\"class\":\"access\",\"commitment\":\""},
      {EventClass::kCustody, "{\"class\":\"custody\",\"commitment\":\""}};
  for (const auto& [c, head] : kHeads) {
    if (entry.size() == head.size() + 64 + kTail.size() && entry.starts_with(head) && entry.ends_with(kTail)) {
      FK_TRY(const Digest d, from_hex_exact<32>(entry.substr(head.size(), 64)));
      return Leaf(PrivateLeaf{c, d});
    }
  }
  FK_TRY(Event e, decode_event(entry));
  if (class_of(e.body) != EventClass::kGovernance) {
    return make_error(Errc::kMalformed, "a private event stands in clear in the public log");
  }
  return Leaf(std::move(e));
}

}  // namespace facekeep::ledger
