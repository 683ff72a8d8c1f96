// `facekeep erase` against a vault that says it erased somebody and proves something else.
#include "tests/unit/facekeep/room.h"
#include "tools/common/files.h"

using namespace facekeep;
using namespace facekeep::tools;
using facekeep::tools::testing::FakeVault;
using facekeep::tools::testing::Room;

namespace {

int erase(Room& room, std::vector<std::string> more = {}) {
  more.insert(more.begin(), {"--site", "main", "--subject", "anna"});
  return room.run("erase", more);
}

}  // namespace

TEST_CASE("an erasure's receipt is checked against the log, kept, and never written over") {
  Room room;
  const std::string file = (room.dir.path() / "erasure.tlog-proof").string();
  CHECK(erase(room, {"--receipt", file}) == 0);
  INFO(room.err);
  CHECK(room.out.find("Logged as entry 3, proven.") != std::string::npos);
  CHECK(load_text(file).value().starts_with("c2sp.org/tlog-proof@v1"));
  CHECK(erase(room, {"--receipt", file}) == 1);
  CHECK(log::open_checkpoint(**room.memory().get(room.vault.id), room.vault.signer.key)->size == 4);
  // Beyond the daily allowance.
  room.erased_as = [&] {
    return room.erased_with(room.vault.append_private(
        ledger::Suspended{Id128{7}, "main", "operator/1", "over-allowance", 1795325776123 + 259'200'000}));
  };
  CHECK(erase(room) == 0);
}

TEST_CASE("what the receipt says of old backups is told: the root, the day, the spare token, or that there is no day") {
  Room room;
  const auto told = [&](ledger::Horizon horizon) {
    room.erased_as = [&room, horizon] {
      return room.erased_with(
          room.vault.append_private(ledger::Erased{Id128{7}, "main", "operator/1", "operator", horizon}));
    };
    CHECK(erase(room) == 0);
    INFO(room.err);
    return room.out;
  };
  const auto has = [](const std::string& text, const char* part) { return text.find(part) != std::string::npos; };
  CHECK(has(told({2, false, "2999-03-01"}), "until root key 2 is destroyed: by 2999-03-01"));
  CHECK_FALSE(has(room.out, "spare token"));
  CHECK(has(told({2, true, "2999-03-01"}), "the spare token opens it too"));
  CHECK(has(told({3, false, {}}), "until root key 3 is destroyed. No date is promised"));
  CHECK(has(told({3, false, "2020-03-01"}), "the rotation is overdue"));
  // A vault of an earlier version says nothing of it.
  room.erased_as = [&room] {
    return room.erased_with(room.vault.append_private(ledger::Erased{Id128{7}, "main", "operator/1", "operator"}));
  };
  CHECK(erase(room) == 0);
  CHECK_FALSE(has(room.out, "root key"));
}

TEST_CASE("a receipt of anything but this operator's erasure at this site is refused") {
  Room room;
  const auto refused = [&](const char* why) {
    const std::string file = (room.dir.path() / "never.tlog-proof").string();
    CHECK(erase(room, {"--receipt", file}) == 2);
    INFO(room.err);
    CHECK(room.err.find(why) != std::string::npos);
    CHECK(room.out.find("proven") == std::string::npos);
    CHECK_FALSE(load_text(file));
  };
  const char* other = "another event than the one that was asked for";
  const auto proves = [&](ledger::Body body) {
    room.erased_as = [&room, body] { return room.erased_with(room.vault.append_private(body)); };
  };
  const ledger::Erased right{Id128{7}, "main", "operator/1", "operator"};
  SECTION("another site") {
    proves(ledger::Erased{Id128{7}, "annex", "operator/1", "operator"});
    refused(other);
  }
  SECTION("another operator") {
    proves(ledger::Erased{Id128{7}, "main", "operator/2", "operator"});
    refused(other);
  }
  SECTION("a template that was added") {
    proves(ledger::TemplateAdded{Id128{7}, "main", "operator/1", Id128{8}, "face", 1, Digest{9}});
    refused(other);
  }
  SECTION("a custody entry without its opening") {
    room.erased_as = [&] {
      room.vault.append_private(right);
      return room.erased_with({});
    };
    refused("no opening");
  }
  SECTION("a governance entry") {
    room.erased_as = [&] {
      room.vault.append_event(ledger::Sealed{"property/1", "request"});
      return room.erased_with({});
    };
    refused(other);
  }
  SECTION("an entry of another log, signed by the same key") {
    FakeVault forged;
    forged.signer = room.vault.signer;
    forged.append("another past");
    const Bytes opening = forged.append_private(right);
    room.erased_as = [&] {
      room.vault.append_private(right);
      room.vault.append("so that both have as many entries");
      return Json{{"state", "erased"}, {"entry", 4}, {"receipt", forged.receipt(4, opening)}};
    };
    refused("does not continue");
  }
}
