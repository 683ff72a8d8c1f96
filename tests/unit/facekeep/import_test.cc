#include <sstream>

#include "tests/support/catch.h"
#include "tests/unit/tools/scratch.h"
#include "tools/facekeep/import_batch.h"
#include "tools/facekeep/import_state.h"

using namespace facekeep;
using namespace facekeep::tools;

namespace {

Json consent() {
  return {{"controller", "Tower Ltd"},
          {"purpose", "doors"},
          {"scopes", {"verify", "identify"}},
          {"notice", {{"digest", std::string(64, 'a')}, {"version", "1"}}},
          {"given_at", "2026-11-22T08:00:00Z"},
          {"means", "paper"},
          {"evidence", std::string(64, 'b')},
          {"until", "2027-11-22"},
          {"minor", false}};
}

ImportRow row(std::uint64_t number, const std::string& subject) {
  ImportRow out;
  out.row.number = number;
  out.row.subject = subject;
  out.row.values = std::vector<float>(64, 0.5F);
  return out;
}

std::vector<Json> lines_of(const ImportBatcher& batcher) {
  const http::CleansedBytes body = batcher.body();
  std::istringstream in{std::string(as_chars(body))};
  std::vector<Json> out;
  for (std::string line; std::getline(in, line);) out.push_back(Json::parse(line));
  return out;
}

GroupAnswer exists(std::size_t held) {
  return {GroupAnswer::Kind::kExists, held, std::nullopt};
}

}  // namespace

const std::string kCheckpointLine = R"({"checkpoint":"a note"})";

TEST_CASE("rows of one subject become one enrolment, wherever in the batch they stand") {
  ImportBatcher batcher("arcface", consent());
  CHECK_FALSE(batcher.add(row(1, "anna")));
  CHECK_FALSE(batcher.add(row(2, "ben \"b\"")));
  CHECK_FALSE(batcher.add(row(3, "anna")));
  const auto lines = lines_of(batcher);
  REQUIRE(lines.size() == 2);
  CHECK(lines[0]["subject"] == "anna");
  CHECK(lines[0]["templates"].size() == 2);
  CHECK(lines[0]["templates"][0]["model"] == "arcface");
  CHECK(from_base64(lines[0]["templates"][0]["template"].get<std::string>())->size() == 256);
  CHECK(lines[0]["consent"] == consent());
  CHECK(lines[1]["subject"] == "ben \"b\"");
}

TEST_CASE("a ninth row of one subject is rejected, over batches too") {
  ImportBatcher batcher("arcface", consent());
  for (std::uint64_t i = 1; i <= 8; ++i) CHECK_FALSE(batcher.add(row(i, "anna")));
  const auto ninth = batcher.add(row(9, "anna"));
  REQUIRE(ninth);
  CHECK(std::string(ninth->problem) == "too-many-templates");
  batcher.count("anna", 8);
  batcher.clear();
  CHECK(batcher.add(row(10, "anna")));
  CHECK_FALSE(batcher.add(row(11, "ben")));
}

TEST_CASE("a row's own consent replaces fields of the import's, and is checked") {
  ImportBatcher batcher("arcface", consent());
  ImportRow own = row(1, "anna");
  own.consent = Json{{"until", "2028-01-01"}};
  CHECK_FALSE(batcher.add(std::move(own)));
  const auto lines = lines_of(batcher);
  CHECK(lines[0]["consent"]["until"] == "2028-01-01");
  CHECK(lines[0]["consent"]["controller"] == "Tower Ltd");
  ImportRow bad = row(2, "ben");
  bad.consent = Json{{"until", "2028-02-30"}};
  CHECK(std::string(batcher.add(std::move(bad))->problem) == "bad-consent");
  ImportRow other = row(3, "anna");
  other.consent = Json{{"until", "2028-01-02"}};
  CHECK(std::string(batcher.add(std::move(other))->problem) == "two-consents");
}

TEST_CASE("later rows of a subject are sent without templates and added one by one") {
  ImportBatcher batcher("arcface", consent());
  batcher.count_earlier("anna");
  CHECK_FALSE(batcher.add(row(5, "anna")));
  CHECK_FALSE(batcher.add(row(6, "anna")));
  CHECK(lines_of(batcher)[0]["templates"].empty());
  const Settlement s = batcher.settle(batcher.groups()[0], exists(1));
  CHECK(s.enrolled == 0);
  CHECK(s.existing == 0);
  CHECK(s.add == std::vector<std::size_t>{0, 1});
}

TEST_CASE("a batch that is sent again after an interruption adds nothing twice") {
  ImportBatcher batcher("arcface", consent());
  batcher.count_earlier("anna");
  for (std::uint64_t i = 5; i <= 7; ++i) CHECK_FALSE(batcher.add(row(i, "anna")));
  CHECK_FALSE(batcher.add(row(8, "ben")));
  // The interrupted run had added one of the three.
  const Settlement anna = batcher.settle(batcher.groups()[0], exists(2));
  CHECK(anna.existing == 1);
  CHECK(anna.add == std::vector<std::size_t>{1, 2});
  // And had enrolled the other subject whole.
  const Settlement ben = batcher.settle(batcher.groups()[1], exists(1));
  CHECK(ben.existing == 1);
  CHECK(ben.add.empty());
}

TEST_CASE("a created subject has all its rows, a refused one none") {
  ImportBatcher batcher("arcface", consent());
  CHECK_FALSE(batcher.add(row(1, "anna")));
  CHECK_FALSE(batcher.add(row(2, "anna")));
  CHECK(batcher.settle(batcher.groups()[0], {GroupAnswer::Kind::kCreated, 2, std::nullopt}).enrolled == 2);
  const auto answers = parse_enrolment_answers(
      as_bytes(
          std::string(
              R"({"row":1,"status":"refused","type":"urn:facekeep:problem:wrong-dimension","title":"t","detail":"d"})") +
          "\n" + kCheckpointLine),
      1);
  REQUIRE(answers);
  const Settlement s = batcher.settle(batcher.groups()[0], answers->front());
  REQUIRE(s.refused);
  CHECK(s.refused->message == "d");
  CHECK(std::string(s.refused->problem) == "wrong-dimension");
  CHECK_FALSE(stops_import(*s.refused));
}

TEST_CASE("answers that do not fit the batch are malformed") {
  const auto parse = [](const std::string& rows) { return parse_enrolment_answers(as_bytes(rows), 1); };
  CHECK_FALSE(parse(""));
  CHECK_FALSE(parse("{}\n" + kCheckpointLine));
  CHECK_FALSE(parse(R"({"row":2,"status":"created","templates":[]})"
                    "\n" +
                    kCheckpointLine));
  CHECK_FALSE(parse(R"({"row":1,"status":"created"})"
                    "\n" +
                    kCheckpointLine));
  CHECK_FALSE(parse(R"({"row":1,"status":"maybe","templates":[]})"
                    "\n" +
                    kCheckpointLine));
  const std::string good = R"({"row":1,"status":"exists","entry":3,"templates":["a"]})"
                           "\n";
  CHECK(parse(good + kCheckpointLine));
  CHECK_FALSE(parse(good));
  CHECK_FALSE(parse(good + good));
  CHECK_FALSE(parse(good + kCheckpointLine + kCheckpointLine));
}

TEST_CASE("an import stops at what no further row would survive") {
  for (const char* name : {"sealed", "halted", "wrong-role", "unknown-model", "out-of-space", "hsm-gone"}) {
    CHECK(stops_import(make_problem(Errc::kUnavailable, name, "")));
  }
  for (const char* name : {"already-enrolled", "wrong-dimension", "zero-vector", "consent-ended"}) {
    CHECK_FALSE(stops_import(make_problem(Errc::kInvalidArgument, name, "")));
  }
}

TEST_CASE("a batch is full by rows") {
  ImportBatcher batcher("arcface", consent());
  for (std::uint64_t i = 1; i < kImportBatchRows; ++i) CHECK_FALSE(batcher.add(row(i, "s" + std::to_string(i))));
  CHECK_FALSE(batcher.full());
  CHECK_FALSE(batcher.add(row(999, "last")));
  CHECK(batcher.full());
}

TEST_CASE("NDJSON rows may bring fields of the consent; others are refused") {
  std::istringstream in(R"({"subject":"anna","template":[)" +
                        [] {
                          std::string values = "1";
                          for (int i = 1; i < 64; ++i) values += ",0.5";
                          return values;
                        }() +
                        R"(],"consent":{"until":"2028-01-01"}})"
                        "\n\n"
                        R"({"subject":"ben","template":[1,2],"age":4})"
                        "\n"
                        R"({"subject":"ben"})"
                        "\nnot json\n");
  const auto rows = ndjson_import(in, 0);
  const auto good = rows->next();
  REQUIRE((good && *good));
  CHECK_FALSE((*good)->row.error);
  CHECK((*good)->row.values.size() == 64);
  CHECK((*(*good)->consent)["until"] == "2028-01-01");
  for (std::uint64_t number = 2; number <= 4; ++number) {
    const auto bad = rows->next();
    REQUIRE((bad && *bad));
    CHECK((*bad)->row.number == number);
    CHECK((*bad)->row.error);
    CHECK((*bad)->row.values.empty());
  }
  CHECK_FALSE(*rows->next());
}

TEST_CASE("an import goes on where its state says, and only its own") {
  const Scratch dir;
  const ImportFiles files((dir.path() / "faces.npy").string());
  const ImportState fresh{"00ff", "tower", "arcface", 4096, 1, 0, 0, 0};
  dir.write("faces.npy.rejected.ndjson", "{\"row\":7}\n");
  CHECK(*files.resume(fresh) == fresh);
  CHECK_FALSE(std::filesystem::exists(files.rejects_path()));  // of an import before this one
  ImportState half = fresh;
  half.next = 257;
  half.enrolled = 250;
  half.rejected = 6;
  REQUIRE(files.save(half));
  CHECK(*files.resume(fresh) == half);
  ImportState other = fresh;
  other.site = "garage";
  CHECK(files.resume(other).error().code == Errc::kFailedPrecondition);
  other = fresh;
  other.file_size = 4097;
  CHECK_FALSE(files.resume(other));
  files.finish();
  CHECK(*files.resume(fresh) == fresh);
  dir.write("faces.npy.import-state", "{\"v\":1");
  CHECK(files.resume(fresh).error().code == Errc::kMalformed);
}

TEST_CASE("rejected rows are written with their number and cause, and cut back to the state") {
  const Scratch dir;
  const ImportFiles files((dir.path() / "f.csv").string());
  REQUIRE(files.reject(3, "anna", make_problem(Errc::kInvalidArgument, "zero-vector", "all values are zero")));
  REQUIRE(files.reject(9, "", make_error(Errc::kMalformed, "column 4 is no number")));
  const Json first =
      Json::parse(dir.read("f.csv.rejected.ndjson").substr(0, dir.read("f.csv.rejected.ndjson").find('\n')));
  CHECK(first["row"] == 3);
  CHECK(first["problem"] == "zero-vector");
  CHECK(first["subject"] == "anna");
  CHECK(*files.rejected_before(9) == std::set<std::uint64_t>{3});
  CHECK(dir.read("f.csv.rejected.ndjson").find("\"row\":9") == std::string::npos);
}
