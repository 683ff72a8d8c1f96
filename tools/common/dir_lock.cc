#include "tools/common/dir_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>

#include "tools/common/say.h"

namespace facekeep::tools {

Result<http::UniqueFd> lock_folder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return make_error(Errc::kIo, path + ": " + http::errno_text());
  }
  http::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0) return make_error(Errc::kIo, path + ": " + http::errno_text());
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return fd;
  if (errno != EWOULDBLOCK) return make_error(Errc::kIo, path + ": " + http::errno_text());
  return say_error(Errc::kConflict, "folder-in-use", Msg::kAuditInUse, Msg::kAuditInUseHint, {path});
}

}  // namespace facekeep::tools
