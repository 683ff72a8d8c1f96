#include "tools/facekeep/box/box_folder.h"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>

#include "api/http/socket.h"
#include "tools/common/files.h"
#include "tools/common/say.h"
#include "vault/ledger/json_reader.h"
#include "vault/ledger/sshsig.h"
#include "vault/seal/ticket_key.h"

namespace facekeep::tools {
namespace {

namespace fs = std::filesystem;

constexpr int kCertificateDays = 3650;  // nobody looks at its dates: the key is pinned
constexpr std::size_t kMaxSmallFile = 16384;

Result<ledger::TicketBox> box_from_json(const Json& json) {
  ledger::ObjectReader r(json, "box of restart tickets");
  ledger::TicketBox box{r.slug("name"), r.slug("group"), r.text("url", 256), r.text("key", ledger::kMaxSshKeyLine)};
  FK_CHECK(r.finish());
  FK_CHECK(ledger::check_ticket_policy({1, box, false}));
  return box;
}

bool is_there(const std::string& path) {
  std::error_code error;
  return fs::exists(fs::symlink_status(path, error));
}

}  // namespace

Result<BoxIdentity> make_box(const std::string& dir, const std::string& name, const std::string& group,
                             const std::string& url) {
  for (const char* file : {"/box.key", "/box.crt", "/box.json"}) {
    if (is_there(dir + file)) {
      return say_error(Errc::kAlreadyExists, "file-exists", Msg::kCliFileExists, Msg::kCliFileExistsHint, {dir + file});
    }
  }
  BoxIdentity out;
  FK_TRY(out.key, http::generate_key(http::KeyType::kP256));
  FK_TRY(const ledger::SshPublicKey line, ledger::ssh_key_from_evp(out.key.get()));
  out.box = {name, group, url, ledger::format_ssh_key_line(line)};
  FK_CHECK(ledger::check_ticket_policy({1, out.box, false}));
  FK_TRY(out.certificate, http::self_signed(out.key.get(), "facekeep box", {}, kCertificateDays));
  FK_TRY(const SecretBytes pem, http::private_key_pem(out.key.get()));
  FK_TRY(const std::string certificate, http::cert_pem(out.certificate.get()));
  const Json json = {{"group", group}, {"key", out.box.key}, {"name", name}, {"url", url}};
  // The folder is its owner's before there is a key in it.
  std::error_code error;
  fs::create_directories(dir, error);
  fs::permissions(dir, fs::perms::owner_all, error);
  if (error) return say_error(Errc::kIo, "unwritable-file", Msg::kCliUnwritable, Msg::kCliUnwritableHint, {dir});
  FK_CHECK(http::save_private_file(dir + "/box.key", pem.view()));
  FK_CHECK(save_text(dir + "/box.crt", certificate));
  FK_CHECK(save_text(dir + "/box.json", json.dump(1) + "\n"));
  return out;
}

Result<ledger::TicketBox> load_box_file(const std::string& path) {
  FK_TRY(const std::string text, load_text(path, kMaxSmallFile));
  FK_TRY(const Json json, parse_json(text));
  return box_from_json(json);
}

Result<BoxIdentity> load_box(const std::string& dir) {
  BoxIdentity out;
  FK_TRY(out.box, load_box_file(dir + "/box.json"));
  FK_TRY(out.key, http::load_private_key(dir + "/box.key"));
  FK_TRY(out.certificate, http::load_cert(dir + "/box.crt"));
  FK_TRY(const Digest own, http::spki_digest(out.key.get()));
  FK_TRY(const Digest shown, http::spki_digest(out.certificate.get()));
  if (own == ledger::box_pin(out.box) && shown == own) return out;
  return make_error(Errc::kIntegrity, dir + "/box.json or box.crt is not of box.key",
                    "put the files back that `facekeep box new` made together");
}

Result<std::optional<KeptTicket>> TicketShelf::kept() const {
  if (!is_there(dir_ + "/ticket.json")) return std::optional<KeptTicket>();
  FK_TRY(const std::string text, load_text(dir_ + "/ticket.json", kMaxSmallFile));
  FK_TRY(const Json json, parse_json(text));
  ledger::ObjectReader r(json, "kept restart ticket");
  KeptTicket out;
  out.vault = r.hex<16>("vault");
  out.number = static_cast<std::uint32_t>(r.integer("number", 1, 4294967295));
  out.entry = static_cast<std::uint64_t>(r.integer("entry", 0, 9007199254740991));
  out.hours = static_cast<std::uint32_t>(r.integer("hours", 1, ledger::kMaxTicketHours));
  out.received = r.time("received");
  FK_CHECK(r.finish());
  return std::optional(out);
}

Status TicketShelf::keep(const KeptTicket& ticket, const SecretBytes& half) {
  FK_CHECK(forget());
  FK_CHECK(replace_file(dir_ + "/half", as_chars(half.view()), 0600));
  const Json json = {{"entry", ticket.entry},
                     {"hours", ticket.hours},
                     {"number", ticket.number},
                     {"received", format_time(ticket.received)},
                     {"vault", to_hex(ticket.vault)}};
  return replace_file(dir_ + "/ticket.json", json.dump() + "\n", 0600);
}

Result<SecretBytes> TicketShelf::half() const {
  const http::UniqueFd fd(::open((dir_ + "/half").c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  SecretBytes out(seal::kTicketHalfSize);
  if (fd.get() >= 0 && ::read(fd.get(), out.data(), out.size()) == static_cast<ssize_t>(out.size())) return out;
  return make_error(Errc::kIo, dir_ + "/half can't be read",
                    "the ticket is lost: custodians open the vault with cards");
}

Status TicketShelf::forget() {
  for (const char* file : {"/half", "/half.new"}) {  // the second: of a program that died while it kept one
    const std::string path = dir_ + file;
    const http::UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
    if (fd.get() < 0) continue;
    const std::array<std::uint8_t, seal::kTicketHalfSize> zeros{};
    const bool gone =
        ::write(fd.get(), zeros.data(), zeros.size()) == static_cast<ssize_t>(zeros.size()) && ::fsync(fd.get()) == 0;
    if (!gone) return make_error(Errc::kIo, path + " can't be overwritten: " + http::errno_text());
  }
  std::error_code error;
  for (const char* file : {"/half", "/half.new", "/ticket.json"}) {
    fs::remove(dir_ + file, error);
    if (error) return make_error(Errc::kIo, dir_ + file + " can't be removed: " + error.message());
  }
  const http::UniqueFd folder(::open(dir_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() >= 0 && ::fsync(folder.get()) == 0) return {};
  return make_error(Errc::kIo, dir_ + " can't be synced: " + http::errno_text());
}

}  // namespace facekeep::tools
