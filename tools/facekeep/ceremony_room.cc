#include "tools/facekeep/ceremony_room.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>

#include "api/http/cert.h"
#include "api/http/socket.h"
#include "tools/common/escape.h"
#include "tools/common/sshsig_sign.h"
#include "vault/ledger/sshsig.h"

namespace facekeep::tools {
namespace {

namespace fs = std::filesystem;
using http::UniqueFd;

constexpr std::array<int, 5> kSignals = {SIGINT, SIGQUIT, SIGTSTP, SIGHUP, SIGTERM};

Status write_card(const std::string& dir, const std::string& name, ByteView content) {
  const std::string path = dir + "/" + name;
  const UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (fd.get() < 0) {
    return make_error(Errc::kIo, "the card " + path + " can't be written: " + http::errno_text(),
                      "give an empty folder that only this account can read");
  }
  return write_secret_fd(fd.get(), content);
}

// Overwrites and removes a printed card.
void forget_card(const std::string& path) {
  std::error_code ec;
  const auto size = fs::file_size(path, ec);
  if (!ec) {
    std::ofstream out(path, std::ios::binary | std::ios::in);
    out << std::string(static_cast<std::size_t>(size), '\0');
  }
  fs::remove(path, ec);
}

// Takes a card off the screen and off the memory disk, however its turn ends.
class Shown {
 public:
  Shown(Terminal& terminal, std::string file) : terminal_(terminal), file_(std::move(file)) {}
  ~Shown() {
    static_cast<void>(terminal_.clear());
    if (!file_.empty()) forget_card(file_);
  }
  Shown(const Shown&) = delete;
  Shown& operator=(const Shown&) = delete;

 private:
  Terminal& terminal_;
  const std::string file_;
};

std::string card_name(const CardInfo& info) {
  return info.group + "-" + std::to_string(info.member);
}

class TerminalRoom final : public Room {
 public:
  TerminalRoom(Terminal& terminal, Lang lang, std::string cards_dir)
      : terminal_(terminal), lang_(lang), cards_dir_(std::move(cards_dir)) {}

  Result<seal::SecretWords> hand_out(const CardInfo& info, const seal::SecretWords& words,
                                     const std::string& who) override {
    FK_CHECK(terminal_.clear());
    FK_CHECK(terminal_.show(text(Msg::kCeremonyTurnAway, {who})));
    FK_TRY(const std::string go, terminal_.read_line(text(Msg::kPressEnter)));
    static_cast<void>(go);
    FK_CHECK(show_card(info, words));
    for (int tries = 0; tries < 3; ++tries) {
      FK_TRY(const SecretBytes typed, terminal_.read_secret(text(Msg::kCeremonyProve, {who})));
      auto again = seal::parse_share_text(as_chars(typed.view()));
      // The checksum tells a mistyped word from another card.
      const auto share = again ? seal::decode_share(*again) : Result<seal::Share>(again.error());
      if (share && seal::share_commitment(*again) == seal::share_commitment(words)) {
        FK_CHECK(terminal_.show(text(Msg::kCeremonyProven, {who})));
        return again;
      }
      FK_CHECK(terminal_.show(share ? text(Msg::kCeremonyOtherCard) : share.error().message + "\n"));
    }
    return make_error(Errc::kInvalidArgument, "the card of " + who + " could not be proven; nothing was made",
                      "hold the ceremony again; every card of this one is void: destroy them");
  }

  Result<std::string> sign(const PlannedCustodian& who, const std::string& statement) override {
    FK_CHECK(terminal_.show(text(Msg::kCeremonySign, {who.id, statement})));
    for (int tries = 0; tries < 3; ++tries) {
      FK_TRY(const std::string path, terminal_.read_line(text(Msg::kCeremonySignFile, {who.id})));
      auto signature = read_signature(path, statement);
      if (signature) {
        const auto ok =
            ledger::verify_sshsig(*signature, who.approval_key, ledger::kCeremonyNamespace, as_bytes(statement));
        if (ok) return signature;
        signature = ok.error();
      }
      FK_CHECK(terminal_.show(signature.error().message + "\n"));
    }
    return make_error(Errc::kInvalidArgument, who.id + " has not signed; nothing was made");
  }

 private:
  Status show_card(const CardInfo& info, const seal::SecretWords& words) {
    const std::string name = card_name(info) + ".html";
    FK_TRY(const SecretBytes card, card_text(lang_, info, words));
    FK_TRY(const SecretBytes html, card_html(lang_, info, words));
    if (!cards_dir_.empty()) FK_CHECK(write_card(cards_dir_, name, html.view()));
    const Shown shown(terminal_, cards_dir_.empty() ? std::string() : cards_dir_ + "/" + name);
    FK_CHECK(terminal_.show_secret(card.view()));
    const auto copied = terminal_.read_line(text(Msg::kCeremonyCopied));
    return copied ? Status() : Status(copied.error());
  }

  // A signature made elsewhere (ssh-keygen -Y sign), or a private key to sign with here.
  Result<std::string> read_signature(const std::string& path, const std::string& statement) {
    FK_TRY(std::string content, read_small_file(path, 16384));
    if (content.starts_with("-----BEGIN SSH SIGNATURE-----")) return content;
    cleanse(content);
    FK_TRY(const auto key,
           http::load_private_key(path, [&] { return terminal_.read_secret(text(Msg::kEnterPassphrase)); }));
    FK_TRY(const Bytes blob, make_sshsig(key.get(), ledger::kCeremonyNamespace, as_bytes(statement)));
    return ledger::armor_sshsig(blob);
  }
  std::string text(Msg id, std::initializer_list<std::string_view> args = {}) const {
    return format_message(lang_, id, args) + "\n";
  }
  Terminal& terminal_;
  const Lang lang_;
  const std::string cards_dir_;
};

class ScriptRoom final : public Room {
 public:
  ScriptRoom(const ScriptRoom&) = delete;
  ScriptRoom& operator=(const ScriptRoom&) = delete;
  static Result<std::unique_ptr<Room>> open(const std::string& path, std::string cards_dir) {
    FK_TRY(const std::string text, read_small_file(path));
    FK_TRY(const Json j, parse_json(text));
    std::unique_ptr<ScriptRoom> room(new ScriptRoom);
    if (!j.is_object() || j.size() != 1 || !j.contains("signers") || !j["signers"].is_object()) {
      return make_error(Errc::kMalformed, "the script is not {\"signers\":{\"group/number\":\"key file\"}}");
    }
    for (const auto& [who, file] : j["signers"].items()) {
      if (!file.is_string())
        return make_error(Errc::kMalformed, "the script names no key file for " + escape_untrusted(who));
      const fs::path key(file.get<std::string>());
      room->keys_[who] = key.is_absolute() ? key.string() : (fs::path(path).parent_path() / key).string();
    }
    if (cards_dir.empty())
      return make_error(Errc::kInvalidArgument, "a rehearsal needs a folder for the cards", "give --cards DIR");
    room->cards_dir_ = std::move(cards_dir);
    return std::unique_ptr<Room>(std::move(room));
  }
  ~ScriptRoom() override {
    for (const auto& path : written_) forget_card(path);
  }
  void keep() override { written_.clear(); }

  Result<seal::SecretWords> hand_out(const CardInfo& info, const seal::SecretWords& words,
                                     const std::string& who) override {
    const SecretBytes numbers = seal::share_words_text(words);
    FK_CHECK(write(card_name(info) + ".share", numbers.view()));
    FK_TRY(const SecretBytes html, card_html(Lang::kEnglish, info, words));
    FK_CHECK(write(card_name(info) + ".html", html.view()));
    const UniqueFd fd(::open((cards_dir_ + "/" + card_name(info) + ".share").c_str(), O_RDONLY | O_CLOEXEC));
    FK_TRY(const SecretBytes back, read_secret_fd(fd.get()));
    FK_TRY(auto again, seal::parse_share_text(as_chars(back.view())));
    if (seal::share_commitment(again) == seal::share_commitment(words)) return again;
    return make_error(Errc::kIo, "the card of " + who + " does not read back as written");
  }
  Result<std::string> sign(const PlannedCustodian& who, const std::string& statement) override {
    const auto it = keys_.find(who.id);
    if (it == keys_.end()) return make_error(Errc::kInvalidArgument, "the script has no key for " + who.id);
    FK_TRY(const auto key, http::load_private_key(it->second));
    FK_TRY(const Bytes blob, make_sshsig(key.get(), ledger::kCeremonyNamespace, as_bytes(statement)));
    return ledger::armor_sshsig(blob);
  }

 private:
  ScriptRoom() = default;
  Status write(const std::string& name, ByteView content) {
    const std::string path = cards_dir_ + "/" + name;
    std::error_code ec;
    const bool own = !fs::exists(path, ec);
    const Status done = write_card(cards_dir_, name, content);
    if (own) written_.push_back(path);
    return done;
  }
  std::map<std::string, std::string> keys_;
  std::string cards_dir_;
  std::vector<std::string> written_;  // until keep()
};

}  // namespace

std::unique_ptr<Room> terminal_room(Terminal& terminal, Lang lang, std::string cards_dir) {
  return std::make_unique<TerminalRoom>(terminal, lang, std::move(cards_dir));
}

Result<std::unique_ptr<Room>> scripted_room(const std::string& script, std::string cards_dir) {
  return ScriptRoom::open(script, std::move(cards_dir));
}

Status check_memory_disk(const std::string& dir) {
  struct statfs fs_info {};
  if (statfs(dir.c_str(), &fs_info) != 0) {
    return make_error(Errc::kIo, "the folder for the cards can't be looked at: " + http::errno_text());
  }
  if (fs_info.f_type == TMPFS_MAGIC || fs_info.f_type == RAMFS_MAGIC) return {};
  return make_error(Errc::kPermissionDenied,
                    "the folder for the cards is on a disk, where cards would outlive the ceremony",
                    "give a folder on a memory disk (tmpfs), or leave --cards out and copy the cards by hand");
}

Uninterrupted::Uninterrupted() {
  for (std::size_t i = 0; i < kSignals.size(); ++i) before_[i] = std::signal(kSignals[i], SIG_IGN);
}

Uninterrupted::~Uninterrupted() {
  for (std::size_t i = 0; i < kSignals.size(); ++i) std::signal(kSignals[i], before_[i]);
}

}  // namespace facekeep::tools
