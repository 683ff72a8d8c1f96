// One token: which it is, where it is, and its login.
//
// Login is per token and process, not per session (PKCS#11 2.40, C_Login): this object owns it, and
// nobody logs out. A refused PIN latches: the token is never asked again by this object, so that no
// loop can lock it.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "hsm/module.h"
#include "hsm/uri.h"

namespace facekeep::hsm {

// What a token says of itself (CK_TOKEN_INFO), blanks trimmed.
struct TokenIdentity {
  std::string label;
  std::string manufacturer;
  std::string model;
  std::string serial;
  std::string firmware;     // "2.6"
  std::string token_class;  // "hardware": its module flags the slot CKF_HW_SLOT; else "software". A
                            // claim by the module, as everything here: it tells files from devices that
                            // say so, and proves nothing
};

// The token that a vault's genesis names. Both must match; labels may be changed by their owner.
struct ExpectedToken {
  std::string manufacturer;
  std::string serial;
};

class Token {
 public:
  // Finds the one token that the URI names and reads its identity; no login yet, and the PIN is kept
  // (in secret memory) for logins after a loss. An empty PIN asks the token's own keypad, if it has
  // one. Errors: kNotFound (none matches; the message lists those present), kInvalidArgument (several
  // match), kFailedPrecondition (it is not `expected`; the message names both).
  static Result<std::shared_ptr<Token>> open(std::shared_ptr<Module> module, TokenUri uri, SecretBytes pin,
                                             const std::optional<ExpectedToken>& expected);

  // Thread safe, as are all below.
  [[nodiscard]] const TokenIdentity& identity() const noexcept { return identity_; }
  [[nodiscard]] Module& module() const noexcept { return *module_; }

  // The slot that this very token is in now. kHsmGone if it is in none, naming what is there instead.
  Result<ck_slot_id_t> locate(Calls& calls) const;
  // kHsmGone unless the token in `slot` is still this one.
  Status verify_present(Calls& calls, ck_slot_id_t slot) const;

  // Logs in through this session. kHsmPin if the token refuses the PIN, and from then on without
  // touching the token; also, untried, if the token says that one more wrong PIN would lock it.
  Status login(Calls& calls, ck_slot_id_t slot, ck_session_handle_t session);
  // The error of the refused PIN, if one was.
  [[nodiscard]] std::optional<Error> pin_refusal() const;

 private:
  Token(std::shared_ptr<Module> module, SecretBytes pin, TokenIdentity identity)
      : module_(std::move(module)), pin_(std::move(pin)), identity_(std::move(identity)) {}
  Error refuse_pin(Error error);

  const std::shared_ptr<Module> module_;
  const SecretBytes pin_;
  const TokenIdentity identity_;
  mutable std::mutex mutex_;  // one login at a time
  std::optional<Error> refusal_;
};

}  // namespace facekeep::hsm
