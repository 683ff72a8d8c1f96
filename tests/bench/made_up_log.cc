#include "tests/bench/made_up_log.h"

#include "tests/unit/log/sequencer_parts.h"
#include "vault/log/checkpoint.h"

namespace facekeep::bench {

using namespace ledger;

namespace {

constexpr UnixMillis kBegin = 1795305600000;  // 2026-11-22T00:00:00Z

// A number, spread so that refs come in no order.
Id128 id_of(std::uint64_t n) {
  const std::uint64_t mixed = n * 0x9e3779b97f4a7c15;
  Id128 out{};
  for (std::size_t i = 0; i < 8; ++i) out[i] = static_cast<std::uint8_t>(mixed >> (8 * i));
  return out;
}

Genesis genesis_of(Custody& custody) {
  log_test::ApprovalKeys keys;
  return log_test::small_genesis(custody, keys);
}

}  // namespace

MadeUpLog::MadeUpLog(Mix mix) : mix_(mix), genesis_(genesis_of(custody_)) {}

Body MadeUpLog::body() const {
  switch (made_) {
    case 0: return genesis_;
    case 1: return Start{"bench", {1}, {2}, {3}, false};
    case 2: return UnsealShare{"property/1", "property", 1};
    case 3: return UnsealShare{"residents/1", "residents", 1};
    case 4: return Unsealed{{"property/1", "residents/1"}};
    case 5: return PeriodKey{"access", "main", "2026-11", 0};
    default: break;
  }
  const std::uint64_t subject = made_ / 3;
  if (mix_ == Mix::kEnrolment && made_ % 3 == 0) {
    return Enrolled{id_of(subject), "main", "operator/1", static_cast<std::uint32_t>(subject), {7}, {8}, "2035-12-31"};
  }
  if (mix_ == Mix::kEnrolment && made_ % 3 == 1) {
    return TemplateAdded{id_of(subject), "main", "operator/1", id_of(made_), "face", 1, {9}};
  }
  Match match;
  match.identify = made_ % 2 == 0;
  match.site = "main";
  match.door = "north";
  match.model = "face";
  match.by = "door/1";
  match.decision = "match";
  match.subject = Id128{static_cast<std::uint8_t>(made_), static_cast<std::uint8_t>(made_ >> 8)};
  return match;
}

Result<MadeUpEntry> MadeUpLog::next() {
  const std::uint64_t ms = made_ == 4 ? 3 : made_;  // the last share and the opening are of one commit
  const Event event{kBegin + static_cast<std::int64_t>(ms), ms, body()};
  FK_TRY(const std::string text, encode_event(event));
  const EventClass c = class_of(event.body);
  MadeUpEntry out;
  if (c == EventClass::kGovernance) {
    out.entry = to_bytes(text);
  } else {
    Salt salt{};
    for (std::size_t i = 0; i < 8; ++i) salt[i] = static_cast<std::uint8_t>(made_ >> (8 * i));
    out.entry = to_bytes(private_leaf(c, commit(salt, text)));
    out.opening = concat(Bytes{0x01}, salt, as_bytes(text));
    out.access = c == EventClass::kAccess;
  }
  ++made_;
  return out;
}

Result<std::string> MadeUpLog::sign(std::uint64_t size, const Digest& root) {
  FK_TRY(const log::VerifierKey key, log::parse_vkey(genesis_.log_key));
  return log::sign_checkpoint({key.name, size, root, {}}, key,
                              [&](ByteView message) { return custody_.sign_checkpoint(key.public_key, message); });
}

}  // namespace facekeep::bench
