#include "tools/facekeep-audit/commands.h"

namespace facekeep::tools {

int run_audit_program(int argc, const char* const* argv, Frame& frame) {
  const auto declare = [&](CLI::App& app) {
    for (const auto add : {add_fetch, add_replay, add_proof, add_report, add_watch, add_witness_key}) add(app, frame);
  };
  return run_framed({"facekeep-audit", FACEKEEP_VERSION, Msg::kAuditAbout}, declare, argc, argv, frame);
}

}  // namespace facekeep::tools
