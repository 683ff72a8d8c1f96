#include "vault/ledger/proposal.h"

#include <algorithm>

#include "vault/base/digest.h"
#include "vault/ledger/json_reader.h"
#include "vault/ledger/recovery.h"

namespace facekeep::ledger {
namespace {

constexpr std::size_t kMaxPrincipalId = kMaxSlug + 8;
constexpr std::array<std::string_view, kStages> kStageNames = {"draft", "open",   "approved",  "waiting", "ready",
                                                               "done",  "vetoed", "withdrawn", "expired", "stale"};
constexpr std::array<std::string_view, kProposalInputs> kInputNames = {
    "sign", "complete", "delay-runs", "delay-over", "carry-out", "veto", "withdraw", "lapse", "unsettle"};

using Row = std::array<std::uint8_t, kProposalInputs>;
constexpr std::uint8_t No = 255;
constexpr std::uint8_t to(Stage s) {
  return static_cast<std::uint8_t>(s);
}
constexpr std::uint8_t Drf = to(Stage::kDraft);
constexpr std::uint8_t Opn = to(Stage::kOpen);
constexpr std::uint8_t App = to(Stage::kApproved);
constexpr std::uint8_t Wai = to(Stage::kWaiting);
constexpr std::uint8_t Rdy = to(Stage::kReady);
constexpr std::uint8_t Don = to(Stage::kDone);
constexpr std::uint8_t Vet = to(Stage::kVetoed);
constexpr std::uint8_t Wdr = to(Stage::kWithdrawn);
constexpr std::uint8_t Exp = to(Stage::kExpired);
constexpr std::uint8_t Stl = to(Stage::kStale);

// A rule takes two people, so no first signature completes it: `draft` and `stale`, which have none, can't.
constexpr std::array<Row, kStages> kTable = {{
    //             sign comp runs over carry veto with laps unse
    /* draft     */ {Opn, No, No, No, No, Vet, Wdr, Exp, Drf},
    /* open      */ {Opn, App, No, No, No, Vet, Wdr, Exp, Stl},
    /* approved  */ {App, App, Wai, Rdy, No, Vet, Wdr, Exp, Stl},
    /* waiting   */ {Wai, Wai, Wai, Rdy, No, Vet, Wdr, Exp, Stl},
    /* ready     */ {Rdy, Rdy, No, Rdy, Don, Vet, Wdr, Exp, Stl},
    /* done      */ {No, No, No, No, No, No, No, No, No},
    /* vetoed    */ {No, No, No, No, No, No, No, No, No},
    /* withdrawn */ {No, No, No, No, No, No, No, No, No},
    /* expired   */ {No, No, No, No, No, No, No, No, No},
    /* stale     */ {Opn, No, No, No, No, Vet, Wdr, Exp, Stl},
}};

Json moment_json(const Moment& m) {
  return {{"clock", m.clock}, {"time", format_time(m.wall)}};
}

Result<Moment> moment_from_json(const Json& j) {
  ObjectReader r(j, "moment");
  Moment m{r.time("time"), static_cast<std::uint64_t>(r.integer("clock", 0, INT64_MAX))};
  FK_CHECK(r.finish());
  return m;
}

}  // namespace

const std::array<std::string_view, 4>& revocation_reasons() {
  static constexpr std::array<std::string_view, 4> reasons = {"lost", "left", "misuse", "other"};
  return reasons;
}

std::string_view to_string(Stage s) noexcept {
  return kStageNames[static_cast<std::size_t>(s)];
}
std::string_view to_string(ProposalInput i) noexcept {
  return kInputNames[static_cast<std::size_t>(i)];
}

std::optional<Stage> next_stage(Stage stage, ProposalInput input) noexcept {
  const std::uint8_t next = kTable[static_cast<std::size_t>(stage)][static_cast<std::size_t>(input)];
  return next == No ? std::nullopt : std::optional(static_cast<Stage>(next));
}

bool is_final(Stage stage) noexcept {
  return !next_stage(stage, ProposalInput::kWithdraw);
}

Result<Digest> proposal_digest(const ProposalMade& made, const Id128& vault) {
  Json j = to_json(made);
  j["v"] = 1;
  j["vault"] = to_hex(vault);
  FK_TRY(const std::string text, canonical_json(j));
  return sha256(as_bytes(text));
}

Result<std::string> vote_statement(const Vote& vote, Verb verb, const Digest& proposal, const Id128& vault) {
  return canonical_json({{"proposal", to_hex(proposal)},
                         {"root", to_hex(vote.root)},
                         {"rule", vote.rule},
                         {"size", vote.size},
                         {"v", 1},
                         {"vault", to_hex(vault)},
                         {"verb", verb == Verb::kApprove ? "approve" : "veto"}});
}

Json to_json(const ProposalMade& m) {
  Json j = {{"action", to_json(m.action)}, {"by", m.by}, {"id", to_hex(m.id)}, {"purpose", m.purpose}};
  if (m.overrides) j["overrides"] = to_hex(*m.overrides);
  return j;
}

Result<ProposalMade> proposal_made_from_json(const Json& value) {
  ObjectReader r(value, "proposal");
  ProposalMade m;
  m.id = r.hex<16>("id");
  m.by = r.text("by", kMaxPrincipalId);
  m.purpose = r.slug("purpose");
  if (r.has("overrides")) m.overrides = r.hex<16>("overrides");
  const Json& action = r.object("action");
  FK_CHECK(r.finish());
  FK_TRY(m.action, action_from_json(action));
  return m;
}

Json to_json(const ProposalDone& e) {
  Json j = {{"proposal", to_hex(e.proposal)}};
  if (e.check) j["check"] = to_hex(*e.check);
  if (e.keys) j["keys"] = to_json(*e.keys);
  if (e.proof) j["proof"] = to_hex(*e.proof);
  if (e.log_key) j["log_key"] = *e.log_key;
  return j;
}

Result<ProposalDone> proposal_done_from_json(const Json& value) {
  ObjectReader r(value, "proposal-done event");
  ProposalDone e{r.hex<16>("proposal")};
  if (r.has("check")) e.check = r.hex<32>("check");
  if (r.has("proof")) e.proof = r.hex<32>("proof");
  if (r.has("log_key")) e.log_key = r.text("log_key", kMaxVkey);
  const Json* keys = r.has("keys") ? &r.object("keys") : nullptr;
  FK_CHECK(r.finish());
  if (keys != nullptr) {
    FK_TRY(e.keys, new_keys_from_json(*keys));
  }
  return e;
}

Json to_json(const Vote& v) {
  return {{"by", v.by},     {"proposal", to_hex(v.proposal)}, {"root", to_hex(v.root)},
          {"rule", v.rule}, {"signature", v.signature},       {"size", v.size}};
}

Result<Vote> vote_from_json(const Json& value, const std::string& what) {
  ObjectReader r(value, what);
  Vote v;
  v.proposal = r.hex<16>("proposal");
  v.by = r.text("by", kMaxPrincipalId);
  v.rule = static_cast<std::uint64_t>(r.integer("rule", 0, (1LL << 53) - 1));
  v.size = static_cast<std::uint64_t>(r.integer("size", 1, (1LL << 53) - 1));
  v.root = r.hex<32>("root");
  v.signature = r.text("signature", 4096);
  FK_CHECK(r.finish());
  return v;
}

Json to_json(const Proposal& p) {
  Json j = {{"approved", p.approved},     {"entry", p.entry},
            {"made", to_json(p.made)},    {"opened", moment_json(p.opened)},
            {"digest", to_hex(p.digest)}, {"stage", std::string(to_string(p.stage))}};
  if (p.complete) j["complete"] = moment_json(*p.complete);
  if (p.vetoed_by) j["vetoed_by"] = *p.vetoed_by;
  if (p.unsettled) j["unsettled"] = *p.unsettled;
  return j;
}

Result<Proposal> proposal_from_json(const Json& value) {
  ObjectReader r(value, "proposal of a state");
  Proposal p;
  p.entry = static_cast<std::uint64_t>(r.integer("entry", 1, (1LL << 53) - 1));
  p.digest = r.hex<32>("digest");
  const std::string stage = r.text("stage", 16);
  const auto at = std::find(kStageNames.begin(), kStageNames.end(), stage);
  if (at == kStageNames.end())
    r.fail("stage is not in its list");
  else
    p.stage = static_cast<Stage>(at - kStageNames.begin());
  for (const auto& by : r.array("approved", 1000)) {
    if (by.is_string())
      p.approved.insert(by.get<std::string>());
    else
      r.fail("approved is not a list of custodians");
  }
  if (r.has("unsettled")) p.unsettled = static_cast<std::uint64_t>(r.integer("unsettled", 1, (1LL << 53) - 1));
  if (r.has("vetoed_by")) p.vetoed_by = r.text("vetoed_by", kMaxPrincipalId);
  const Json& made = r.object("made");
  const Json& opened = r.object("opened");
  const Json* complete = r.has("complete") ? &r.object("complete") : nullptr;
  FK_CHECK(r.finish());
  FK_TRY(p.made, proposal_made_from_json(made));
  FK_TRY(p.opened, moment_from_json(opened));
  if (complete != nullptr) {
    FK_TRY(p.complete, moment_from_json(*complete));
  }
  return p;
}

bool meets(const Rule& rule, const std::set<std::string>& people) {
  return std::all_of(rule.groups.begin(), rule.groups.end(), [&](const auto& need) {
    const std::string prefix = need.first + "/";
    return std::count_if(people.begin(), people.end(), [&](const auto& p) { return p.starts_with(prefix); }) >=
           need.second;
  });
}

Rule override_rule(const Rule& rule, const GroupSizes& others) {
  Rule out = rule;
  for (auto& [group, count] : out.groups) {
    const auto there = others.find(group);
    count = std::max(count, std::min(count + 1, there == others.end() ? 0 : there->second));
  }
  out.delay_s = std::max(rule.delay_s, std::min(2 * rule.delay_s, rule.lifetime_s / 2));
  return out;
}

}  // namespace facekeep::ledger
