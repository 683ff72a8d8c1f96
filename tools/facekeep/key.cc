// facekeep key new, key show: the key of a person or a machine.
#include <filesystem>

#include "tools/facekeep/commands.h"
#include "tools/facekeep/key_files.h"

namespace facekeep::tools {
namespace {

struct NewOptions {
  std::string out;
  std::string type = "p256";
  std::string name;
  bool no_passphrase = false;
};

Result<SecretBytes> new_passphrase(Context& context) {
  SecretBytes out;
  if (context.passphrase_fd >= 0) {
    FK_TRY(out, read_secret_fd(context.passphrase_fd));
  } else {
    auto person = context.terminal();
    if (!person) return say_error(Errc::kIo, "no-terminal", Msg::kCliNoNewPassphrase, Msg::kCliNoNewPassphraseHint);
    FK_TRY(out, (*person)->read_new_passphrase(context.lang));
  }
  if (out.empty()) {
    return say_error(Errc::kInvalidArgument, "empty-passphrase", Msg::kCliEmptyPassphrase,
                     Msg::kCliNoNewPassphraseHint);
  }
  return out;
}

void describe(const KeyFacts& facts, Reporter& report) {
  report.say(Msg::kCliSpki, {to_hex(facts.spki)});
  if (!facts.ssh_fingerprint.empty()) report.say(Msg::kCliSshFingerprint, {facts.ssh_fingerprint});
  report.field("spki_sha256", to_hex(facts.spki));
  report.field("pinned_public_key", "sha256//" + to_base64(facts.spki));
  if (!facts.ssh_fingerprint.empty()) report.field("ssh_fingerprint", facts.ssh_fingerprint);
}

Status key_new(Context& context, NewOptions o, Reporter& report) {
  // "alice" and "alice.key" name the same three files.
  if (o.out.ends_with(".key")) o.out.resize(o.out.size() - 4);
  FK_CHECK(check_new_key_files(o.out));
  std::optional<SecretBytes> passphrase;
  if (!o.no_passphrase) {
    FK_TRY(passphrase, new_passphrase(context));
  }
  const std::string name = o.name.empty() ? std::filesystem::path(o.out).filename().string() : o.name;
  FK_TRY(const KeyFacts facts,
         write_new_key(o.out, o.type == "ed25519" ? http::KeyType::kEd25519 : http::KeyType::kP256, name,
                       passphrase ? &*passphrase : nullptr));
  report.say(Msg::kCliKeyWritten, {o.out + ".key", o.out + ".crt", o.out + ".pub"});
  if (o.no_passphrase) report.warn(Msg::kCliKeyUnprotected, {o.out + ".key"});
  describe(facts, report);
  report.field("key", o.out + ".key");
  report.field("certificate", o.out + ".crt");
  report.field("public_key", o.out + ".pub");
  return {};
}

Status key_show(Context& context, const std::string& path, Reporter& report) {
  FK_TRY(const KeyFacts facts, read_key_facts(path, context.passphrase_for(path)));
  describe(facts, report);
  return {};
}

}  // namespace

void add_key(CLI::App& app, Context& context) {
  CLI::App* group = app.add_subcommand("key", context.text(Msg::kHelpKeyCommand));
  group->require_subcommand(1);

  auto o = std::make_shared<NewOptions>();
  CLI::App* make = group->add_subcommand("new", context.text(Msg::kHelpKeyNew));
  make->add_option("OUT", o->out, context.text(Msg::kHelpKeyOut))->required();
  make->add_option("--type", o->type, context.text(Msg::kHelpKeyType))->check(CLI::IsMember({"p256", "ed25519"}));
  make->add_option("--name", o->name, context.text(Msg::kHelpKeyName));
  make->add_flag("--no-passphrase", o->no_passphrase, context.text(Msg::kHelpNoPassphrase));
  make->callback([o, &context] { context.run([o, &context](Reporter& r) { return key_new(context, *o, r); }); });

  auto path = std::make_shared<std::string>();
  CLI::App* show = group->add_subcommand("show", context.text(Msg::kHelpKeyShow));
  show->add_option("FILE", *path, context.text(Msg::kHelpKeyFile))->required();
  show->callback(
      [path, &context] { context.run([path, &context](Reporter& r) { return key_show(context, *path, r); }); });
}

}  // namespace facekeep::tools
