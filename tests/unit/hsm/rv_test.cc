#include "hsm/rv.h"

#include "tests/support/catch.h"

using namespace facekeep;
using namespace facekeep::hsm;

TEST_CASE("a return value becomes an error by one table") {
  const Error gone = to_error({CKR_DEVICE_REMOVED, "C_Sign"});
  CHECK(gone.code == Errc::kHsmGone);
  CHECK(gone.message == "C_Sign: CKR_DEVICE_REMOVED");
  CHECK_FALSE(gone.hint.empty());
  CHECK(to_error({CKR_PIN_LOCKED, "C_Login"}).code == Errc::kHsmPin);
  CHECK(to_error({CKR_KEY_SIZE_RANGE, "C_GenerateKey"}).code == Errc::kHsm);
  CHECK(to_error({0x35, "C_Decrypt"}).code == Errc::kCrypto);
}

TEST_CASE("an unknown return value stays visible") {
  const Error e = to_error({CKR_VENDOR_DEFINED | 0xa1, "C_Sign"});
  CHECK(e.code == Errc::kHsm);
  CHECK(e.message == "C_Sign: CKR 0x800000a1");
}

TEST_CASE("what means a lost session is known, and what means a refused PIN") {
  for (const ck_rv_t code :
       {CKR_SESSION_HANDLE_INVALID, CKR_SESSION_CLOSED, CKR_DEVICE_REMOVED, CKR_TOKEN_NOT_PRESENT, CKR_DEVICE_ERROR,
        CKR_USER_NOT_LOGGED_IN, CKR_CRYPTOKI_NOT_INITIALIZED, CKR_SLOT_ID_INVALID, CKR_TOKEN_NOT_RECOGNIZED}) {
    INFO(rv_name(code));
    CHECK(Rv{code, ""}.session_lost());
    CHECK_FALSE(Rv{code, ""}.pin_refused());
  }
  for (const ck_rv_t code : {CKR_OK, CKR_GENERAL_ERROR, CKR_KEY_HANDLE_INVALID, CKR_ENCRYPTED_DATA_INVALID}) {
    CHECK_FALSE(Rv{code, ""}.session_lost());
  }
  for (const ck_rv_t code : {CKR_PIN_INCORRECT, CKR_PIN_LOCKED, CKR_PIN_EXPIRED, CKR_PIN_LEN_RANGE, CKR_PIN_INVALID}) {
    CHECK(Rv{code, ""}.pin_refused());
    CHECK_FALSE(Rv{code, ""}.session_lost());
  }
}
