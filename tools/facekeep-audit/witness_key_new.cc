// facekeep-audit witness-key new: the keys of a witness, and the line that the plan of a ceremony needs.
#include <memory>

#include "tools/common/say.h"
#include "tools/facekeep-audit/commands.h"
#include "tools/facekeep-audit/witness_key.h"

namespace facekeep::tools {
namespace {

struct Options {
  std::string out;
  std::string name;
  std::string url;
};

Status witness_key_new(Reporter& report, Options o) {
  if (o.out.ends_with(".key")) o.out.resize(o.out.size() - 4);
  // A URL that genesis would refuse is found before there is a key that it belongs to.
  FK_TRY(const ledger::WitnessKey any, ledger::make_witness_key(o.name, {}));
  FK_CHECK(ledger::check_witnesses({1, ledger::OnMissing::kOpen, {{ledger::format_witness_key(any), o.url, {}}}}));
  FK_TRY(const WitnessIdentity made, make_witness_identity(o.out, o.name));
  FK_TRY(const ledger::Witness witness, made.at(o.url));
  const Json entry = {{"vkey", witness.vkey}, {"url", witness.url}, {"key", to_hex(witness.key)}};
  report.say(Msg::kAuditWitnessKeyMade, {o.out + ".key", o.out + ".vkey", o.out + ".tls.key", o.out + ".tls.crt"});
  report.warn(Msg::kCliKeyUnprotected, {o.out + ".key"});
  report.say(Msg::kAuditWitnessForPlan);
  report.line(entry.dump());
  for (const auto& [key, value] : entry.items()) report.field(key, value);
  return {};
}

}  // namespace

void add_witness_key(CLI::App& app, Frame& frame) {
  auto o = std::make_shared<Options>();
  CLI::App* c = app.add_subcommand("witness-key", frame.text(Msg::kAuditHelpWitnessKey));
  c->require_subcommand(1);
  CLI::App* n = c->add_subcommand("new", frame.text(Msg::kAuditHelpWitnessKeyNew));
  n->add_option("OUT", o->out, frame.text(Msg::kAuditHelpWitnessKeyOut))->required();
  n->add_option("--name", o->name, frame.text(Msg::kAuditHelpWitnessName))->required();
  n->add_option("--url", o->url, frame.text(Msg::kAuditHelpWitnessUrl))->required();
  n->callback([&frame, o] { frame.run([o](Reporter& r) { return witness_key_new(r, *o); }); });
}

}  // namespace facekeep::tools
