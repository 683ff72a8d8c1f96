#include "vault/export/parts.h"

#include <sys/resource.h>

#include "tests/unit/export/certs.h"
#include "vault/base/digest.h"
#include "vault/export/cms_open.h"

using namespace facekeep;
using namespace facekeep::exporter;
using namespace facekeep::exporter::test;

namespace {

struct MemoryParts final : PartOutput {
  std::vector<Bytes> parts;
  std::size_t ended = 0;
  std::uint64_t room = UINT64_MAX;
  Status begin_part(std::size_t number) override {
    REQUIRE(number == parts.size() + 1);
    REQUIRE(ended == parts.size());
    parts.emplace_back();
    return {};
  }
  Status write(ByteView sealed) override {
    if (sealed.size() > room) return make_error(Errc::kOutOfSpace, "the disk is full");
    room -= sealed.size();
    parts.back().insert(parts.back().end(), sealed.begin(), sealed.end());
    return {};
  }
  Status end_part() override {
    ++ended;
    return {};
  }
};

std::vector<Recipient> one_recipient() {
  return {*parse_recipient(make_cert({}))};
}

std::string row(int number, std::size_t size) {
  std::string r = std::to_string(number) + ":";
  return r + std::string(size - r.size() - 1, 'r') + "\n";
}

}  // namespace

TEST_CASE("rows come out in order, and no part exceeds its size") {
  MemoryParts out;
  auto w = PartWriter::create(one_recipient(), kMinPartSize, out);
  REQUIRE(w);
  std::string all;
  for (int i = 0; i < 200; ++i) {
    const std::string r = row(i, 1000 + static_cast<std::size_t>(i) * 37);
    all += r;
    REQUIRE(w->add(as_bytes(r)));
  }
  const auto sizes = w->finish();
  REQUIRE(sizes);
  REQUIRE(sizes->size() == out.parts.size());
  CHECK(out.parts.size() > 3);
  CHECK(out.ended == out.parts.size());
  std::string opened;
  for (std::size_t i = 0; i < out.parts.size(); ++i) {
    CHECK(out.parts[i].size() <= kMinPartSize);
    CHECK((*sizes)[i].bytes == out.parts[i].size());
    CHECK((*sizes)[i].digest == sha256(out.parts[i]));
    const auto content = open_cms(out.parts[i], key("EC:P-256"));
    REQUIRE(content);
    const std::string text(as_chars(content->view()));
    CHECK(text.ends_with("\n"));  // a row never spans two parts
    opened += text;
  }
  CHECK(opened == all);
}

TEST_CASE("parts are filled before another is begun") {
  MemoryParts out;
  auto w = PartWriter::create(one_recipient(), kMinPartSize, out);
  for (int i = 0; i < 300; ++i) REQUIRE(w->add(as_bytes(row(i, 1000))));
  REQUIRE(w->finish());
  for (std::size_t i = 0; i + 1 < out.parts.size(); ++i) CHECK(out.parts[i].size() > kMinPartSize - 2000);
}

TEST_CASE("parts share no key: the same row seals differently in each") {
  MemoryParts out;
  auto w = PartWriter::create(one_recipient(), kMinPartSize, out);
  const std::string r = row(1, 60'000);
  for (int i = 0; i < 4; ++i) REQUIRE(w->add(as_bytes(r)));
  REQUIRE(w->finish());
  REQUIRE(out.parts.size() >= 2);
  CHECK(out.parts[0] != out.parts[1]);
}

TEST_CASE("an export without rows has no part") {
  MemoryParts out;
  auto w = PartWriter::create(one_recipient(), kMinPartSize, out);
  const auto sizes = w->finish();
  REQUIRE(sizes);
  CHECK(sizes->empty());
  CHECK(out.parts.empty());
}

TEST_CASE("a part's size has limits") {
  MemoryParts out;
  CHECK(PartWriter::create(one_recipient(), kMinPartSize - 1, out).error().code == Errc::kInvalidArgument);
  CHECK(PartWriter::create(one_recipient(), kMaxPartSize + 1, out).error().code == Errc::kInvalidArgument);
  CHECK(PartWriter::create(one_recipient(), kMaxPartSize, out));
  CHECK(PartWriter::create({}, kMaxPartSize, out).error().code == Errc::kInvalidArgument);
}

TEST_CASE("a row larger than a part is refused, and nothing follows") {
  MemoryParts out;
  auto w = PartWriter::create(one_recipient(), kMinPartSize, out);
  CHECK(w->add(Bytes(kMinPartSize, 'x')).error().code == Errc::kTooLarge);
  CHECK(w->add(as_bytes("small\n")).error().code == Errc::kTooLarge);
  CHECK(w->finish().error().code == Errc::kTooLarge);
}

TEST_CASE("an export has at most 400 parts") {
  MemoryParts out;
  auto w = PartWriter::create(one_recipient(), kMinPartSize, out);
  const std::string r = row(1, 80'000);  // one a part
  for (std::size_t i = 0; i < kMaxParts; ++i) {
    REQUIRE(w->add(as_bytes(r)));
    out.parts.back().clear();
  }
  CHECK(w->add(as_bytes(r)).error().code == Errc::kTooLarge);
}

TEST_CASE("a full disk ends the export") {
  MemoryParts out;
  out.room = 100'000;
  auto w = PartWriter::create(one_recipient(), kMinPartSize, out);
  Status s;
  for (int i = 0; i < 200 && s; ++i) s = w->add(as_bytes(row(i, 1000)));
  REQUIRE_FALSE(s);
  CHECK(s.error().code == Errc::kOutOfSpace);
  CHECK(w->finish().error().code == Errc::kOutOfSpace);
}
