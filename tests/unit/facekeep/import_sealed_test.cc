#include "tools/facekeep/import_sealed.h"

#include "api/ndjson.h"
#include "tests/unit/export/certs.h"
#include "tests/unit/facekeep/machine.h"
#include "vault/base/digest.h"
#include "vault/export/parts.h"

using namespace facekeep;
using namespace facekeep::tools;

namespace {

std::string row_of(const std::string& line) {
  const auto row = enrolment_row(line);
  return row ? std::string(as_chars({row->data(), row->size()})) : "refused: " + row.error().message;
}

constexpr const char* kLine =
    R"({"consent":{"controller":"c"},"record":{"entry":7,"site":"main"},"subject":"a\"b","templates":[)"
    R"({"entry":8,"model":"face","template":"AAAA","version":3},{"entry":9,"model":"other","template":"BBBB","version":1}]})";

// A part in memory.
struct OnePart final : exporter::PartOutput {
  Bytes bytes;
  Status begin_part(std::size_t) override { return {}; }
  Status write(ByteView sealed) override {
    bytes.insert(bytes.end(), sealed.begin(), sealed.end());
    return {};
  }
  Status end_part() override { return {}; }
};

constexpr std::array kCommands = {AddCommand{add_import}};

// A vault that takes enrolments, and the part of another's export for the own key.
struct Place : tools::testing::Machine {
  std::size_t calls = 0;
  std::string manifest;
  std::function<std::string(std::size_t row)> answer = [](std::size_t row) {
    return R"({"row":)" + std::to_string(row) + R"(,"status":"created","templates":[{"entry":1}]})";
  };

  Place() {
    EVP_PKEY* key = exporter::test::key("EC:P-256");
    REQUIRE(http::save_private_file(path("recipient.key"), http::private_key_pem(key)->view()));
    serve([this](http::Request&& r) {
      ++calls;
      http::Response out;
      std::string text;
      const std::size_t rows = api::split_ndjson(as_chars(r.body)).size();
      for (std::size_t i = 1; i <= rows; ++i) text += answer(i) + "\n";
      out.body = to_bytes(text + R"({"checkpoint":"c"})" + "\n");
      return out;
    });
  }
  // A part for this key as anybody makes it who has its certificate, and a manifest of it.
  void exported(int people, std::size_t row_size) {
    const auto recipient = *exporter::parse_recipient(exporter::test::make_cert({}));
    OnePart part;
    auto writer = *exporter::PartWriter::create({recipient}, exporter::kMaxPartSize, part);
    for (int i = 0; i < people; ++i) {
      REQUIRE(writer.add(as_bytes(R"({"consent":{},"record":{},"subject":"s)" + std::to_string(i) +
                                  R"(","templates":[{"entry":1,"model":"face","template":")" +
                                  std::string(row_size, 'A') + R"(","version":1}]})" + "\n")));
    }
    exporter::Manifest m;
    m.vault = {7};
    m.proposal = {8};
    m.site = "main";
    m.purpose = "move";
    m.basis = "consent";
    m.recipients = {{recipient.spki, recipient.key}};
    m.parts = *writer.finish();
    m.subjects = static_cast<std::uint64_t>(people);
    m.templates = m.subjects;
    manifest = *exporter::encode_manifest(m);
    dir.write("part-0001.cms", std::string(as_chars(part.bytes)));
    dir.write("manifest.json", manifest);
  }
  [[nodiscard]] std::string digest() const { return to_hex(sha256(as_bytes(manifest))); }
  int import(const std::vector<std::string>& more, std::string_view says = {}) {
    std::vector<std::string> words = {"import", path("part-0001.cms"), "--site",
                                      "main",   "--recipient-key",     path("recipient.key")};
    words.insert(words.end(), more.begin(), more.end());
    Lines lines;
    if (!says.empty()) {
      lines = std::make_shared<std::vector<ScriptedTerminal::Line>>();
      lines->push_back({"", SecretBytes::copy_of(as_bytes(says))});
    }
    return run_with(kCommands, std::move(words), lines);
  }
};

}  // namespace

TEST_CASE("a part is taken when its manifest has the digest that the exporting vault's log has") {
  Place place;
  place.exported(3, 8);
  CHECK(place.import({"--manifest-digest", place.digest()}) == 0);
  INFO(place.err);
  CHECK(place.calls == 1);
  CHECK(place.import({}, "y") == 0);
  CHECK(place.calls == 2);
  std::filesystem::rename(place.path("manifest.json"), place.path("elsewhere.json"));
  CHECK(place.import({"--manifest", place.path("elsewhere.json"), "--manifest-digest", place.digest()}) == 0);
}

TEST_CASE("nothing of a part is sent that nobody vouches for") {
  Place place;
  place.exported(3, 8);
  const std::string expected = place.digest();
  CHECK(place.import({}) == 1);  // nobody is there to ask
  CHECK(place.import({}, "n") == 1);
  CHECK(place.import({"--manifest-digest", std::string(64, '0')}) == 2);
  CHECK(place.import({"--manifest-digest", "short"}) == 1);
  // Another part for the same key, beside the genuine manifest; then with a manifest of its own.
  const std::string genuine = place.manifest;
  place.exported(4, 8);
  CHECK(place.import({"--manifest-digest", expected}) == 2);
  place.dir.write("manifest.json", genuine);
  CHECK(place.import({"--manifest-digest", expected}) == 2);
  CHECK(place.err.find("is not a part of the export") != std::string::npos);
  std::filesystem::remove(place.path("manifest.json"));
  CHECK(place.import({"--manifest-digest", expected}) != 0);
  CHECK(place.calls == 0);
}

TEST_CASE("a refused row is named by its own number, wherever a batch ends") {
  Place place;
  place.exported(300, 30'000);  // batches end by their size
  place.answer = [](std::size_t row) {
    if (row > 1) return R"({"row":)" + std::to_string(row) + R"(,"status":"created","templates":[{"entry":1}]})";
    return std::string(
        R"({"row":1,"status":"refused","type":"urn:facekeep:problem:wrong-dimension","title":"t","detail":"d"})");
  };
  CHECK(place.import({"--manifest-digest", place.digest()}) == 0);
  INFO(place.err);
  CHECK(place.calls == 3);
  CHECK(place.err.find("row 1 was refused") != std::string::npos);
  CHECK(place.err.find("row 140 was refused") != std::string::npos);
  CHECK(place.err.find("row 279 was refused") != std::string::npos);
}

TEST_CASE("a line of an export becomes a row of an enrolment") {
  const std::string row = row_of(kLine);
  CHECK(row == R"({"consent":{"controller":"c"},"subject":"a\"b","templates":[{"model":"face","template":"AAAA"},)"
               R"({"model":"other","template":"BBBB"}]})"
               "\n");
}

TEST_CASE("a subject without templates keeps none") {
  CHECK(row_of(R"({"consent":{},"record":{},"subject":"a","templates":[]})") ==
        "{\"consent\":{},\"subject\":\"a\",\"templates\":[]}\n");
}

TEST_CASE("what is no line of an export is refused") {
  for (const char* line :
       {"", "[]", "{}", R"({"consent":{},"record":{},"subject":"a"})", R"({"consent":{},"subject":"a","templates":[]})",
        R"({"consent":{},"record":{},"subject":"a","templates":{}})",
        R"({"consent":{},"record":{},"subject":"a","templates":[1]})",
        R"({"consent":{},"record":{},"subject":"a","templates":[{"model":"face","template":"AAAA"}]})",
        R"({"consent":{},"more":1,"record":{},"subject":"a","templates":[]})"}) {
    CAPTURE(line);
    CHECK(row_of(line).starts_with("refused"));
  }
}

TEST_CASE("a part of an export is told by its name") {
  CHECK(is_sealed_part("x/part-0001.cms"));
  CHECK_FALSE(is_sealed_part("faces.ndjson"));
}
