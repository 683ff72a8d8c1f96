#include "vault/base/result.h"

namespace facekeep {

std::string_view to_string(Errc code) noexcept {
  switch (code) {
    case Errc::kInvalidArgument: return "invalid-argument";
    case Errc::kMalformed: return "malformed";
    case Errc::kTooLarge: return "too-large";
    case Errc::kNotFound: return "not-found";
    case Errc::kAlreadyExists: return "already-exists";
    case Errc::kPermissionDenied: return "permission-denied";
    case Errc::kFailedPrecondition: return "failed-precondition";
    case Errc::kConflict: return "conflict";
    case Errc::kSealed: return "sealed";
    case Errc::kHalted: return "halted";
    case Errc::kExhausted: return "exhausted";
    case Errc::kUnavailable: return "unavailable";
    case Errc::kCrypto: return "crypto";
    case Errc::kIntegrity: return "integrity";
    case Errc::kIo: return "io";
    case Errc::kOutOfSpace: return "out-of-space";
    case Errc::kHsm: return "hsm";
    case Errc::kHsmPin: return "hsm-pin";
    case Errc::kHsmGone: return "hsm-gone";
    case Errc::kInternal: return "internal";
  }
  return "internal";
}

}  // namespace facekeep
