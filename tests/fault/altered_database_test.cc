// What a hand in the database comes to at the next start: the first bad entry is named, or what was altered is
// left out; nobody ever matches with another's data. Not here: an audit from outside, and a database that was
// altered while the vault was open (the engine's cache may serve the old bytes until the restart).
#include <filesystem>
#include <fstream>

#include "tests/fault/stopped_vault.h"
#include "tests/fault/vault_audit.h"
#include "vault/store/keys.h"

using namespace facekeep;
using namespace facekeep::test;
namespace fs = std::filesystem;

namespace {

// Each byte altered alone, the value cut, and gone: the start must refuse and name `what`.
void expect_refusal(Stopped& v, const Bytes& key, const std::string& what) {
  const Bytes good = v.get(key).value();
  std::vector<std::optional<Bytes>> bad = {flipped(good, 0), flipped(good, good.size() / 2),
                                           flipped(good, good.size() - 1), Bytes(good.begin(), good.end() - 1),
                                           std::nullopt};
  for (const auto& value : bad) {
    v.put(key, value);
    const std::string refusal = v.start();
    INFO(what << ": " << refusal);
    CHECK(refusal.starts_with("integrity"));
    CHECK(refusal.find(what) != std::string::npos);
  }
  v.put(key, good);
  CHECK(v.start() == "ok");
}

// Opens and says what each face gets: identify of anna and of bela, and verify of each under the other's name.
struct Answers {
  std::string anna, bela, anna_as_bela, bela_as_anna;
  std::uint64_t refused = 0;
};
Answers answers(Stopped& v) {
  auto service = v.f.start();
  REQUIRE(said(service) == "ok");
  REQUIRE(said(open_vault(v.f, **service)) == "ok");
  Answers a;
  a.anna = decided(ask(v.f, **service, kAnna));
  a.bela = decided(ask(v.f, **service, kBela));
  a.anna_as_bela = decided(ask(v.f, **service, kAnna, "bela"));
  a.bela_as_anna = decided(ask(v.f, **service, kBela, "anna"));
  a.refused = (*service)->seal_status()->templates_refused;
  v.f.stop(*service);
  return a;
}

}  // namespace

TEST_CASE("an altered entry, opening, tile or checkpoint is refused at the start, by name") {
  NEEDS_TOKEN();
  Stopped v(270);  // beyond one full tile
  expect_refusal(v, keys::entry(3), "entry 3");
  const std::uint64_t enrolled = v.subject(0).second.entry;
  expect_refusal(v, keys::entry(enrolled), "entry " + std::to_string(enrolled));
  expect_refusal(v, keys::opening(enrolled), "entry " + std::to_string(enrolled));
  expect_refusal(v, keys::tile(0, 0), "tile");
}

TEST_CASE("a published checkpoint that was altered is not taken for the log's") {
  NEEDS_TOKEN();
  Stopped v;
  const Bytes good = v.get(keys::checkpoint_latest()).value();
  for (const std::size_t at : {std::size_t{0}, good.size() / 2, good.size() - 3}) {
    v.put(keys::checkpoint_latest(), flipped(good, at));
    const std::string refusal = v.start();
    INFO("byte " << at << ": " << refusal);
    CHECK(refusal != "ok");
  }
  v.put(keys::checkpoint_latest(), good);
  CHECK(v.start() == "ok");
}

TEST_CASE("a subject whose record or template was altered does not match, and the others do") {
  NEEDS_TOKEN();
  Stopped v;
  const auto& [ref, anna] = v.subject(0);
  for (const Bytes& key : {keys::record(ref), keys::template_of(ref, anna.templates.at(0).id)}) {
    const Bytes good = v.get(key).value();
    for (const auto& bad : std::vector<std::optional<Bytes>>{flipped(good, 0), flipped(good, good.size() / 2),
                                                             flipped(good, good.size() - 1), std::nullopt}) {
      v.put(key, bad);
      const Answers a = answers(v);
      CHECK(a.anna == "no_match");
      CHECK(a.bela == "match bela");
      CHECK(a.refused == 1);
      CHECK_FALSE(a.anna_as_bela.starts_with("match"));
      CHECK_FALSE(a.bela_as_anna.starts_with("match"));
    }
    v.put(key, good);
  }
  CHECK(answers(v).anna == "match anna");
}

TEST_CASE("two subjects whose templates, records or index rows were exchanged never match as one another") {
  NEEDS_TOKEN();
  Stopped v;
  const auto& [ref_a, a] = v.subject(0);
  const auto& [ref_b, b] = v.subject(1);
  std::vector<std::pair<Bytes, Bytes>> pairs = {
      {keys::record(ref_a), keys::record(ref_b)},
      {keys::template_of(ref_a, a.templates.at(0).id), keys::template_of(ref_b, b.templates.at(0).id)}};
  std::vector<Bytes> index;
  REQUIRE(v.open_store()->scan(keys::prefix(keys::Kind::kSubjectIndex), {}, [&](ByteView key, ByteView) {
    index.push_back(to_bytes(key));
    return true;
  }));
  REQUIRE(index.size() == 2);
  pairs.emplace_back(index[0], index[1]);
  for (const auto& [one, other] : pairs) {
    const Bytes x = v.get(one).value();
    const Bytes y = v.get(other).value();
    v.put(one, y);
    v.put(other, x);
    const Answers got = answers(v);
    CHECK_FALSE(got.anna_as_bela.starts_with("match"));
    CHECK_FALSE(got.bela_as_anna.starts_with("match"));
    CHECK(got.anna.find("bela") == std::string::npos);
    CHECK(got.bela.find("anna") == std::string::npos);
    v.put(one, x);
    v.put(other, y);
  }
}

TEST_CASE("an altered site key opens nothing, and says so") {
  NEEDS_TOKEN();
  Stopped v;
  const Bytes key = keys::site_key("main", 1, keys::SiteKeyKind::kMain).value();
  const Bytes good = v.get(key).value();
  for (const std::size_t at : {std::size_t{0}, good.size() / 2, good.size() - 1}) {
    v.put(key, flipped(good, at));
    auto service = v.f.start();
    REQUIRE(said(service) == "ok");
    CHECK_FALSE(v.f.unseal(**service));
    CHECK((*service)->seal_status()->state != "open");
    v.f.stop(*service);
  }
  v.put(key, good);
  CHECK(answers(v).anna == "match anna");
}

TEST_CASE("an older database put back is refused, with both positions") {
  NEEDS_TOKEN();
  Stopped v;
  const std::string copy = v.f.dir() + "/copy";
  fs::create_directory(copy);
  for (const char* part : {"/db", "/keys"}) fs::copy(v.f.dir() + part, copy + part, fs::copy_options::recursive);
  const auto head = [&] {
    const auto store = v.open_store();
    return *store->head();
  };
  const std::uint64_t old_size = head();
  {
    auto service = v.f.start();
    REQUIRE(said(service) == "ok");
    REQUIRE(said(open_vault(v.f, **service)) == "ok");
    REQUIRE(said(erase(v.f, **service, "anna")) == "ok");
    v.f.stop(*service);
  }
  // The token saw up to the erasure: the stop behind it signs nothing.
  const std::uint64_t new_size = head() - 1;
  for (const char* part : {"/db", "/keys"}) {
    fs::remove_all(v.f.dir() + part);
    fs::copy(copy + part, v.f.dir() + part, fs::copy_options::recursive);
  }
  const std::string refusal = v.start();
  INFO(refusal);
  CHECK(refusal.starts_with("integrity"));
  CHECK(refusal.find(std::to_string(old_size)) != std::string::npos);
  CHECK(refusal.find(std::to_string(new_size)) != std::string::npos);
}

TEST_CASE("a key slot torn in one copy is healed from the other; torn in both, its subject is left out") {
  NEEDS_TOKEN();
  Stopped v;
  const std::uint32_t slot = v.subject(0).second.slot;
  const auto at = static_cast<std::streamoff>((slot + 1) * seal::kSlotSize);
  const auto file = [&](const char* name) { return v.f.dir() + "/keys/" + name; };
  const auto read = [&](const char* name) {
    std::string bytes(seal::kSlotSize, '\0');
    std::ifstream in(file(name), std::ios::binary);
    in.seekg(at);
    in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return bytes;
  };
  const auto tear = [&](const char* name) {
    std::fstream out(file(name), std::ios::in | std::ios::out | std::ios::binary);
    out.seekp(at + 20);
    out << "torn in the middle";
  };
  const std::string whole = read("slots.a");
  REQUIRE(whole == read("slots.b"));
  for (const char* name : {"slots.a", "slots.b"}) {
    tear(name);
    REQUIRE(read(name) != whole);
    CHECK(answers(v).anna == "match anna");
    CHECK(read(name) == whole);
  }
  tear("slots.a");
  tear("slots.b");
  const Answers a = answers(v);
  CHECK(a.anna == "no_match");
  CHECK(a.bela == "match bela");
  CHECK(a.refused == 1);
}
