// A site that a proposal opens while the token is slow or away, and sealing meanwhile.
#include <atomic>
#include <future>
#include <thread>

#include "tests/support/custody_around.h"
#include "tests/support/soon.h"
#include "tests/unit/dispatch/dual_kit.h"

using namespace facekeep;
using namespace facekeep::test;

namespace {

struct SlowKit {
  std::unique_ptr<CustodyAround> token;
  ApiKit kit;
  SlowKit(ServiceOptions options = {})
      : kit({}, std::move(options), [this](VaultFixture& f) {
          f.around_custody = [this](hsm::TokenCustody& inner) -> Custody& {
            token = std::make_unique<CustodyAround>(inner);
            return *token;
          };
        }) {}
  ~SlowKit() {
    token->before_wrap({});
    token->before_sign({});
  }
  // Approved, and kept from being opened until the test sets another before_wrap().
  Json approved_site(const std::string& id) {
    token->before_wrap([] { return Status(make_error(Errc::kHsmGone, "the token is away")); });
    const Json made = propose(kit, "property/1", site_action(id));
    for (const char* who : {"property/1", "residents/1"}) REQUIRE(approve(kit, who, made).status == 200);
    return made;
  }
  void when_due(const Json& made) { kit.vault.clock.advance(made.at("rule").at("delay_s").get<std::int64_t>() * 1000); }
};

}  // namespace

TEST_CASE("sealing does not wait for the token that makes a new site's key") {
  NEEDS_TOKEN();
  SlowKit slow;
  ApiKit& kit = slow.kit;
  REQUIRE(kit.vault.unseal(*kit.service));
  const Json made = slow.approved_site("tower");
  std::promise<void> go;
  const std::shared_future<void> gone(go.get_future());
  std::atomic<bool> wrapping{false};
  slow.token->before_wrap([&, gone] {
    wrapping = true;
    gone.wait();
    return Status();
  });
  slow.when_due(made);
  auto opening = std::async(std::launch::async, [&] { kit.service->housekeeping(); });
  const bool began = soon([&] { return wrapping.load(); });
  auto sealing = std::async(std::launch::async, [&] { return kit.ask("property/1", "POST", "/v1/seal").status; });
  const bool in_time = sealing.wait_for(std::chrono::seconds(20)) == std::future_status::ready;
  go.set_value();
  CHECK(began);
  CHECK(in_time);
  CHECK(sealing.get() == 200);
  opening.get();
  // A sealed vault opens no site: what vouches for the new key is a key that is open.
  slow.token->before_wrap({});
  kit.service->housekeeping();
  CHECK(ApiKit::json(kit.ask("property/1", "GET", path_of(made))).at("stage") == "ready");
  REQUIRE(kit.vault.unseal(*kit.service));
  kit.service->housekeeping();
  CHECK(ApiKit::json(kit.ask("property/1", "GET", path_of(made))).at("stage") == "done");
}

TEST_CASE("the keys go at once, though the log is held up by a token that signs slowly") {
  NEEDS_TOKEN();
  SlowKit slow;
  ApiKit& kit = slow.kit;
  REQUIRE(kit.vault.unseal(*kit.service));
  const Json made = slow.approved_site("tower");
  std::promise<void> go;
  const std::shared_future<void> gone(go.get_future());
  std::atomic<bool> wrapped{false};
  std::atomic<bool> signing{false};
  slow.token->before_wrap([&] {
    wrapped = true;
    return Status();
  });
  slow.token->before_sign([&, gone] {
    if (wrapped) {
      signing = true;
      gone.wait();
    }
    return Status();
  });
  slow.when_due(made);
  auto opening = std::async(std::launch::async, [&] { kit.service->housekeeping(); });
  const bool began = soon([&] { return signing.load(); });
  auto sealing = std::async(std::launch::async, [&] { return kit.ask("property/1", "POST", "/v1/seal").status; });
  const std::string body =
      R"({"door":"north","model":"face","probe":)" + Json(VaultFixture::random_face(64, 3)).dump() + "}";
  const bool shut = soon([&] {
    const auto status = kit.service->seal_status();
    return status && status->state == "sealed";
  });
  go.set_value();
  CHECK(began);
  CHECK(shut);
  CHECK(sealing.get() == 200);
  opening.get();
  CHECK(ApiKit::problem(kit.ask("door/1", "POST", "/v1/sites/main/identify", body)) == "sealed");
}

TEST_CASE("a site that a halt kept out of the log is opened anew, with the key that is stored") {
  NEEDS_TOKEN();
  std::atomic<bool> armed{false};
  std::atomic<bool> at_halt{false};
  std::promise<void> go;
  const std::shared_future<void> gone(go.get_future());
  ServiceOptions options;
  options.sequencer.at_commit_point = [&](const char* point) {
    if (std::string_view(point) != "committed" || !armed.exchange(false)) return;
    at_halt = true;
    gone.wait();
  };
  SlowKit slow(options);
  ApiKit& kit = slow.kit;
  REQUIRE(kit.vault.unseal(*kit.service));
  const Json made = slow.approved_site("tower");
  // A write whose checkpoint can't be signed, and the site's own write behind it.
  armed = true;
  auto other = std::async(std::launch::async, [&] {
    return kit.ask("property/1", "POST", "/v1/revocations", R"({"principals":["door/2"],"reason":"lost"})").status;
  });
  CHECK(soon([&] { return at_halt.load(); }));
  slow.token->before_sign([] { return Status(make_error(Errc::kHsmGone, "the token is away")); });
  std::atomic<bool> wrapped{false};
  slow.token->before_wrap([&] {
    wrapped = true;
    return Status();
  });
  slow.when_due(made);
  auto opening = std::async(std::launch::async, [&] { kit.service->housekeeping(); });
  const bool began = soon([&] { return wrapped.load(); });
  std::this_thread::sleep_for(std::chrono::milliseconds(500));  // until its write waits
  go.set_value();
  CHECK(began);
  CHECK(other.get() == 503);
  opening.get();
  REQUIRE(kit.service->halted());
  CHECK_FALSE(kit.service->halted()->fatal);
  slow.token->before_sign({});
  REQUIRE(soon([&] {
    kit.vault.clock.advance(5000);
    return !kit.service->halted();
  }));
  kit.service->housekeeping();
  REQUIRE(ApiKit::json(kit.ask("property/1", "GET", path_of(made))).at("stage") == "done");

  staff_site(kit, "tower");
  const std::string probe = Json(VaultFixture::random_face(64, 3)).dump();
  REQUIRE(ApiKit::text(kit.ask("operator/1", "POST", "/v1/sites/tower/enrolments",
                               R"({"subject":"anna","consent":)" + VaultFixture::consent().dump() +
                                   R"(,"templates":[{"model":"face","template":)" + probe + "}]}\n"))
              .find("created") != std::string::npos);
  // Sealed and opened again: what was enrolled is under the key in the database.
  REQUIRE(kit.ask("property/1", "POST", "/v1/seal").status == 200);
  REQUIRE(kit.vault.unseal(*kit.service));
  const auto answer =
      kit.ask("door/1", "POST", "/v1/sites/tower/identify", R"({"door":"gate","model":"face","probe":)" + probe + "}");
  INFO(ApiKit::text(answer));
  CHECK(ApiKit::json(answer).at("decision") == "match");
}
