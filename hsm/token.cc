#include "hsm/token.h"

#include <vector>

namespace facekeep::hsm {
namespace {

template <std::size_t N>
std::string trimmed(const unsigned char (&raw)[N]) {
  std::string text(reinterpret_cast<const char*>(raw), N);
  text.erase(text.find_last_not_of(std::string_view(" \0", 2)) + 1);
  return text;
}

TokenIdentity identity_of(const ck_token_info& token, const ck_slot_info& slot) {
  return {trimmed(token.label),
          trimmed(token.manufacturer_id),
          trimmed(token.model),
          trimmed(token.serial_number),
          std::to_string(token.firmware_version.major) + "." + std::to_string(token.firmware_version.minor),
          (slot.flags & CKF_HW_SLOT) != 0 ? "hardware" : "software"};
}

bool matches(const TokenUri& uri, ck_slot_id_t slot, const TokenIdentity& token) {
  const auto agrees = [](const std::optional<std::string>& wanted, const std::string& is) {
    return !wanted || *wanted == is;
  };
  return agrees(uri.label, token.label) && agrees(uri.manufacturer, token.manufacturer) &&
         agrees(uri.model, token.model) && agrees(uri.serial, token.serial) && (!uri.slot_id || *uri.slot_id == slot);
}

bool same_token(const TokenIdentity& a, const TokenIdentity& b) {
  return a.serial == b.serial && a.manufacturer == b.manufacturer && a.model == b.model;
}

std::string name_of(const TokenIdentity& t) {
  return "\"" + t.label + "\" (" + t.manufacturer + ", serial " + t.serial + ")";
}

struct Found {
  ck_slot_id_t slot;
  TokenIdentity identity;
};

// Every initialised token that the module shows now. A token that goes away meanwhile is left out.
Result<std::vector<Found>> tokens_present(Calls& calls) {
  FK_TRY(auto slots, calls.slots_with_token());
  std::vector<Found> found;
  for (const ck_slot_id_t slot : slots) {
    auto token = calls.token_info(slot);
    auto info = calls.slot_info(slot);
    if (!token || !info) continue;
    if ((token->flags & CKF_TOKEN_INITIALIZED) == 0) continue;
    found.push_back({slot, identity_of(*token, *info)});
  }
  return found;
}

std::string list_of(const std::vector<Found>& tokens) {
  if (tokens.empty()) return "the module shows no token";
  std::string text = "present: ";
  for (const auto& t : tokens) text += (text.size() > 9 ? ", " : "") + name_of(t.identity);
  return text;
}

}  // namespace

Result<std::shared_ptr<Token>> Token::open(std::shared_ptr<Module> module, TokenUri uri, SecretBytes pin,
                                           const std::optional<ExpectedToken>& expected) {
  Calls calls = module->enter();
  FK_TRY(const auto present, tokens_present(calls));
  std::vector<Found> chosen;
  for (const auto& t : present) {
    if (matches(uri, t.slot, t.identity)) chosen.push_back(t);
  }
  if (chosen.empty()) {
    return make_error(Errc::kNotFound, "no token matches the URI; " + list_of(present),
                      "plug the token in, or correct the URI");
  }
  if (chosen.size() > 1) {
    return make_error(Errc::kInvalidArgument, "the URI matches several tokens; " + list_of(chosen),
                      "name one by its serial in the URI");
  }
  const TokenIdentity& is = chosen.front().identity;
  if (expected && (expected->serial != is.serial || expected->manufacturer != is.manufacturer)) {
    return make_error(Errc::kFailedPrecondition,
                      "the token " + name_of(is) + " is not the vault's (" + expected->manufacturer + ", serial " +
                          expected->serial + ")",
                      "connect the vault's own token, or correct the URI");
  }
  return std::shared_ptr<Token>(new Token(std::move(module), std::move(pin), is));
}

Result<ck_slot_id_t> Token::locate(Calls& calls) const {
  FK_TRY(const auto present, tokens_present(calls));
  for (const auto& t : present) {
    if (same_token(t.identity, identity_)) return ck_slot_id_t{t.slot};
  }
  return make_error(Errc::kHsmGone, "the token " + name_of(identity_) + " is away; " + list_of(present),
                    "plug the vault's token in; facekeep reconnects by itself");
}

Status Token::verify_present(Calls& calls, ck_slot_id_t slot) const {
  FK_TRY(const ck_token_info token, calls.token_info(slot));
  const TokenIdentity now = identity_of(token, {});
  if (same_token(now, identity_)) return {};
  (void)calls.lost(CKR_TOKEN_NOT_RECOGNIZED, "C_GetTokenInfo");
  return make_error(Errc::kHsmGone, "the token " + name_of(identity_) + " was replaced by " + name_of(now),
                    "plug the vault's token in; facekeep reconnects by itself");
}

Error Token::refuse_pin(Error error) {
  refusal_ = error;
  return error;
}

Status Token::login(Calls& calls, ck_slot_id_t slot, ck_session_handle_t session) {
  const std::lock_guard lock(mutex_);
  if (refusal_) return *refusal_;
  FK_CHECK(verify_present(calls, slot));  // never show the PIN to another token
  FK_TRY(const ck_token_info token, calls.token_info(slot));
  if ((token.flags & CKF_LOGIN_REQUIRED) == 0) return {};
  if ((token.flags & CKF_USER_PIN_LOCKED) != 0) {
    return refuse_pin(make_error(Errc::kHsmPin, "the token's PIN is locked", "unlock it with the token's own tool"));
  }
  if ((token.flags & CKF_USER_PIN_FINAL_TRY) != 0) {
    return refuse_pin(make_error(Errc::kHsmPin, "one more wrong PIN would lock the token; it was not tried",
                                 "log in once with the token's own tool, then start anew"));
  }
  if (pin_.empty() && (token.flags & CKF_PROTECTED_AUTHENTICATION_PATH) == 0) {
    return make_error(Errc::kInvalidArgument, "the token needs a PIN", "give a descriptor or a systemd credential");
  }
  auto done = calls.login(session, pin_.view());
  if (!done && calls.failure().pin_refused()) return refuse_pin(std::move(done).error());
  return done;
}

std::optional<Error> Token::pin_refusal() const {
  const std::lock_guard lock(mutex_);
  return refusal_;
}

}  // namespace facekeep::hsm
