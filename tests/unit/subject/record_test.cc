#include "vault/subject/record.h"

#include "tests/support/catch.h"
#include "vault/base/digest.h"
#include "vault/subject/consent.h"

using namespace facekeep;
using namespace facekeep::subject;

namespace {

std::string consent_text() {
  const Json j = {{"controller", "Lotus Gardens Ltd"},
                  {"purpose", "entrance"},
                  {"scopes", {"verify"}},
                  {"notice", {{"digest", std::string(64, 'a')}, {"version", "1"}}},
                  {"given_at", "2026-11-22T01:00:00Z"},
                  {"means", "paper"},
                  {"evidence", std::string(64, 'b')},
                  {"until", "2027-11-22"},
                  {"minor", false}};
  return canonical_consent(*consent_from_json(j));
}

}  // namespace

TEST_CASE("a record comes back as it was, and its bytes are those of FORMAT.md") {
  SubjectRecord r = make_record("\xE6\x9D\x8E-42", consent_text());
  CHECK_FALSE(constant_time_equal(r.log_key.view(), r.blinding.view()));
  const SecretBytes bytes = *encode_record(r);
  const std::string consent = consent_text();
  CHECK(to_hex(bytes.view().first(5)) == "464b535201");
  CHECK(to_hex(bytes.view().subspan(69, 2)) == "0006");
  CHECK(bytes.size() == 5 + 64 + 2 + 6 + 4 + consent.size());
  const SubjectRecord back = *decode_record(bytes.view());
  CHECK(constant_time_equal(back.log_key.view(), r.log_key.view()));
  CHECK(constant_time_equal(back.blinding.view(), r.blinding.view()));
  CHECK(back.subject == r.subject);
  CHECK(back.consent == consent);
}

TEST_CASE("subject ids and consents outside their limits are refused") {
  CHECK(encode_record(make_record(std::string(128, 'x'), consent_text())));
  for (const std::string& id : {std::string(), std::string(129, 'x'), std::string("a\nb"), std::string("\xff")}) {
    CHECK_FALSE(encode_record(make_record(id, consent_text())));
  }
  CHECK_FALSE(encode_record(make_record("x", "{}")));
  CHECK_FALSE(encode_record(make_record("x", " " + consent_text())));
  SubjectRecord r = make_record("x", consent_text());
  r.blinding.shrink(31);
  CHECK_FALSE(encode_record(r));
}

TEST_CASE("a record that is cut short, longer or altered in its structure is refused") {
  const SecretBytes bytes = *encode_record(make_record("resident-42", consent_text()));
  for (std::size_t n = 0; n < bytes.size(); ++n) REQUIRE_FALSE(decode_record(bytes.view().first(n)));
  Bytes longer = to_bytes(bytes.view());
  longer.push_back(' ');
  CHECK_FALSE(decode_record(longer));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i >= 5 && i < 69) continue;  // the two secrets may be any bytes
    Bytes bad = to_bytes(bytes.view());
    bad[i] ^= 0x80;
    REQUIRE_FALSE(decode_record(bad));
  }
}

TEST_CASE("random bytes are no record") {
  for (int i = 0; i < 1000; ++i) {
    auto raw = random_array<200>();
    if (i % 2 == 0) std::copy_n("FKSR\1", 5, raw.begin());
    CHECK_FALSE(decode_record(raw));
  }
}

TEST_CASE("a pseudonym is of one day and one person, and computed by anyone with the key") {
  const Bytes key(32, 0x11);
  const Digest mac = hmac_sha256(key, {to_bytes(std::string_view("facekeep/pseudonym/v1\0"
                                                                 "2026-11-22",
                                                                 32))});
  CHECK(to_hex(*pseudonym(key, "2026-11-22")) == to_hex(ByteView(mac).first(16)));
  CHECK(*pseudonym(key, "2026-11-22") != *pseudonym(key, "2026-11-23"));
  CHECK(*pseudonym(key, "2026-11-22") != *pseudonym(Bytes(32, 0x12), "2026-11-22"));
  CHECK_FALSE(pseudonym(key, "2026-02-30"));
  CHECK_FALSE(pseudonym(key, "today"));
  CHECK_FALSE(pseudonym(Bytes(31), "2026-11-22"));
}
