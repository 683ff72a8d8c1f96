// The engine on real embeddings: the 1:N protocol of the data's README, to the last probe.
#include <cstring>
#include <fstream>
#include <map>
#include <sstream>

#include "tests/support/catch.h"
#include "tests/support/paths.h"
#include "tests/unit/match/faces.h"

using namespace facekeep;
using namespace facekeep::match;
using namespace facekeep::match::testing;

namespace {

const std::string kData = facekeep::test::shared_dir() + "/data/";

// Person of each row; rows of a person are in the order of their images.
std::vector<int> read_labels() {
  std::ifstream file(kData + "faces.labels.csv");
  std::vector<int> people;
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    int row = 0;
    int person = 0;
    if (std::sscanf(line.c_str(), "%d,%d", &row, &person) != 2 || row != static_cast<int>(people.size())) return {};
    people.push_back(person);
  }
  return people;
}

std::vector<float> read_faces(std::size_t dimension, std::size_t rows) {
  std::ifstream file(kData + "faces-" + std::to_string(dimension) + ".f32", std::ios::binary);
  std::vector<float> values(rows * dimension);
  file.read(reinterpret_cast<char*>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(float)));
  if (!file) values.clear();
  return values;
}

void check_rank_1(std::size_t dimension, double expected) {
  const std::vector<int> people = read_labels();
  const std::vector<float> faces = people.empty() ? std::vector<float>() : read_faces(dimension, people.size());
  if (faces.empty()) {
    WARN("skipped: no real embeddings in " << kData);
    return;
  }
  const auto face = [&](std::size_t row) { return std::span(faces).subspan(row * dimension, dimension); };
  std::map<int, std::vector<std::size_t>> rows;
  for (std::size_t row = 0; row < people.size(); ++row) rows[people[row]].push_back(row);
  const auto engine = make_engine(true);
  REQUIRE(engine->create_gallery("lfw", "m", dimension));
  std::vector<std::size_t> enrolled;
  std::vector<std::size_t> probes;
  for (const auto& [person, theirs] : rows) {
    if (theirs.size() < 2) continue;
    enrolled.push_back(theirs[0]);
    REQUIRE(engine->add("lfw", "m", ref_of(static_cast<std::uint64_t>(person)), theirs[0], face(theirs[0])));
    probes.insert(probes.end(), theirs.begin() + 1, theirs.end());
  }
  REQUIRE(enrolled.size() == 1680);
  REQUIRE(probes.size() == 7484);
  std::size_t right = 0;
  std::size_t differs = 0;
  for (std::size_t p = 0; p < probes.size(); ++p) {
    const auto got = engine->identify("lfw", "m", face(probes[p]), -1000000);
    REQUIRE(got);
    right += *got == ref_of(static_cast<std::uint64_t>(people[probes[p]])) ? 1U : 0U;
    if (p % 50 != 0) continue;  // the plain loop is slow
    std::size_t best = enrolled[0];
    for (const std::size_t row : enrolled) {
      if (cosine(face(probes[p]), face(row)) > cosine(face(probes[p]), face(best))) best = row;
    }
    differs += *got == ref_of(static_cast<std::uint64_t>(people[best])) ? 0U : 1U;
  }
  CHECK(differs == 0);
  CHECK(std::abs(static_cast<double>(right) / 7484 - expected) < 0.5e-5);
}

}  // namespace

TEST_CASE("rank-1 identification on real 128-d faces is that of exact search") {
  check_rank_1(128, .97956);
}

TEST_CASE("rank-1 identification on real 512-d faces is that of exact search") {
  check_rank_1(512, .98263);
}
