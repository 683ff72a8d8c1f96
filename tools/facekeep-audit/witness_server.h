// The witness's HTTPS front: POST /add-checkpoint and nothing else. Anyone may call; a request is worth what its
// checkpoint's signature is.
#pragma once

#include <memory>
#include <string>

#include "api/http/server.h"
#include "tools/common/listen.h"
#include "tools/facekeep-audit/witness.h"

namespace facekeep::tools {

inline constexpr std::size_t kMaxAddCheckpoint = 64 * 1024;  // bytes of a request; usual ones have 3 KiB

// The answer to one request.
http::Response answer_witness_request(Witness& witness, const http::Request& request);

// Serves until it is destroyed. The witness must outlive it; the identity's TLS key is shared. kIo: address in use.
Result<std::unique_ptr<http::Server>> serve_witness(Witness& witness, const WitnessIdentity& identity,
                                                    const ListenAddress& at);

}  // namespace facekeep::tools
