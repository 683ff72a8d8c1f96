// `facekeep proposals --watch` against a vault that hides what custodians did.
#include "tools/facekeep/proposal_watch.h"

#include <array>

#include "tests/unit/facekeep/machine.h"

using namespace facekeep;
using namespace facekeep::tools;
using facekeep::tools::testing::json_response;
using facekeep::tools::testing::Machine;
using facekeep::tools::testing::serve_log;

namespace {

// One look, as if the person had stopped the watch after it.
void add_watch(CLI::App& app, Context& context) {
  app.add_subcommand("watch")->callback([&context] {
    context.run([&context](Reporter& r) {
      return watch_proposals(
          context, [] { return true; }, r);
    });
  });
}
constexpr std::array kCommands = {AddCommand{add_watch}};

struct Room : Machine {
  Room() {
    serve([this](http::Request&& r) {
      if (r.path == "/v1/seal-status") return json_response(vault.seal_status());
      auto log = serve_log(vault, r);
      return log ? std::move(*log) : http::Response();
    });
  }
  int watch() { return run_with(kCommands, {"watch"}, {}); }
  std::uint64_t propose(std::uint8_t id) {
    return vault.propose({{id}, "property/1", "why", ledger::CancelErasures{"main"}, {}});
  }
};

}  // namespace

TEST_CASE("a watch begins at the log's head, and a later one tells what came since") {
  Room room;
  room.propose(1);
  CHECK(room.watch() == 0);
  INFO(room.err);
  CHECK_FALSE(room.shows("proposed"));
  const std::uint64_t entry = room.propose(2);
  CHECK(room.watch() == 0);
  CHECK(room.shows("entry " + std::to_string(entry) + ": property/1 proposed"));
  CHECK(room.watch() == 0);
  CHECK_FALSE(room.shows("proposed"));
}

TEST_CASE("an act that the vault shows as something else ends the watch, and nothing is taken as seen") {
  Room room;
  CHECK(room.watch() == 0);
  const std::uint64_t entry = room.propose(1);
  const std::string own = room.vault.texts[entry];
  for (const auto& lie : {tools::testing::FakeVault::text_of(ledger::Sealed{"daemon", "shutdown"}),
                          std::string("no entry"), ledger::private_leaf(ledger::EventClass::kAccess, Digest{})}) {
    CAPTURE(lie);
    room.vault.texts[entry] = lie;
    CHECK(room.watch() == 2);
    CHECK_FALSE(room.shows("proposed"));
    CHECK(room.err.find("not those of its signed log") != std::string::npos);
  }
  room.vault.texts[entry] = own;
  CHECK(room.watch() == 0);
  CHECK(room.shows("proposed"));
}

TEST_CASE("an act that the vault's rules do not allow ends the watch, after it was shown") {
  Room room;
  CHECK(room.watch() == 0);
  room.propose(1);
  room.vault.append_event(ledger::ProposalDone{{1}, {}});
  CHECK(room.watch() == 2);
  CHECK(room.shows("is carried out"));
  CHECK(room.err.find("breaks the vault's rules") != std::string::npos);
}
