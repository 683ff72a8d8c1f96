#include "vault/export/row.h"

#include <cmath>
#include <cstring>

#include "tests/support/catch.h"
#include "vault/base/json.h"
#include "vault/seal/template_seal.h"

namespace facekeep {
// What enrolment defines for itself: the only way to a PlainTemplateAccess.
class EnrolmentPass {
 public:
  static PlainTemplateAccess get() { return PlainTemplateAccess(); }
};
}  // namespace facekeep

using namespace facekeep;
using namespace facekeep::exporter;

namespace {

constexpr const char* kConsent = R"({"controller":"c","until":"2027-01-01"})";

std::vector<float> vec(std::size_t n) {
  std::vector<float> v(n);
  for (std::size_t i = 0; i < n; ++i) v[i] = std::sin(static_cast<float>(i));
  return v;
}

}  // namespace

TEST_CASE("a row is canonical JSON of everything that the vault has of a subject") {
  RowBuilder b;
  REQUIRE(b.begin({"badge-\"7\"", kConsent, "main", 12}));
  REQUIRE(b.add_template(EnrolmentPass::get(), {"face", 3, 13}, vec(64)));
  REQUIRE(b.add_template(EnrolmentPass::get(), {"face-2", 1, 14}, vec(128)));
  const auto line = b.finish();
  REQUIRE(line);
  std::string text(as_chars(*line));
  REQUIRE(text.back() == '\n');
  text.pop_back();
  const auto j = parse_canonical_json(text);
  REQUIRE(j);
  CHECK((*j)["subject"] == "badge-\"7\"");
  CHECK((*j)["consent"].dump() == kConsent);
  CHECK((*j)["record"] == Json{{"entry", 12}, {"site", "main"}});
  REQUIRE((*j)["templates"].size() == 2);
  CHECK((*j)["templates"][0]["model"] == "face");
  CHECK((*j)["templates"][0]["version"] == 3);
  CHECK((*j)["templates"][1]["entry"] == 14);
  const auto raw = from_base64((*j)["templates"][1]["template"].get<std::string>());
  REQUIRE(raw);
  const auto v = vec(128);
  REQUIRE(raw->size() == v.size() * sizeof(float));
  CHECK(std::memcmp(raw->data(), v.data(), raw->size()) == 0);
}

TEST_CASE("a subject without templates has an empty list") {
  RowBuilder b;
  REQUIRE(b.begin({"s", kConsent, "main", 1}));
  const auto line = b.finish();
  REQUIRE(line);
  CHECK(as_chars(*line).ends_with("\"templates\":[]}\n"));
}

TEST_CASE("the largest subject fits into a row") {
  RowBuilder b;
  const std::string consent = R"({"controller":")" + std::string(4000, 'c') + "\"}";
  REQUIRE(b.begin({std::string(128, '"'), consent, std::string(64, 's'), (1ULL << 53) - 1}));
  for (int i = 0; i < 8; ++i) {
    REQUIRE(b.add_template(EnrolmentPass::get(), {std::string(64, 'm'), UINT32_MAX, (1ULL << 53) - 1},
                           vec(seal::kMaxDimension)));
  }
  CHECK(b.finish());
}

TEST_CASE("more than a row holds is refused") {
  RowBuilder b;
  REQUIRE(b.begin({"s", kConsent, "main", 1}));
  Status s;
  for (int i = 0; i < 20 && s; ++i) s = b.add_template(EnrolmentPass::get(), {"face", 1, 1}, vec(seal::kMaxDimension));
  REQUIRE_FALSE(s);
  CHECK(s.error().code == Errc::kTooLarge);
}

TEST_CASE("a consent that is no JSON is refused") {
  RowBuilder b;
  CHECK_FALSE(b.begin({"s", "{", "main", 1}));
  CHECK_FALSE(b.begin({"\xff", kConsent, "main", 1}));
}

TEST_CASE("a new row begins in memory that was cleansed") {
  RowBuilder b;
  REQUIRE(b.begin({"first", kConsent, "main", 1}));
  REQUIRE(b.add_template(EnrolmentPass::get(), {"face", 1, 1}, vec(64)));
  REQUIRE(b.finish());
  REQUIRE(b.begin({"second", kConsent, "main", 2}));
  const auto line = b.finish();
  REQUIRE(line);
  // Behind the line, in the same buffer, nothing of the first one is left.
  CHECK(std::all_of(line->data() + line->size(), line->data() + kMaxRow, [](std::uint8_t c) { return c == 0; }));
}
