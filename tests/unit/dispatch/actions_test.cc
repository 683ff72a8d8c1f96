// P3 over the action table: what a quorum decided is in force with its proposal-done on disk, and not before.
#include <functional>
#include <map>

#include "tests/support/new_cards.h"
#include "tests/unit/dispatch/export_kit.h"
#include "vault/ledger/sshsig.h"

using namespace facekeep;
using namespace facekeep::test;

namespace {

using Make = std::function<ledger::Action(const ledger::Genesis&)>;

// One that changes something, of every kind.
const std::map<std::string_view, Make>& examples() {
  static const std::map<std::string_view, Make> table = {
      {"register-principals",
       [](const auto&) {
         return ledger::action_from_json(register_action("door/7", sha256(as_bytes("new door")))).value();
       }},
      {"change-custodian",
       [](const ledger::Genesis& g) {
         ledger::PrincipalRecord p = g.principals.front();
         p.until = "2090-12-31";
         return ledger::ChangeCustodian{p};
       }},
      {"change-rules",
       [](const ledger::Genesis& g) {
         ledger::Rule rule = g.rules.at("export");
         rule.delay_s += 60;
         return ledger::ChangeRules{{{"export", rule}}};
       }},
      {"change-thresholds",
       [](const ledger::Genesis& g) {
         const ledger::Model& m = g.models.front();
         return ledger::ChangeThresholds{m.id, m.verify_threshold - 1, m.identify_threshold - 1};
       }},
      {"add-model",
       [](const ledger::Genesis& g) {
         ledger::Model m = g.models.front();
         m.id = "later";
         return ledger::AddModel{m};
       }},
      {"change-reveal",
       [](const ledger::Genesis& g) {
         return ledger::ChangeReveal{"main", !g.sites.front().hide_subject};
       }},
      {"cancel-erasures", [](const auto&) { return ledger::CancelErasures{"main"}; }},
      {"open-site", [](const auto&) { return ledger::action_from_json(site_action("tower")).value(); }},
      {"change-policy",
       [](const ledger::Genesis& g) {
         const ledger::Site& s = g.sites.front();
         return ledger::ChangePolicy{s.id, s.access_log_days + 30, s.erase_daily};
       }},
      {"rotation-policy", [](const auto&) { return ledger::SetRotation{365}; }},
      {"change-witnesses", [](const auto&) { return ledger::ChangeWitnesses{}; }},
      {"rotate-keys", [](const auto&) { return ledger::RotateKeys{}; }},
      {"rotate-log-key", [](const auto&) { return ledger::RotateLogKey{}; }},
      {"confirm-subjects", [](const auto&) { return ledger::ConfirmSubjects{"main"}; }},
      {"restart-ticket",
       [](const ledger::Genesis& g) {
         const http::KeyPtr pair = http::generate_key(http::KeyType::kP256).value();
         const std::string key = ledger::format_ssh_key_line(ledger::ssh_key_from_evp(pair.get()).value());
         return ledger::SetTicket{
             ledger::TicketPolicy{24, {"lodge", g.groups.back().id, "https://10.0.0.9:8450", key}}};
       }},
      {"export", [](const auto&) { return ledger::action_from_json(export_action()).value(); }}};
  return table;
}
Make example(std::string_view kind, const ApiKit& kit) {
  if (kind == "reshare") return [&](const ledger::Genesis& g) { return draw_new_cards(kit.vault, g).action; };
  REQUIRE(examples().contains(kind));  // a new kind needs its example
  return examples().at(kind);
}

ledger::Genesis in_force(ApiKit& kit) {
  return kit.service->sequencer().read([](const ledger::State& st) { return st.current(); });
}

// Its proposal-done among the durable entries from `first` on.
bool is_logged(ApiKit& kit, std::uint64_t first, const Json& proposal) {
  const auto& log = kit.service->sequencer();
  for (std::uint64_t i = first; i < log.durable_size(); ++i) {
    const auto leaf = ledger::decode_leaf(as_chars(log.entry(i).value())).value();
    const auto* event = std::get_if<ledger::Event>(&leaf);
    const auto* done = event == nullptr ? nullptr : std::get_if<ledger::ProposalDone>(&event->body);
    if (done != nullptr && to_hex(done->proposal) == proposal.at("id").get<std::string>()) return true;
  }
  return false;
}

Json proposed(ApiKit& kit, const Make& make) {
  return propose(kit, "property/1", to_json(make(in_force(kit))));
}
void sign_and_wait(ApiKit& kit, const Json& proposal) {
  for (const char* who : {"property/1", "residents/1"}) REQUIRE(approve(kit, who, proposal).status == 200);
  kit.vault.clock.advance(proposal.at("rule").at("delay_s").get<std::int64_t>() * 1000);
}

}  // namespace

TEST_CASE("every kind of action has its entry on disk when it is in force") {
  NEEDS_TOKEN();
  for (const auto& kind : ledger::action_kinds()) {
    CAPTURE(kind.name);
    ApiKit kit;
    REQUIRE(kit.vault.unseal(*kit.service));
    enrol_one(kit, "ben", 1);
    const std::string before = to_json(in_force(kit)).dump();
    const std::uint64_t first = kit.service->sequencer().durable_size();
    const Json made = proposed(kit, example(kind.name, kit));
    CHECK(to_json(in_force(kit)).dump() == before);
    sign_and_wait(kit, made);
    kit.service->housekeeping();
    CHECK(is_logged(kit, first, made));
    const bool elsewhere = kind.name == "export" || kind.name == "cancel-erasures" || kind.name == "change-witnesses" ||
                           kind.name == "confirm-subjects";
    CHECK((to_json(in_force(kit)).dump() == before) == elsewhere);
  }
}

TEST_CASE("no kind of action is in force when its entry can't be written") {
  NEEDS_TOKEN();
  for (const auto& kind : ledger::action_kinds()) {
    CAPTURE(kind.name);
    ApiKit kit;
    REQUIRE(kit.vault.unseal(*kit.service));
    const Json made = proposed(kit, example(kind.name, kit));
    const bool waits = made.at("rule").at("delay_s").get<std::int64_t>() > 0;
    if (!waits) continue;  // carried out with the last signature, whose route the test of routes holds to its entry
    const std::string before = to_json(in_force(kit)).dump();
    sign_and_wait(kit, made);
    const std::uint64_t size = kit.service->sequencer().durable_size();
    kit.service->sequencer().stop_because(make_error(Errc::kIo, "the log can't be written"));
    kit.service->housekeeping();
    CHECK(to_json(in_force(kit)).dump() == before);
    CHECK(kit.service->sequencer().durable_size() == size);
  }
}
