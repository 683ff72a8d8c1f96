#include "vault/base/secret_bytes.h"

#include <openssl/crypto.h>

#include <thread>
#include <vector>

#include "tests/support/catch.h"
#include "vault/base/digest.h"

using namespace facekeep;

static_assert(!std::is_copy_constructible_v<SecretBytes>);
static_assert(!std::is_copy_assignable_v<SecretBytes>);

TEST_CASE("a moved-from secret is empty and the moved-to one is whole") {
  SecretBytes a = SecretBytes::copy_of(as_bytes("correct horse"));
  SecretBytes b = std::move(a);
  CHECK(a.empty());
  CHECK(as_chars(b.view()) == "correct horse");
}

TEST_CASE("shrinking cleanses the tail") {
  SecretBytes a = SecretBytes::copy_of(as_bytes("abcdef"));
  const std::uint8_t* p = a.data();
  a.shrink(2);
  CHECK(a.size() == 2);
  CHECK(p[2] == 0);
  CHECK(p[5] == 0);
}

TEST_CASE("constant-time comparison agrees with equality") {
  CHECK(constant_time_equal(as_bytes("abc"), as_bytes("abc")));
  CHECK_FALSE(constant_time_equal(as_bytes("abc"), as_bytes("abd")));
  CHECK_FALSE(constant_time_equal(as_bytes("abc"), as_bytes("ab")));
  CHECK(constant_time_equal({}, {}));
}

TEST_CASE("secret base64 is as strict as the plain one") {
  for (const char* text : {"Zg==", "Zm8=", "Zm9v", "Zm9vYmFy", ""}) {
    INFO(text);
    auto secret = secret_from_base64(text);
    REQUIRE(secret);
    CHECK(to_bytes(secret->view()) == *from_base64(text));
  }
  for (const char* bad : {"Zg=", "Zh==", "Zg==\n", "====", "Z===", "Zm9v=", "Zm-v"}) {
    INFO(bad);
    CHECK_FALSE(secret_from_base64(bad));
  }
}

TEST_CASE("however many secrets there are, OpenSSL has room on the secure heap for its own") {
  if (CRYPTO_secure_malloc_initialized() != 1 && !init_secret_heap(1 << 16)) {
    WARN("SKIP memory can't be locked here");
    return;
  }
  std::vector<SecretBytes> many;
  for (std::size_t i = 0; i < 20'000; ++i) many.emplace_back(1 + i % 200);
  // A new thread seeds generators of its own there; without room drawing a secret ends the process.
  for (int i = 0; i < 8; ++i) {
    std::thread([] { CHECK(random_secret(32).size() == 32); }).join();
  }
}
