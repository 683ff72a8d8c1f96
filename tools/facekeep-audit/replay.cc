// facekeep-audit replay: everything that a mirror holds, checked.
#include <memory>

#include "tools/common/snapshot_file.h"
#include "tools/facekeep-audit/audit_run.h"
#include "tools/facekeep-audit/commands.h"

namespace facekeep::tools {
namespace {

struct Options {
  AuditOptions audit;
  std::string save;
};

Status replay(Frame& frame, Reporter& report, const Options& o) {
  FK_TRY(const auto run, run_audit(frame, o.audit));
  report_run(frame, report, *run);
  if (!o.save.empty()) {
    const bool confirmed = run->findings.clean() && run->replay->complete();
    if (confirmed) {
      FK_CHECK(save_snapshot(o.save, run->state(), run->verified.checkpoint.root));
      report.say(Msg::kAuditSnapshotSaved, {o.save});
    } else {
      report.warn(Msg::kAuditSnapshotUnsaved);
    }
    report.field("snapshot_saved", confirmed);
  }
  return verdict(*run);
}

}  // namespace

void add_replay(CLI::App& app, Frame& frame) {
  auto o = std::make_shared<Options>();
  CLI::App* c = app.add_subcommand("replay", frame.text(Msg::kAuditHelpReplay));
  c->add_option("DIR", o->audit.dir, frame.text(Msg::kAuditHelpDir))->required();
  c->add_flag("--public", o->audit.public_only, frame.text(Msg::kAuditHelpPublic));
  c->add_option("--snapshot", o->audit.snapshot, frame.text(Msg::kAuditHelpSnapshot));
  c->add_option("--save-snapshot", o->save, frame.text(Msg::kAuditHelpSaveSnapshot));
  c->callback([&frame, o] { frame.run([&frame, o](Reporter& r) { return replay(frame, r, *o); }); });
}

}  // namespace facekeep::tools
