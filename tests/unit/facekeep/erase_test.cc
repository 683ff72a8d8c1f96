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
