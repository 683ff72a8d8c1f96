// A vault whose main token is gone, with a new one in which its log can go on.
#pragma once

#include <filesystem>

#include "hsm/keys.h"
#include "hsm/log_key.h"
#include "tests/unit/vault/disturbed_rotation.h"
#include "tests/unit/vault/recovery_files.h"

namespace facekeep::test {

inline constexpr const char* kNewToken = "facekeep-new";
inline const std::vector<std::string> kQuorum = {"property/1", "property/2", "residents/1", "residents/2"};

inline FixtureOptions with_spare() {
  FixtureOptions o;
  o.spare = true;
  return o;
}

struct Crash {};  // thrown at a commit point

// A vault of four people whose main token was taken away, while it was open.
struct Lost : RecoveryFiles {
  RotationKit kit;
  std::string new_token = kNewToken;  // in which the log goes on

  explicit Lost(FixtureOptions o = with_spare()) : kit(std::move(o)) {
    kit.options.backup_dir = kit.f.dir() + "-backups";
    REQUIRE(kit.start());
    REQUIRE(kit.unseal());
    kit.enrol(4);
    kit.f.stop(kit.service);
    kit.f.token().add_token(kNewToken);
  }
  ~Lost() {
    std::error_code ec;
    std::filesystem::remove_all(kit.options.backup_dir, ec);
  }
  // `newest`: a checkpoint of entries that are given up; empty: none are.
  Result<ledger::Recovered> draw_up(const std::string& newest = {}) {
    FK_CHECK(open_files(kit.f.dir()));
    FK_TRY(auto pool, kit.f.open_token(new_token));
    const auto& id = pool->token().identity();
    const Id128 vault = kit.f.genesis().vault;
    if (auto present = hsm::TokenCustody::open(pool, vault); !present) {
      FK_CHECK(hsm::create_log_key(*pool, vault, false));
    }
    FK_TRY(custody, hsm::TokenCustody::open(pool, vault));
    FK_TRY(const auto keys, custody->log_keys());
    NewMainToken token;
    token.evidence = kit.f.genesis().token;
    token.evidence.serial = id.serial;
    token.log_key = keys.front();
    std::optional<ledger::Loss> loss;
    if (!newest.empty()) {
      FK_TRY(const ledger::TreeAt lost, recovery->newest_lost({newest}, {}));
      loss = ledger::Loss{kit.f.genesis().origin + "/2", lost};
    }
    return recovery->draw_up("stolen", token, kit.f.clock.now().wall, loss);
  }
  [[nodiscard]] std::string statement(const ledger::Recovered& e) const {
    return recovery_statement(e, kit.f.genesis().vault).value();
  }
  std::string sign(const std::string& who, const std::string& text, std::string_view ns = ledger::kRecoveryNamespace) {
    return ledger::armor_sshsig(tools::make_sshsig(kit.f.private_key(who), ns, as_bytes(text)).value());
  }
  Result<ledger::Recovered> signed_by(const std::vector<std::string>& people, const ledger::Recovered& e) {
    std::vector<std::string> armored;
    for (const auto& who : people) armored.push_back(sign(who, statement(e)));
    return recovery->with_signatures(statement(e), armored);
  }
  Status recover(const TokenRecovery::Point& point = {}, const std::string& newest = {}) {
    FK_TRY(const ledger::Recovered drawn, draw_up(newest));
    FK_TRY(const ledger::Recovered e, signed_by(kQuorum, drawn));
    return recovery->carry_out(e, *custody, kit.f.clock.now(), point);
  }
  Status start(bool spare) {
    close();
    kit.f.main_token = kNewToken;
    kit.f.spare_attends = spare;
    return kit.start();
  }
};

}  // namespace facekeep::test
