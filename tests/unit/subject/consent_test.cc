#include "vault/subject/consent.h"

#include "tests/support/catch.h"
#include "vault/base/digest.h"

using namespace facekeep;
using namespace facekeep::subject;

namespace {

Json good() {
  return {{"controller", "Lotus Gardens Ltd"},
          {"purpose", "entrance"},
          {"scopes", {"identify", "verify"}},
          {"notice", {{"digest", std::string(64, 'a')}, {"version", "2026-1"}}},
          {"given_at", "2026-11-22T09:00:00+08:00"},
          {"means", "paper"},
          {"evidence", std::string(64, 'b')},
          {"until", "2027-11-22"},
          {"minor", false}};
}

std::string message(const Json& j) {
  const auto c = parse_consent(j.dump());
  return c ? "" : c.error().message;
}

}  // namespace

TEST_CASE("a complete consent is read, in canonical order and in UTC") {
  const Consent c = *parse_consent(good().dump());
  CHECK(c.allows(ConsentScope::kVerify));
  CHECK(c.allows(ConsentScope::kIdentify));
  CHECK_FALSE(c.allows(ConsentScope::kExport));
  CHECK(canonical_consent(c) ==
        R"({"controller":"Lotus Gardens Ltd","evidence":")" + std::string(64, 'b') +
            R"(","given_at":"2026-11-22T01:00:00.000Z","means":"paper","minor":false,"notice":{"digest":")" +
            std::string(64, 'a') +
            R"(","version":"2026-1"},"purpose":"entrance","scopes":["verify","identify"],"until":"2027-11-22"})");
  CHECK(*parse_consent(canonical_consent(c)) == c);
}

TEST_CASE("a missing field is named") {
  const Json all = good();
  for (const auto& [name, value] : all.items()) {
    Json j = all;
    j.erase(name);
    CHECK(message(j) == "consent." + name + " is missing");
  }
  Json j = good();
  j["notice"].erase("version");
  CHECK(message(j) == "consent.notice.version is missing");
}

TEST_CASE("an unknown field is named, unless its name could do harm") {
  Json j = good();
  j["nickname"] = "x";
  CHECK(message(j) == "consent.nickname is not a known field");
  j = good();
  j["notice"]["url"] = "x";
  CHECK(message(j) == "consent.notice.url is not a known field");
  j = good();
  j["\x1b[31m"] = 1;
  CHECK(message(j) == "consent.(unprintable) is not a known field");
}

TEST_CASE("each field has its own form, and errors never quote the value") {
  const auto refused = [](const char* field, const Json& value) {
    Json j = good();
    j[field] = value;
    const std::string m = message(j);
    INFO(field << ": " << value.dump() << ": " << m);
    CHECK(m.rfind(std::string("consent.") + field, 0) == 0);
    CHECK(m.find("hunter2") == std::string::npos);
  };
  for (const char* text : {"controller", "purpose", "means"}) {
    refused(text, "");
    refused(text, 5);
    refused(text, nullptr);
    refused(text, "hunter2\n");
    refused(text, "hunter2\x7f");
  }
  refused("controller", std::string(201, 'x'));
  refused("purpose", std::string(201, 'x'));
  refused("means", std::string(65, 'x'));
  for (const Json& scopes : std::initializer_list<Json>{Json::array(), "verify", Json::array({"hunter2"}),
                                                        Json::array({"verify", "verify"}), Json::array({1})}) {
    refused("scopes", scopes);
  }
  refused("notice", "hunter2");
  for (const char* hex : {"hunter2", "", "ABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABAB"}) {
    refused("evidence", hex);
  }
  for (const char* t : {"2026-11-22", "hunter2", "2026-11-22T09:00:00", "2026-02-30T09:00:00Z"}) refused("given_at", t);
  for (const char* t : {"2026-11-21", "2026-02-30", "hunter2", "never"}) refused("until", t);
  refused("minor", 1);
  refused("minor", "false");
}

TEST_CASE("a minor's consent needs the guardian's evidence, an adult's must not have it") {
  Json j = good();
  j["minor"] = true;
  CHECK(message(j) == "consent.guardian_evidence is missing");
  j["guardian_evidence"] = std::string(64, 'c');
  const Consent c = *parse_consent(j.dump());
  CHECK(c.guardian_evidence);
  CHECK(*parse_consent(canonical_consent(c)) == c);
  j["minor"] = false;
  CHECK(message(j) == "consent.guardian_evidence is given, but the subject is not a minor");
}

TEST_CASE("what is no JSON object, too long, too deep or has a key twice is refused") {
  for (const char* bad : {"", "[]", "null", "\"x\"", "{", "{\"minor\":true,\"minor\":true}", "[[[[[[]]]]]]"}) {
    CHECK_FALSE(parse_consent(bad));
  }
  CHECK(parse_consent(std::string(4097, ' ')).error().code == Errc::kTooLarge);
}

TEST_CASE("the longest allowed texts still fit the canonical form") {
  Json j = good();
  j["controller"] = std::string(200, '"');
  j["purpose"] = std::string(200, '\\');
  j["means"] = std::string(64, '"');
  j["scopes"] = {"verify", "identify", "export", "off_device_storage", "change_of_processor"};
  j["notice"]["version"] = std::string(32, '"');
  const Consent c = *parse_consent(j.dump());
  CHECK(canonical_consent(c).size() <= kMaxConsentJson);
  CHECK(*parse_consent(canonical_consent(c)) == c);
}

TEST_CASE("the digest is blinded and bound to the exact consent") {
  const std::string text = canonical_consent(*parse_consent(good().dump()));
  const Bytes one(32, 1);
  CHECK(*consent_digest(one, text) ==
        sha256(concat(to_bytes(std::string_view("facekeep/consent/v1\0", 20)), one, to_bytes(text))));
  CHECK(*consent_digest(one, text) != *consent_digest(Bytes(32, 2), text));
  CHECK(*consent_digest(one, text) != *consent_digest(one, text + " "));
  CHECK_FALSE(consent_digest(Bytes(31, 1), text));
}

TEST_CASE("RFC 3339 times of any offset give the same instant") {
  const UnixMillis t = *parse_time("2026-11-22T01:00:00.000Z");
  for (const char* same : {"2026-11-22T01:00:00Z", "2026-11-22t01:00:00z", "2026-11-22T09:00:00+08:00",
                           "2026-11-21T20:30:00-04:30", "2026-11-22T01:00:00.0Z", "2026-11-22T01:00:00.000999999Z"}) {
    INFO(same);
    CHECK(parse_rfc3339(same).value_or(0) == t);
  }
  CHECK(*parse_rfc3339("2026-11-22T01:00:00.25Z") == t + 250);
  for (const char* bad :
       {"", "2026-11-22T01:00:00", "2026-11-22 01:00:00Z", "2026-11-22T01:00:00.Z", "2026-11-22T01:00:00+0800",
        "2026-11-22T01:00:00+24:00", "2026-11-22T24:00:00Z", "2026-11-22T01:00:60Z", "2026-11-22T01:00:00.1234567890Z",
        "1970-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "2026-11-22T01:00:00ZZ"}) {
    INFO(bad);
    CHECK_FALSE(parse_rfc3339(bad));
  }
}
