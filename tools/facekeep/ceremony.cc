// facekeep ceremony: the key ceremony, step by step on the terminal, or from a script (a rehearsal, and
// marked so for ever). Nothing is durable before every card is proven and every custodian has signed.
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "api/http/cert.h"
#include "api/http/socket.h"
#include "hsm/pin.h"
#include "tools/common/cards.h"
#include "tools/common/escape.h"
#include "tools/common/sshsig_sign.h"
#include "tools/common/terminal.h"
#include "tools/facekeep/ceremony_vault.h"
#include "tools/facekeep/commands.h"
#include "vault/base/digest.h"
#include "vault/ledger/sshsig.h"

namespace facekeep::tools {
namespace {

namespace fs = std::filesystem;
using http::UniqueFd;

struct Options {
  std::string plan;
  std::string dir;
  std::string token_uri;
  std::string module;
  std::string pin_file;
  int pin_fd = -1;
  std::string out = ".";
  std::string cards;
  std::string script;
  bool allow_one_group = false;
};

// How the people are reached: at the terminal one after another, or by a script.
class Room {
 public:
  virtual ~Room() = default;
  // Hands the card to its first holder and has it proven: what was handed out is read back.
  virtual Status hand_out(const CardInfo& info, const seal::SecretWords& words, const std::string& who) = 0;
  // The custodian's signature over the statement, armored.
  virtual Result<std::string> sign(const PlannedCustodian& who, const std::string& statement) = 0;
};

Status write_card(const std::string& dir, const std::string& name, ByteView content) {
  const std::string path = dir + "/" + name;
  const UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (fd.get() < 0) {
    return make_error(Errc::kIo, "the card " + path + " can't be written: " + http::errno_text(),
                      "give an empty folder that only this account can read");
  }
  return write_secret_fd(fd.get(), content);
}

// A real ceremony's cards may touch memory alone: whoever later has the disk would have the quorum.
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

std::string card_name(const CardInfo& info) {
  return info.group + "-" + std::to_string(info.member);
}

class TerminalRoom final : public Room {
 public:
  TerminalRoom(Terminal& terminal, Lang lang, std::string cards_dir)
      : terminal_(terminal), lang_(lang), cards_dir_(std::move(cards_dir)) {}

  Status hand_out(const CardInfo& info, const seal::SecretWords& words, const std::string& who) override {
    FK_CHECK(terminal_.clear());
    FK_CHECK(terminal_.show(text(Msg::kCeremonyTurnAway, {who})));
    FK_TRY(const std::string go, terminal_.read_line(text(Msg::kPressEnter)));
    static_cast<void>(go);
    FK_TRY(const SecretBytes card, card_text(lang_, info, words));
    FK_CHECK(terminal_.show_secret(card.view()));
    if (!cards_dir_.empty()) {
      FK_TRY(const SecretBytes html, card_html(lang_, info, words));
      FK_CHECK(write_card(cards_dir_, card_name(info) + ".html", html.view()));
    }
    FK_TRY(const std::string copied, terminal_.read_line(text(Msg::kCeremonyCopied)));
    static_cast<void>(copied);
    if (!cards_dir_.empty()) forget_card(cards_dir_ + "/" + card_name(info) + ".html");
    FK_CHECK(terminal_.clear());
    for (int tries = 0; tries < 3; ++tries) {
      FK_TRY(const SecretBytes typed, terminal_.read_secret(text(Msg::kCeremonyProve, {who})));
      const auto again = seal::parse_share_text(as_chars(typed.view()));
      if (again && seal::share_commitment(*again) == seal::share_commitment(words)) {
        return terminal_.show(text(Msg::kCeremonyProven, {who}));
      }
      FK_CHECK(terminal_.show(again ? text(Msg::kCeremonyOtherCard) : again.error().message + "\n"));
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

// A rehearsal: keys of all custodians are files on this machine, cards go to files that are read back.
class ScriptRoom final : public Room {
 public:
  static Result<std::unique_ptr<ScriptRoom>> open(const std::string& path, std::string cards_dir) {
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
    return room;
  }
  Status hand_out(const CardInfo& info, const seal::SecretWords& words, const std::string& who) override {
    const SecretBytes numbers = seal::share_words_text(words);
    FK_CHECK(write_card(cards_dir_, card_name(info) + ".share", numbers.view()));
    FK_TRY(const SecretBytes html, card_html(Lang::kEnglish, info, words));
    FK_CHECK(write_card(cards_dir_, card_name(info) + ".html", html.view()));
    const UniqueFd fd(::open((cards_dir_ + "/" + card_name(info) + ".share").c_str(), O_RDONLY | O_CLOEXEC));
    FK_TRY(const SecretBytes back, read_secret_fd(fd.get()));
    FK_TRY(const auto again, seal::parse_share_text(as_chars(back.view())));
    if (seal::share_commitment(again) == seal::share_commitment(words)) return {};
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
  std::map<std::string, std::string> keys_;
  std::string cards_dir_;
};

// What happened, without any secret; its digest is in genesis.
class Transcript {
 public:
  void add(const std::string& line) { text_ += format_time(SystemClock().now().wall) + " " + line + "\n"; }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

Result<SecretBytes> read_token_pin(const Options& o) {
  if (o.pin_fd >= 0) return hsm::read_pin_from_descriptor(o.pin_fd);
  if (!o.pin_file.empty()) {
    const UniqueFd fd(open(o.pin_file.c_str(), O_RDONLY | O_CLOEXEC));
    if (fd.get() < 0) return make_error(Errc::kIo, "the PIN file can't be opened: " + http::errno_text());
    return hsm::read_pin_from_descriptor(fd.get());
  }
  return hsm::read_pin_from_terminal("PIN: ");
}

Status write_public(const std::string& path, std::string_view text) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << text;
  out.flush();
  if (out) return {};
  return make_error(Errc::kIo, "the file " + path + " can't be written");
}

Status hand_out_cards(const Plan& plan, NewVault& vault, Room& room, Transcript& transcript, bool rehearsal) {
  const std::string today = format_day(SystemClock().now().wall);
  for (const DrawnCard& card : vault.cards()) {
    const PlannedGroup& group = plan.groups[card.group];
    const PlannedCustodian& holder = group.custodians[card.holders.front()];
    CardInfo info;
    info.vault = plan.name;
    info.vault_id = to_hex(vault.genesis().vault);
    info.group = group.id;
    info.custodian = holder.id;
    info.date = today;
    info.member = card.number;
    info.members = static_cast<unsigned>(vault.genesis().groups[card.group].shares.size());
    info.threshold = vault.genesis().groups[card.group].threshold;
    info.groups = static_cast<unsigned>(plan.groups.size());
    info.rehearsal = rehearsal;
    FK_CHECK(room.hand_out(info, card.words, holder.id + " (" + escape_untrusted(holder.name) + ")"));
    transcript.add("card " + std::to_string(card.number) + " of group " + group.id + " handed to " + holder.id +
                   " and proven");
    for (std::size_t i = 1; i < card.holders.size(); ++i) {
      transcript.add("to be given as a sealed copy: card " + std::to_string(card.number) + " of group " + group.id +
                     ", to the deputy " + group.custodians[card.holders[i]].id);
    }
  }
  return {};
}

Status collect_signatures(const Plan& plan, NewVault& vault, Room& room) {
  FK_TRY(const std::string statement, ledger::genesis_statement(vault.genesis()));
  for (const auto& group : plan.groups) {
    for (const auto& who : group.custodians) {
      FK_TRY(std::string signature, room.sign(who, statement));
      vault.add_signature({who.id, std::move(signature)});
    }
  }
  return {};
}

Status hold(const Options& o, Reporter& report) {
  FK_TRY(const Plan plan, read_plan(o.plan, o.allow_one_group));
  const bool rehearsal = !o.script.empty();
  std::unique_ptr<Terminal> terminal;
  std::unique_ptr<Room> room;
  if (rehearsal) {
    FK_TRY(room, ScriptRoom::open(o.script, o.cards));
  } else {
    if (!o.cards.empty()) FK_CHECK(check_memory_disk(o.cards));
    FK_TRY(terminal, open_terminal());
    room = std::make_unique<TerminalRoom>(*terminal, report.lang(), o.cards);
    FK_CHECK(terminal->show(format_message(report.lang(), Msg::kCeremonyWarning) + "\n"));
    FK_TRY(const bool go,
           terminal->confirm(report.lang(), format_message(report.lang(), Msg::kCeremonyGo, {plan.name})));
    if (!go) return make_error(Errc::kFailedPrecondition, format_message(report.lang(), Msg::kCancelled));
  }
  std::error_code ec;
  if (fs::exists(o.dir + "/db", ec)) {
    return make_error(Errc::kAlreadyExists, "the directory " + o.dir + " holds a vault already",
                      "choose an empty directory");
  }
  FK_TRY(SecretBytes pin, read_token_pin(o));
  hsm::OpenOptions token_options;
  token_options.module_path = o.module;
  FK_TRY(auto token, hsm::open_token(o.token_uri, std::move(pin), token_options));

  Transcript transcript;
  transcript.add(std::string("key ceremony") + (rehearsal ? " (REHEARSAL)" : "") + ", preset " +
                 std::string(to_string(plan.preset)));
  FK_TRY(const auto vault, NewVault::draw(plan, token, rehearsal));
  const ledger::Genesis& g = vault->genesis();
  transcript.add("vault " + to_hex(g.vault));
  transcript.add("token " + escape_untrusted(g.token.manufacturer) + " " + escape_untrusted(g.token.model) +
                 " serial " + escape_untrusted(g.token.serial) + " class " + g.token.token_class);
  transcript.add("root key " + g.token.root.mechanism + ", log key " + g.token.log_sign.mechanism +
                 ", both made inside the token");
  if (!o.cards.empty()) transcript.add("printable cards were written to a folder, for a printer");
  FK_CHECK(hand_out_cards(plan, *vault, *room, transcript, rehearsal));
  vault->forget_cards();
  for (const auto& p : g.principals) transcript.add("registered " + p.id + " with key " + to_hex(p.key));
  vault->set_transcript(sha256(as_bytes(transcript.text())));
  FK_CHECK(collect_signatures(plan, *vault, *room));
  // Its digest is in genesis: it must exist before the vault does.
  FK_CHECK(write_public(o.out + "/transcript.txt", transcript.text()));
  FK_CHECK(vault->commit(o.dir));
  FK_CHECK(write_public(o.out + "/notice.json", vault->notice().dump(2) + "\n"));
  report.say(Msg::kCeremonyDone, {to_hex(g.vault), o.dir});
  report.say(Msg::kCeremonyVkey, {g.log_key});
  report.say(Msg::kCeremonyNotice, {o.out + "/notice.json", o.out + "/transcript.txt"});
  if (g.token.token_class == "software") report.warn(Msg::kCeremonySoftwareToken);
  if (rehearsal) report.warn(Msg::kCeremonyRehearsal);
  report.field("vault", to_hex(g.vault));
  report.field("vkey", g.log_key);
  report.field("notice", o.out + "/notice.json");
  return {};
}

}  // namespace

void add_ceremony(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("ceremony", "hold the key ceremony: make a vault that several people open together");
  command->add_option("--plan", options->plan, "the plan (JSON): groups, custodians, sites, doors, models")->required();
  command->add_option("--dir", options->dir, "the vault's data directory (new)")->required();
  command->add_option("--token-uri", options->token_uri, "the token, as a PKCS#11 URI (RFC 7512)")->required();
  command->add_option("--module", options->module, "the PKCS#11 module, where the URI names none");
  command->add_option("--pin-fd", options->pin_fd, "read the token's PIN from this descriptor");
  command->add_option("--pin-file", options->pin_file, "read the token's PIN from this file");
  command->add_option("--out", options->out, "folder for the notice and the transcript");
  command->add_option("--cards", options->cards, "folder for printable cards (a printing station's memory disk)");
  command->add_option("--script", options->script,
                      "hold a rehearsal from this script; the vault is marked so for ever");
  command->add_flag("--allow-one-group", options->allow_one_group, "allow preset one-group");
  command->callback(
      [options, &context] { context.run([options](Reporter& report) { return hold(*options, report); }); });
}

}  // namespace facekeep::tools
