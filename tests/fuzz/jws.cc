// Compact JWS: what is taken is within its sizes, points into the text, and its payload is bounded.
#include "vault/probe/jws.h"

#include "tests/fuzz/fuzz.h"

using namespace facekeep;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const ledger::SshPublicKey ed25519{ledger::SshKeyType::kEd25519,
                                            from_base64url("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").value(), ""};
  const auto text = fuzz::text(data, size);
  const auto jws = probe::parse_jws(text);
  if (!jws) {
    FUZZ_CHECK(jws.error().problem != nullptr);
    return 0;
  }
  FUZZ_CHECK(probe::looks_like_jws(text) && size <= probe::kMaxJws);
  FUZZ_CHECK(text.starts_with(jws->signing_input) && jws->signing_input.ends_with(jws->payload));
  const auto payload = probe::open_jws(*jws, ed25519);
  FUZZ_CHECK(!payload || payload->size() <= probe::kMaxJwsPayload);
  return 0;
}
