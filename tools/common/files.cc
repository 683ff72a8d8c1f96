#include "tools/common/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "api/http/socket.h"
#include "tools/common/say.h"

namespace facekeep::tools {
namespace {

Error os_error(const std::string& path, int error) {
  const Errc code = error == ENOSPC || error == EDQUOT ? Errc::kOutOfSpace : Errc::kIo;
  return make_error(code, path + ": " + std::strerror(error));
}

Status write_and_sync(int fd, const std::string& path, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return os_error(path, errno);
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  if (::fsync(fd) != 0) return os_error(path, errno);
  return {};
}

}  // namespace

Result<std::string> load_text(const std::string& path, std::size_t max_bytes) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    return say_error(Errc::kNotFound, "no-file", Msg::kCliNoFile, Msg::kCliNoFileHint, {path});
  }
  std::ifstream in(path, std::ios::binary);
  if (!in || std::filesystem::is_directory(path, error)) {
    return say_error(Errc::kIo, "unreadable-file", Msg::kCliUnreadable, Msg::kCliUnreadableHint, {path});
  }
  std::string out;
  char piece[4096];
  while (in.read(piece, sizeof piece) || in.gcount() > 0) {
    out.append(piece, static_cast<std::size_t>(in.gcount()));
    if (out.size() > max_bytes) {
      return say_error(Errc::kTooLarge, "file-too-large", Msg::kCliFileTooLarge, Msg::kCliNoFileHint, {path});
    }
  }
  return out;
}

Status save_text(const std::string& path, std::string_view text, unsigned mode) {
  const http::UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (fd.get() < 0 && errno == EEXIST) {
    return say_error(Errc::kAlreadyExists, "file-exists", Msg::kCliFileExists, Msg::kCliFileExistsHint, {path});
  }
  if (fd.get() < 0) return os_error(path, errno);
  return write_and_sync(fd.get(), path, text);
}

Status replace_file(const std::string& path, std::string_view bytes, unsigned mode) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  std::error_code error;
  if (!folder.empty()) std::filesystem::create_directories(folder, error);
  if (error) return os_error(folder.string(), error.value());
  const std::string fresh = path + ".new";
  {
    const http::UniqueFd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode));
    if (fd.get() < 0) return os_error(fresh, errno);
    FK_CHECK(write_and_sync(fd.get(), fresh, bytes));
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) return os_error(path, errno);
  const http::UniqueFd dir(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (dir.get() < 0 || ::fsync(dir.get()) != 0) return os_error(folder.string(), errno);
  return {};
}

}  // namespace facekeep::tools
