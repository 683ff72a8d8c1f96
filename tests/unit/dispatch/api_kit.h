// A vault behind the dispatch, without TLS and sockets: what a request of a principal is answered, and what it left.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "api/dispatch.h"
#include "tests/support/catch.h"
#include "tests/support/vault_fixture.h"
#include "vault/base/json.h"

namespace facekeep::test {

#define NEEDS_TOKEN()                                            \
  if (!SoftHsm::available()) {                                   \
    WARN("SKIP softhsm2 is not installed: no token to test on"); \
    return;                                                      \
  }

class ApiKit {
 public:
  // `prepare` sets what the fixture puts around the store or the token.
  explicit ApiKit(FixtureOptions options = {}, ServiceOptions service_options = {},
                  const std::function<void(VaultFixture&)>& prepare = {})
      : vault(std::move(options)), service_options_(std::move(service_options)) {
    if (prepare) prepare(vault);
    start();
  }
  ~ApiKit() { stop(); }

  void start() {
    auto started = vault.start(service_options_);
    INFO((started ? "" : started.error().message));
    REQUIRE(started);
    service = std::move(*started);
    std::vector<std::string_view> names;
    for (const auto& r : api::routes()) names.push_back(r.name);
    metrics = std::make_unique<api::Metrics>(names);
    context.reset(new api::ApiContext{*service, vault.clock, *metrics, http::ListenerKind::kPublic, {}, {}});
  }
  void stop() {
    context.reset();
    vault.stop(service);
  }

  // `who` empty: the public listener.
  http::Response ask(const std::string& who, const std::string& method, const std::string& target,
                     const std::string& body = {}) {
    http::Request r;
    r.method = method;
    r.target = target;
    r.path = target.substr(0, target.find('?'));
    r.segments = http::split_path(r.path).value();
    if (r.path.size() < target.size()) {
      std::string query = target.substr(r.path.size() + 1) + "&";
      for (std::size_t end = query.find('&'); end != query.npos; end = query.find('&')) {
        const std::string pair = query.substr(0, end);
        r.query[pair.substr(0, pair.find('='))] = pair.substr(pair.find('=') + 1);
        query.erase(0, end + 1);
      }
    }
    r.body.assign(body.begin(), body.end());
    r.listener = who.empty() ? http::ListenerKind::kPublic : http::ListenerKind::kMain;
    if (!who.empty()) r.peer_spki = vault.key(who);
    return api::dispatch(*context, r);
  }
  static std::string text(const http::Response& r) { return std::string(as_chars(r.body)); }
  static Json json(const http::Response& r) { return Json::parse(text(r)); }
  static std::string header(const http::Response& r, const std::string& name) {
    for (const auto& [key, value] : r.headers) {
      if (key == name) return value;
    }
    return {};
  }
  // The problem's name of a refusal.
  static std::string problem(const http::Response& r) {
    const std::string type = json(r).at("type").get<std::string>();
    return type.substr(type.rfind(':') + 1);
  }

  // Governance entries, many in one commit; then a checkpoint over all.
  void grow(std::uint64_t size) {
    const log::Decide sums = [](const log::Turn&) -> Result<log::Write> {
      log::Write w;
      w.drafts.push_back({ledger::Sums{0, {{"overload", 1}}}, {}});
      w.checkpoint = true;
      return w;
    };
    while (service->sequencer().durable_size() < size) {
      const std::uint64_t missing = size - service->sequencer().durable_size();
      for (const auto& r : service->sequencer().submit_all(std::vector<log::Decide>(missing, sums))) REQUIRE(r);
    }
  }

  VaultFixture vault;
  std::unique_ptr<Service> service;
  std::unique_ptr<api::Metrics> metrics;
  std::unique_ptr<api::ApiContext> context;

 private:
  ServiceOptions service_options_;
};

}  // namespace facekeep::test
