// facekeep-audit report: what the log shows, for people who were not there.
#include <memory>

#include "tools/common/files.h"
#include "tools/facekeep-audit/commands.h"
#include "tools/facekeep-audit/report_page.h"

namespace facekeep::tools {
namespace {

struct Options {
  AuditOptions audit;
  std::string html;
  std::string json;
  std::string csv;
  std::int64_t utc_offset = 0;
  std::uint64_t gap_hours = 24;
};

// The leaf hashes that receipts of erasures prove, as far as the page shows erasures.
Result<std::vector<std::string>> erasure_leaves(const Mirror& mirror, std::uint64_t size,
                                                const std::vector<audit::Erasure>& erasures) {
  std::vector<std::string> out;
  std::optional<std::uint64_t> at;
  std::vector<Bytes> entries;
  for (const audit::Erasure& e : erasures) {
    const std::uint64_t bundle = e.entry / log::kTileWidth;
    if (at != bundle) {
      const log::BundleId id{bundle, log::tile_width_at(size, 0, bundle)};
      const auto bytes = mirror.read(format_path(id));
      auto decoded = bytes ? log::decode_bundle(*bytes, id.width) : Result<std::vector<Bytes>>(bytes.error());
      if (!decoded) return out;  // what is wrong with it is among the findings
      entries = std::move(*decoded);
      at = bundle;
    }
    out.push_back(to_base64(log::leaf_hash(entries[e.entry % log::kTileWidth])));
  }
  return out;
}

Status report_command(Frame& frame, Reporter& reporter, const Options& o) {
  audit::StatisticsObserver statistics({o.utc_offset, static_cast<std::int64_t>(o.gap_hours) * 3600 * 1000});
  FK_TRY(const auto run, run_audit(frame, o.audit, std::ref(statistics)));
  const Mirror mirror(o.audit.dir);
  FK_TRY(const auto seen, mirror.seen());
  ReportInput in{*run, statistics.result()};
  in.lang = frame.lang;
  in.made = SystemClock().now().wall;
  in.version = FACEKEEP_VERSION;
  in.utc_offset_minutes = o.utc_offset;
  in.gap_hours = o.gap_hours;
  in.checkpoints_seen = seen.size();
  FK_TRY(in.erasure_leaves, erasure_leaves(mirror, run->verified.checkpoint.size, in.statistics.erasures));
  // Names may be in it: for its owner alone.
  FK_CHECK(replace_file(o.html, report_html(in), 0600));
  reporter.field("html", o.html);
  const Json facts = report_json(in);
  reporter.field("report", facts);
  if (!o.json.empty()) {
    FK_CHECK(replace_file(o.json, facts.dump(2, ' ', true, Json::error_handler_t::replace) + "\n", 0600));
  }
  if (!o.csv.empty()) FK_CHECK(replace_file(o.csv, report_csv(in), 0600));
  report_run(frame, reporter, *run);
  reporter.say(Msg::kRepWritten, {o.html});
  return verdict(*run);
}

}  // namespace

void add_report(CLI::App& app, Frame& frame) {
  auto o = std::make_shared<Options>();
  CLI::App* c = app.add_subcommand("report", frame.text(Msg::kAuditHelpReport));
  c->add_option("DIR", o->audit.dir, frame.text(Msg::kAuditHelpDir))->required();
  c->add_option("--out", o->html, frame.text(Msg::kAuditHelpReportOut))->required();
  c->add_option("--json-file", o->json, frame.text(Msg::kAuditHelpReportJson));
  c->add_option("--csv", o->csv, frame.text(Msg::kAuditHelpReportCsv));
  c->add_flag("--public", o->audit.public_only, frame.text(Msg::kAuditHelpPublic));
  c->add_option("--utc-offset", o->utc_offset, frame.text(Msg::kAuditHelpOffset))->check(CLI::Range(-1440, 1440));
  c->add_option("--gap-hours", o->gap_hours, frame.text(Msg::kAuditHelpGap))->check(CLI::Range(1, 100000));
  c->callback([&frame, o] { frame.run([&frame, o](Reporter& r) { return report_command(frame, r, *o); }); });
}

}  // namespace facekeep::tools
