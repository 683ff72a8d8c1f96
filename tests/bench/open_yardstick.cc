// What opening a vault is measured beside: reading as many sealed bytes from a file and opening them with AES-256-GCM,
// one key, nothing else.
//
//   open_yardstick FILE [--records N] [--bytes B] [--threads T]
//
// Writes FILE (not part of the time), reads and opens it, removes it, prints {"seconds":S,"bytes":N}.
#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <cstring>
#include <fstream>
#include <iostream>
#include <memory>
#include <thread>

#include "vault/base/bytes.h"

namespace {

using namespace facekeep;

constexpr std::size_t kNonce = 12;
constexpr std::size_t kTag = 16;
constexpr std::size_t kBatch = 256;  // records a read

struct Flags {
  std::string file;
  std::size_t records = 100000;
  std::size_t bytes = 2048;
  unsigned threads = std::max(1U, std::thread::hardware_concurrency());
};

struct CipherFree {
  void operator()(EVP_CIPHER_CTX* p) const noexcept { EVP_CIPHER_CTX_free(p); }
};
using Cipher = std::unique_ptr<EVP_CIPHER_CTX, CipherFree>;

Cipher make_cipher(const Bytes& key, bool seal) {
  Cipher c(EVP_CIPHER_CTX_new());
  if (!c || EVP_CipherInit_ex(c.get(), EVP_aes_256_gcm(), nullptr, key.data(), nullptr, seal ? 1 : 0) != 1)
    std::abort();
  return c;
}

void seal_record(EVP_CIPHER_CTX* c, std::uint64_t number, const Bytes& plain, std::uint8_t* out) {
  std::memcpy(out, &number, sizeof number);
  std::memset(out + sizeof number, 0, kNonce - sizeof number);
  int n = 0;
  if (EVP_CipherInit_ex(c, nullptr, nullptr, nullptr, out, -1) != 1 ||
      EVP_CipherUpdate(c, out + kNonce, &n, plain.data(), static_cast<int>(plain.size())) != 1 ||
      EVP_CipherFinal_ex(c, out + kNonce + n, &n) != 1 ||
      EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, kTag, out + kNonce + plain.size()) != 1) {
    std::abort();
  }
}

bool open_record(EVP_CIPHER_CTX* c, std::uint8_t* in, std::size_t size, std::uint8_t* plain) {
  const std::size_t body = size - kNonce - kTag;
  int n = 0;
  return EVP_CipherInit_ex(c, nullptr, nullptr, nullptr, in, -1) == 1 &&
         EVP_CipherUpdate(c, plain, &n, in + kNonce, static_cast<int>(body)) == 1 &&
         EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, kTag, in + kNonce + body) == 1 &&
         EVP_CipherFinal_ex(c, plain + n, &n) == 1;
}

bool write_file(const Flags& flags, const Bytes& key) {
  const Cipher cipher = make_cipher(key, true);
  std::ofstream file(flags.file, std::ios::binary);
  const Bytes plain(flags.bytes, 7);
  Bytes record(kNonce + flags.bytes + kTag);
  for (std::size_t i = 0; i < flags.records; ++i) {
    seal_record(cipher.get(), i, plain, record.data());
    file.write(reinterpret_cast<const char*>(record.data()), static_cast<std::streamsize>(record.size()));
  }
  file.close();
  return file.good();
}

// One thread's part. False if a record can't be read or does not open.
bool open_part(const Flags& flags, const Bytes& key, int fd, std::atomic<std::size_t>& next) {
  const std::size_t size = kNonce + flags.bytes + kTag;
  const Cipher cipher = make_cipher(key, false);
  Bytes batch(size * kBatch);
  Bytes plain(flags.bytes);
  for (std::size_t at = next.fetch_add(kBatch); at < flags.records; at = next.fetch_add(kBatch)) {
    const std::size_t count = std::min(kBatch, flags.records - at);
    if (::pread(fd, batch.data(), count * size, static_cast<off_t>(at * size)) != static_cast<ssize_t>(count * size)) {
      return false;
    }
    for (std::size_t i = 0; i < count; ++i) {
      if (!open_record(cipher.get(), batch.data() + i * size, size, plain.data())) return false;
    }
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  Flags flags;
  CLI::App app("read and open with AES-256-GCM");
  app.add_option("FILE", flags.file)->required();
  app.add_option("--records", flags.records)->check(CLI::Range(1, 100000000));
  app.add_option("--bytes", flags.bytes, "of plaintext a record")->check(CLI::Range(1, 1 << 20));
  app.add_option("--threads", flags.threads)->check(CLI::Range(1, 256));
  CLI11_PARSE(app, argc, argv);
  const Bytes key(32, 1);
  if (!write_file(flags, key)) return 2;
  const int fd = ::open(flags.file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 2;
  std::atomic<std::size_t> next{0};
  std::atomic<bool> good{true};
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::thread> team;
  for (unsigned t = 0; t < flags.threads; ++t) {
    team.emplace_back([&] {
      if (!open_part(flags, key, fd, next)) good = false;
    });
  }
  for (auto& thread : team) thread.join();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  ::close(fd);
  ::unlink(flags.file.c_str());
  if (!good) return 2;
  std::cout << "{\"seconds\":" << seconds << ",\"bytes\":" << flags.records * (kNonce + flags.bytes + kTag) << "}\n";
  return 0;
}
