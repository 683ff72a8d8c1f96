// A stopped vault with anna and bela in it, whose database a test alters behind its back.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "tests/fault/calls.h"
#include "vault/store/keys.h"

namespace facekeep::test {

namespace keys = store::keys;

inline const Vector kAnna = VaultFixture::random_face(64, 31);
inline const Vector kBela = VaultFixture::random_face(64, 32);

// A stopped vault with anna and bela in it, and what the test needs to know of it.
struct Stopped {
  explicit Stopped(unsigned matches = 0) {
    auto service = std::move(*f.start());
    REQUIRE(said(open_vault(f, *service)) == "ok");
    REQUIRE(said(enrol(f, *service, "anna", kAnna)) == "ok");
    REQUIRE(said(enrol(f, *service, "bela", kBela)) == "ok");
    for (unsigned i = 0; i < matches; ++i) REQUIRE(said(ask(f, *service, kBela)) == "ok");
    REQUIRE(service->seal(f.key("property/1")));  // a stop by itself signs nothing
    service->sequencer().read([&](const ledger::State& st) {
      size = st.size();
      for (const auto& [ref, s] : st.subjects()) subjects[s.entry] = {ref, s};
    });
    f.stop(service);
  }
  // Subjects in the order of their enrolment: 0 is anna, 1 is bela.
  const std::pair<Id128, ledger::SubjectState>& subject(std::size_t i) const {
    return std::next(subjects.begin(), static_cast<std::ptrdiff_t>(i))->second;
  }
  std::unique_ptr<store::RocksStore> open_store() const {
    store::RocksOptions o;
    o.dir = f.dir() + "/db";
    return std::move(*store::RocksStore::open(o));
  }
  std::optional<Bytes> get(const Bytes& key) const { return *open_store()->get(key); }
  // Behind the vault's back; nothing: removed.
  void put(const Bytes& key, const std::optional<Bytes>& value) const {
    const auto store = open_store();
    store::Batch batch;
    batch.head_before = batch.head_after = *store->head();
    if (value) {
      batch.puts.push_back({key, *value});
    } else {
      batch.deletes.push_back(key);
    }
    REQUIRE(store->commit(batch, store::Urgency::kOrdinary));
  }
  // What the start says: "ok" or the refusal.
  std::string start() {
    auto started = f.start();
    const std::string out = said(started);
    if (started) {
      f.stop(*started);
    } else {
      f.store.reset();
      f.slots.reset();
      f.custody.reset();
    }
    return out;
  }

  VaultFixture f;
  std::uint64_t size = 0;
  std::map<std::uint64_t, std::pair<Id128, ledger::SubjectState>> subjects;
};

inline Bytes flipped(Bytes bytes, std::size_t at) {
  bytes[at] ^= 0x04;
  return bytes;
}

}  // namespace facekeep::test
