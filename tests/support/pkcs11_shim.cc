// See pkcs11_shim.h for what it does and how it is told.
#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <type_traits>
#include <vector>

#define CRYPTOKI_GNU 1
#include <p11-kit/pkcs11.h>

namespace {

ck_function_list* real = nullptr;

std::string hex(unsigned long v) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%lx", v);
  return text;
}

struct Fault {
  std::string function;  // or "*"
  unsigned long code = 0;
  long skip = 0;
  long count = -1;  // negative: no end
  bool after = false;
};

// The faults in force. The file is read again at each call; counts restart when its text changes.
class Control {
 public:
  std::optional<Fault> fault_for(const std::string& function) {
    const std::lock_guard lock(mutex_);
    refresh();
    for (Fault& f : faults_) {
      if (f.function != function && !(f.function == "*" && is_token_call(function))) continue;
      if (f.count == 0) continue;
      if (f.skip > 0) {
        --f.skip;
        return std::nullopt;
      }
      if (f.count > 0) --f.count;
      return f;
    }
    return std::nullopt;
  }
  bool hidden(ck_mechanism_type_t mechanism) {
    const std::lock_guard lock(mutex_);
    refresh();
    return std::find(hidden_.begin(), hidden_.end(), mechanism) != hidden_.end();
  }

 private:
  static bool is_token_call(const std::string& function) {
    for (const char* exempt : {"C_Initialize", "C_Finalize", "C_GetInfo", "C_GetFunctionList", "C_GetSlotList"}) {
      if (function == exempt) return false;
    }
    return true;
  }
  void refresh() {
    const char* path = std::getenv("FACEKEEP_SHIM_CONTROL");
    std::ostringstream now;
    if (path != nullptr) {
      std::ifstream in(path);
      now << in.rdbuf();
    }
    if (now.str() == text_) return;
    text_ = now.str();
    faults_.clear();
    hidden_.clear();
    std::istringstream lines(text_);
    for (std::string line; std::getline(lines, line);) parse(line.substr(0, line.find('#')));
  }
  void parse(const std::string& line) {
    std::istringstream words(line);
    Fault f;
    if (!(words >> f.function)) return;
    for (std::string word; words >> word;) {
      if (word == "CKR") continue;
      if (word == "count") {
        words >> f.count;
      } else if (word == "skip") {
        words >> f.skip;
      } else if (word == "after") {
        f.after = true;
      } else {
        f.code = std::strtoul(word.c_str(), nullptr, 0);
      }
    }
    if (f.function == "hide") {
      hidden_.push_back(f.code);
    } else {
      faults_.push_back(f);
    }
  }

  std::mutex mutex_;
  std::string text_;
  std::vector<Fault> faults_;
  std::vector<ck_mechanism_type_t> hidden_;
};

Control& control() {
  static auto* instance = new Control;  // outlives every caller
  return *instance;
}

void log_line(const std::string& text) {
  const char* path = std::getenv("FACEKEEP_SHIM_LOG");
  if (path == nullptr) return;
  const int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return;
  const std::string line = text + "\n";
  if (write(fd, line.data(), line.size()) < 0) std::perror("pkcs11_shim");
  close(fd);
}

// What the log says of the arguments: a mechanism, and a template where its length follows it.
std::string describe() {
  return {};
}
template <class T, class... Rest>
std::string describe(T first, Rest... rest) {
  std::string text;
  if constexpr (std::is_same_v<T, ck_mechanism*>) {
    text = first == nullptr ? " mech=none" : " mech=" + hex(first->mechanism);
  } else if constexpr (std::is_same_v<T, ck_attribute*>) {
    if constexpr (sizeof...(rest) > 0) {
      const unsigned long count = [](auto n, auto...) {
        if constexpr (std::is_integral_v<decltype(n)>) return static_cast<unsigned long>(n);
        return 0UL;
      }(rest...);
      text = " types=";
      for (unsigned long i = 0; i < count; ++i) text += (i == 0 ? "" : ",") + hex(first[i].type);
    }
  }
  return text + describe(rest...);
}

template <std::size_t N>
struct Name {
  char text[N];
  constexpr Name(const char (&from)[N]) { std::copy_n(from, N, text); }
};

std::string class_of(ck_session_handle_t session, ck_object_handle_t object) {
  unsigned long value = ~0UL;
  ck_attribute query{CKA_CLASS, &value, sizeof value};
  if (real->C_GetAttributeValue(session, object, &query, 1) != CKR_OK) return " class=unknown";
  return " class=" + hex(value);
}

template <class Call>
ck_rv_t intercept(const char* name, const std::string& arguments, Call&& call) {
  const auto fault = control().fault_for(name);
  ck_rv_t code = fault ? fault->code : CKR_OK;
  if (!fault || fault->after) {
    const ck_rv_t actual = call();
    if (!fault) code = actual;
  }
  log_line(name + arguments + " -> " + hex(code) + (fault ? " (fault)" : ""));
  return code;
}

template <auto Member, Name name, class Function>
struct Wrapped;
template <auto Member, Name name, class... A>
struct Wrapped<Member, name, ck_rv_t (*)(A...)> {
  static ck_rv_t call(A... args) {
    return intercept(name.text, describe(args...), [&] { return (real->*Member)(args...); });
  }
};

ck_rv_t get_attribute_value(ck_session_handle_t session, ck_object_handle_t object, ck_attribute* entries,
                            unsigned long count) {
  return intercept("C_GetAttributeValue", class_of(session, object) + describe(entries, count),
                   [&] { return real->C_GetAttributeValue(session, object, entries, count); });
}

ck_rv_t get_mechanism_info(ck_slot_id_t slot, ck_mechanism_type_t type, ck_mechanism_info* info) {
  return intercept("C_GetMechanismInfo", " mech=" + hex(type), [&]() -> ck_rv_t {
    if (control().hidden(type)) return CKR_MECHANISM_INVALID;
    return real->C_GetMechanismInfo(slot, type, info);
  });
}

ck_rv_t get_mechanism_list(ck_slot_id_t slot, ck_mechanism_type_t* list, unsigned long* count) {
  return intercept("C_GetMechanismList", "", [&]() -> ck_rv_t {
    unsigned long all_count = 0;
    ck_rv_t code = real->C_GetMechanismList(slot, nullptr, &all_count);
    if (code != CKR_OK) return code;
    std::vector<ck_mechanism_type_t> all(all_count);
    code = real->C_GetMechanismList(slot, all.data(), &all_count);
    if (code != CKR_OK) return code;
    all.resize(all_count);
    std::erase_if(all, [](ck_mechanism_type_t m) { return control().hidden(m); });
    const unsigned long room = *count;
    *count = all.size();
    if (list == nullptr) return CKR_OK;
    if (room < all.size()) return CKR_BUFFER_TOO_SMALL;
    std::copy(all.begin(), all.end(), list);
    return CKR_OK;
  });
}

ck_rv_t get_function_list(ck_function_list** out);

ck_function_list make_list() {
  ck_function_list list = *real;
#define WRAP(f) list.f = Wrapped<&ck_function_list::f, #f, CK_##f>::call
  WRAP(C_Initialize), WRAP(C_Finalize), WRAP(C_GetInfo), WRAP(C_GetSlotList), WRAP(C_GetSlotInfo);
  WRAP(C_GetTokenInfo), WRAP(C_InitToken), WRAP(C_InitPIN), WRAP(C_SetPIN), WRAP(C_OpenSession);
  WRAP(C_CloseSession), WRAP(C_CloseAllSessions), WRAP(C_GetSessionInfo), WRAP(C_GetOperationState);
  WRAP(C_SetOperationState), WRAP(C_Login), WRAP(C_Logout), WRAP(C_CreateObject), WRAP(C_CopyObject);
  WRAP(C_DestroyObject), WRAP(C_GetObjectSize), WRAP(C_SetAttributeValue), WRAP(C_FindObjectsInit);
  WRAP(C_FindObjects), WRAP(C_FindObjectsFinal), WRAP(C_EncryptInit), WRAP(C_Encrypt), WRAP(C_EncryptUpdate);
  WRAP(C_EncryptFinal), WRAP(C_DecryptInit), WRAP(C_Decrypt), WRAP(C_DecryptUpdate), WRAP(C_DecryptFinal);
  WRAP(C_DigestInit), WRAP(C_Digest), WRAP(C_DigestUpdate), WRAP(C_DigestKey), WRAP(C_DigestFinal);
  WRAP(C_SignInit), WRAP(C_Sign), WRAP(C_SignUpdate), WRAP(C_SignFinal), WRAP(C_SignRecoverInit);
  WRAP(C_SignRecover), WRAP(C_VerifyInit), WRAP(C_Verify), WRAP(C_VerifyUpdate), WRAP(C_VerifyFinal);
  WRAP(C_VerifyRecoverInit), WRAP(C_VerifyRecover), WRAP(C_DigestEncryptUpdate), WRAP(C_DecryptDigestUpdate);
  WRAP(C_SignEncryptUpdate), WRAP(C_DecryptVerifyUpdate), WRAP(C_GenerateKey), WRAP(C_GenerateKeyPair);
  WRAP(C_WrapKey), WRAP(C_UnwrapKey), WRAP(C_DeriveKey), WRAP(C_SeedRandom), WRAP(C_GenerateRandom);
  WRAP(C_GetFunctionStatus), WRAP(C_CancelFunction), WRAP(C_WaitForSlotEvent);
#undef WRAP
  list.C_GetFunctionList = get_function_list;
  list.C_GetAttributeValue = get_attribute_value;
  list.C_GetMechanismInfo = get_mechanism_info;
  list.C_GetMechanismList = get_mechanism_list;
  return list;
}

ck_rv_t get_function_list(ck_function_list** out) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  if (real == nullptr) {
    const char* path = std::getenv("FACEKEEP_SHIM_MODULE");
    void* library = path == nullptr ? nullptr : dlopen(path, RTLD_NOW | RTLD_LOCAL);
    auto* get = library == nullptr
                    ? nullptr
                    : reinterpret_cast<ck_rv_t (*)(ck_function_list**)>(dlsym(library, "C_GetFunctionList"));
    if (get == nullptr || get(&real) != CKR_OK) {
      std::fprintf(stderr, "pkcs11_shim: FACEKEEP_SHIM_MODULE does not name a PKCS#11 module\n");
      return CKR_GENERAL_ERROR;
    }
  }
  static ck_function_list list = make_list();
  *out = &list;
  return CKR_OK;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) ck_rv_t C_GetFunctionList(ck_function_list** list) {
  return get_function_list(list);
}
