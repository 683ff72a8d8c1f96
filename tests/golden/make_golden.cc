// A vault's life under a clock of its own, written as a golden log: make_golden DIR (see tests/golden/make).
//
// A real ceremony, token (SoftHSM), store and service; only the clock is the test's, because some events come after
// months. DIR gets the mirror, and `digests`: the state digest after each entry, as this version's fold makes it.
#include <cstdio>
#include <fstream>
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

// First error of a run of calls of any kind.
class Calls {
 public:
  template <class T>
  void operator()(const char* what, const Result<T>& r) {
    if (!r && problem.empty()) problem = std::string(what) + ": " + r.error().message;
  }
  std::string problem;
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

void first_opening(VaultFixture& f, Service& s, Calls& call) {
  call("one card", f.hand_in(s, "property/3"));
  f.clock.advance(16 * kMinute);
  s.housekeeping();
  call("unseal", Result<int>(f.unseal(s) ? Result<int>(0) : make_error(Errc::kInternal, "no")));
  enrol_and_ask(f, s, call);
  // Two a day are allowed; the third is suspended.
  for (const char* id : {"person-1", "person-2", "person-3"}) call("erase", s.erase(f.key("operator/1"), "main", id));
  call("changes", s.changes(f.key("door/1"), "main", 0));
  s.count("bad-request", 3);
  s.count("handshake-unknown-key");
  f.clock.advance(2 * kMinute);
  s.housekeeping();
  call("seal", s.seal(f.key("residents/2")));
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

Result<std::string> live(VaultFixture& f) {
  Calls call;
  using Chapter = void (*)(VaultFixture&, Service&, Calls&);
  for (const Chapter chapter : {Chapter(first_opening), Chapter(later)}) {
    f.clock.uptime = 1;
    FK_TRY(auto service, f.start());
    chapter(f, *service, call);
    f.clock.advance(kMinute);
    f.stop(service);
  }
  return call.problem;
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
  VaultFixture f(options);
  f.clock.wall = SystemClock().now().wall + kMinute;  // the ceremony's own clock is the system's
  FK_TRY(const std::string problem, live(f));
  if (!problem.empty()) return make_error(Errc::kInternal, problem);
  store::RocksOptions rocks;
  rocks.dir = f.dir() + "/db";
  FK_TRY(const auto store, store::RocksStore::open(rocks));
  FK_CHECK(daemon::export_log(*store, dir));
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
