// Writer and reader of events' bodies, one pair a type. FORMAT.md's tables follow this file.
#include <algorithm>

#include "vault/ledger/backup_json.h"
#include "vault/ledger/event.h"
#include "vault/ledger/event_body.h"
#include "vault/ledger/json_reader.h"

namespace facekeep::ledger {
namespace {

constexpr std::size_t kMaxPrincipalId = kMaxSlug + 8;

template <class T>
struct Tag {};

std::string one_of(ObjectReader& r, const char* key, std::initializer_list<std::string_view> allowed) {
  std::string v = r.text(key, 64);
  if (r.ok() && std::find(allowed.begin(), allowed.end(), v) == allowed.end()) {
    r.fail(std::string(key) + " has a value that is not in its list");
  }
  return v;
}

std::uint32_t read_slot(ObjectReader& r) {
  return static_cast<std::uint32_t>(r.integer("slot", 0, UINT32_MAX));
}

// ---- writers

// Of a body that is written where it is declared.
template <class T>
Json write(const T& e) {
  return to_json(e);
}
Json write(const Start& e) {
  Json j = {{"after_crash", e.after_crash},
            {"config", to_hex(e.config)},
            {"program", to_hex(e.program)},
            {"unseal_to", to_hex(e.unseal_to)},
            {"version", e.version}};
  if (e.budgets) j["budgets"] = true;
  return j;
}
Json write(const UnsealShare& e) {
  Json j = {{"by", e.by}, {"group", e.group}, {"share", e.share}};
  if (e.before) j["before"] = true;
  return j;
}
Json write(const Unsealed& e) {
  Json j = {{"by", e.by}};
  if (e.before) j["before"] = true;
  return j;
}
Json write(const UnsealEnded& e) {
  return {{"reason", e.reason}};
}
Json write(const Sealed& e) {
  return {{"by", e.by}, {"reason", e.reason}};
}
Json write(const Sums& e) {
  return {{"counts", e.counts}, {"since", format_time(e.since)}};
}
Json write(const OpeningsRead& e) {
  Json j = {{"by", e.by}, {"what", e.what}};
  if (e.bundle) j["bundle"] = *e.bundle;
  return j;
}
Json write(const Approval& e) {
  return to_json(e.vote);
}
Json write(const Veto& e) {
  return to_json(e.vote);
}
Json write(const ProposalWithdrawn& e) {
  return {{"by", e.by}, {"proposal", to_hex(e.proposal)}};
}
Json write(const Revoked& e) {
  return {{"by", e.by}, {"principals", e.principals}, {"reason", e.reason}};
}
Json write(const ExportEnded& e) {
  return {{"proposal", to_hex(e.proposal)}, {"reason", e.reason}};
}
Json write(const ExportGiven& e) {
  return {{"by", e.by}, {"proposal", to_hex(e.proposal)}};
}
Json write(const KeysRetired& e) {
  Json j = {{"epoch", e.epoch}};
  if (e.lost) j["lost"] = true;
  return j;
}
Json write(const Tightened& e) {
  return {{"action", to_json(e.action)}, {"by", e.by}};
}
Json write(const CustodianSuspended& e) {
  return {{"by", e.by}, {"custodian", e.custodian}};
}
Json write(const AlarmsAcknowledged& e) {
  return {{"by", e.by}, {"entry", e.entry}};
}
template <class E>
concept BackupEvent = std::is_same_v<E, BackupMade> || std::is_same_v<E, Restored>;
template <BackupEvent E>
Json write(const E& e) {
  return to_json(e);
}
Json write(const Enrolled& e) {
  return {{"by", e.by},
          {"consent", to_hex(e.consent)},
          {"record", to_hex(e.record)},
          {"ref", to_hex(e.ref)},
          {"site", e.site},
          {"slot", e.slot},
          {"until", e.until}};
}
void add_camera(Json& j, const std::optional<SignedBy>& camera) {
  if (!camera) return;
  j["camera"] = camera->camera;
  j["nonce"] = to_hex(camera->nonce);
  j["pad"] = camera->pad;
}
Json write(const TemplateAdded& e) {
  Json j = {{"blob", to_hex(e.blob)},           {"by", e.by},           {"model", e.model},
            {"model_version", e.model_version}, {"ref", to_hex(e.ref)}, {"site", e.site},
            {"template", to_hex(e.template_id)}};
  add_camera(j, e.camera);
  return j;
}
Json write(const Erased& e) {
  Json j = {{"by", e.by}, {"reason", e.reason}, {"ref", to_hex(e.ref)}, {"site", e.site}};
  if (e.horizon) j["horizon"] = to_json(*e.horizon);
  return j;
}
Json write(const Suspended& e) {
  return {{"by", e.by}, {"due", format_time(e.due)}, {"reason", e.reason}, {"ref", to_hex(e.ref)}, {"site", e.site}};
}
Json write(const PeriodKey& e) {
  return {{"period", e.period}, {"purpose", e.purpose}, {"site", e.site}, {"slot", e.slot}};
}
Json write(const PeriodKeyDestroyed& e) {
  return {{"period", e.period}, {"purpose", e.purpose}, {"site", e.site}};
}
Json write(const Match& e) {
  Json j = {{"by", e.by},
            {"call", e.identify ? "identify" : "verify"},
            {"decision", e.decision},
            {"door", e.door},
            {"model", e.model},
            {"site", e.site}};
  if (e.subject) j["subject"] = to_hex(*e.subject);
  if (e.request) j["request"] = {{"body", to_hex(e.request->body)}, {"id", to_hex(e.request->id)}};
  add_camera(j, e.camera);
  if (e.over) j["over"] = to_string(*e.over);
  if (e.repeat) j["repeat"] = *e.repeat;
  return j;
}
Json write(const MetadataRead& e) {
  Json j = {{"by", e.by}, {"site", e.site}, {"what", e.what}};
  if (e.subject) j["subject"] = to_hex(*e.subject);
  return j;
}

// ---- readers

Result<Body> read(Tag<Genesis>, const Json& j) {
  FK_TRY(Genesis g, genesis_from_json(j));
  return Body(std::move(g));
}
Result<Body> read(Tag<Start>, const Json& j) {
  ObjectReader r(j, "start event");
  Start e;
  e.version = r.text("version", 32);
  e.program = r.hex<32>("program");
  e.config = r.hex<32>("config");
  e.unseal_to = r.hex<32>("unseal_to");
  e.after_crash = r.boolean("after_crash");
  if (r.has("budgets")) {
    e.budgets = r.boolean("budgets");
    if (r.ok() && !e.budgets) r.fail("budgets is there and not true");
  }
  FK_CHECK(r.finish());
  return Body(std::move(e));
}
// There only where it is true.
bool read_before(ObjectReader& r) {
  if (!r.has("before")) return false;
  if (!r.boolean("before")) r.fail("before is false");
  return true;
}
Result<Body> read(Tag<UnsealShare>, const Json& j) {
  ObjectReader r(j, "unseal-share event");
  UnsealShare e;
  e.by = r.text("by", kMaxPrincipalId);
  e.group = r.slug("group");
  e.share = static_cast<std::uint32_t>(r.integer("share", 1, kMaxSharesPerGroup));
  e.before = read_before(r);
  FK_CHECK(r.finish());
  return Body(std::move(e));
}
std::vector<std::string> read_principals(ObjectReader& r, const char* key, std::size_t max) {
  std::vector<std::string> out;
  for (const auto& v : r.array(key, max)) {
    if (!v.is_string() || v.get_ref<const std::string&>().size() > kMaxPrincipalId) {
      r.fail(std::string(key) + " is not a list of principals");
      break;
    }
    out.push_back(v.get<std::string>());
  }
  return out;
}
Result<Body> read(Tag<Unsealed>, const Json& j) {
  ObjectReader r(j, "unsealed event");
  Unsealed e{read_principals(r, "by", kMaxGroups * kMaxSharesPerGroup)};
  e.before = read_before(r);
  FK_CHECK(r.finish());
  return Body(std::move(e));
}
Result<Body> read(Tag<UnsealEnded>, const Json& j) {
  ObjectReader r(j, "unseal-ended event");
  UnsealEnded e{one_of(r, "reason", {"timeout", "wrong-secret", "seal"})};
  FK_CHECK(r.finish());
  return Body(std::move(e));
}
Result<Body> read(Tag<Sealed>, const Json& j) {
  ObjectReader r(j, "sealed event");
  Sealed e;
  e.by = r.text("by", kMaxPrincipalId);
  e.reason = one_of(r, "reason", {"request", "shutdown", "token-gone"});
  FK_CHECK(r.finish());
  return Body(std::move(e));
}
Result<Body> read(Tag<Sums>, const Json& j) {
  ObjectReader r(j, "sums event");
  Sums e;
  e.since = r.time("since");
  const auto& kinds = sum_kinds();
  for (const auto& [k, v] : r.object("counts").items()) {
    if (std::find(kinds.begin(), kinds.end(), k) == kinds.end() || !v.is_number_unsigned()) {
      r.fail("counts has an unknown kind or a count that is not a number");
      break;
    }
    e.counts[k] = v.get<std::int64_t>();
  }
  FK_CHECK(r.finish());
  return Body(std::move(e));
}
Result<Body> read(Tag<OpeningsRead>, const Json& j) {
  ObjectReader r(j, "openings-read event");
  OpeningsRead e;
  e.by = r.text("by", kMaxPrincipalId);
  e.what = one_of(r, "what", {"bundle", "register"});
  // The number belongs to one of the two, and may not be missing there.
  if (e.what == "bundle") e.bundle = static_cast<std::uint64_t>(r.integer("bundle", 0, kMaxBundle));
  FK_CHECK(r.finish());
  return Body(std::move(e));
}
Result<Body> read(Tag<ProposalMade>, const Json& j) {
  FK_TRY(ProposalMade e, proposal_made_from_json(j));
  return Body(std::move(e));
}
Result<Body> read(Tag<Approval>, const Json& j) {
  FK_TRY(Vote vote, vote_from_json(j, "approval event"));
  return Body(Approval{std::move(vote)});
}
Result<Body> read(Tag<Veto>, const Json& j) {
  FK_TRY(Vote vote, vote_from_json(j, "veto event"));
  return Body(Veto{std::move(vote)});
}
Result<Body> read(Tag<ProposalWithdrawn>, const Json& j) {
  ObjectReader r(j, "proposal-withdrawn event");
  ProposalWithdrawn e{r.hex<16>("proposal"), r.text("by", kMaxPrincipalId)};
  FK_CHECK(r.finish());
  return Body(std::move(e));
}
Result<Body> read(Tag<ProposalDone>, const Json& j) {
  FK_TRY(ProposalDone e, proposal_done_from_json(j));
  return Body(std::move(e));
}
Result<Body> read(Tag<Revoked>, const Json& j) {
  ObjectReader r(j, "revoked event");
  Revoked e;
  e.by = r.text("by", kMaxPrincipalId);
  e.principals = read_principals(r, "principals", kMaxPrincipals);
  e.reason = one_of(r, "reason", {"lost", "left", "misuse", "other"});
  FK_CHECK(r.finish());
  return Body(std::move(e));
}
Result<Body> read(Tag<ExportSealed>, const Json& j) {
  FK_TRY(ExportSealed e, export_sealed_from_json(j));
  return Body(std::move(e));
}
Result<Body> read(Tag<ExportEnded>, const Json& j) {
  ObjectReader r(j, "export-ended event");
  ExportEnded e{r.hex<16>("proposal"), one_of(r, "reason", {"over-limit", "nobody", "bad-recipient", "too-large"})};
  FK_CHECK(r.finish());
  return Body(std::move(e));
}
Result<Body> read(Tag<ExportGiven>, const Json& j) {
  ObjectReader r(j, "export-given event");
  ExportGiven e{r.hex<16>("proposal"), r.text("by", kMaxPrincipalId)};
  FK_CHECK(r.finish());
  return Body(std::move(e));
}
Result<Body> read(Tag<Rewrapped>, const Json& j) {
  FK_TRY(Rewrapped e, rewrapped_from_json(j));
  return Body(e);
}
Result<Body> read(Tag<KeysRetired>, const Json& j) {
  FK_TRY(KeysRetired e, keys_retired_from_json(j));
  return Body(e);
}
Result<Body> read(Tag<ExportSubjects>, const Json& j) {
  FK_TRY(ExportSubjects e, export_subjects_from_json(j));
  return Body(std::move(e));
}
Result<Body> read(Tag<Exported>, const Json& j) {
  FK_TRY(Exported e, exported_from_json(j));
  return Body(std::move(e));
}
Result<Body> read(Tag<Tightened>, const Json& j) {
  ObjectReader r(j, "tightened event");
  Tightened e;
  e.by = r.text("by", kMaxPrincipalId);
  const Json& action = r.object("action");
  FK_CHECK(r.finish());
  FK_TRY(e.action, action_from_json(action));
  return Body(std::move(e));
}
Result<Body> read(Tag<CustodianSuspended>, const Json& j) {
  ObjectReader r(j, "custodian-suspended event");
  CustodianSuspended e{r.text("by", kMaxPrincipalId), r.text("custodian", kMaxPrincipalId)};
  FK_CHECK(r.finish());
  return Body(std::move(e));
}
Result<Body> read(Tag<AlarmsAcknowledged>, const Json& j) {
  ObjectReader r(j, "alarms-acknowledged event");
  AlarmsAcknowledged e{r.text("by", kMaxPrincipalId),
                       static_cast<std::uint64_t>(r.integer("entry", 0, 9007199254740991))};
  FK_CHECK(r.finish());
  return Body(std::move(e));
}
Result<Body> read(Tag<Recovered>, const Json& j) {
  FK_TRY(Recovered e, recovered_from_json(j));
  return Body(std::move(e));
}
template <BackupEvent E>
Result<Body> read(Tag<E>, const Json& j) {
  FK_TRY(const E e, backup_event_from_json<E>(j));
  return Body(e);
}
template <class E>
concept TicketEvent = std::is_same_v<E, TicketMade> || std::is_same_v<E, TicketUsed> || std::is_same_v<E, TicketEnded>;
template <TicketEvent E>
Result<Body> read(Tag<E>, const Json& j) {
  FK_TRY(E e, ticket_event_from_json<E>(j));
  return Body(std::move(e));
}
Result<Body> read(Tag<Enrolled>, const Json& j) {
  ObjectReader r(j, "enrolled event");
  Enrolled e;
  e.ref = r.hex<16>("ref");
  e.site = r.slug("site");
  e.by = r.text("by", kMaxPrincipalId);
  e.slot = read_slot(r);
  e.consent = r.hex<32>("consent");
  e.record = r.hex<32>("record");
  e.until = r.day("until");
  FK_CHECK(r.finish());
  return Body(std::move(e));
}
std::optional<SignedBy> read_camera(ObjectReader& r) {
  if (!r.has("camera")) return std::nullopt;
  SignedBy out;
  out.camera = r.text("camera", kMaxPrincipalId);
  out.nonce = r.hex<16>("nonce");
  out.pad = static_cast<std::uint32_t>(r.integer("pad", 0, kMaxPadLevel));
  return out;
}
Result<Body> read(Tag<TemplateAdded>, const Json& j) {
  ObjectReader r(j, "template event");
  TemplateAdded e;
  e.ref = r.hex<16>("ref");
  e.site = r.slug("site");
  e.by = r.text("by", kMaxPrincipalId);
  e.template_id = r.hex<16>("template");
  e.model = r.slug("model");
  e.model_version = static_cast<std::uint32_t>(r.integer("model_version", 1, 1000000));
  e.blob = r.hex<32>("blob");
  e.camera = read_camera(r);
  FK_CHECK(r.finish());
  return Body(std::move(e));
}
Result<Body> read(Tag<Erased>, const Json& j) {
  ObjectReader r(j, "erased event");
  Erased e;
  e.ref = r.hex<16>("ref");
  e.site = r.slug("site");
  e.by = r.text("by", kMaxPrincipalId);
  e.reason = one_of(r, "reason", {"operator", "delay-over"});
  const Json* horizon = r.has("horizon") ? &r.object("horizon") : nullptr;
  FK_CHECK(r.finish());
  if (horizon != nullptr) {
    FK_TRY(e.horizon, horizon_from_json(*horizon));
  }
  return Body(std::move(e));
}
Result<Body> read(Tag<Suspended>, const Json& j) {
  ObjectReader r(j, "suspended event");
  Suspended e;
  e.ref = r.hex<16>("ref");
  e.site = r.slug("site");
  e.by = r.text("by", kMaxPrincipalId);
  e.reason = one_of(r, "reason", {"over-allowance"});
  e.due = r.time("due");
  FK_CHECK(r.finish());
  return Body(std::move(e));
}
void read_period(ObjectReader& r, std::string& purpose, std::string& site, std::string& period) {
  purpose = one_of(r, "purpose", {"access", "changes"});
  site = r.slug("site");
  period = r.text("period", 10);
  const std::string day = purpose == "access" ? period + "-01" : period;
  if (r.ok() && !parse_day(day)) r.fail("period is not a month (access) or a day (changes)");
}
Result<Body> read(Tag<PeriodKey>, const Json& j) {
  ObjectReader r(j, "period-key event");
  PeriodKey e;
  read_period(r, e.purpose, e.site, e.period);
  e.slot = read_slot(r);
  FK_CHECK(r.finish());
  return Body(std::move(e));
}
Result<Body> read(Tag<PeriodKeyDestroyed>, const Json& j) {
  ObjectReader r(j, "period-key-destroyed event");
  PeriodKeyDestroyed e;
  read_period(r, e.purpose, e.site, e.period);
  FK_CHECK(r.finish());
  return Body(std::move(e));
}
Result<Body> read(Tag<Match>, const Json& j) {
  ObjectReader r(j, "match event");
  Match e;
  e.identify = one_of(r, "call", {"verify", "identify"}) == "identify";
  e.site = r.slug("site");
  e.door = r.slug("door");
  e.model = r.slug("model");
  e.by = r.text("by", kMaxPrincipalId);
  e.decision = one_of(r, "decision", {"match", "no_match", "refer"});
  if (r.has("subject")) e.subject = r.hex<16>("subject");
  if (r.has("request")) {
    ObjectReader m(r.object("request"), "request of match event");
    e.request = RequestMark{m.hex<32>("id"), m.hex<32>("body")};
    if (r.ok()) FK_CHECK(m.finish());
  }
  e.camera = read_camera(r);
  if (r.has("over")) e.over = parse_over(one_of(r, "over", {"door", "camera", "subject"}));
  if (r.has("repeat")) e.repeat = one_of(r, "repeat", {"exact", "near", "chain"});
  FK_CHECK(r.finish());
  return Body(std::move(e));
}
Result<Body> read(Tag<MetadataRead>, const Json& j) {
  ObjectReader r(j, "metadata-read event");
  MetadataRead e;
  e.site = r.slug("site");
  e.by = r.text("by", kMaxPrincipalId);
  e.what = one_of(r, "what", {"list", "subject", "changes", "export"});
  if (r.has("subject")) e.subject = r.hex<16>("subject");
  FK_CHECK(r.finish());
  return Body(std::move(e));
}

// Tries the readers in the order of Body's alternatives.
// Precondition: `type` is one.
template <std::size_t I = 0>
Result<Body> read_body(std::size_t type, const Json& j) {
  if constexpr (I == std::variant_size_v<Body>) {
    return make_error(Errc::kInternal, "a type of event without a reader");
  } else {
    if (type == I) return read(Tag<std::variant_alternative_t<I, Body>>{}, j);
    return read_body<I + 1>(type, j);
  }
}

}  // namespace

Json body_to_json(const Body& body) {
  return std::visit([](const auto& b) { return write(b); }, body);
}

Result<Body> body_from_json(std::size_t type, const Json& value) {
  return read_body(type, value);
}

}  // namespace facekeep::ledger
