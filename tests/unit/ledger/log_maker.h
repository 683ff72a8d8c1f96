// A log in memory that folds as it grows, for the tests of apply and decide.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "tests/support/catch.h"
#include "tests/unit/ledger/genesis_maker.h"
#include "vault/ledger/state.h"

namespace facekeep::ledger::test {

inline constexpr UnixMillis kDayMs = 86400LL * 1000;

struct Log {
  State state;
  UnixMillis wall = 1795305600000;  // 2026-11-22T00:00:00Z
  std::uint64_t uptime = 0;
  std::optional<State> alone = {};  // of whoever has the public log alone, from where a test sets it

  Status add(Body body) {
    const Event event{wall, uptime, std::move(body)};
    FK_CHECK(apply(state, event));
    if (!alone) return {};
    return class_of(event.body) == EventClass::kCustody ? apply_unopened_custody(*alone) : apply(*alone, event);
  }
  void must(Body body) {
    const Status s = add(std::move(body));
    if (!s) FAIL(s.error().message);
  }
  // Both clocks run.
  void wait(std::int64_t ms) {
    wall += ms;
    uptime += static_cast<std::uint64_t>(ms);
  }
  void start() {
    uptime = 0;
    must(Start{"0.1.0", {}, {}, {}, false});
  }
  void unseal() {
    for (const char* by : {"property/1", "property/2", "residents/1", "residents/3"}) {
      const std::string id = by;
      must(UnsealShare{id, id.substr(0, id.find('/')), static_cast<std::uint32_t>(id.back() - '0')});
    }
    must(Unsealed{{"property/1", "property/2", "residents/1", "residents/3"}});
  }
};

inline Id128 ref_of(std::uint8_t n) {
  return Id128{n};
}
inline Enrolled enrolled(std::uint8_t n, const std::string& site = "main", const std::string& by = "operator/1") {
  return {ref_of(n), site, by, n, digest_of("consent"), digest_of("record"), "2027-06-30"};
}
inline TemplateAdded template_of(std::uint8_t n, std::uint8_t id) {
  return {ref_of(n), "main", "operator/1", Id128{0xf0, id}, "face", 1, digest_of("blob")};
}
inline Erased erased(std::uint8_t n) {
  return {ref_of(n), "main", "operator/1", "operator"};
}
inline Erased erased_late(std::uint8_t n) {
  return {ref_of(n), "main", "daemon", "delay-over"};
}
inline Suspended suspended(std::uint8_t n, UnixMillis due) {
  return {ref_of(n), "main", "operator/1", "over-allowance", due};
}

inline Log sealed_log() {
  Log log;
  log.must(Body(valid_genesis()));
  log.start();
  return log;
}
// Open, with subjects 1 and 2 at main (operator/1).
inline Log open_log() {
  Log log = sealed_log();
  log.unseal();
  log.must(enrolled(1));
  log.must(enrolled(2));
  return log;
}

}  // namespace facekeep::ledger::test
