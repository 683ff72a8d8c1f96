#include "hsm/trial.h"

#include <algorithm>

#include "hsm/anchor.h"
#include "hsm/spare.h"
#include "tests/unit/hsm/fixture.h"

using namespace facekeep;
using namespace facekeep::hsm;

namespace {

const TrialOptions kQuick{.whole = true, .a_speed = std::chrono::milliseconds(1), .interrupted = {}};

const TrialRow& row_of(const TrialReport& report, TrialStep step) {
  const auto row = std::find_if(report.rows.begin(), report.rows.end(), [&](const auto& r) { return r.step == step; });
  REQUIRE(row != report.rows.end());
  return *row;
}

Finding found(const TrialReport& report, TrialStep step) {
  const TrialRow& row = row_of(report, step);
  INFO(to_string(step) << ": " << row.detail);
  return row.finding;
}

// What the token holds, of anybody.
std::size_t objects(SessionPool& pool) {
  const auto all = pool.run(Repeat::kSafe, [](Session& s) { return find_prefixed(s, ""); });
  REQUIRE_OK(all);
  return all->size();
}

TrialReport under(const ShimmedToken& t, const std::string& faults) {
  auto pool = t.open();
  REQUIRE_OK(pool);
  t.shim.inject(faults);
  TrialReport report = try_token(*pool, kQuick);
  t.shim.heal();
  CHECK(objects(**pool) == 0);
  return report;
}

}  // namespace

TEST_CASE("a trial finds a usable token, leaves nothing in it, and knows its speeds") {
  const ShimmedToken t;
  auto pool = t.open();
  REQUIRE_OK(pool);
  const TrialReport report = try_token(*pool, kQuick);
  for (const TrialRow& row : report.rows) {
    INFO(to_string(row.step) << ": " << row.detail);
    CHECK((row.finding == Finding::kWorks || row.finding == Finding::kFallback));
  }
  CHECK(report.usable());
  CHECK(report.rows.size() == 14);
  CHECK(report.root);
  CHECK(report.log_key);
  CHECK(report.removed >= 4);
  std::string measured;
  for (const auto& s : report.speeds) {
    CHECK(s.per_second > 0);
    measured += std::string(s.operation) + " ";
  }
  INFO(measured);
  CHECK(measured.starts_with("wrap unwrap sign anchor-write anchor-read "));
  CHECK(objects(**pool) == 0);
  CHECK(require_able(*pool));
  CHECK(objects(**pool) == 0);
}

TEST_CASE("a trial names the fallbacks that a token takes") {
  const ShimmedToken t;
  const TrialReport report = under(t, "hide 0x1087\nhide 0x1057");  // CKM_AES_GCM, CKM_EDDSA
  CHECK(found(report, TrialStep::kRoot) == Finding::kFallback);
  CHECK(row_of(report, TrialStep::kRoot).detail == "RSA-3072-OAEP-SHA1");
  CHECK(found(report, TrialStep::kLogKey) == Finding::kFallback);
  CHECK(row_of(report, TrialStep::kLogKey).detail == "ECDSA-P256");
  CHECK(found(report, TrialStep::kContext) == Finding::kWorks);
  CHECK(found(report, TrialStep::kRotate) == Finding::kWorks);
  CHECK(report.fallbacks());
  CHECK(report.usable());
}

TEST_CASE("a trial refuses a token without a second way, and does not try what hangs on it", "[softhsm]") {
  const ShimmedToken t;
  const TrialReport no_root = under(t, "hide 0x1087\nhide 0x9");  // nor CKM_RSA_PKCS_OAEP
  CHECK(found(no_root, TrialStep::kRoot) == Finding::kRefused);
  CHECK(found(no_root, TrialStep::kWrap) == Finding::kNotTried);
  CHECK(found(no_root, TrialStep::kOaep) == Finding::kMissing);
  CHECK_FALSE(no_root.usable());
  const TrialReport no_log_key = under(t, "hide 0x1057\nhide 0x1041");  // nor CKM_ECDSA
  CHECK(found(no_log_key, TrialStep::kRoot) == Finding::kWorks);
  CHECK(found(no_log_key, TrialStep::kLogKey) == Finding::kRefused);
  CHECK(found(no_log_key, TrialStep::kSign) == Finding::kNotTried);
  CHECK_FALSE(no_log_key.usable());
}

TEST_CASE("a token that keeps no data objects is refused for its anchor, at the ceremony too") {
  const ShimmedToken t;
  const TrialReport report = under(t, "C_CreateObject 0x13");  // CKR_ATTRIBUTE_VALUE_INVALID
  CHECK(found(report, TrialStep::kAnchor) == Finding::kRefused);
  CHECK(found(report, TrialStep::kSign) == Finding::kWorks);
  CHECK_FALSE(report.usable());
  auto pool = t.open();
  REQUIRE_OK(pool);
  t.shim.inject("C_CreateObject 0x13");
  const Status refused = require_able(*pool);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::kHsm);
  CHECK(refused.error().message.find("anchor") != std::string::npos);
  t.shim.heal();
  CHECK(objects(**pool) == 0);
}

TEST_CASE("what a token needs only as a spare is missing, not refused", "[softhsm]") {
  const ShimmedToken t;
  const TrialReport report = under(t, "hide 0x9\nhide 0x1041");
  CHECK(found(report, TrialStep::kOaep) == Finding::kMissing);
  CHECK(found(report, TrialStep::kP256) == Finding::kMissing);
  CHECK(report.usable());
}

TEST_CASE("a token with one session for work is a fallback, not a failure") {
  const ShimmedToken t;
  OpenOptions options;
  options.pool.max_sessions = 1;
  auto pool = open_token(t.uri(), test::SoftHsm::pin(), options);
  REQUIRE_OK(pool);
  const TrialReport report = try_token(*pool, kQuick);
  CHECK(found(report, TrialStep::kSessions) == Finding::kFallback);
  CHECK(report.usable());
}

TEST_CASE("an interrupted trial removes what it made and gives no verdict") {
  const ShimmedToken t;
  auto pool = t.open();
  REQUIRE_OK(pool);
  int asked = 0;
  TrialOptions options = kQuick;
  options.interrupted = [&] { return ++asked > 5; };
  const TrialReport report = try_token(*pool, options);
  CHECK(report.interrupted);
  CHECK_FALSE(report.usable());
  CHECK(report.removed > 0);
  CHECK(found(report, TrialStep::kWrap) == Finding::kWorks);
  CHECK(found(report, TrialStep::kAnchor) == Finding::kNotTried);
  CHECK(objects(**pool) == 0);
}

TEST_CASE("objects that can't be destroyed are said, and the next trial removes them") {
  const ShimmedToken t;
  auto pool = t.open();
  REQUIRE_OK(pool);
  t.shim.inject("C_DestroyObject 0x1b");
  const TrialReport report = try_token(*pool, kQuick);
  CHECK(report.left);
  CHECK_FALSE(report.usable());
  t.shim.heal();
  auto contents = token_contents(**pool);
  REQUIRE_OK(contents);
  CHECK(contents->vaults.empty());
  CHECK(contents->trials.size() == (report.log_key->mechanism == "Ed25519" ? 2 : 1));  // the second is for P-256
  CHECK(contents->trials.begin()->starts_with("666b2d747269616c"));
  CHECK(*remove_trials(**pool) > 0);
  CHECK(objects(**pool) == 0);
}

TEST_CASE("a trial beside a vault touches nothing of the vault's") {
  const ShimmedToken t;
  auto pool = t.open();
  REQUIRE_OK(pool);
  REQUIRE_OK(provision(**pool, kVault, 1));
  auto custody = TokenCustody::open(*pool, kVault);
  REQUIRE_OK(custody);
  const Anchor anchor{7, {}, 1};
  REQUIRE_OK((*custody)->write_anchor(anchor));
  const auto blob = (*custody)->wrap(1, Bytes(32, 1), {});
  REQUIRE_OK(blob);
  const std::size_t before = objects(**pool);

  CHECK(try_token(*pool, kQuick).usable());
  CHECK(*remove_trials(**pool) == 0);
  CHECK(objects(**pool) == before);
  CHECK((*custody)->unwrap(1, *blob, {}));
  CHECK(*(*custody)->read_anchor() == anchor);
  CHECK(token_contents(**pool)->vaults == std::set<std::string>{to_hex(kVault)});
}

TEST_CASE("the vault of a label") {
  CHECK(vault_of_label("facekeep/11223300000000000000000000000000/root-1") == "11223300000000000000000000000000");
  CHECK_FALSE(vault_of_label("facekeep/11223300000000000000000000000000"));
  CHECK_FALSE(vault_of_label("facekeep/1122330000000000000000000000000G/root-1"));
  CHECK_FALSE(vault_of_label("facekeep/112233000000000000000000000000/root-1"));
  CHECK_FALSE(vault_of_label("Facekeep/11223300000000000000000000000000/root-1"));
  CHECK_FALSE(vault_of_label(""));
}
