// A camera's part at the command: its key, and the claims that it signs about a probe.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "tools/facekeep/context.h"
#include "vault/base/secret_bytes.h"
#include "vault/probe/claims.h"

namespace facekeep::tools {

struct CameraOptions {
  std::string key;
  std::string id;
  std::uint32_t pad = 0;
  std::string challenge;  // empty: the time is signed, and a random nonce
};
void add_camera_options(CLI::App& command, Context& context, CameraOptions& o, bool required);

// The JWS. Vault, time, nonce and PAD level of the claims are set here. kInvalidArgument for claims that no vault would
// read; what load_key() says.
Result<SecretBytes> sign_as_camera(Context& context, const CameraOptions& o, probe::Claims claims);

}  // namespace facekeep::tools
