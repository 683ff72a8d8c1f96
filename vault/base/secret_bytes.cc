#include "vault/base/secret_bytes.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <atomic>
#include <new>

namespace facekeep {

namespace {

// OpenSSL seeds its random generators from the same heap and fails where that is full: half of it stays theirs.
std::atomic<std::size_t> secrets_share{0};

bool fits_secure_heap(std::size_t size) {
  return CRYPTO_secure_malloc_initialized() == 1 && CRYPTO_secure_used() + size <= secrets_share;
}

}  // namespace

bool init_secret_heap(std::size_t bytes) {
  secrets_share = bytes / 2;
  return CRYPTO_secure_malloc_init(bytes, 32) == 1;
}

SecretBytes::SecretBytes(std::size_t size) : size_(size), capacity_(size) {
  if (size == 0) return;
  void* p = nullptr;
  if (fits_secure_heap(size)) p = OPENSSL_secure_zalloc(size);
  // The secure heap is small on purpose; when its share is used the ordinary heap serves, cleansed alike.
  if (p == nullptr) p = OPENSSL_zalloc(size);
  if (p == nullptr) throw std::bad_alloc();
  data_ = static_cast<std::uint8_t*>(p);
}

SecretBytes SecretBytes::copy_of(ByteView bytes) {
  SecretBytes out(bytes.size());
  std::copy(bytes.begin(), bytes.end(), out.data_);
  return out;
}

SecretBytes::SecretBytes(SecretBytes&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      capacity_(std::exchange(other.capacity_, 0)) {}

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
  if (this != &other) {
    reset();
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
    capacity_ = std::exchange(other.capacity_, 0);
  }
  return *this;
}

void SecretBytes::reset() noexcept {
  // OPENSSL_secure_clear_free falls back to OPENSSL_clear_free for memory of the ordinary heap.
  if (data_ != nullptr) OPENSSL_secure_clear_free(data_, capacity_);
  data_ = nullptr;
  size_ = capacity_ = 0;
}

void SecretBytes::shrink(std::size_t size) noexcept {
  if (size >= size_) return;
  OPENSSL_cleanse(data_ + size, size_ - size);
  size_ = size;
}

bool constant_time_equal(ByteView a, ByteView b) noexcept {
  return a.size() == b.size() && (a.empty() || CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0);
}

void cleanse(MutableByteView bytes) noexcept {
  if (!bytes.empty()) OPENSSL_cleanse(bytes.data(), bytes.size());
}
void cleanse(std::string& text) noexcept {
  if (!text.empty()) OPENSSL_cleanse(text.data(), text.size());
}

namespace {

// `c62` and `c63` are the alphabet's last two characters; `body` is without padding.
Result<SecretBytes> secret_decode64(std::string_view body, char c62, char c63) {
  SecretBytes out(body.size() * 3 / 4);
  std::uint32_t acc = 0;
  int bits = 0;
  std::size_t n = 0;
  for (const char c : body) {
    std::uint32_t v = 0;
    if (c >= 'A' && c <= 'Z') {
      v = static_cast<std::uint32_t>(c - 'A');
    } else if (c >= 'a' && c <= 'z') {
      v = static_cast<std::uint32_t>(c - 'a') + 26;
    } else if (c >= '0' && c <= '9') {
      v = static_cast<std::uint32_t>(c - '0') + 52;
    } else if (c == c62) {
      v = 62;
    } else if (c == c63) {
      v = 63;
    } else {
      return make_error(Errc::kMalformed, "base64 text has a character outside its alphabet");
    }
    acc = (acc << 6) | v;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out.data()[n++] = static_cast<std::uint8_t>((acc >> bits) & 0xff);
    }
  }
  if (bits == 6 || (acc & ((1U << bits) - 1)) != 0) {
    return make_error(Errc::kMalformed, "base64 text ends in bits that are not zero");
  }
  return out;
}

SecretBytes secret_encode64(ByteView bytes, std::string_view last, bool padded) {
  const auto character = [last](std::uint32_t v) {
    const char c = v < 26   ? static_cast<char>('A' + v)
                   : v < 52 ? static_cast<char>('a' + v - 26)
                   : v < 62 ? static_cast<char>('0' + v - 52)
                            : last[v - 62];
    return static_cast<std::uint8_t>(c);
  };
  SecretBytes out(padded ? (bytes.size() + 2) / 3 * 4 : (bytes.size() * 4 + 2) / 3);
  std::size_t n = 0;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) group = group << 8 | (i + k < bytes.size() ? bytes[i + k] : 0U);
    const std::size_t characters = std::min<std::size_t>(3, bytes.size() - i) + 1;
    for (std::size_t k = 0; k < characters; ++k) out.data()[n++] = character(group >> (18 - 6 * k) & 63);
  }
  while (n < out.size()) out.data()[n++] = '=';
  return out;
}

}  // namespace

SecretBytes secret_to_base64(ByteView bytes) {
  return secret_encode64(bytes, "+/", true);
}
SecretBytes secret_to_base64url(ByteView bytes) {
  return secret_encode64(bytes, "-_", false);
}

Result<SecretBytes> secret_from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return make_error(Errc::kMalformed, "base64 text is not padded to a multiple of four");
  std::size_t pad = 0;
  while (pad < 2 && pad < text.size() && text[text.size() - 1 - pad] == '=') ++pad;
  return secret_decode64(text.substr(0, text.size() - pad), '+', '/');
}

Result<SecretBytes> secret_from_base64url(std::string_view text) {
  return secret_decode64(text, '-', '_');
}

SecretBytes secret_concat(std::initializer_list<ByteView> parts) {
  std::size_t total = 0;
  for (const ByteView p : parts) total += p.size();
  SecretBytes out(total);
  std::uint8_t* at = out.data();
  for (const ByteView p : parts) at = std::copy(p.begin(), p.end(), at);
  return out;
}

}  // namespace facekeep
