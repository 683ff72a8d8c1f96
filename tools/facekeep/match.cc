// facekeep verify, identify: what a door does, by hand.
#include "tools/facekeep/camera_key.h"
#include "tools/facekeep/commands.h"
#include "tools/facekeep/vault_api.h"
#include "tools/facekeep/vector_input.h"

namespace facekeep::tools {
namespace {

struct Options {
  std::string site;
  std::string door;
  std::string model;
  std::string subject;  // verify only
  std::string probe;
  std::uint64_t row = 1;
  CameraOptions camera;  // with a key: the probe is signed
};

// The probe as it goes out, a vector or a camera's JWS.
Status append_probe(Context& context, const Options& o, bool verify, http::CleansedBytes& body) {
  FK_TRY(api::ScopedVector probe, load_vector(o.probe, o.row));
  if (o.camera.key.empty() && o.camera.id.empty()) {
    append_vector(body, probe.values);
    return {};
  }
  probe::Claims claims;
  claims.use = verify ? "verify" : "identify";
  claims.site = o.site;
  claims.door = o.door;
  claims.model = o.model;
  claims.probe = std::move(probe.values);
  FK_TRY(const SecretBytes jws, sign_as_camera(context, o.camera, std::move(claims)));
  append_text(body, "\"");
  append_text(body, as_chars(jws.view()));
  append_text(body, "\"");
  return {};
}

Status ask(Context& context, const Options& o, bool verify, Reporter& report) {
  FK_TRY(const Notice notice, context.notice());
  FK_TRY(const Identity identity, load_identity(context));
  FK_TRY(VaultApi api, VaultApi::connect(notice, identity));
  http::CleansedBytes body;
  append_text(body, "{\"door\":" + Json(o.door).dump() + ",\"model\":" + Json(o.model).dump());
  if (verify) append_text(body, ",\"subject\":" + Json(o.subject).dump());
  append_text(body, ",\"probe\":");
  FK_CHECK(append_probe(context, o, verify, body));
  append_text(body, "}");
  FK_TRY(const Json answer,
         api.json("POST", "/v1/sites/" + percent_encode(o.site) + (verify ? "/verify" : "/identify"), body));
  const std::string decision = answer.value("decision", "");
  const std::string entry = answer.value("entry", Json()).dump();
  const bool named = answer.contains("subject") && answer["subject"].is_string();
  if (decision == "match" && named) {
    report.say(Msg::kCliMatchNamed, {answer["subject"].get<std::string>(), entry});
  } else {
    report.say(decision == "match" ? Msg::kCliMatch : decision == "refer" ? Msg::kCliRefer : Msg::kCliNoMatch, {entry});
  }
  for (const char* key : {"decision", "subject", "entry"}) {
    if (answer.contains(key)) report.field(key, answer[key]);
  }
  return {};
}

void add(CLI::App& app, Context& context, bool verify) {
  auto o = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand(verify ? "verify" : "identify", context.text(verify ? Msg::kHelpVerify : Msg::kHelpIdentify));
  command->add_option("--site", o->site, context.text(Msg::kHelpSite))->required();
  command->add_option("--door", o->door, context.text(Msg::kHelpDoor))->required();
  command->add_option("--model", o->model, context.text(Msg::kHelpModel))->required();
  if (verify) command->add_option("--subject", o->subject, context.text(Msg::kHelpSubject))->required();
  command->add_option("--probe", o->probe, context.text(Msg::kHelpProbe))->required();
  command->add_option("--row", o->row, context.text(Msg::kHelpRow));
  add_camera_options(*command, context, o->camera, false);
  command->callback(
      [o, verify, &context] { context.run([=, &context](Reporter& r) { return ask(context, *o, verify, r); }); });
}

}  // namespace

void add_verify(CLI::App& app, Context& context) {
  add(app, context, true);
}
void add_identify(CLI::App& app, Context& context) {
  add(app, context, false);
}

}  // namespace facekeep::tools
