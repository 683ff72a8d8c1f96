#include "tools/facekeep-audit/audit_run.h"

#include <chrono>
#include <map>

#include "tools/common/escape.h"
#include "tools/common/progress.h"
#include "tools/common/say.h"
#include "tools/common/snapshot_file.h"
#include "tools/facekeep-audit/fetch_keys.h"
#include "tools/facekeep-audit/finding_text.h"
#include "vault/audit/tile_chain.h"
#include "vault/audit/witnesses.h"

namespace facekeep::tools {
namespace {

constexpr std::size_t kShown = 20;  // of each kind, for people; JSON has all that are kept

Status read_names(const Mirror& mirror, AuditRun& run) {
  const auto text = mirror.read("register.json");
  if (!text || run.state().phase() == ledger::Phase::kNew) return {};
  FK_TRY(run.names, audit::check_register(as_chars(*text), run.state().genesis(), run.later, run.from, run.findings));
  return {};
}

std::string count_text(const AuditRun& run, audit::Severity s) {
  return std::to_string(run.findings.count(s));
}

void report_state(Reporter& report, const AuditRun& run) {
  const ledger::State& s = run.state();
  if (s.phase() == ledger::Phase::kNew) return;
  const ledger::Genesis& g = s.current();
  const bool one_group = g.preset == ledger::Preset::kOneGroup;
  report.say(Msg::kAuditVault, {to_hex(g.vault)});
  if (g.rehearsal) report.warn(Msg::kRehearsal);
  if (one_group) report.warn(Msg::kAuditOneGroup);
  if (g.ticket) {
    report.warn(g.ticket->unattended ? Msg::kAuditTicketUnattended : Msg::kAuditTicket,
                {std::to_string(g.ticket->hours), g.ticket->box.group});
  }
  if (g.token.token_class != "hardware") report.warn(Msg::kAuditSoftToken);
  const std::string phase(to_string(s.phase()));
  if (run.replay->complete()) {
    report.say(Msg::kAuditState, {phase, std::to_string(s.subjects().size()), std::to_string(s.suspended())});
    report.say(Msg::kAuditDigest, {to_hex(s.digest())});
    report.field("subjects", s.subjects().size());
    report.field("suspended", s.suspended());
    report.field("state_digest", to_hex(s.digest()));
  } else {
    report.say(Msg::kAuditStatePublic, {phase});
    report.say(Msg::kAuditNoDigest);
    report.field("state_digest", nullptr);
  }
  const auto budgets = run.replay->budgets_digest();
  report.field("budgets_digest", budgets ? Json(to_hex(*budgets)) : Json());
  report.field("vault", to_hex(g.vault));
  report.field("rehearsal", g.rehearsal);
  report.field("one_group", one_group);
  report.field("token_class", g.token.token_class);
  report.field("state", phase);
}

void report_findings(Frame& frame, Reporter& report, const AuditRun& run) {
  std::map<audit::Code, std::size_t> shown;
  Json list = Json::array();
  for (const audit::Finding& f : run.findings.sorted()) {
    list.push_back(to_json(frame.lang, f));
    if (++shown[f.code] > kShown) continue;
    report.line(line_of(frame.lang, f));
  }
  for (const auto& [code, n] : shown) {
    const std::uint64_t more = run.findings.count(code) - std::min<std::uint64_t>(n, kShown);
    if (more == 0) continue;
    report.line(std::string(audit::row_of(code).text) + ": " + frame.text(Msg::kAuditMore, {std::to_string(more)}));
  }
  report.field("findings", std::move(list));
  report.field("errors", run.findings.count(audit::Severity::kError));
  report.field("warnings", run.findings.count(audit::Severity::kWarning));
  report.field("notes", run.findings.count(audit::Severity::kNote));
  if (!run.findings.clean()) return;
  report.say(Msg::kAuditClean, {count_text(run, audit::Severity::kWarning), count_text(run, audit::Severity::kNote)});
}

}  // namespace

void check_mirrors_witnesses(const Mirror& mirror, const log::LogKeys& keys, const audit::WitnessPolicies& policies,
                             const log::Checkpoint& head, UnixMillis time, audit::Findings& findings) {
  auto policy = policies.at(head.size);
  if (!policy) return;
  const auto note = mirror.read("cosigned");
  if (!note) {
    findings.add(audit::Code::kWitnessesUnasked, head.size);
    return;
  }
  // After a change the newest may still be the one of the witnesses before.
  if (const auto cosigned = log::open_checkpoint(as_chars(*note), keys)) {
    if (const auto then = policies.at(cosigned->size)) policy = then;
  }
  const auto root_at = [&](std::uint64_t size) -> Result<Digest> {
    FK_TRY(audit::TileChain chain, audit::TileChain::open(head.size, head.root, mirror.files().tile));
    return log::root_at(size, chain.hash_source());
  };
  audit::check_witnesses(as_chars(*note), keys, *policy, {head, root_at, time}, findings);
}

void see_policy(const audit::Seen& seen, audit::WitnessPolicies& policies) {
  if (seen.event == nullptr || seen.state.phase() == ledger::Phase::kNew) return;
  const bool may_change = std::holds_alternative<ledger::Genesis>(seen.event->body) ||
                          std::holds_alternative<ledger::ProposalDone>(seen.event->body);
  if (may_change) policies.see(seen.entry, seen.state.current().witnesses);
}

Result<audit::WitnessPolicies> policies_of(const Mirror& mirror, std::uint64_t size) {
  audit::Findings findings;
  audit::WitnessPolicies policies;
  audit::Replay replay(audit::Level::kPublic, findings,
                       [&policies](const audit::Seen& seen) { see_policy(seen, policies); });
  while (replay.next() < size) {
    const std::uint64_t index = replay.next() / log::kTileWidth;
    const log::BundleId id{index, log::tile_width_at(size, 0, index)};
    FK_TRY(const Bytes bytes, mirror.read(format_path(id)));
    FK_TRY(const auto entries, log::decode_bundle(bytes, id.width));
    for (const Bytes& entry : entries) replay.entry(entry, {});
  }
  if (replay.rules_held()) return policies;
  return say_error(Errc::kIntegrity, "findings", Msg::kAuditNoPolicy, Msg::kAuditNoPolicyHint,
                   {std::to_string(findings.sorted().front().entry)});
}

namespace {

// What the end of an audit needs from its way there.
audit::Observer watched(AuditRun& run, audit::Observer inner) {
  return [&run, inner = std::move(inner)](const audit::Seen& seen) {
    if (seen.event != nullptr && seen.event_class == ledger::EventClass::kGovernance) {
      run.later.see(seen.entry, *seen.event);
    }
    see_policy(seen, run.policies);
    if (inner) inner(seen);
  };
}

}  // namespace

Result<std::unique_ptr<AuditRun>> run_audit(Frame& frame, const AuditOptions& options, audit::Observer observer) {
  auto run = std::make_unique<AuditRun>();
  const Mirror mirror(options.dir);
  FK_TRY(run->keys, keys_of(mirror));
  FK_TRY(const auto note, mirror.checkpoint());
  if (!note)
    return say_error(Errc::kNotFound, "no-mirror", Msg::kAuditNoMirror, Msg::kAuditNoMirrorHint, {options.dir});
  FK_TRY(const auto seen, mirror.seen());
  run->level = mirror.has_openings() && !options.public_only ? audit::Level::kAuditor : audit::Level::kPublic;
  audit::Confirmed confirmed;
  if (options.snapshot.empty()) {
    run->replay = std::make_unique<audit::Replay>(run->level, run->findings, watched(*run, std::move(observer)));
  } else {
    FK_TRY(Snapshot s, load_snapshot(options.snapshot));
    confirmed = {s.state.size(), s.root};
    if (s.state.phase() != ledger::Phase::kNew) run->policies.see(0, s.state.current().witnesses);
    run->replay = std::make_unique<audit::Replay>(run->level, std::move(s.state), run->findings,
                                                  watched(*run, std::move(observer)));
  }
  run->from = confirmed.size;
  std::unique_ptr<Progress> bar;
  const auto progress = [&](std::uint64_t done, std::uint64_t total) {
    if (frame.json) return;
    if (!bar)
      bar =
          std::make_unique<Progress>(frame.err, frame.err_is_tty, frame.lang, frame.text(Msg::kAuditReplaying), total);
    bar->update(done);
  };
  const auto start = std::chrono::steady_clock::now();
  FK_TRY(run->verified, audit::replay_log(run->keys, {"checkpoint", *note}, seen, mirror.files(), run->level, confirmed,
                                          *run->replay, run->findings, progress));
  const auto took = std::chrono::steady_clock::now() - start;
  run->milliseconds = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(took).count());
  if (bar) bar->finish();
  if (run->level == audit::Level::kAuditor) FK_CHECK(read_names(mirror, *run));
  if (run->state().phase() != ledger::Phase::kNew) {
    check_mirrors_witnesses(mirror, run->keys, run->policies, run->verified.checkpoint, run->state().last_time(),
                            run->findings);
  }
  return run;
}

void report_run(Frame& frame, Reporter& report, const AuditRun& run) {
  const std::uint64_t entries = run.verified.checkpoint.size - run.from;
  const std::uint64_t rate = entries * 1000 / std::max<std::uint64_t>(1, run.milliseconds);
  if (run.from > 0) report.say(Msg::kAuditFrom, {std::to_string(run.from)});
  report_state(report, run);
  report.say(Msg::kAuditLog, {std::to_string(run.verified.checkpoint.size), run.verified.checkpoint.origin});
  report.say(Msg::kAuditRoot, {to_base64(run.verified.checkpoint.root)});
  report.say(Msg::kAuditSpeed,
             {std::to_string(entries), format_duration(run.milliseconds / 1000), std::to_string(rate)});
  std::uint64_t n = 0;
  Json keys = Json::array();
  for (const log::LogKey& k : run.keys.chain()) {
    keys.push_back({{"vkey", format_vkey(k.key)}, {"from", k.from}, {"recovered", k.recovered}});
    if (k.from == 0) continue;
    report.say(k.recovered ? Msg::kLogKeyToldRecovered : Msg::kLogKeyTold,
               {std::to_string(++n), std::to_string(k.from), format_vkey(k.key)});
  }
  report.field("log_keys", std::move(keys));
  report.field("origin", run.verified.checkpoint.origin);
  report.field("size", run.verified.checkpoint.size);
  report.field("root", to_base64(run.verified.checkpoint.root));
  report.field("from", run.from);
  report.field("level", run.level == audit::Level::kAuditor ? "auditor" : "public");
  report.field("complete", run.replay->complete());
  report.field("milliseconds", run.milliseconds);
  report_findings(frame, report, run);
}

Status verdict(const AuditRun& run) {
  if (run.findings.clean()) return {};
  return say_error(Errc::kIntegrity, "findings", Msg::kAuditErrors, Msg::kAuditErrorsHint,
                   {count_text(run, audit::Severity::kError), count_text(run, audit::Severity::kWarning),
                    count_text(run, audit::Severity::kNote)});
}

}  // namespace facekeep::tools
