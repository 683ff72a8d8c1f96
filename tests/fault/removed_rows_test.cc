// What a hand takes out of the database, or exchanges in it: the next start or the next list names it, and a refused
// start has destroyed nothing.
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/fault/stopped_vault.h"
#include "vault/log/sequencer/recovery.h"

using namespace facekeep;
using namespace facekeep::test;
namespace fs = std::filesystem;

namespace {

std::string bytes_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::unique_ptr<Service> open(Stopped& v) {
  auto service = std::move(*v.f.start());
  REQUIRE(said(open_vault(v.f, *service)) == "ok");
  return service;
}

}  // namespace

TEST_CASE("an access event whose opening was taken away or exchanged for another form is refused at the start") {
  NEEDS_TOKEN();
  Stopped v(3);
  std::vector<std::uint64_t> sealed;
  REQUIRE(v.open_store()->scan(keys::prefix(keys::Kind::kOpening), {}, [&](ByteView key, ByteView value) {
    if (value[0] == log::kOpeningSealed) sealed.push_back(keys::parse_opening(key).value());
    return true;
  }));
  REQUIRE(sealed.size() >= 3);
  for (const std::uint64_t entry : {sealed.front(), sealed[1], sealed.back()}) {
    const Bytes good = v.get(keys::opening(entry)).value();
    for (const auto& bad : {std::optional<Bytes>(), std::optional<Bytes>(flipped(good, 0)),
                            std::optional<Bytes>(flipped(good, 2)), std::optional<Bytes>(Bytes{})}) {
      v.put(keys::opening(entry), bad);
      const std::string refusal = v.start();
      INFO(refusal);
      CHECK(refusal.starts_with("integrity: log entry " + std::to_string(entry) + ": its opening is"));
    }
    v.put(keys::opening(entry), good);
  }
  CHECK(v.start() == "ok");
}

TEST_CASE("a list of subjects names the entry whose record is gone or altered, and shows the others") {
  NEEDS_TOKEN();
  Stopped v;
  const auto& [ref, anna] = v.subject(0);
  const Bytes good = v.get(keys::record(ref)).value();
  for (const auto& bad : {std::optional<Bytes>(), std::optional<Bytes>(flipped(good, good.size() / 2))}) {
    v.put(keys::record(ref), bad);
    auto service = open(v);
    const auto page = service->list_subjects(v.f.key("operator/1"), "main", "", 10);
    REQUIRE(said(page) == "ok");
    REQUIRE(page->subjects.size() == 1);
    CHECK(page->subjects[0].subject == "bela");
    CHECK(page->damaged == std::vector<std::uint64_t>{anna.entry});
    v.f.stop(service);
  }
  v.put(keys::record(ref), good);
  auto service = open(v);
  const auto page = service->list_subjects(v.f.key("operator/1"), "main", "", 10);
  CHECK(page->subjects.size() == 2);
  CHECK(page->damaged.empty());
  v.f.stop(service);
}

TEST_CASE("a database that was rolled back under newer key slots is refused, and no slot is touched") {
  NEEDS_TOKEN();
  Stopped v;
  const std::string db = v.f.dir() + "/db";
  fs::copy(db, v.f.dir() + "/old", fs::copy_options::recursive);
  {
    auto service = open(v);
    REQUIRE(said(enrol(v.f, *service, "cili", VaultFixture::random_face(64, 33))) == "ok");
    v.f.stop(service);
  }
  fs::rename(db, v.f.dir() + "/new");
  fs::rename(v.f.dir() + "/old", db);
  const auto slots = [&] { return bytes_of(v.f.dir() + "/keys/slots.a") + bytes_of(v.f.dir() + "/keys/slots.b"); };
  const std::string before = slots();
  CHECK(v.start().find("rolled back") != std::string::npos);
  CHECK((slots() == before));  // bytes that nobody wants printed
  // The newest database put back finds every key.
  fs::rename(db, v.f.dir() + "/old");
  fs::rename(v.f.dir() + "/new", db);
  auto service = open(v);
  CHECK(decided(ask(v.f, *service, VaultFixture::random_face(64, 33))) == "match cili");
  v.f.stop(service);
}

TEST_CASE("ids of erased subjects that were exchanged in the database are not told as one another's") {
  NEEDS_TOKEN();
  Stopped v;
  const std::string day = format_day(v.f.clock.now().wall);
  std::uint64_t first = 0;
  std::uint64_t second = 0;
  {
    auto service = open(v);
    first = erase(v.f, *service, "anna")->entry;
    second = erase(v.f, *service, "bela")->entry;
    v.f.stop(service);
  }
  const auto told = [&] {
    auto service = open(v);
    const auto page = service->changes(v.f.key("door/1"), "main", 0);
    REQUIRE(said(page) == "ok");
    std::map<std::uint64_t, std::string> out;
    for (const Change& c : page->changes) {
      if (c.what == "erased") out[c.entry] = c.subject.value_or("-");
    }
    v.f.stop(service);
    return out;
  };
  CHECK(told() == std::map<std::uint64_t, std::string>{{first, "anna"}, {second, "bela"}});
  const Bytes a = keys::deleted(day, first).value();
  const Bytes b = keys::deleted(day, second).value();
  const Bytes blob_a = v.get(a).value();
  const Bytes blob_b = v.get(b).value();
  v.put(a, blob_b);
  v.put(b, blob_a);
  CHECK(told() == std::map<std::uint64_t, std::string>{{first, "-"}, {second, "-"}});
}
