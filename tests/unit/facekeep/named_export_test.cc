// Whom an export names comes in a call of its own: it is shown before anybody signs, and its failing stops no veto.
#include "tests/unit/export/certs.h"
#include "tests/unit/facekeep/machine.h"
#include "tools/facekeep/proposal_view.h"
#include "vault/export/recipient.h"

using namespace facekeep;
using namespace facekeep::tools;
using facekeep::tools::testing::json_response;
using facekeep::tools::testing::Machine;
using facekeep::tools::testing::serve_log;

namespace {

constexpr std::array kVeto = {AddCommand{add_veto}};
const std::string kId = "ab000000000000000000000000000000";

ledger::ProposalMade named_export() {
  const Bytes der = exporter::test::make_cert({.key = "EC:P-256"});
  ledger::ExportTemplates action;
  action.site = "main";
  action.max_subjects = 2;
  action.subjects = sha256(as_bytes("list"));
  action.recipients = {{exporter::parse_recipient(der)->spki, der}};
  return {{0xab}, "property/1", "new-vendor", action, {}};
}

struct Room : Machine {
  const ledger::ProposalMade made = named_export();
  int asked = 0;
  int status = 200;  // of the call for names
  Json subjects = {"anna", "ben"};
  std::vector<std::string> sent;

  Room() {
    const std::uint64_t entry = vault.leaves.size();
    vault.append_event(made);
    serve([this, entry](http::Request&& r) {
      if (r.path == "/v1/seal-status") return json_response(vault.seal_status());
      if (auto log = serve_log(vault, r)) return std::move(*log);
      if (r.path == "/v1/proposals/" + kId + "/subjects") return named();
      const Json view = {{"id", kId},
                         {"entry", entry},
                         {"stage", "open"},
                         {"class", "export"},
                         {"named", 2},
                         {"proposal", *canonical_json(to_json(made))},
                         {"digest", std::string(64, '0')},
                         {"rule_version", 0},
                         {"rule", {{"groups", {{"property", 1}}}, {"delay_s", 0}, {"lifetime_s", 60}}},
                         {"approved", Json::array()}};
      if (r.method == "GET") return json_response(view);
      sent.push_back(r.path);
      return json_response({{"entry", 0}, {"proposal", view}});
    });
  }
  http::Response named() {
    ++asked;
    http::Response out = json_response({{"entry", 9}, {"subjects", subjects}, {"erased", 0}});
    out.status = status;
    return out;
  }
  int veto(std::string_view answer) {
    auto lines = std::make_shared<std::vector<ScriptedTerminal::Line>>();
    lines->push_back({"", SecretBytes::copy_of(as_bytes(answer))});
    return run_with(kVeto, {"veto", kId}, lines);
  }
};

}  // namespace

TEST_CASE("whom an export names is asked for, and shown") {
  Room room;
  CHECK(room.veto("n") == 1);
  CHECK(room.asked == 1);
  CHECK(room.shows("anna"));
  CHECK(room.shows("ben"));
  CHECK(room.sent.empty());
}

TEST_CASE("a vault that can't say whom an export names keeps nobody from vetoing it") {
  Room room;
  room.status = 500;
  static_cast<void>(room.veto("y"));  // the receipt is no receipt here
  CHECK(room.asked == 1);
  CHECK_FALSE(room.shows("anna"));
  CHECK(room.sent.size() == 1);
}

TEST_CASE("a list of names that is none is refused") {
  Room room;
  room.subjects = {1, 2};
  CHECK(room.veto("y") != 0);
  CHECK(room.sent.empty());
}
