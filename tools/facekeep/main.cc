// facekeep: what custodians, operators and installers do with a vault.
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <iostream>

#include "tools/facekeep/commands.h"
#include "tools/facekeep/program.h"

namespace {

using namespace facekeep::tools;

// Every command there is, in the order of the help.
constexpr std::array kCommands = {
    AddCommand{add_ceremony},
    AddCommand{add_key},
    AddCommand{add_door_kit},
    AddCommand{add_unseal},
    AddCommand{add_seal},
    AddCommand{add_propose},
    AddCommand{add_proposals},
    AddCommand{add_approve},
    AddCommand{add_veto},
    AddCommand{add_result},
    AddCommand{add_withdraw},
    AddCommand{add_revoke},
    AddCommand{add_suspend},
    AddCommand{add_acknowledge},
    AddCommand{add_tighten},
    AddCommand{add_backup},
    AddCommand{add_status},
    AddCommand{add_share},
    AddCommand{add_reshare},
    AddCommand{add_enrol},
    AddCommand{add_template_command},
    AddCommand{add_import},
    AddCommand{add_subject},
    AddCommand{add_erase},
    AddCommand{add_verify},
    AddCommand{add_identify},
    AddCommand{add_calibrate},
    AddCommand{add_changes},
    AddCommand{add_camera},
    AddCommand{add_doctor},
    AddCommand{add_sign_recovery},
    AddCommand{add_generate_faces},
    AddCommand{add_box},
};

}  // namespace

int main(int argc, char** argv) {
  // Passphrases and shares pass through: locked memory where the system allows it (secret_bytes.h says what
  // happens where it does not).
  prctl(PR_SET_DUMPABLE, 0);
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  facekeep::init_secret_heap(1 << 22);
  Context context(std::cout, std::cerr);
  context.err_is_tty = ::isatty(STDERR_FILENO) == 1;
  return run_program(kCommands, argc, argv, context);
}
