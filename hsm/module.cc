#include "hsm/module.h"

#include <dlfcn.h>

#include <map>
#include <mutex>

namespace facekeep::hsm {
namespace {

// Room beyond the input for a tag, a padding or a signature (RSA-4096: 512 bytes).
constexpr std::size_t kSlack = 512;
constexpr unsigned long kFindBatch = 64;
// An attribute longer than this is not one that facekeep knows.
constexpr unsigned long kMaxAttribute = 64 * 1024;

std::mutex registry_mutex;
std::map<std::string, std::weak_ptr<Module>>& registry() {
  static std::map<std::string, std::weak_ptr<Module>> modules;
  return modules;
}

// PKCS#11 has no const: inputs are not written to.
unsigned char* in(ByteView bytes) {
  return const_cast<unsigned char*>(bytes.data());
}

}  // namespace

Result<std::shared_ptr<Module>> Module::load(const std::string& path) {
  if (path.empty() || path.front() != '/') {
    return make_error(Errc::kInvalidArgument, "the PKCS#11 module must be named by an absolute path",
                      "give module-path=/... in the token's URI");
  }
  std::shared_ptr<Module> module;  // outlives the lock, which its destructor takes
  const std::lock_guard lock(registry_mutex);
  auto& slot = registry()[path];
  if (auto living = slot.lock()) return living;
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* why = dlerror();
    return make_error(Errc::kIo, "can't load the PKCS#11 module: " + std::string(why == nullptr ? path : why),
                      "install the token's PKCS#11 module, or correct module-path in the URI");
  }
  using GetFunctionList = ck_rv_t (*)(ck_function_list**);
  auto* get = reinterpret_cast<GetFunctionList>(dlsym(library, "C_GetFunctionList"));
  ck_function_list* functions = nullptr;
  if (get == nullptr || get(&functions) != CKR_OK || functions == nullptr) {
    return make_error(Errc::kIo, path + " is not a PKCS#11 module");
  }
  module.reset(new Module(path, functions));
  FK_CHECK(module->initialise());
  slot = module;
  return module;
}

Module::~Module() {
  // Under the registry's lock, so that a load() of the same path can't initialise in between.
  const std::lock_guard lock(registry_mutex);
  if (finalise_) functions_->C_Finalize(nullptr);
}

Status Module::initialise() {
  ck_c_initialize_args args{};
  args.flags = CKF_OS_LOCKING_OK;
  const ck_rv_t code = functions_->C_Initialize(&args);
  finalise_ = code == CKR_OK;
  if (code != CKR_OK && code != CKR_CRYPTOKI_ALREADY_INITIALIZED) return to_error({code, "C_Initialize"});
  ++generation_;
  return {};
}

Calls Module::enter() {
  std::shared_lock lock(in_use_);
  const std::uint64_t generation = generation_;
  return Calls(std::move(lock), functions_, generation);
}

Status Module::reinitialise(std::uint64_t generation) {
  const std::unique_lock lock(in_use_);
  if (generation_ != generation) return {};
  // May say "not initialised": then it was lost already, which is why we are here.
  functions_->C_Finalize(nullptr);
  return initialise();
}

bool Calls::check(const char* function, ck_rv_t code) {
  if (code == CKR_OK) return true;
  failure_ = {code, function};
  return false;
}

Result<std::vector<ck_slot_id_t>> Calls::slots_with_token() {
  // Asking for the size makes a module look for new and removed tokens; the list may grow between.
  for (int attempt = 0; attempt < 3; ++attempt) {
    unsigned long count = 0;
    if (!check("C_GetSlotList", f_->C_GetSlotList(1, nullptr, &count))) return failed();
    std::vector<ck_slot_id_t> slots(count);
    if (count == 0) return slots;
    const ck_rv_t code = f_->C_GetSlotList(1, slots.data(), &count);
    if (code == CKR_BUFFER_TOO_SMALL) continue;
    if (!check("C_GetSlotList", code)) return failed();
    slots.resize(count);
    return slots;
  }
  return make_error(Errc::kHsm, "the list of slots keeps changing");
}

Result<ck_slot_info> Calls::slot_info(ck_slot_id_t slot) {
  ck_slot_info info{};
  if (!check("C_GetSlotInfo", f_->C_GetSlotInfo(slot, &info))) return failed();
  return info;
}

Result<ck_token_info> Calls::token_info(ck_slot_id_t slot) {
  ck_token_info info{};
  if (!check("C_GetTokenInfo", f_->C_GetTokenInfo(slot, &info))) return failed();
  return info;
}

Result<ck_mechanism_info> Calls::mechanism_info(ck_slot_id_t slot, ck_mechanism_type_t mechanism) {
  ck_mechanism_info info{};
  const ck_rv_t code = f_->C_GetMechanismInfo(slot, mechanism, &info);
  if (code == CKR_MECHANISM_INVALID) return make_error(Errc::kNotFound, "the token has no such mechanism");
  if (!check("C_GetMechanismInfo", code)) return failed();
  return info;
}

Result<Calls::Session> Calls::open_session(ck_slot_id_t slot) {
  Session session = 0;
  if (!check("C_OpenSession",
             f_->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr, &session))) {
    return failed();
  }
  return session;
}

void Calls::close_session(Session session) {
  f_->C_CloseSession(session);
}

Result<ck_session_info> Calls::session_info(Session session) {
  ck_session_info info{};
  if (!check("C_GetSessionInfo", f_->C_GetSessionInfo(session, &info))) return failed();
  return info;
}

Status Calls::login(Session session, ByteView pin) {
  const ck_rv_t code = f_->C_Login(session, CKU_USER, pin.empty() ? nullptr : in(pin), pin.size());
  if (code == CKR_USER_ALREADY_LOGGED_IN) return {};
  if (!check("C_Login", code)) return failed();
  return {};
}

Result<Calls::Object> Calls::create_object(Session session, Attributes& attributes) {
  Object object = 0;
  if (!check("C_CreateObject", f_->C_CreateObject(session, attributes.data(), attributes.size(), &object))) {
    return failed();
  }
  return object;
}

Status Calls::destroy_object(Session session, Object object) {
  if (!check("C_DestroyObject", f_->C_DestroyObject(session, object))) return failed();
  return {};
}

Result<std::vector<Calls::Object>> Calls::find_objects(Session session, Attributes& attributes) {
  if (!check("C_FindObjectsInit", f_->C_FindObjectsInit(session, attributes.data(), attributes.size()))) {
    return failed();
  }
  std::vector<Object> found;
  for (unsigned long count = kFindBatch; count != 0;) {
    found.resize(found.size() + kFindBatch);
    const bool ok =
        check("C_FindObjects", f_->C_FindObjects(session, &found[found.size() - kFindBatch], kFindBatch, &count));
    if (!ok || count > kFindBatch) {
      f_->C_FindObjectsFinal(session);
      return ok ? make_error(Errc::kHsm, "C_FindObjects: more objects than asked for") : failed();
    }
    found.resize(found.size() - kFindBatch + count);
  }
  if (!check("C_FindObjectsFinal", f_->C_FindObjectsFinal(session))) return failed();
  return found;
}

Result<Bytes> Calls::attribute(Session session, Object object, ck_attribute_type_t type) {
  ck_attribute entry{type, nullptr, 0};
  if (!check("C_GetAttributeValue", f_->C_GetAttributeValue(session, object, &entry, 1))) return failed();
  if (entry.value_len > kMaxAttribute) return make_error(Errc::kHsm, "C_GetAttributeValue: impossible length");
  Bytes value(entry.value_len);
  if (value.empty()) return value;
  entry.value = value.data();
  if (!check("C_GetAttributeValue", f_->C_GetAttributeValue(session, object, &entry, 1))) return failed();
  if (entry.value_len > value.size()) return make_error(Errc::kHsm, "C_GetAttributeValue: impossible length");
  value.resize(entry.value_len);
  return value;
}

Result<Calls::Object> Calls::generate_key(Session session, ck_mechanism mechanism, Attributes& attributes) {
  Object key = 0;
  if (!check("C_GenerateKey", f_->C_GenerateKey(session, &mechanism, attributes.data(), attributes.size(), &key))) {
    return failed();
  }
  return key;
}

Result<Calls::KeyPair> Calls::generate_key_pair(Session session, ck_mechanism mechanism, Attributes& public_key,
                                                Attributes& private_key) {
  KeyPair pair{};
  if (!check("C_GenerateKeyPair",
             f_->C_GenerateKeyPair(session, &mechanism, public_key.data(), public_key.size(), private_key.data(),
                                   private_key.size(), &pair.public_key, &pair.private_key))) {
    return failed();
  }
  return pair;
}

Result<Bytes> Calls::encrypt(Session session, ck_mechanism mechanism, Object key, ByteView plain) {
  if (!check("C_EncryptInit", f_->C_EncryptInit(session, &mechanism, key))) return failed();
  Bytes sealed(plain.size() + kSlack);
  unsigned long size = sealed.size();
  if (!check("C_Encrypt", f_->C_Encrypt(session, in(plain), plain.size(), sealed.data(), &size))) return failed();
  if (size > sealed.size()) return make_error(Errc::kHsm, "C_Encrypt: impossible length");
  sealed.resize(size);
  return sealed;
}

Result<SecretBytes> Calls::decrypt(Session session, ck_mechanism mechanism, Object key, ByteView sealed) {
  if (!check("C_DecryptInit", f_->C_DecryptInit(session, &mechanism, key))) return failed();
  SecretBytes plain(sealed.size() + kSlack);
  unsigned long size = plain.size();
  if (!check("C_Decrypt", f_->C_Decrypt(session, in(sealed), sealed.size(), plain.data(), &size))) {
    // A failure ends the operation (PKCS#11 2.40, 5.9); a module that leaves it open keeps the key in use, which then
    // can't be destroyed. Of one that ended, this says that there is none.
    size = plain.size();
    if (!failure_.session_lost()) f_->C_DecryptFinal(session, plain.data(), &size);
    return failed();
  }
  if (size > plain.size()) return make_error(Errc::kHsm, "C_Decrypt: impossible length");
  plain.shrink(size);
  return plain;
}

Result<Bytes> Calls::sign(Session session, ck_mechanism mechanism, Object key, ByteView message) {
  if (!check("C_SignInit", f_->C_SignInit(session, &mechanism, key))) return failed();
  Bytes signature(kSlack);
  unsigned long size = signature.size();
  if (!check("C_Sign", f_->C_Sign(session, in(message), message.size(), signature.data(), &size))) return failed();
  if (size > signature.size()) return make_error(Errc::kHsm, "C_Sign: impossible length");
  signature.resize(size);
  return signature;
}

}  // namespace facekeep::hsm
