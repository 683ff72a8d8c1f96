// The action that lets templates out: of whom, on what ground, to whose keys.
#include "tools/common/files.h"
#include "tools/common/say.h"
#include "tools/facekeep/action_commands.h"
#include "vault/base/digest.h"
#include "vault/export/recipient.h"

namespace facekeep::tools {
namespace {

struct ExportOptions {
  std::string site;
  std::uint64_t max = 0;
  std::vector<std::string> subjects;
  std::string basis;
  std::string order;
  std::vector<std::string> certificates;
};

Result<AskedAction> export_action(const ExportOptions& o) {
  ledger::ExportTemplates a;
  a.site = o.site;
  a.max_subjects = o.subjects.empty() ? o.max : o.subjects.size();
  if (a.max_subjects == 0) {
    return say_error(Errc::kInvalidArgument, "no-limit", Msg::kExportMaxNeeded, Msg::kExportMaxHint);
  }
  a.basis = o.basis == "consent"               ? ledger::ExportBasis::kConsent
            : o.basis == "change-of-processor" ? ledger::ExportBasis::kChangeOfProcessor
                                               : ledger::ExportBasis::kLegalOrder;
  if ((a.basis == ledger::ExportBasis::kLegalOrder) == o.order.empty()) {
    return say_error(Errc::kInvalidArgument, "no-order", Msg::kExportOrderNeeded, Msg::kExportOrderHint);
  }
  if (!o.order.empty()) {
    FK_TRY(const std::string order, load_text(o.order, std::size_t{64} << 20));
    a.legal_order = sha256(as_bytes(order));
  }
  std::vector<Bytes> files;
  for (const std::string& path : o.certificates) {
    FK_TRY(const std::string text, load_text(path));
    files.push_back(to_bytes(text));
  }
  FK_TRY(const auto recipients, exporter::parse_recipients(files));
  for (const auto& r : recipients) a.recipients.push_back({r.spki, r.certificate});
  return AskedAction{std::move(a), {}, o.subjects};
}

}  // namespace

void add_export_action(CLI::App& app, Context& context, const ActionUse& use) {
  auto o = std::make_shared<ExportOptions>();
  CLI::App* command = app.add_subcommand("export", context.text(Msg::kHelpProposeExport));
  command->add_option("--site", o->site, context.text(Msg::kHelpSite))->required();
  command->add_option("--basis", o->basis, context.text(Msg::kHelpExportBasis))
      ->required()
      ->check(CLI::IsMember({"consent", "change-of-processor", "legal-order"}));
  command->add_option("--order", o->order, context.text(Msg::kHelpExportOrder));
  command->add_option("--to", o->certificates, context.text(Msg::kHelpExportTo))->required();
  CLI::Option* max = command->add_option("--max", o->max, context.text(Msg::kHelpExportMax));
  command->add_option("--subject", o->subjects, context.text(Msg::kHelpExportSubject))->excludes(max);
  use_action(*command, context, use, o, [](Context&, const ExportOptions& given) { return export_action(given); });
}

}  // namespace facekeep::tools
