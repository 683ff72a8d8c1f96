#include "tools/facekeep/context.h"

namespace facekeep::tools {

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

}  // namespace facekeep::tools
