#include "tools/facekeep/camera_key.h"

#include "tools/facekeep/key_files.h"
#include "vault/base/digest.h"
#include "vault/ledger/genesis.h"
#include "vault/probe/jws.h"

namespace facekeep::tools {
namespace {

Error bad_claims() {
  return say_error(Errc::kInvalidArgument, "bad-arguments", Msg::kCamBadClaims, Msg::kCamBadClaimsHint);
}

}  // namespace

void add_camera_options(CLI::App& command, Context& context, CameraOptions& o, bool required) {
  command.add_option("--camera-key", o.key, context.text(Msg::kHelpCameraKey))->required(required);
  command.add_option("--camera", o.id, context.text(Msg::kHelpCameraId))->required(required);
  command.add_option("--pad", o.pad, context.text(Msg::kHelpCameraPad))->check(CLI::Range(0U, ledger::kMaxPadLevel));
  command.add_option("--challenge", o.challenge, context.text(Msg::kHelpCameraChallenge));
}

Result<SecretBytes> sign_as_camera(Context& context, const CameraOptions& o, probe::Claims claims) {
  if (o.key.empty() || o.id.empty()) {
    return say_error(Errc::kInvalidArgument, "bad-arguments", Msg::kCamNeedsBoth, Msg::kCamNeedsBothHint);
  }
  FK_TRY(const Notice notice, context.notice());
  claims.vault = notice.vault;
  claims.pad = o.pad;
  if (o.challenge.empty()) {
    claims.time = SystemClock().now().wall;
    claims.nonce = random_array<16>();
  } else {
    const auto nonce = from_base64url(o.challenge);
    if (!nonce || nonce->size() != claims.nonce.size()) return bad_claims();
    std::copy(nonce->begin(), nonce->end(), claims.nonce.begin());
  }
  const SecretBytes payload = probe::write_claims(claims);
  if (!probe::read_claims(payload.view())) return bad_claims();
  FK_TRY(const http::KeyPtr key, load_key(o.key, context.passphrase_for(o.key)));
  auto signed_probe = probe::sign_jws(key.get(), o.id, payload.view());
  if (signed_probe || signed_probe.error().code != Errc::kInvalidArgument) return signed_probe;
  return say_error(Errc::kInvalidArgument, "bad-arguments", Msg::kCamNoSigningKey, Msg::kCamNoSigningKeyHint, {o.key});
}

}  // namespace facekeep::tools
