// SecretBytes: the only container for keys, PINs, shares and plain templates in transit.
//
// Move-only, sized once, cleansed (OPENSSL_cleanse) on destruction and on every error path. There
// is no operator<<, no operator== and no conversion to std::string; compare with
// constant_time_equal. The memory comes from OpenSSL's secure heap (locked, guarded, excluded from
// core dumps) once init_secret_heap() has run and while it has room; else from the ordinary heap,
// which a hardened daemon locks and never dumps either (tools/facekeepd/hardening.h).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "vault/base/bytes.h"

namespace facekeep {

// Sets up the secure heap for the process. Call once, early, before threads. `bytes` must be a
// power of two. False if memory could not be locked (RLIMIT_MEMLOCK): secrets then live on the
// ordinary heap, still cleansed.
bool init_secret_heap(std::size_t bytes);

class SecretBytes {
 public:
  SecretBytes() noexcept = default;
  explicit SecretBytes(std::size_t size);  // zero-filled
  static SecretBytes copy_of(ByteView bytes);
  ~SecretBytes() { reset(); }
  SecretBytes(SecretBytes&& other) noexcept;
  SecretBytes& operator=(SecretBytes&& other) noexcept;
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;

  [[nodiscard]] SecretBytes clone() const { return copy_of(view()); }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] ByteView view() const noexcept { return {data_, size_}; }
  [[nodiscard]] MutableByteView mutable_view() noexcept { return {data_, size_}; }
  std::uint8_t* data() noexcept { return data_; }
  [[nodiscard]] const std::uint8_t* data() const noexcept { return data_; }

  // Cleanses and releases now.
  void reset() noexcept;
  // Forgets (and cleanses) everything behind the first `size` bytes. Precondition: size <= size().
  void shrink(std::size_t size) noexcept;

 private:
  std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;      // bytes in use
  std::size_t capacity_ = 0;  // bytes allocated, cleansed at the end
};

// True if equal, in time that depends on the lengths alone.
bool constant_time_equal(ByteView a, ByteView b) noexcept;

// Overwrites memory in a way that the compiler may not drop.
void cleanse(MutableByteView bytes) noexcept;
void cleanse(std::string& text) noexcept;

// Base64 into secret memory, strict as in bytes.h: RFC 4648 section 4, and section 5 without padding.
Result<SecretBytes> secret_from_base64(std::string_view text);
Result<SecretBytes> secret_from_base64url(std::string_view text);
// And out of it, as text in secret memory.
SecretBytes secret_to_base64(ByteView bytes);
SecretBytes secret_to_base64url(ByteView bytes);
SecretBytes secret_concat(std::initializer_list<ByteView> parts);

}  // namespace facekeep
