// facekeep door-kit NAME: a folder that an installer carries to a door controller, ready but for the notice.
#include <filesystem>

#include "tools/common/generate.h"
#include "tools/facekeep/commands.h"
#include "tools/facekeep/door_kit_text.h"
#include "tools/facekeep/key_files.h"
#include "tools/facekeep/vector_input.h"
#include "vault/ledger/types.h"

namespace facekeep::tools {
namespace {

namespace fs = std::filesystem;

struct Options {
  DoorKit kit;
  std::string out;
  std::string type = "p256";
  std::uint32_t dimension = 512;
};

Status check_names(const DoorKit& kit) {
  for (const std::string* name : {&kit.name, &kit.site, &kit.door, &kit.model}) {
    if (!ledger::is_slug(*name)) {
      return say_error(Errc::kInvalidArgument, "bad-name", Msg::kCliBadSlug, Msg::kCliBadSlugHint, {*name});
    }
  }
  return {};
}

// A face of nobody, so that the first call already shows a real answer: no match.
Result<std::string> example_body(const DoorKit& kit, std::uint32_t dimension) {
  FK_TRY(const FaceGenerator generator, FaceGenerator::make(dimension, 1));
  std::vector<float> face(dimension);
  generator.face(0, 0, face);
  http::CleansedBytes body;
  append_text(body, "{\"door\":\"" + kit.door + "\",\"model\":\"" + kit.model + "\",\"probe\":");
  append_vector(body, face);
  append_text(body, "}\n");
  return std::string(as_chars(body));
}

Status make_folder(const std::string& path) {
  std::error_code error;
  if (fs::exists(path, error) && !fs::is_empty(path, error)) {
    return say_error(Errc::kAlreadyExists, "file-exists", Msg::kCliFileExists, Msg::kCliFolderHint, {path});
  }
  fs::create_directories(path, error);
  if (error) return say_error(Errc::kIo, "unwritable-file", Msg::kCliUnwritable, Msg::kCliUnwritableHint, {path});
  fs::permissions(path, fs::perms::owner_all, error);
  return {};
}

Status door_kit(Context& context, const Options& o, Reporter& report) {
  FK_CHECK(check_names(o.kit));
  std::string notice_text;
  if (!context.notice_path.empty()) {  // before a ceremony there is none yet
    FK_CHECK(context.notice());
    FK_TRY(notice_text, load_text(context.notice_path));
  }
  FK_TRY(const std::string body, example_body(o.kit, o.dimension));
  FK_CHECK(make_folder(o.out));
  const std::string stem = o.out + "/" + o.kit.name;
  FK_TRY(const KeyFacts facts, write_new_key(stem, o.type == "ed25519" ? http::KeyType::kEd25519 : http::KeyType::kP256,
                                             o.kit.name, nullptr));
  const std::string principal = principal_line(o.kit, stem + ".crt");
  if (!notice_text.empty()) FK_CHECK(save_text(o.out + "/notice.json", notice_text));
  FK_CHECK(save_text(o.out + "/probe.json", body));
  FK_CHECK(save_text(o.out + "/identify.sh", example_call(o.kit), 0755));
  FK_CHECK(save_text(o.out + "/principal.json", principal + "\n"));
  FK_CHECK(save_text(o.out + "/README.txt", readme(o.kit, to_hex(facts.spki))));
  report.say(Msg::kCliKitDone, {o.out});
  report.say(Msg::kCliKitPrincipal, {"door", to_hex(facts.spki)});
  report.line(principal);
  if (notice_text.empty()) report.say(Msg::kCliKitNotice, {o.out});
  report.field("folder", o.out);
  report.field("role", "door");
  report.field("spki_sha256", to_hex(facts.spki));
  report.field("principal", Json::parse(principal));
  return {};
}

}  // namespace

void add_door_kit(CLI::App& app, Context& context) {
  auto o = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("door-kit", context.text(Msg::kHelpDoorKit));
  command->add_option("NAME", o->kit.name, context.text(Msg::kHelpKitName))->required();
  command->add_option("--site", o->kit.site, context.text(Msg::kHelpSite))->required();
  command->add_option("--door", o->kit.door, context.text(Msg::kHelpDoor))->required();
  command->add_option("--model", o->kit.model, context.text(Msg::kHelpModel))->required();
  command->add_option("--out", o->out, context.text(Msg::kHelpKitOut))->required();
  command->add_option("--type", o->type, context.text(Msg::kHelpKeyType))->check(CLI::IsMember({"p256", "ed25519"}));
  command->add_option("--dimension", o->dimension, context.text(Msg::kHelpDimension))->check(CLI::Range(64, 1024));
  command->callback([o, &context] { context.run([o, &context](Reporter& r) { return door_kit(context, *o, r); }); });
}

}  // namespace facekeep::tools
