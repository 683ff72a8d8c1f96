#include "hsm/rv.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <iterator>

namespace facekeep::hsm {
namespace {

enum class Loss : std::uint8_t { kNone, kSession, kToken };

struct Row {
  ck_rv_t code;
  const char* name;
  Errc errc;
  Loss loss;
};

constexpr const char* kGoneHint =
    "check that the token is plugged in and its service runs; facekeep reconnects by itself";
constexpr const char* kPinHint = "the PIN is not tried again; correct it and start anew, before the token locks";

#define ROW(code, errc, loss) \
  { code, #code, Errc::errc, Loss::loss }
// Anything not listed is kHsm, kNone.
constexpr Row kRows[] = {
    ROW(CKR_CANCEL, kHsm, kNone),
    ROW(CKR_HOST_MEMORY, kHsm, kNone),
    ROW(CKR_SLOT_ID_INVALID, kHsmGone, kToken),
    ROW(CKR_GENERAL_ERROR, kHsm, kNone),
    ROW(CKR_FUNCTION_FAILED, kHsm, kNone),
    ROW(CKR_ARGUMENTS_BAD, kHsm, kNone),
    ROW(CKR_CANT_LOCK, kHsm, kNone),
    ROW(CKR_ATTRIBUTE_READ_ONLY, kHsm, kNone),
    ROW(CKR_ATTRIBUTE_SENSITIVE, kHsm, kNone),
    ROW(CKR_ATTRIBUTE_TYPE_INVALID, kHsm, kNone),
    ROW(CKR_ATTRIBUTE_VALUE_INVALID, kHsm, kNone),
    ROW(CKR_ACTION_PROHIBITED, kHsm, kNone),
    ROW(CKR_DATA_INVALID, kHsm, kNone),
    ROW(CKR_DATA_LEN_RANGE, kHsm, kNone),
    ROW(CKR_DEVICE_ERROR, kHsmGone, kToken),
    ROW(CKR_DEVICE_MEMORY, kHsm, kNone),
    ROW(CKR_DEVICE_REMOVED, kHsmGone, kToken),
    {kCkrAeadDecryptFailed, "CKR_AEAD_DECRYPT_FAILED", Errc::kCrypto, Loss::kNone},
    ROW(CKR_ENCRYPTED_DATA_INVALID, kCrypto, kNone),
    ROW(CKR_ENCRYPTED_DATA_LEN_RANGE, kCrypto, kNone),
    ROW(CKR_FUNCTION_CANCELED, kHsm, kNone),
    ROW(CKR_FUNCTION_NOT_SUPPORTED, kHsm, kNone),
    ROW(CKR_KEY_HANDLE_INVALID, kHsm, kNone),
    ROW(CKR_KEY_SIZE_RANGE, kHsm, kNone),
    ROW(CKR_KEY_TYPE_INCONSISTENT, kHsm, kNone),
    ROW(CKR_KEY_FUNCTION_NOT_PERMITTED, kHsm, kNone),
    ROW(CKR_MECHANISM_INVALID, kHsm, kNone),
    ROW(CKR_MECHANISM_PARAM_INVALID, kHsm, kNone),
    ROW(CKR_OBJECT_HANDLE_INVALID, kHsm, kNone),
    ROW(CKR_OPERATION_ACTIVE, kHsm, kNone),
    ROW(CKR_OPERATION_NOT_INITIALIZED, kHsm, kNone),
    ROW(CKR_PIN_INCORRECT, kHsmPin, kNone),
    ROW(CKR_PIN_INVALID, kHsmPin, kNone),
    ROW(CKR_PIN_LEN_RANGE, kHsmPin, kNone),
    ROW(CKR_PIN_EXPIRED, kHsmPin, kNone),
    ROW(CKR_PIN_LOCKED, kHsmPin, kNone),
    ROW(CKR_USER_PIN_NOT_INITIALIZED, kHsmPin, kNone),
    ROW(CKR_SESSION_CLOSED, kHsmGone, kSession),
    ROW(CKR_SESSION_COUNT, kHsm, kNone),
    ROW(CKR_SESSION_HANDLE_INVALID, kHsmGone, kSession),
    ROW(CKR_SESSION_READ_ONLY, kHsm, kNone),
    ROW(CKR_SIGNATURE_INVALID, kCrypto, kNone),
    ROW(CKR_TEMPLATE_INCOMPLETE, kHsm, kNone),
    ROW(CKR_TEMPLATE_INCONSISTENT, kHsm, kNone),
    ROW(CKR_TOKEN_NOT_PRESENT, kHsmGone, kToken),
    ROW(CKR_TOKEN_NOT_RECOGNIZED, kHsmGone, kToken),
    ROW(CKR_TOKEN_WRITE_PROTECTED, kHsm, kNone),
    ROW(CKR_USER_ALREADY_LOGGED_IN, kHsm, kNone),
    ROW(CKR_USER_NOT_LOGGED_IN, kHsmGone, kToken),
    ROW(CKR_USER_ANOTHER_ALREADY_LOGGED_IN, kHsm, kNone),
    ROW(CKR_USER_TOO_MANY_TYPES, kHsm, kNone),
    ROW(CKR_DOMAIN_PARAMS_INVALID, kHsm, kNone),
    ROW(CKR_CURVE_NOT_SUPPORTED, kHsm, kNone),
    ROW(CKR_BUFFER_TOO_SMALL, kHsm, kNone),
    ROW(CKR_CRYPTOKI_NOT_INITIALIZED, kHsmGone, kToken),
    ROW(CKR_CRYPTOKI_ALREADY_INITIALIZED, kHsm, kNone),
    ROW(CKR_FIPS_SELF_TEST_FAILED, kHsm, kNone),
    ROW(CKR_FUNCTION_REJECTED, kHsm, kNone),
};
#undef ROW

const Row* find_row(ck_rv_t code) {
  const auto* row = std::find_if(std::begin(kRows), std::end(kRows), [&](const Row& r) { return r.code == code; });
  return row == std::end(kRows) ? nullptr : row;
}

}  // namespace

bool Rv::session_lost() const noexcept {
  const Row* row = find_row(code);
  return row != nullptr && row->loss != Loss::kNone;
}

bool Rv::one_session_lost() const noexcept {
  const Row* row = find_row(code);
  return row != nullptr && row->loss == Loss::kSession;
}

bool Rv::pin_refused() const noexcept {
  const Row* row = find_row(code);
  return row != nullptr && row->errc == Errc::kHsmPin;
}

std::string rv_name(ck_rv_t code) {
  if (const Row* row = find_row(code)) return row->name;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "CKR 0x%lx", code);
  return text.data();
}

Error to_error(const Rv& rv) {
  const Row* row = find_row(rv.code);
  const Errc errc = row == nullptr ? Errc::kHsm : row->errc;
  const char* hint = errc == Errc::kHsmGone ? kGoneHint : errc == Errc::kHsmPin ? kPinHint : "";
  return make_error(errc, std::string(rv.function) + ": " + rv_name(rv.code), hint);
}

}  // namespace facekeep::hsm
