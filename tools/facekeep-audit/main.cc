// facekeep-audit: what an auditor does with a vault's log, on a machine of the own.
#include <sys/prctl.h>
#include <unistd.h>

#include <iostream>

#include "tools/facekeep-audit/commands.h"
#include "vault/base/secret_bytes.h"

int main(int argc, char** argv) {
  // A key's passphrase may pass through.
  prctl(PR_SET_DUMPABLE, 0);
  facekeep::init_secret_heap(1 << 20);
  facekeep::tools::Frame frame(std::cout, std::cerr);
  frame.err_is_tty = ::isatty(STDERR_FILENO) == 1;
  return facekeep::tools::run_audit_program(argc, argv, frame);
}
