// A vault's life under a clock of its own, written as a golden log: make_golden DIR (see tests/golden/make).
//
// A real ceremony, token (SoftHSM), store and service; only the clock is the test's, because some events come after
// months. DIR gets the mirror, and `digests`: the state digest after each entry, as this version's fold makes it.
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>

#include "tests/support/vault_fixture.h"
#include "tools/facekeepd/mirror.h"
#include "vault/log/sequencer/recovery.h"
#include "vault/store/keys.h"

namespace {

using namespace facekeep;
using facekeep::test::VaultFixture;

constexpr std::int64_t kMinute = 60LL * 1000;
constexpr std::int64_t kDay = 24 * 60 * kMinute;
constexpr std::uint32_t kDimension = 64;

// A disk that fails at some moment, and from then on: the daemon halts and can't say that it seals.
class FailingDisk final : public store::Store {
 public:
  explicit FailingDisk(store::Store& inner) : inner_(inner) {}
  [[nodiscard]] Result<std::optional<Bytes>> get(ByteView key) const override { return inner_.get(key); }
  [[nodiscard]] Status scan(ByteView prefix, ByteView from, const Visit& visit) const override {
    return inner_.scan(prefix, from, visit);
  }
  Status commit(const store::Batch& batch, store::Urgency urgency) override {
    return fails ? make_error(Errc::kIo, "the disk is gone") : inner_.commit(batch, urgency);
  }
  [[nodiscard]] Result<std::uint64_t> head() const override { return inner_.head(); }
  [[nodiscard]] Result<std::unique_ptr<store::Snapshot>> snapshot() const override { return inner_.snapshot(); }
  [[nodiscard]] Status check() const override { return inner_.check(); }
  std::atomic<bool> fails{false};

 private:
  store::Store& inner_;
};

EnrolInput person(const std::string& id, std::uint64_t seed, const std::string& until = "2035-12-31") {
  EnrolInput in;
  in.subject = id;
  in.consent = VaultFixture::consent(until);
  in.templates.push_back({"face", VaultFixture::random_face(kDimension, seed)});
  return in;
}

MatchCall ask(const std::string& door, std::uint64_t seed, std::optional<std::string> subject) {
  MatchCall c;
  c.door = door;
  c.model = "face";
  c.subject = std::move(subject);
  c.probe = VaultFixture::random_face(kDimension, seed);
  if (c.subject) c.request_id = "request " + std::to_string(seed);
  return c;
}

ledger::Witnesses one_witness() {
  // The public key of RFC 8032 section 7.1, test 1.
  const Bytes key = from_hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a").value();
  std::array<std::uint8_t, 32> raw{};
  std::copy(key.begin(), key.end(), raw.begin());
  const auto witness = ledger::make_witness_key("witness.example/w1", raw).value();
  return {1, ledger::OnMissing::kOpen, {{ledger::format_witness_key(witness), "https://192.0.2.1", Digest{1}}}};
}

// First error of a run of calls of any kind, and what lasts longer than one service.
class Calls {
 public:
  template <class T>
  void operator()(const char* what, const Result<T>& r) {
    if (!r && problem.empty()) problem = std::string(what) + ": " + r.error().message;
  }
  std::string problem;
  std::unique_ptr<FailingDisk> disk;
  std::map<std::uint64_t, Bytes> kept_openings;  // what an auditor was given in time: entry -> opening in clear
};

void enrol_and_ask(VaultFixture& f, Service& s, Calls& call) {
  for (std::uint64_t i = 0; i < 8; ++i) {
    f.clock.advance(1500);
    call("enrol", s.put_subject(f.key("operator/1"), "main", person("person-" + std::to_string(i), i)));
  }
  call("enrol", s.put_subject(f.key("operator/1"), "main", person("guest", 50, "2026-12-31")));
  call("enrol", s.put_subject(f.key("operator/2"), "annex", person("neighbour", 60)));
  call("template",
       s.add_template(f.key("operator/1"), "main", "person-0", {"other", VaultFixture::random_face(kDimension, 70)}));
  for (std::uint64_t i = 0; i < 100; ++i) {
    f.clock.advance(700);
    call("verify", s.match(f.key("door/1"), "main", ask("north", i, "person-" + std::to_string(i % 9))));
    call("identify", s.match(f.key("door/1"), "main", ask("south", i / 2, std::nullopt)));
  }
  call("identify", s.match(f.key("door/2"), "annex", ask("side", 60, std::nullopt)));
  call("list", s.list_subjects(f.key("operator/1"), "main", "", 10));
  call("subject", s.get_subject(f.key("operator/1"), "main", "person-1"));
}

void read_openings(VaultFixture& f, Service& s, Calls& call) {
  auto given = s.openings(f.key("auditor/1"), 0);
  call("openings", given);
  if (given) {
    for (Opening& o : *given) {
      if (!o.opening.empty()) call.kept_openings[o.entry] = std::move(o.opening);
    }
  }
  call("register", s.people(f.key("auditor/1")));
}

void first_opening(VaultFixture& f, Service& s, Calls& call) {
  call("one card", f.hand_in(s, "property/3"));
  f.clock.advance(16 * kMinute);
  s.housekeeping();
  call("unseal", Result<int>(f.unseal(s) ? Result<int>(0) : make_error(Errc::kInternal, "no")));
  enrol_and_ask(f, s, call);
  // Two a day are allowed; the third is suspended.
  for (const char* id : {"person-1", "person-2", "person-3"}) call("erase", s.erase(f.key("operator/1"), "main", id));
  call("changes", s.changes(f.key("door/1"), "main", 0));
  read_openings(f, s, call);
  s.count("bad-request", 3);
  s.count("handshake-unknown-key");
  f.clock.advance(2 * kMinute);
  s.housekeeping();
  call("seal", s.seal(f.key("residents/2")));
}

void power_cut(VaultFixture& f, Service& s, Calls& call) {
  call("unseal", Result<int>(f.unseal(s) ? Result<int>(0) : make_error(Errc::kInternal, "no")));
  call("identify", s.match(f.key("door/1"), "main", ask("north", 4, std::nullopt)));
  call.disk->fails = true;
}

void later(VaultFixture& f, Service& s, Calls& call) {
  call("unseal", Result<int>(f.unseal(s) ? Result<int>(0) : make_error(Errc::kInternal, "no")));
  f.clock.advance(4 * kDay);
  s.housekeeping();  // the suspended one's delay is over
  f.clock.advance(60 * kDay);
  s.housekeeping();  // a guest's consent, and the key of a day of erasures
  call("identify", s.match(f.key("door/1"), "main", ask("north", 5, std::nullopt)));
  f.clock.advance(120 * kDay);
  s.housekeeping();  // the keys of the first month
  call("identify", s.match(f.key("door/1"), "main", ask("north", 6, std::nullopt)));
  call("erase", s.erase(f.key("operator/2"), "annex", "neighbour"));
}

Status live(VaultFixture& f, Calls& call) {
  f.around_store = [&call](store::RocksStore& inner) -> store::Store& {
    call.disk = std::make_unique<FailingDisk>(inner);
    return *call.disk;
  };
  using Chapter = void (*)(VaultFixture&, Service&, Calls&);
  for (const Chapter chapter : {Chapter(first_opening), Chapter(power_cut), Chapter(later)}) {
    f.clock.uptime = 1;
    FK_TRY(auto service, f.start());
    chapter(f, *service, call);
    f.clock.advance(kMinute);
    f.stop(service);
  }
  return call.problem.empty() ? Status() : make_error(Errc::kInternal, call.problem);
}

// Puts what the auditor kept in the place of "sealed" and "destroyed".
Status add_kept_openings(const std::filesystem::path& dir, const std::map<std::uint64_t, Bytes>& kept_openings) {
  for (const auto& file : std::filesystem::recursive_directory_iterator(dir / "openings")) {
    if (!file.is_regular_file()) continue;
    std::ifstream in(file.path(), std::ios::binary);
    Json doc = Json::parse(std::string(std::istreambuf_iterator<char>(in), {}));
    in.close();
    Json missing = Json::array();
    for (const Json& item : doc["missing"]) {
      const auto kept = kept_openings.find(item["entry"].get<std::uint64_t>());
      if (kept == kept_openings.end()) {
        missing.push_back(item);
      } else {
        doc["openings"].push_back({{"entry", kept->first}, {"opening", to_base64(kept->second)}});
      }
    }
    doc["missing"] = std::move(missing);
    std::ofstream out(file.path(), std::ios::binary | std::ios::trunc);
    out << doc.dump() << '\n';
    out.close();
    if (!out) return make_error(Errc::kIo, "can't write " + file.path().string());
  }
  return {};
}

// Folds entry by entry, and says which types of event it saw.
Status write_digests(const store::Store& store, const std::string& path, std::set<std::string>& types) {
  std::ofstream out(path);
  ledger::State state;
  FK_TRY(const std::uint64_t head, store.head());
  for (std::uint64_t i = 0; i < head; ++i) {
    FK_TRY(const auto entry, store.get(store::keys::entry(i)));
    FK_TRY(ledger::Leaf leaf, ledger::decode_leaf(as_chars(*entry)));
    const auto* hidden = std::get_if<ledger::PrivateLeaf>(&leaf);
    if (hidden != nullptr && hidden->event_class == ledger::EventClass::kAccess) {
      types.insert("access");
      FK_CHECK(apply_access(state));
    } else {
      if (hidden != nullptr) {
        FK_TRY(const auto opening, store.get(store::keys::opening(i)));
        FK_TRY(leaf, log::open_custody(*hidden, *opening));
      }
      const auto& event = std::get<ledger::Event>(leaf);
      types.insert(std::string(type_of(event.body)));
      FK_CHECK(apply(state, event));
    }
    out << i + 1 << ' ' << to_hex(state.digest()) << '\n';
  }
  out.close();
  return out ? Status() : make_error(Errc::kIo, "can't write " + path);
}

Status make(const std::string& dir) {
  test::FixtureOptions options;
  options.erase_daily = 2;
  options.witnesses = one_witness();
  VaultFixture f(options);
  f.clock.wall = SystemClock().now().wall + kMinute;  // the ceremony's own clock is the system's
  Calls call;
  FK_CHECK(live(f, call));
  store::RocksOptions rocks;
  rocks.dir = f.dir() + "/db";
  FK_TRY(const auto store, store::RocksStore::open(rocks));
  FK_CHECK(daemon::export_log(*store, dir));
  FK_CHECK(add_kept_openings(dir, call.kept_openings));
  std::set<std::string> types;
  FK_CHECK(write_digests(*store, dir + "/digests", types));
  for (const auto type : ledger::event_types()) {
    if (!types.contains(std::string(type)) && type != "match" && type != "metadata-read") {
      return make_error(Errc::kInternal, "the log has no event of type " + std::string(type));
    }
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_golden DIR\n");
    return 1;
  }
  const Status made = make(argv[1]);
  if (!made) std::fprintf(stderr, "error: %s\n", made.error().message.c_str());
  return made ? 0 : 1;
}
