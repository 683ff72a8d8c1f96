#include "tools/facekeep/notice.h"

#include "tests/unit/facekeep/fake_vault.h"

using namespace facekeep;
using namespace facekeep::tools;
using facekeep::tools::testing::FakeVault;

TEST_CASE("a notice gives the vault, its keys and its addresses") {
  const FakeVault vault;
  Json json = vault.notice_json();
  json["next_server_key"] = std::string(64, 'b');
  json["shares"] = {{{"group", "property"}, {"number", 2}, {"commitment", std::string(64, 'c')}}};
  const auto n = parse_notice(json.dump());
  REQUIRE(n);
  CHECK(n->vault == vault.id);
  CHECK(n->log_key == vault.signer.key);
  CHECK(n->api == "https://127.0.0.1:8443");
  CHECK(n->rehearsal);
  REQUIRE(n->server_pins.size() == 2);
  CHECK(to_hex(n->server_pins[1]) == std::string(64, 'b'));
  REQUIRE(n->cards.size() == 1);
  CHECK(n->cards[0].number == 2);
}

TEST_CASE("every field of a notice is needed, and named when it is wrong") {
  const FakeVault vault;
  for (const char* field : {"vault", "name", "origin", "vkey", "api", "public", "server_key", "rehearsal"}) {
    Json json = vault.notice_json();
    json.erase(field);
    auto n = parse_notice(json.dump());
    REQUIRE_FALSE(n);
    CHECK(n.error().message.find(field) != std::string::npos);
    CHECK_FALSE(n.error().hint.empty());
    json[field] = 7;
    n = parse_notice(json.dump());
    REQUIRE_FALSE(n);
    CHECK(n.error().code == Errc::kMalformed);
  }
}

TEST_CASE("a notice that contradicts itself or is no notice is refused") {
  const FakeVault vault;
  const auto with = [&](const char* field, const Json& value) {
    Json json = vault.notice_json();
    json[field] = value;
    return parse_notice(json.dump());
  };
  CHECK_FALSE(with("origin", "other.example/log"));  // not the name in vkey
  CHECK_FALSE(with("api", "http://127.0.0.1:8443"));
  CHECK_FALSE(with("server_key", std::string(64, 'A')));  // upper case
  CHECK_FALSE(with("vault", "0102"));
  CHECK_FALSE(with("shares", {{{"group", "property"}, {"number", 0}, {"commitment", std::string(64, 'c')}}}));
  CHECK_FALSE(with("shares", "none"));
  CHECK_FALSE(parse_notice(""));
  CHECK_FALSE(parse_notice("[]"));
  CHECK_FALSE(parse_notice("{\"vault\":1,\"vault\":2}"));
}
