// P5: after an acknowledged erasure, nothing that is there opens the template, for somebody who has the current folder,
// the token with its PIN, and every card.
//
// What it does not show: backups older than the erasure, with tokens and quorum (horizon_test.cc); flash cells and
// file-system snapshots; the memory of the running process.
#include <filesystem>
#include <fstream>

#include "tests/fault/calls.h"
#include "tests/fault/vault_audit.h"
#include "vault/seal/blob.h"
#include "vault/seal/share_set.h"
#include "vault/seal/site_key.h"
#include "vault/store/keys.h"

using namespace facekeep;
using namespace facekeep::test;
namespace fs = std::filesystem;
namespace keys = store::keys;

namespace {

const Vector kAnna = VaultFixture::random_face(64, 41);
const Vector kBela = VaultFixture::random_face(64, 42);

// What a thief noted of a subject while it was enrolled.
struct Noted {
  Id128 ref{};
  ledger::SubjectState state;
  Bytes wrapped_key;
  Bytes record;
  Bytes face;  // the sealed template
};

Noted note(VaultFixture& f, Service& s, std::uint64_t entry) {
  Noted n;
  s.sequencer().read([&](const ledger::State& st) {
    for (const auto& [ref, subject] : st.subjects()) {
      if (subject.entry != entry) continue;
      n.ref = ref;
      n.state = subject;
    }
  });
  n.wrapped_key = f.slots->read(1, n.state.slot).value();
  n.record = f.store->get(keys::record(n.ref)).value().value();
  n.face = f.store->get(keys::template_of(n.ref, n.state.templates.at(0).id)).value().value();
  return n;
}

// Everything: token, PIN, every card of the quorum, the site key out of this folder's database.
Result<seal::SiteKey> take_site_key(const VaultFixture& f, const store::Store& db) {
  const ledger::Genesis& g = f.genesis();
  seal::ShareSetSpec spec;
  for (std::size_t i = 0; i < g.groups.size(); ++i) {
    for (const auto& card : g.groups[i].shares)
      spec.shares.push_back(
          {static_cast<std::uint8_t>(i), static_cast<std::uint8_t>(card.number - 1), card.commitment});
    spec.member_thresholds.push_back(static_cast<std::uint8_t>(g.groups[i].threshold));
  }
  spec.group_threshold = static_cast<std::uint8_t>(g.groups.size());
  spec.u_public = g.unseal_key;
  FK_TRY(auto collector, seal::ShareCollector::create(std::move(spec)));
  for (const auto& group : g.groups) {
    for (std::uint32_t i = 1; i <= group.threshold; ++i) {
      FK_TRY(const auto reply, collector.add(f.card(group.id + "/" + std::to_string(i)).clone()));
      static_cast<void>(reply);
    }
  }
  FK_TRY(const SecretBytes u, collector.combine());
  FK_TRY(auto pool, hsm::open_token(f.token().uri(), SoftHsm::pin()));
  FK_TRY(const auto custody, hsm::TokenCustody::open(std::move(pool), g.vault));
  FK_TRY(const Bytes name, keys::site_key("main", 1, keys::SiteKeyKind::kMain));
  FK_TRY(const auto stored, db.get(name));
  return seal::open_site_key(*custody, {g.vault, "main", 1}, u.view(), stored.value(), g.sites.at(0).check);
}

// Tries every run of bytes of the folder's key files as the subject's wrapped key, and every key that opens on
// the noted blobs. How many of the two blobs it opens.
int attack(const VaultFixture& f, const std::string& folder, const Noted& n) {
  store::RocksOptions o;
  o.dir = folder + "/db";
  const auto db = store::RocksStore::open(o);
  REQUIRE(said(db) == "ok");
  const auto site = take_site_key(f, **db);
  REQUIRE(said(site) == "ok");
  const Id128 vault = f.genesis().vault;
  const seal::Aad key_aad = seal::make_aad({vault, "main"}, 1, seal::Purpose::kSubjectKey, n.ref).value();
  const seal::Aad record_aad = seal::make_record_aad({vault, "main"}, n.ref).value();
  const auto& t = n.state.templates.at(0);
  const seal::Aad face_aad =
      seal::make_template_aad({vault, "main"}, {n.ref, t.id, t.model, t.model_version, n.state.consent}).value();
  std::vector<seal::AeadKey> found;
  for (const auto which : {seal::SiteSubkey::kWrap, seal::SiteSubkey::kIndex, seal::SiteSubkey::kOpenings,
                           seal::SiteSubkey::kChanges, seal::SiteSubkey::kRegister, seal::SiteSubkey::kProofs})
    found.push_back(site->aead(which, 0));
  const std::string files = read_key_files(folder + "/keys");
  const seal::AeadKey wrap = site->aead(seal::SiteSubkey::kWrap, 0);
  for (std::size_t at = 0; at + seal::kKeyRecordSize <= files.size(); ++at) {
    const ByteView piece = as_bytes(files).subspan(at, seal::kKeyRecordSize);
    if (!seal::parse_blob_header(piece)) continue;
    if (auto key = seal::unwrap_key(wrap, key_aad, piece, 1)) found.push_back(std::move(*key));
  }
  bool record = false;
  bool face = false;
  for (const auto& key : found) {
    record = record || seal::open_blob(key, record_aad, n.record).has_value();
    face = face || seal::open_blob(key, face_aad, n.face).has_value();
  }
  return (record ? 1 : 0) + (face ? 1 : 0);
}

std::string copy_of(const VaultFixture& f, const std::string& name) {
  const std::string to = f.dir() + "-" + name;
  fs::copy(f.dir(), to, fs::copy_options::recursive);
  return to;
}

// Files below `dir` that hold these bytes.
std::vector<std::string> files_with(const std::string& dir, ByteView needle) {
  std::vector<std::string> out;
  for (const auto& e : fs::recursive_directory_iterator(dir)) {
    if (!e.is_regular_file() || e.path().filename() == "ballast") continue;
    std::string bytes(e.file_size(), '\0');
    std::ifstream(e.path(), std::ios::binary).read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (holds(bytes, needle)) out.push_back(e.path().string());
  }
  return out;
}

}  // namespace

TEST_CASE("after an erasure the current folder, the token and all cards open nothing of the subject") {
  NEEDS_TOKEN();
  VaultFixture f;
  auto service = std::move(*f.start());
  REQUIRE(said(open_vault(f, *service)) == "ok");
  const auto enrolled = enrol(f, *service, "anna", kAnna);
  REQUIRE(said(enrolled) == "ok");
  REQUIRE(said(enrol(f, *service, "bela", kBela)) == "ok");
  const Noted anna = note(f, *service, enrolled->entry);
  f.stop(service);
  const std::string before = copy_of(f, "before");
  // The same attack, while she is enrolled: it works, so that its failure below says something.
  REQUIRE(attack(f, before, anna) == 2);
  CHECK_FALSE(files_with(before, anna.wrapped_key).empty());

  service = std::move(*f.start());
  REQUIRE(said(open_vault(f, *service)) == "ok");
  const auto erased = erase(f, *service, "anna");
  REQUIRE(said(erased) == "ok");
  CHECK(erased->destroyed);
  // At the moment of the answer, in the files as the kernel has them:
  CHECK_FALSE(holds(read_key_files(f.dir() + "/keys"), anna.wrapped_key));
  CHECK(files_with(f.dir(), anna.wrapped_key).empty());
  const auto in_use = f.slots->in_use(1);
  CHECK(std::find(in_use->begin(), in_use->end(), anna.state.slot) == in_use->end());
  CHECK(decided(ask(f, *service, kAnna)) == "no_match");
  CHECK(decided(ask(f, *service, kAnna, "anna")) == "no_match");
  f.stop(service);
  const std::string after = copy_of(f, "after");
  // With the blobs that the thief noted before: more than the folder itself still has.
  CHECK(attack(f, after, anna) == 0);
  for (const auto& dir : {before, after}) fs::remove_all(dir);
}

TEST_CASE("an older key file put back does not bring an erased subject back into service") {
  NEEDS_TOKEN();
  VaultFixture f;
  auto service = std::move(*f.start());
  REQUIRE(said(open_vault(f, *service)) == "ok");
  const auto enrolled = enrol(f, *service, "anna", kAnna);
  REQUIRE(said(enrol(f, *service, "bela", kBela)) == "ok");
  const Noted anna = note(f, *service, enrolled->entry);
  const std::string before = f.dir() + "-keys";
  fs::copy(f.dir() + "/keys", before, fs::copy_options::recursive);
  REQUIRE(said(erase(f, *service, "anna")) == "ok");
  f.stop(service);
  for (const char* file : {"/slots.a", "/slots.b"})
    fs::copy_file(before + file, f.dir() + "/keys" + file, fs::copy_options::overwrite_existing);
  REQUIRE(holds(read_key_files(f.dir() + "/keys"), anna.wrapped_key));
  service = std::move(*f.start());
  CHECK_FALSE(holds(read_key_files(f.dir() + "/keys"), anna.wrapped_key));
  REQUIRE(said(open_vault(f, *service)) == "ok");
  CHECK(decided(ask(f, *service, kAnna)) == "no_match");
  CHECK(decided(ask(f, *service, kBela)) == "match bela");
  f.stop(service);
  fs::remove_all(before);
}

TEST_CASE("a subject that is enrolled again after its erasure has a new key, a new ref and new blobs") {
  NEEDS_TOKEN();
  VaultFixture f;
  auto service = std::move(*f.start());
  REQUIRE(said(open_vault(f, *service)) == "ok");
  const Noted first = note(f, *service, enrol(f, *service, "anna", kAnna)->entry);
  REQUIRE(said(erase(f, *service, "anna")) == "ok");
  const Noted second = note(f, *service, enrol(f, *service, "anna", kAnna)->entry);
  CHECK(first.ref != second.ref);
  CHECK(first.wrapped_key != second.wrapped_key);
  CHECK(first.face != second.face);
  f.stop(service);
  CHECK(attack(f, f.dir(), first) == 0);
  CHECK(attack(f, f.dir(), second) == 2);
}
