// The commands of `facekeep`: one file each. `add` declares a command's options and sets Context::run when
// it is the one that was asked for.
#pragma once

#include <CLI/CLI.hpp>

#include "tools/facekeep/context.h"

namespace facekeep::tools {

void add_ceremony(CLI::App& app, Context& context);
void add_reshare(CLI::App& app, Context& context);
void add_doctor(CLI::App& app, Context& context);
void add_key(CLI::App& app, Context& context);
void add_door_kit(CLI::App& app, Context& context);
void add_unseal(CLI::App& app, Context& context);
void add_seal(CLI::App& app, Context& context);
void add_propose(CLI::App& app, Context& context);
void add_proposals(CLI::App& app, Context& context);
void add_approve(CLI::App& app, Context& context);
void add_result(CLI::App& app, Context& context);
void add_veto(CLI::App& app, Context& context);
void add_withdraw(CLI::App& app, Context& context);
void add_revoke(CLI::App& app, Context& context);
void add_tighten(CLI::App& app, Context& context);
void add_suspend(CLI::App& app, Context& context);
void add_acknowledge(CLI::App& app, Context& context);
void add_box(CLI::App& app, Context& context);
void add_backup(CLI::App& app, Context& context);
void add_sign_recovery(CLI::App& app, Context& context);
void add_status(CLI::App& app, Context& context);
void add_share(CLI::App& app, Context& context);
void add_enrol(CLI::App& app, Context& context);
void add_template_command(CLI::App& app, Context& context);
void add_subject(CLI::App& app, Context& context);
void add_erase(CLI::App& app, Context& context);
void add_import(CLI::App& app, Context& context);
void add_camera(CLI::App& app, Context& context);
void add_verify(CLI::App& app, Context& context);
void add_identify(CLI::App& app, Context& context);
void add_calibrate(CLI::App& app, Context& context);
void add_changes(CLI::App& app, Context& context);
void add_generate_faces(CLI::App& app, Context& context);

}  // namespace facekeep::tools
