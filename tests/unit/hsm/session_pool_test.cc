#include "hsm/session_pool.h"

#include <dlfcn.h>

#include <atomic>
#include <thread>

#include "tests/support/paths.h"
#include "tests/unit/hsm/fixture.h"

using namespace facekeep;
using namespace facekeep::hsm;

namespace {

// The module's function list itself, to do things behind the pool's back.
ck_function_list* behind_the_back(const std::string& path) {
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  REQUIRE(library != nullptr);
  auto* get = reinterpret_cast<ck_rv_t (*)(ck_function_list**)>(dlsym(library, "C_GetFunctionList"));
  ck_function_list* functions = nullptr;
  REQUIRE(get(&functions) == CKR_OK);
  return functions;
}

Status needs_login(SessionPool& pool) {
  return pool.run(Repeat::kSafe, [](Session& s) { return find_labelled(s, CKO_SECRET_KEY, "none"); })
             ? Status()
             : Status(make_error(Errc::kHsm, "failed"));
}

}  // namespace

TEST_CASE("sessions are reused, and nobody logs out") {
  const ShimmedToken t;
  {
    auto pool = t.open();
    REQUIRE_OK(pool);
    for (int i = 0; i < 20; ++i) REQUIRE_OK((*pool)->check());
    CHECK(t.shim.calls("C_OpenSession") == 2);  // the keeper and one
    CHECK(t.shim.calls("C_Login") == 1);
  }
  CHECK(t.shim.calls("C_CloseSession") == 2);
  CHECK(t.shim.calls("C_Logout") == 0);
}

TEST_CASE("many threads share few sessions") {
  const ShimmedToken t;
  auto pool = open_token(t.uri(), test::SoftHsm::pin(), {{}, {}, {.max_sessions = 2}});
  REQUIRE_OK(pool);
  std::atomic<int> inside = 0, most = 0, failed = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 25; ++n) {
        const Status done = (*pool)->run(Repeat::kSafe, [&](Session& s) -> Status {
          const int now = ++inside;
          for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
          }
          auto info = s.calls.session_info(s.handle);
          --inside;
          if (!info) return std::move(info).error();
          return {};
        });
        if (!done) ++failed;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(failed == 0);
  CHECK(most <= 2);
  CHECK(t.shim.calls("C_OpenSession") <= 3);
}

TEST_CASE("a session whose operation failed is closed, not reused") {
  const ShimmedToken t;
  auto pool = t.open();
  REQUIRE_OK(pool);
  REQUIRE_OK((*pool)->check());
  const Status refused = (*pool)->run(Repeat::kSafe, [](Session& s) { return s.calls.destroy_object(s.handle, 4711); });
  CHECK(code_of(refused) == Errc::kHsm);
  CHECK(t.shim.calls("C_CloseSession") == 1);
  REQUIRE_OK((*pool)->check());
  CHECK(t.shim.calls("C_Login") == 1);
}

TEST_CASE("each kind of loss is brought back and the operation repeated once") {
  for (const char* code : {"0x30", "0x32", "0xb0", "0xb3", "0xe0", "0xe1", "0x101", "0x190", "0x3"}) {
    INFO(code);
    const ShimmedToken t;
    auto pool = t.open();
    REQUIRE_OK(pool);
    REQUIRE_OK((*pool)->check());
    t.shim.inject(std::string("C_FindObjectsInit ") + code + " count 1");
    CHECK(needs_login(**pool));
    CHECK(t.shim.calls("C_FindObjectsInit") == 2);
    CHECK_FALSE((*pool)->down());
  }
}

TEST_CASE("an operation that may not run twice is not repeated") {
  const ShimmedToken t;
  auto pool = t.open();
  REQUIRE_OK(pool);
  int runs = 0;
  t.shim.inject("C_GetSessionInfo 0x32 count 1");
  const Status lost = (*pool)->run(Repeat::kOnce, [&](Session& s) -> Status {
    ++runs;
    FK_CHECK(s.calls.session_info(s.handle));
    return {};
  });
  CHECK(code_of(lost) == Errc::kHsmGone);
  CHECK(runs == 1);
  CHECK((*pool)->check());  // and yet the token is back
}

TEST_CASE("a removed token is reported as down, and used again when it is back") {
  const ShimmedToken t;
  auto pool = t.open();
  REQUIRE_OK(pool);
  t.shim.inject("* 0xe0");
  for (int i = 0; i < 3; ++i) {
    const Status away = (*pool)->check();
    CHECK(code_of(away) == Errc::kHsmGone);
    CHECK_FALSE(away.error().hint.empty());
  }
  REQUIRE((*pool)->down());
  CHECK((*pool)->down()->message.find("facekeep-test") != std::string::npos);
  t.shim.heal();
  CHECK((*pool)->check());
  CHECK_FALSE((*pool)->down());
  CHECK(needs_login(**pool));
}

TEST_CASE("while the token is down, calls fail fast until the next attempt is due") {
  const ShimmedToken t;
  OpenOptions options;
  options.pool.retry_after = std::chrono::hours(1);
  auto pool = open_token(t.uri(), test::SoftHsm::pin(), options);
  REQUIRE_OK(pool);
  t.shim.inject("* 0xe0");
  CHECK_FALSE((*pool)->check());
  const std::size_t before = t.shim.lines().size();
  for (int i = 0; i < 10; ++i) CHECK(code_of((*pool)->check()) == Errc::kHsmGone);
  CHECK(t.shim.lines().size() == before);
}

TEST_CASE("a module that was finalised behind the pool's back is initialised again") {
  const ShimmedToken t;
  auto pool = t.open();
  REQUIRE_OK(pool);
  REQUIRE_OK((*pool)->check());
  REQUIRE(behind_the_back(facekeep::test::pkcs11_shim())->C_Finalize(nullptr) == CKR_OK);
  CHECK((*pool)->check());
  CHECK(needs_login(**pool));
  CHECK(t.shim.calls("C_Initialize") == 2);
  CHECK(t.shim.calls("C_Login") == 2);
}

TEST_CASE("sessions closed behind the pool's back are opened again, with a new login") {
  const ShimmedToken t;
  auto pool = t.open();
  REQUIRE_OK(pool);
  REQUIRE_OK((*pool)->check());
  auto* functions = behind_the_back(facekeep::test::pkcs11_shim());
  unsigned long count = 8;
  ck_slot_id_t slots[8];
  REQUIRE(functions->C_GetSlotList(1, slots, &count) == CKR_OK);
  for (unsigned long i = 0; i < count; ++i) REQUIRE(functions->C_CloseAllSessions(slots[i]) == CKR_OK);
  CHECK(needs_login(**pool));
  CHECK(t.shim.calls("C_Initialize") == 1);
  CHECK(t.shim.calls("C_Login") == 2);
}

TEST_CASE("a logout by someone else does not make private objects vanish unnoticed", "[softhsm]") {
  const ShimmedToken t;
  auto pool = t.open();
  REQUIRE_OK(pool);
  REQUIRE_OK((*pool)->run(Repeat::kSafe, [](Session& s) -> Status {
    Attributes a;
    a.add(CKA_CLASS, CKO_DATA).add_flag(CKA_TOKEN, true).add_flag(CKA_PRIVATE, true).add_text(CKA_LABEL, "x");
    FK_CHECK(s.calls.create_object(s.handle, a));
    // Log out through a session of the application: all of them are public now.
    auto* functions = behind_the_back(facekeep::test::pkcs11_shim());
    CHECK(functions->C_Logout(s.handle) == CKR_OK);
    return {};
  }));
  auto found = (*pool)->run(Repeat::kSafe, [](Session& s) { return find_labelled(s, CKO_DATA, "x"); });
  REQUIRE_OK(found);
  CHECK(found->size() == 1);
}

TEST_CASE("a token with room for fewer sessions is used with those") {
  const ShimmedToken t;
  auto pool = t.open();
  REQUIRE_OK(pool);
  std::atomic<int> failed = 0;
  std::vector<std::thread> threads;
  t.shim.inject("C_OpenSession 0xb1 skip 1");  // CKR_SESSION_COUNT from the second on
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 10; ++n) {
        if (!(*pool)->check()) ++failed;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(failed == 0);
}

TEST_CASE("threads ride out a loss together") {
  const ShimmedToken t;
  auto pool = t.open();
  REQUIRE_OK(pool);
  std::atomic<bool> stop = false;
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      while (!stop) good += (*pool)->check() ? 1 : 0;
    });
  }
  for (int i = 0; i < 5; ++i) {
    t.shim.inject(i % 2 == 0 ? "* 0x190" : "C_GetTokenInfo 0x32 count 3");
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    t.shim.heal();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  stop = true;
  for (auto& thread : threads) thread.join();
  CHECK(good > 0);
  CHECK((*pool)->check());
  CHECK(needs_login(**pool));
}
