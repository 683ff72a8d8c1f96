// Byte buffers for what peers send: the memory is overwritten before it is given back.
//
// Request bodies carry probes and sealed shares, so no buffer on their way may leave a copy behind
// when it grows or dies. SecretBytes is sized once and lives on the small secure heap; a request
// body grows while it arrives and may be megabytes, so it has a container of its own.
#pragma once

#include <openssl/crypto.h>

#include <cstddef>
#include <new>
#include <vector>

#include "vault/base/bytes.h"

namespace facekeep::http {

template <class T>
struct CleansingAllocator {
  using value_type = T;
  CleansingAllocator() noexcept = default;
  template <class U>
  CleansingAllocator(const CleansingAllocator<U>&) noexcept {}

  T* allocate(std::size_t n) { return static_cast<T*>(::operator new(n * sizeof(T))); }
  // A vector that grows or dies gives its whole old storage back here.
  void deallocate(T* p, std::size_t n) noexcept {
    OPENSSL_cleanse(p, n * sizeof(T));
    ::operator delete(p);
  }
  template <class U>
  bool operator==(const CleansingAllocator<U>&) const noexcept {
    return true;
  }
};

// Behaves as Bytes. Note that clear(), resize() and erase() keep the storage (and so the bytes):
// only growth, destruction, release() and shrink_front() overwrite.
using CleansedBytes = std::vector<std::uint8_t, CleansingAllocator<std::uint8_t>>;

inline void append(CleansedBytes& out, ByteView bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

// Overwrites and frees now.
inline void release(CleansedBytes& bytes) {
  CleansedBytes().swap(bytes);
}

// Drops the first n bytes, and leaves no copy of them or of the moved tail. Precondition: n <= size.
inline void shrink_front(CleansedBytes& bytes, std::size_t n) {
  if (n >= bytes.size()) return release(bytes);
  CleansedBytes rest(bytes.begin() + static_cast<std::ptrdiff_t>(n), bytes.end());
  bytes.swap(rest);
}

}  // namespace facekeep::http
