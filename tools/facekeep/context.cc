#include "tools/facekeep/context.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "api/http/socket.h"

namespace facekeep::tools {
namespace {

Lang run_lang = Lang::kEnglish;  // set once, before any command runs

}  // namespace

void set_error_lang(Lang lang) {
  run_lang = lang;
}

Lang error_lang() {
  return run_lang;
}

Error say_error(Errc code, const char* problem, Msg message, Msg hint, std::initializer_list<std::string_view> args) {
  return make_problem(code, problem, format_message(run_lang, message, args), format_message(run_lang, hint, args));
}

Result<Terminal*> Context::terminal() {
  if (!terminal_) {
    FK_TRY(terminal_, open_person());
  }
  return terminal_.get();
}

http::PassphraseSource Context::passphrase_for(std::string path) {
  return [this, path = std::move(path)]() -> Result<SecretBytes> {
    if (passphrase_fd >= 0) return read_secret_fd(passphrase_fd);
    auto person = terminal();
    if (!person) return say_error(Errc::kIo, "no-terminal", Msg::kCliNoPassphrase, Msg::kCliNoPassphraseHint, {path});
    return (*person)->read_secret(text(Msg::kCliPassphraseFor, {path}) + " ");
  };
}

Result<Notice> Context::notice() const {
  if (notice_path.empty()) {
    return say_error(Errc::kInvalidArgument, "no-notice", Msg::kCliNoNotice, Msg::kCliNoNoticeHint);
  }
  FK_TRY(const std::string file, load_text(notice_path));
  auto notice = parse_notice(file);
  if (!notice) {
    Error e = std::move(notice).error();
    e.message = notice_path + ": " + e.message;
    return e;
  }
  return notice;
}

Result<ClientMemory> Context::memory() const {
  if (!memory_path.empty()) return ClientMemory(memory_path);
  return ClientMemory::of_user();
}

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
  const auto failed = [&](int error) {
    const Errc code = error == EEXIST ? Errc::kAlreadyExists : error == ENOSPC ? Errc::kOutOfSpace : Errc::kIo;
    if (code == Errc::kAlreadyExists) {
      return say_error(code, "file-exists", Msg::kCliFileExists, Msg::kCliFileExistsHint, {path});
    }
    return make_error(code, path + ": " + std::strerror(error));
  };
  const http::UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (fd.get() < 0) return failed(errno);
  while (!text.empty()) {
    const ssize_t n = ::write(fd.get(), text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed(errno);
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  if (::fsync(fd.get()) != 0) return failed(errno);
  return {};
}

}  // namespace facekeep::tools
