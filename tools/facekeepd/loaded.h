// What code this process runs, as one digest for its start event: the program, the shared libraries that the loader
// mapped with it, and the token's PKCS#11 module with its own. vault/log/FORMAT.md, "start".
//
// It is worth what the program that computes it is worth: see deploy/THREAT_MODEL.md. What a module loads by itself
// later (a spy, a proxy) is not in it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "vault/base/bytes.h"
#include "vault/base/result.h"

namespace facekeep::daemon {

// kFailedPrecondition if LD_PRELOAD, LD_LIBRARY_PATH or LD_AUDIT is set and not empty: libraries that nobody
// installed would be in the process. `getenv` as the C library's.
Status check_loader_environment(const std::function<const char*(const char*)>& getenv);
Status check_loader_environment();

struct LoadedFile {
  std::string name;  // without its folder; "facekeepd" for the running program
  Digest digest{};   // SHA-256 of its bytes
};

// Loads the modules (RTLD_NOW; they stay; an empty path is none) and lists every file that is mapped as code, sorted by
// name, then digest. Call before anything that may load more: then the same installation lists the same files in every
// process. kIo; kFailedPrecondition if a file was replaced since it was mapped.
Result<std::vector<LoadedFile>> loaded_files(const std::vector<std::string>& module_paths);

// One line a file as `sha256sum` prints it: "HEX  NAME\n". The program digest is SHA-256 over these lines. Pure.
std::string loaded_text(const std::vector<LoadedFile>& files);

}  // namespace facekeep::daemon
