// A PKCS#11 module: loads it, initialises it once a process, and makes every call into it.
//
// hsm/module.cc is the one file that calls C_* functions. Source: PKCS#11 Cryptographic Token
// Interface Base Specification 2.40, section 5 (3.0 and 3.1 modules serve the same function list).
#pragma once

#include <cstdint>
#include <memory>
#include <shared_mutex>
#include <string>
#include <vector>

#include "hsm/attributes.h"
#include "hsm/pkcs11.h"
#include "hsm/rv.h"
#include "vault/base/bytes.h"
#include "vault/base/result.h"
#include "vault/base/secret_bytes.h"

namespace facekeep::hsm {

class Calls;

// One per module file and process, shared: login and sessions belong to the process, so a second
// initialisation would not be independent. Thread safe.
class Module {
 public:
  // Loads the shared library at this absolute path and initialises it with OS locking. Returns the
  // same Module while one for this path lives. Tolerates a module that someone else in the process
  // initialised, and then does not finalise it. kIo: can't be loaded; kHsm: refused.
  static Result<std::shared_ptr<Module>> load(const std::string& path);
  // Finalises. The library stays loaded: several modules do not survive being unloaded.
  ~Module();
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  // Permission to make calls. Holds off reinitialise() while it lives: take it for one operation,
  // never two in one thread.
  [[nodiscard]] Calls enter();

  // Finalises and initialises again, unless that happened since `generation` was seen. Every session
  // of the process on this module is then gone. The caller must hold no Calls.
  Status reinitialise(std::uint64_t generation);

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  friend class Calls;
  Module(std::string path, ck_function_list* functions) : path_(std::move(path)), functions_(functions) {}
  Status initialise();

  std::string path_;
  ck_function_list* functions_;  // owned by the library
  std::shared_mutex in_use_;     // shared: inside a call; exclusive: (re)initialising
  std::uint64_t generation_ = 0;
  bool finalise_ = false;  // this object initialised it
};

// The calls themselves, for one thread and one operation. Each failure is kept, so that who runs the
// operation can tell a lost session from a refusal, whatever the operation made of the error.
// Session and object handles are those of this generation().
class Calls {
 public:
  Calls(Calls&&) = default;

  // Counts initialisations; handles of an older generation are void and may name something else.
  [[nodiscard]] std::uint64_t generation() const noexcept { return generation_; }
  // The last call that failed, or ok().
  [[nodiscard]] const Rv& failure() const noexcept { return failure_; }

  // Records what a successful call revealed (a session that is not logged in, another token in the
  // slot) as the loss that it is.
  Error lost(ck_rv_t code, const char* function) {
    failure_ = {code, function};
    return failed();
  }

  using Session = ck_session_handle_t;
  using Object = ck_object_handle_t;

  Result<std::vector<ck_slot_id_t>> slots_with_token();
  Result<ck_slot_info> slot_info(ck_slot_id_t slot);
  Result<ck_token_info> token_info(ck_slot_id_t slot);
  // Nothing (a null flags field) is never returned: kNotFound if the token has no such mechanism.
  Result<ck_mechanism_info> mechanism_info(ck_slot_id_t slot, ck_mechanism_type_t mechanism);

  Result<Session> open_session(ck_slot_id_t slot);  // read-write, serial
  void close_session(Session session);              // a failure is of no use to anyone
  Result<ck_session_info> session_info(Session session);
  // As CKU_USER. An empty PIN asks the token's own keypad. "Already logged in" is success.
  Status login(Session session, ByteView pin);

  Result<Object> create_object(Session session, Attributes& attributes);
  Status destroy_object(Session session, Object object);
  Result<std::vector<Object>> find_objects(Session session, Attributes& attributes);
  // The attribute's bytes. kHsm with CKR_ATTRIBUTE_TYPE_INVALID or _SENSITIVE if it has or shows none.
  Result<Bytes> attribute(Session session, Object object, ck_attribute_type_t type);

  Result<Object> generate_key(Session session, ck_mechanism mechanism, Attributes& attributes);
  struct KeyPair {
    Object public_key;
    Object private_key;
  };
  Result<KeyPair> generate_key_pair(Session session, ck_mechanism mechanism, Attributes& public_key,
                                    Attributes& private_key);

  // One-part operations. `mechanism`'s parameters must live through the call; a token may write into
  // them (an IV that it chose).
  Result<Bytes> encrypt(Session session, ck_mechanism mechanism, Object key, ByteView plain);
  Result<SecretBytes> decrypt(Session session, ck_mechanism mechanism, Object key, ByteView sealed);
  Result<Bytes> sign(Session session, ck_mechanism mechanism, Object key, ByteView message);

 private:
  friend class Module;
  Calls(std::shared_lock<std::shared_mutex> lock, ck_function_list* functions, std::uint64_t generation)
      : lock_(std::move(lock)), f_(functions), generation_(generation) {}
  // Keeps a failure. True if the call succeeded.
  bool check(const char* function, ck_rv_t code);
  Error failed() const { return to_error(failure_); }

  std::shared_lock<std::shared_mutex> lock_;
  ck_function_list* f_;
  std::uint64_t generation_;
  Rv failure_;
};

}  // namespace facekeep::hsm
