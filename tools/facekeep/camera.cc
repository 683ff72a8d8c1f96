// facekeep camera sign: what a camera does, by hand. Prints the JWS, and the probe nowhere else.
#include "tools/facekeep/camera_key.h"
#include "tools/facekeep/commands.h"
#include "tools/facekeep/vector_input.h"

namespace facekeep::tools {
namespace {

struct Options {
  CameraOptions camera;
  std::string site;
  std::string door;
  std::string model;
  std::string use = "identify";
  std::string probe;
  std::uint64_t row = 1;
};

Status sign(Context& context, const Options& o, Reporter& report) {
  FK_TRY(api::ScopedVector probe, load_vector(o.probe, o.row));
  probe::Claims claims;
  claims.use = o.use;
  claims.site = o.site;
  claims.door = o.door;
  claims.model = o.model;
  claims.probe = std::move(probe.values);
  FK_TRY(const SecretBytes jws, sign_as_camera(context, o.camera, std::move(claims)));
  std::string text(as_chars(jws.view()));
  report.line(text);
  report.field("jws", text);
  cleanse(text);
  return {};
}

}  // namespace

void add_camera(CLI::App& app, Context& context) {
  CLI::App* group = app.add_subcommand("camera", context.text(Msg::kHelpCamera));
  group->require_subcommand(1);
  auto o = std::make_shared<Options>();
  CLI::App* command = group->add_subcommand("sign", context.text(Msg::kHelpCameraSign));
  command->add_option("PROBE", o->probe, context.text(Msg::kHelpProbe))->required();
  command->add_option("--row", o->row, context.text(Msg::kHelpRow));
  command->add_option("--use", o->use, context.text(Msg::kHelpCameraUse))
      ->check(CLI::IsMember({"verify", "identify", "enrol"}));
  command->add_option("--site", o->site, context.text(Msg::kHelpSite))->required();
  command->add_option("--door", o->door, context.text(Msg::kHelpCameraDoor));
  command->add_option("--model", o->model, context.text(Msg::kHelpModel))->required();
  add_camera_options(*command, context, o->camera, true);
  command->callback([o, &context] { context.run([o, &context](Reporter& r) { return sign(context, *o, r); }); });
}

}  // namespace facekeep::tools
