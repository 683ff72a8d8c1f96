// Result<T>: the one way a facekeep function reports failure.
//
// The member names are std::expected's (C++23), so that the type can be replaced by it one day.
// An Error says what happened and what to do, for a person, and never carries a secret, an
// embedding, a share or a score. Exceptions are caught at the edges (allocation, JSON, the HTTP
// library) and go no further.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace facekeep {

// Closed set of failure kinds. The HTTP front maps each to one problem type (api/problem.h), the
// commands map each to an exit code (1 the caller's mistake, 2 the vault refused or failed).
enum class Errc : std::uint8_t {
  kInvalidArgument,     // a value is outside what the interface allows
  kMalformed,           // bytes do not parse as the format that they should be
  kTooLarge,            // a documented limit is exceeded
  kNotFound,            // the named thing does not exist
  kAlreadyExists,       // the named thing exists already
  kPermissionDenied,    // the principal may not do this
  kFailedPrecondition,  // right in itself, not in this state
  kConflict,            // lost a race with another change; nothing was changed
  kSealed,              // the vault is sealed
  kHalted,              // the vault stopped answering; the message says why
  kExhausted,           // a budget, counter or capacity ran out
  kUnavailable,         // a resource is away for now; try again
  kCrypto,              // a cryptographic operation failed (wrong key, altered bytes)
  kIntegrity,           // stored bytes contradict the log
  kIo,                  // the operating system refused an operation
  kOutOfSpace,          // the disk is full or nearly so
  kHsm,                 // the token refused or failed
  kHsmPin,              // the token refused the PIN; it is not tried again
  kHsmGone,             // the token or its session is away
  kInternal,            // a defect in facekeep
};

// Stable lower-case name, for logs and problem types: "invalid-argument".
std::string_view to_string(Errc code) noexcept;

struct Error {
  Errc code = Errc::kInternal;
  std::string message;  // what happened, one sentence without a final full stop
  std::string hint;     // what to do, may be empty
  // Stable name of the problem where it is finer than the code ("wrong-dimension"): a literal, or
  // nullptr for to_string(code). It becomes the problem document's type (api/problem.h).
  const char* problem = nullptr;
};

inline Error make_error(Errc code, std::string message, std::string hint = {}) {
  return Error{code, std::move(message), std::move(hint), nullptr};
}
inline Error make_problem(Errc code, const char* problem, std::string message, std::string hint = {}) {
  return Error{code, std::move(message), std::move(hint), problem};
}

// A value or an Error. Must be looked at: dropping one is a compile-time warning (and an error in
// this tree). Not thread safe; a Result belongs to one thread at a time, like the value in it.
template <class T>
class [[nodiscard]] Result {
 public:
  using value_type = T;
  Result(T value) : v_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : v_(std::in_place_index<1>, std::move(error)) {}

  [[nodiscard]] bool has_value() const noexcept { return v_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  // Precondition of the accessors: has_value() (or not, for error()). Without it the process ends: what was never there
  // must not be read.
  T& value() & { return *get(); }
  const T& value() const& { return *get(); }
  T&& value() && { return std::move(*get()); }
  T& operator*() & { return *get(); }
  const T& operator*() const& { return *get(); }
  T&& operator*() && { return std::move(*get()); }
  T* operator->() { return get(); }
  const T* operator->() const { return get(); }
  Error& error() & { return *err(); }
  const Error& error() const& { return *err(); }
  Error&& error() && { return std::move(*err()); }

  template <class U>
  T value_or(U&& other) && {
    return has_value() ? std::move(*get()) : static_cast<T>(std::forward<U>(other));
  }

 private:
  template <std::size_t I, class V>
  static auto* checked(V& v) {
    auto* p = std::get_if<I>(&v);
    if (p == nullptr) std::abort();
    return p;
  }
  T* get() { return checked<0>(v_); }
  const T* get() const { return checked<0>(v_); }
  Error* err() { return checked<1>(v_); }
  const Error* err() const { return checked<1>(v_); }
  std::variant<T, Error> v_;
};

// Success or an Error. `return {};` is success.
template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;
  Result() = default;
  Result(Error error) : e_(std::move(error)) {}
  [[nodiscard]] bool has_value() const noexcept { return !e_.has_value(); }
  explicit operator bool() const noexcept { return has_value(); }
  void value() const {
    if (!has_value()) std::abort();
  }
  Error& error() & { return *e_; }
  const Error& error() const& { return *e_; }
  Error&& error() && { return std::move(*e_); }

 private:
  std::optional<Error> e_;
};

using Status = Result<void>;

}  // namespace facekeep

// FK_TRY(auto x, f());   declares x from f()'s value, or returns f()'s Error from this function.
// FK_CHECK(f());         returns f()'s Error from this function, or goes on.
#define FK_CONCAT_INNER(a, b) a##b
#define FK_CONCAT(a, b) FK_CONCAT_INNER(a, b)
#define FK_TRY_IMPL(tmp, decl, ...)        \
  auto tmp = (__VA_ARGS__);                \
  if (!tmp) return std::move(tmp).error(); \
  decl = std::move(*tmp)
#define FK_TRY(decl, ...) FK_TRY_IMPL(FK_CONCAT(fk_try_, __LINE__), decl, __VA_ARGS__)
#define FK_CHECK_IMPL(tmp, ...) \
  if (auto tmp = (__VA_ARGS__); !tmp) return std::move(tmp).error()
#define FK_CHECK(...) FK_CHECK_IMPL(FK_CONCAT(fk_check_, __LINE__), __VA_ARGS__)
