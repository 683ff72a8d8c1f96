// Exports in the log: what a quorum's decision allows, and what no log may have.
#include "tests/unit/ledger/log_checks.h"
#include "tests/unit/ledger/proposal_maker.h"
#include "vault/ledger/export_decide.h"
#include "vault/ledger/state_text.h"

using namespace facekeep;
using namespace facekeep::ledger;
using namespace facekeep::ledger::test;

namespace {

constexpr std::int64_t kDay = 86400;

ExportTemplates site_export(std::uint64_t max = 10) {
  return {"main", max, {}, ExportBasis::kConsent, {}, {{digest_of("recipient"), Bytes{0x30, 0}}}};
}

ProposalMade proposal(std::uint8_t id, ExportTemplates action = site_export()) {
  return made_by("property/1", id, std::move(action));
}

ExportSealed sealed(const ProposalMade& p, std::uint64_t subjects = 2) {
  return {p.id, digest_of("manifest"), {{1000, digest_of("part")}}, subjects, 3, 0};
}

// Decided by a quorum after its delay; subjects 1 and 2 are enrolled.
Log decided_log(const ProposalMade& p) {
  Log log = open_log();
  decide_together(log, p, kDay);
  return log;
}

std::string round_trip(const State& state) {
  StateTextReader reader;
  std::string text = write_state_head(state);
  for (const Id128& ref : state.refs_in_order()) text += state.digest_lines(ref);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    if (auto ok = reader.line(std::string_view(text).substr(at, end - at)); !ok) return ok.error().message;
    at = end + 1;
  }
  auto back = std::move(reader).finish();
  if (!back) return back.error().message;
  return to_json(back->exports().begin()->second) == to_json(state.exports().begin()->second) ? "same" : "other";
}

}  // namespace

TEST_CASE("an export is decided, sealed and given out, in this order") {
  const ProposalMade p = proposal(1);
  Log log = open_log();
  refuse(log, Exported{p.id, "main", {ref_of(1)}}, "not at this stage");
  log.must(p);
  refuse(log, sealed(p), "not at this stage");
  refuse(log, ExportGiven{p.id, "property/1"}, "not at this stage");
  log.must(approval(log, "property/2", p.id));
  log.must(approval(log, "residents/1", p.id));
  CHECK(stage(log, p.id) == Stage::kWaiting);
  log.wait(kDay * 1000);
  CHECK(pending_exports(log.state).empty());
  log.must(ProposalDone{p.id, {}});
  CHECK(pending_exports(log.state) == std::vector<Id128>{p.id});
  log.must(Exported{p.id, "main", {ref_of(1), ref_of(2)}});
  log.must(sealed(p));
  CHECK(pending_exports(log.state).empty());
  refuse(log, sealed(p), "not at this stage");
  refuse(log, Exported{p.id, "main", {ref_of(1)}}, "not at this stage");
  log.must(ExportGiven{p.id, "residents/3"});
  CHECK(log.state.exports().at(p.id).given.at("residents/3") == 1);
}

TEST_CASE("more people than were approved can't be sealed") {
  const ProposalMade p = proposal(1, site_export(1));
  Log log = decided_log(p);
  log.must(Exported{p.id, "main", {ref_of(1), ref_of(2)}});
  refuse(log, sealed(p, 2), "more people than were approved");
}

TEST_CASE("what is sealed is recorded for as many people") {
  const ProposalMade p = proposal(1);
  Log log = decided_log(p);
  log.must(Exported{p.id, "main", {ref_of(1)}});
  refuse(log, sealed(p, 2), "another number of people");
  refuse(log, Exported{p.id, "annex", {ref_of(2)}}, "another site");
}

TEST_CASE("a reader without custody's openings follows an export too") {
  const ProposalMade p = proposal(1);
  Log log = decided_log(p);
  REQUIRE(apply_unopened_custody(log.state));
  log.must(sealed(p, 2));
}

TEST_CASE("an export has whom its decision covers, each once") {
  ExportTemplates listed = site_export(2);
  listed.subjects = subjects_commitment(digest_of("salt"), {ref_of(1), ref_of(4)});
  for (const bool with_list : {false, true}) {
    CAPTURE(with_list);
    const ProposalMade p = proposal(1, with_list ? listed : site_export());
    Log log = open_log();
    log.must(enrolled(3, "annex", "operator/2"));
    log.must(enrolled(4));
    log.must(p);
    if (with_list) log.must(ExportSubjects{p.id, digest_of("salt"), {ref_of(1), ref_of(4)}});
    log.must(approval(log, "property/2", p.id));
    log.must(approval(log, "residents/1", p.id));
    log.wait(kDay * 1000);
    log.must(ProposalDone{p.id, {}});
    log.must(enrolled(5));
    log.must(suspended(4, log.wall + 72 * 3600 * 1000));
    const auto of = [&](std::vector<Id128> refs) { return Exported{p.id, "main", std::move(refs)}; };
    refuse(log, of({ref_of(99)}), "whom its decision does not cover");
    refuse(log, of({ref_of(3)}), "whom its decision does not cover");  // of another site
    refuse(log, of({ref_of(4)}), "whom its decision does not cover");  // suspended
    refuse(log, of({ref_of(5)}), "whom its decision does not cover");  // enrolled later
    if (with_list) refuse(log, of({ref_of(2)}), "whom its decision does not cover");
    refuse(log, of({ref_of(2), ref_of(1)}), "out of order, or recorded already");
    refuse(log, of({}), "out of order");
    log.must(of({ref_of(1)}));
    CHECK(round_trip(log.state) == "same");
    refuse(log, of({ref_of(1)}), "recorded already");
    if (!with_list) log.must(of({ref_of(2)}));
    log.must(sealed(p, with_list ? 1 : 2));
  }
}

TEST_CASE("a result is given to each custodian as often as its rule allows, and nobody uses up another's") {
  const ProposalMade p = proposal(1);
  Log log = decided_log(p);
  log.must(Exported{p.id, "main", {ref_of(1), ref_of(2)}});
  log.must(sealed(p));
  const std::uint32_t uses = log.state.current().rules.at("export").uses;
  for (std::uint32_t i = 0; i < uses; ++i) log.must(ExportGiven{p.id, "property/1"});
  refuse(log, ExportGiven{p.id, "property/1"}, "as often as its rule allows");
  log.must(ExportGiven{p.id, "residents/2"});
  CHECK(round_trip(log.state) == "same");
}

TEST_CASE("a result is given to custodians, within the proposal's lifetime") {
  const ProposalMade p = proposal(1);
  Log log = decided_log(p);
  log.must(Exported{p.id, "main", {ref_of(1), ref_of(2)}});
  log.must(sealed(p));
  refuse(log, ExportGiven{p.id, "operator/1"}, "takes a custodian");
  refuse(log, ExportGiven{Id128{9}, "property/1"}, "no such proposal of an export");
  log.wait(6 * kDay * 1000);
  refuse(log, ExportGiven{p.id, "property/1"}, "lifetime is over");
  CHECK(export_is_over(log.state, p.id, now(log)));
}

TEST_CASE("an export that ended gives nothing out, and says why") {
  const ProposalMade p = proposal(1);
  Log log = decided_log(p);
  log.must(ExportEnded{p.id, "over-limit"});
  CHECK(pending_exports(log.state).empty());
  refuse(log, ExportGiven{p.id, "property/1"}, "over-limit");
  refuse(log, sealed(p), "not at this stage");
}

TEST_CASE("a vetoed export is never carried out") {
  const ProposalMade p = proposal(1);
  Log log = open_log();
  log.must(p);
  log.must(approval(log, "property/2", p.id));
  log.must(approval(log, "residents/1", p.id));
  log.must(veto(log, "residents/2", p.id));
  log.wait(kDay * 1000);
  REQUIRE_FALSE(log.add(ProposalDone{p.id, {}}));
}

TEST_CASE("an export takes those who were enrolled before it was decided") {
  const ProposalMade p = proposal(1);
  Log log = decided_log(p);
  log.must(enrolled(3));
  const std::string today = format_day(log.wall);
  CHECK(export_selection(log.state, p.id, today) == std::vector<Id128>{ref_of(1), ref_of(2)});
  log.must(suspended(1, log.wall + 72 * 3600 * 1000));
  CHECK(export_selection(log.state, p.id, today) == std::vector<Id128>{ref_of(2)});
  log.must(erased(2));
  CHECK(export_selection(log.state, p.id, today).empty());
}

TEST_CASE("an ended consent is no basis, a legal order needs none") {
  ExportTemplates a = site_export();
  const ProposalMade by_consent = proposal(1, a);
  a.basis = ExportBasis::kLegalOrder;
  a.legal_order = digest_of("order");
  const ProposalMade by_order = proposal(2, a);
  Log log = decided_log(by_consent);
  decide_together(log, by_order, kDay);
  CHECK(export_selection(log.state, by_consent.id, "2027-06-30").size() == 2);
  CHECK(export_selection(log.state, by_consent.id, "2027-07-01").empty());
  CHECK(export_selection(log.state, by_order.id, "2027-07-01").size() == 2);
}

TEST_CASE("a list of people is the one that the proposal commits to, once") {
  const std::vector<Id128> refs = {ref_of(2)};
  ExportTemplates a = site_export(1);
  a.subjects = subjects_commitment(digest_of("salt"), refs);
  const ProposalMade p = proposal(1, a);
  Log log = open_log();
  refuse(log, ExportSubjects{p.id, digest_of("salt"), refs}, "no such proposal");
  log.must(p);
  refuse(log, ExportSubjects{p.id, digest_of("salt"), {ref_of(1)}}, "not the list");
  refuse(log, ExportSubjects{p.id, digest_of("sugar"), refs}, "not the list");
  log.must(ExportSubjects{p.id, digest_of("salt"), refs});
  refuse(log, ExportSubjects{p.id, digest_of("salt"), refs}, "already");
  CHECK(round_trip(log.state) == "same");
  log.must(approval(log, "property/2", p.id));
  log.must(approval(log, "residents/1", p.id));
  log.wait(kDay * 1000);
  log.must(ProposalDone{p.id, {}});
  CHECK(export_selection(log.state, p.id, format_day(log.wall)) == refs);
}

TEST_CASE("an export that can't be is refused when it is proposed") {
  Log log = open_log();
  const auto with = [&](const std::function<void(ExportTemplates&)>& change) {
    ExportTemplates a = site_export();
    change(a);
    return proposal(1, a);
  };
  refuse(log, with([](auto& a) { a.site = "moon"; }), "does not exist");
  refuse(log, with([](auto& a) { a.recipients.clear(); }), "needs a recipient");
  refuse(log, with([](auto& a) { a.recipients.push_back(a.recipients[0]); }), "the same key");
  refuse(log, with([](auto& a) { a.recipients.resize(9); }), "at most 8");
  refuse(log, with([](auto& a) { a.recipients[0].certificate.resize(4097); }), "at most 4096 bytes");
  refuse(log, with([](auto& a) { a.max_subjects = 0; }), "1 to 100,000");
  refuse(log, with([](auto& a) { a.max_subjects = kMaxExportSubjects + 1; }), "1 to 100,000");
  refuse(log, with([](auto& a) { a.basis = ExportBasis::kLegalOrder; }), "legal order");
}

TEST_CASE("nobody pushes a result out by making proposals, and it leaves when it is over") {
  const ProposalMade p = proposal(1);
  Log log = decided_log(p);
  log.must(Exported{p.id, "main", {ref_of(1), ref_of(2)}});
  log.must(sealed(p));
  for (std::uint8_t i = 2; i < 90; ++i) {
    const ProposalMade other = made_by("residents/1", i, CancelErasures{"main"});
    log.must(other);
    log.must(ProposalWithdrawn{other.id, "residents/1"});
  }
  REQUIRE(log.state.exports().contains(p.id));
  CHECK(round_trip(log.state) == "same");
  log.must(ExportGiven{p.id, "property/1"});
  log.wait(8 * kDay * 1000);
  log.must(proposal(200));
  CHECK_FALSE(log.state.exports().contains(p.id));
}
