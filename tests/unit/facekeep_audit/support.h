// A vault's log in memory, served and on disk, and the program run on it.
#pragma once

#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "tests/unit/audit/memory_mirror.h"
#include "tests/unit/tools/scratch.h"
#include "tools/common/files.h"
#include "tools/facekeep-audit/commands.h"
#include "tools/facekeep-audit/fetcher.h"

namespace facekeep::audit_test {

// A folder for one mirror; files beside it can be named after it.
class ScratchDir {
 public:
  [[nodiscard]] std::string path() const { return (scratch_.path() / "mirror").string(); }

 private:
  Scratch scratch_;
};

struct Ran {
  int code = -1;
  std::string out;
  std::string err;
};

inline Ran run(std::vector<std::string> args) {
  args.insert(args.begin(), "facekeep-audit");
  std::vector<const char*> argv;
  for (const auto& a : args) argv.push_back(a.c_str());
  std::ostringstream out;
  std::ostringstream err;
  tools::Frame frame(out, err);
  const int code = tools::run_audit_program(static_cast<int>(argv.size()), argv.data(), frame);
  return {code, out.str(), err.str()};
}

// Serves a mirror as the vault would, openings included; counts what it is asked.
struct Server {
  MemoryMirror m;
  std::map<std::string, int> asked;
  bool sealed = false;

  tools::Get get() {
    return [this](const std::string& target) -> Result<Bytes> {
      ++asked[target];
      std::string path = target.substr(1);
      static const std::string kOpenings = "v1/log/openings/";
      if (path.starts_with(kOpenings)) {
        if (sealed) return make_problem(Errc::kSealed, "sealed", "the vault is sealed");
        const std::uint64_t b = std::stoull(path.substr(kOpenings.size()));
        path = MemoryMirror::opening_path({b, log::tile_width_at(m.entries.size(), 0, b)});
      }
      const auto it = m.files.find(path);
      if (it == m.files.end()) return make_error(Errc::kNotFound, path);
      return it->second;
    };
  }
};

inline std::string vkey_text() {
  return log::format_vkey(log_signer().key);
}
inline tools::Mirror mirror_in(const std::string& dir) {
  return tools::Mirror(dir);
}

inline Result<tools::Fetched> fetch(Server& server, const std::string& dir) {
  const tools::Mirror mirror(dir);
  const tools::Get get = server.get();
  FK_TRY(auto fetched, tools::fetch_log(mirror, log_signer().key, get));
  FK_TRY(const auto openings, tools::fetch_openings(mirror, fetched.checkpoint, get));
  static_cast<void>(openings);
  return fetched;
}

}  // namespace facekeep::audit_test
