// facekeep calibrate: a threshold from the customer's own labelled embeddings. Nothing is sent anywhere.
#include "tools/common/calibrate.h"

#include <algorithm>

#include "tools/common/progress.h"
#include "tools/common/rows.h"
#include "tools/facekeep/commands.h"

namespace facekeep::tools {
namespace {

struct Options {
  RowFile file;
  std::uint64_t subjects = 0;
  double fmr = 1e-4;
};

std::string percent(double rate) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4f%%", rate * 100);
  return text;
}

std::string cosine(std::int32_t millionths) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6f", millionths / 1e6);
  return text;
}

struct Labelled {
  CalibrationSet set;
  std::vector<std::uint64_t> numbers;  // of the file, for each row of the set
};

Result<Labelled> read_set(const Options& o, Reporter& report) {
  FK_TRY(const auto rows, open_rows(o.file));
  Labelled out;
  CalibrationSet& set = out.set;
  std::uint64_t rejected = 0;
  for (;;) {
    FK_TRY(const auto row, rows->next());
    if (!row) break;
    const Status added = row->error ? Status(*row->error) : set.add(row->subject, row->values);
    if (added) {
      out.numbers.push_back(row->number);
      continue;
    }
    if (++rejected <= 10) report.warn(Msg::kImportRejected, {std::to_string(row->number), added.error().message});
  }
  report.field("rows", set.size());
  report.field("rejected", rejected);
  report.say(Msg::kCliCalibrateRows,
             {std::to_string(set.size()), std::to_string(set.subjects()), std::to_string(rejected)});
  return out;
}

Status run(Context& context, const Options& o, Reporter& report) {
  FK_TRY(const Labelled labelled, read_set(o, report));
  const CalibrationSet& set = labelled.set;
  Progress progress(context.err, context.err_is_tty, context.lang, "calibrate", set.size());
  CalibrationOptions options;
  options.progress = [&](std::uint64_t done, std::uint64_t) { progress.update(done); };
  FK_TRY(const Calibration c, calibrate(set, options));
  progress.finish();

  const VerifyPoint verify = c.verify_for_fmr(o.fmr);
  report.say(Msg::kCliCalibrateVerify);
  report.say(Msg::kCalibrateThreshold,
             {cosine(verify.threshold), percent(verify.fmr.value()), percent(verify.fnmr.value())});
  if (!verify.supported) report.warn(Msg::kCalibrateTooFew);
  report.field("verify", {{"threshold", verify.threshold},
                          {"fmr", verify.fmr.value()},
                          {"fnmr", verify.fnmr.value()},
                          {"supported", verify.supported}});
  if (o.subjects > 0) {
    const IdentifyPoint identify = c.identify_for_fpir(o.fmr, o.subjects);
    report.say(Msg::kCliCalibrateIdentify, {std::to_string(o.subjects)});
    const auto fpir = [](const IdentifyPoint& p) {
      return static_cast<double>(std::max(p.fpir_scaled, p.fpir_expected)) / 1e6;
    };
    report.say(Msg::kCalibrateSearch,
               {cosine(identify.threshold), percent(fpir(identify)), percent(identify.fnir.value())});
    if (!identify.supported) report.warn(Msg::kCalibrateTooFew);
    // What a stranger gets through with against one person, he gets N tries at in a search among N.
    const IdentifyPoint unfit = c.identify_at(verify.threshold, o.subjects);
    if (fpir(unfit) > o.fmr) report.say(Msg::kCalibrateNotVerify, {cosine(verify.threshold), percent(fpir(unfit))});
    report.field("identify", {{"threshold", identify.threshold},
                              {"subjects", o.subjects},
                              {"fpir", fpir(identify)},
                              {"fpir_at_verify", fpir(unfit)},
                              {"fnir", identify.fnir.value()},
                              {"supported", identify.supported}});
  }
  Json suspects = Json::array();
  for (const SuspectPair& s : c.suspects()) {
    suspects.push_back(
        {{"row_a", labelled.numbers[s.row_a]}, {"row_b", labelled.numbers[s.row_b]}, {"score", s.score}});
  }
  // Only pairs that would match are worth a person's look.
  for (const SuspectPair& s : c.suspects()) {
    if (s.score < verify.threshold) break;
    report.say(Msg::kCliCalibrateSuspect,
               {std::to_string(labelled.numbers[s.row_a]), std::to_string(labelled.numbers[s.row_b]), cosine(s.score)});
  }
  report.field("suspects", std::move(suspects));
  return {};
}

}  // namespace

void add_calibrate(CLI::App& app, Context& context) {
  auto o = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("calibrate", context.text(Msg::kHelpCalibrate));
  command->add_option("FILE", o->file.path, context.text(Msg::kHelpRowsFile))->required();
  command->add_option("--labels", o->file.labels, context.text(Msg::kHelpLabels));
  command->add_option("--column", o->file.column, context.text(Msg::kHelpColumn));
  command->add_option("--dimension", o->file.dimension, context.text(Msg::kHelpDimension));
  command->add_option("--gallery-size,--subjects", o->subjects, context.text(Msg::kHelpSubjects));
  command->add_option("--fmr", o->fmr, context.text(Msg::kHelpFmr))->check(CLI::Range(1e-9, 0.5));
  command->callback([o, &context] { context.run([o, &context](Reporter& r) { return run(context, *o, r); }); });
}

}  // namespace facekeep::tools
