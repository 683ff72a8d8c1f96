// `facekeep sign-recovery`: what a custodian's machine remembers of the log is held against the statement first.
#include "tests/unit/facekeep/machine.h"
#include "tests/unit/ledger/recovery_maker.h"

using namespace facekeep;
using namespace facekeep::tools;

namespace {

constexpr UnixMillis kMade = 1795325776123;

struct Desk : testing::Machine {
  Desk() {
    serve([](http::Request&&) { return http::Response(); });
    REQUIRE(memory().put(vault.id, vault.note()));  // of 3 entries
  }
  // What is said of a statement over that log; nobody agrees to it.
  std::string said(const log::Checkpoint& at, const std::optional<ledger::Loss>& loss = {}) {
    ledger::State state;
    REQUIRE(apply(state, *ledger::decode_event(vault.texts[0])));
    const auto next = log_test::TestSigner::ed25519(loss ? loss->origin : "tower.example/log");
    auto e = ledger::test::recovered(state, log::format_vkey(next.key), at.root, kMade);
    e.at.size = at.size;
    e.loss = loss;
    dir.write("statement", *ledger::recovery_statement(e, vault.id));
    const auto commands = std::array{AddCommand{add_sign_recovery}};
    CHECK(run_with(commands, {"sign-recovery", path("statement"), "--out", path("sig"), "--yes-to", "-"}, {}) != 0);
    return err;
  }
};

bool agrees(const std::string& text) {
  return text.find("not the one that --yes-to names") != std::string::npos;
}

}  // namespace

TEST_CASE("a statement over the log that this machine saw, or over more of it, comes before its person") {
  Desk desk;
  CHECK(agrees(desk.said(desk.vault.checkpoint(3))));
  desk.vault.append_start();
  CHECK(agrees(desk.said(desk.vault.checkpoint(4))));
}

TEST_CASE("a statement over less than this machine saw is refused, unless it says itself how much is lost") {
  Desk desk;
  const log::Checkpoint two = desk.vault.checkpoint(2);
  CHECK(desk.said(two).find("it was rolled back") != std::string::npos);
  const Digest newest = desk.vault.checkpoint(3).root;
  CHECK(agrees(desk.said(two, ledger::Loss{"tower.example/log-2", {3, newest}})));
  CHECK(agrees(desk.said(two, ledger::Loss{"tower.example/log-2", {9, Digest{9}}})));
}

TEST_CASE("a statement over another log of the same length is refused") {
  Desk desk;
  log::Checkpoint other = desk.vault.checkpoint(3);
  other.root = Digest{1};
  CHECK(desk.said(other).find("does not continue the one that this machine saw") != std::string::npos);
  CHECK(desk.said(other, ledger::Loss{"tower.example/log-2", {9, Digest{9}}}).find("does not continue") !=
        std::string::npos);
  CHECK(desk.said(desk.vault.checkpoint(2), ledger::Loss{"tower.example/log-2", {3, Digest{1}}})
            .find("does not continue") != std::string::npos);
}
