#include "vault/export/manifest.h"

#include "tests/support/catch.h"
#include "vault/base/json.h"
#include "vault/export/parts.h"

using namespace facekeep;
using namespace facekeep::exporter;

namespace {

Manifest sample() {
  Manifest m;
  m.vault.fill(1);
  m.proposal.fill(2);
  m.site = "main";
  m.purpose = "new-vendor";
  m.basis = "legal-order";
  m.legal_order = Digest{};
  m.recipients = {{Digest{7}, "RSA-3072"}, {Digest{8}, "P-256"}};
  m.parts = {{1000, Digest{1}}, {20, Digest{2}}};
  m.subjects = 5;
  m.templates = 9;
  m.damaged = 1;
  return m;
}

Status read_with(const std::function<void(Json&)>& change) {
  Json j = *parse_json(*encode_manifest(sample()));
  change(j);
  const auto text = canonical_json(j);
  const auto m = parse_manifest(*text);
  return m ? Status() : Status(m.error());
}

}  // namespace

TEST_CASE("a manifest is read as it was written") {
  const auto text = encode_manifest(sample());
  REQUIRE(text);
  const auto m = parse_manifest(*text);
  REQUIRE(m);
  CHECK(*encode_manifest(*m) == *text);
  CHECK(m->parts[1].bytes == 20);
  CHECK(m->recipients[0].key == "RSA-3072");
  CHECK(m->legal_order.has_value());
  CHECK(parse_json(*text)->at("parts")[1]["name"] == "part-0002.cms");
  CHECK(read_with([](Json&) {}));
}

TEST_CASE("a manifest with anything else than its fields is refused") {
  CHECK_FALSE(read_with([](Json& j) { j["extra"] = 1; }));
  CHECK_FALSE(read_with([](Json& j) { j.erase("site"); }));
  CHECK_FALSE(read_with([](Json& j) { j["type"] = "backup"; }));
  CHECK_FALSE(read_with([](Json& j) { j["v"] = 2; }));
  CHECK_FALSE(read_with([](Json& j) { j["purpose"] = "for Alice"; }));
  CHECK_FALSE(read_with([](Json& j) { j["basis"]["kind"] = "because"; }));
  CHECK_FALSE(read_with([](Json& j) { j["basis"]["kind"] = "consent"; }));
  CHECK_FALSE(read_with([](Json& j) { j["basis"].erase("digest"); }));
  CHECK_FALSE(read_with([](Json& j) { j["parts"][0]["name"] = "../../etc/passwd"; }));
  CHECK_FALSE(read_with([](Json& j) { j["parts"][0]["name"] = "part-0002.cms"; }));
  CHECK_FALSE(read_with([](Json& j) { j["parts"][0]["bytes"] = 0; }));
  CHECK_FALSE(read_with([](Json& j) { j["parts"][0]["bytes"] = kMaxPartSize + 1; }));
  CHECK_FALSE(parse_manifest(*encode_manifest(sample()) + " "));
  CHECK(parse_manifest(std::string(kMaxManifest + 1, ' ')).error().code == Errc::kTooLarge);
}

TEST_CASE("what could not be read is not written") {
  Manifest m = sample();
  m.basis = "consent";
  CHECK(encode_manifest(m).error().code == Errc::kInvalidArgument);
  m.legal_order.reset();
  CHECK(encode_manifest(m));
  m.purpose = "two words";
  CHECK(encode_manifest(m).error().code == Errc::kInvalidArgument);
}

TEST_CASE("the largest manifest fits its limit") {
  Manifest m = sample();
  m.site = m.purpose = std::string(64, 'a');
  m.recipients.resize(kMaxRecipients, {Digest{}, "RSA-4096"});
  m.parts.resize(kMaxParts, {kMaxPartSize, Digest{}});
  const auto text = encode_manifest(m);
  REQUIRE(text);
  CHECK(text->size() < 65535);
}
