// Many writers and many auditors at once: every checkpoint that was ever served is consistent with every later one, and
// what the entries, tiles and openings say is what was signed.
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <unordered_set>

#include "tests/support/catch.h"
#include "tests/support/vault_fixture.h"
#include "vault/ledger/event.h"
#include "vault/log/checkpoint.h"

using namespace facekeep;
using facekeep::test::SoftHsm;
using facekeep::test::VaultFixture;

#define NEEDS_TOKEN()                                            \
  if (!SoftHsm::available()) {                                   \
    WARN("SKIP softhsm2 is not installed: no token to test on"); \
    return;                                                      \
  }

namespace {

constexpr int kWriters = 64;
constexpr int kAuditors = 16;
constexpr int kMatchesEach = 20;

// What threads saw. Catch's assertions belong to one thread: the others leave their sentence here.
class Seen {
 public:
  void problem(const std::string& what) {
    const std::scoped_lock lock(mutex_);
    if (problems_.size() < 10) problems_.push_back(what);
  }
  void entry(std::uint64_t n) {
    const std::scoped_lock lock(mutex_);
    if (!entries_.insert(n).second && problems_.size() < 10)
      problems_.push_back("entry " + std::to_string(n) + " twice");
  }
  void checkpoint(const std::string& note) {
    const std::scoped_lock lock(mutex_);
    notes_.insert(note);
  }
  void opening() { ++openings; }
  // After the threads have ended.
  [[nodiscard]] const std::vector<std::string>& problems() const { return problems_; }
  [[nodiscard]] const std::set<std::uint64_t>& entries() const { return entries_; }
  [[nodiscard]] const std::unordered_set<std::string>& notes() const { return notes_; }
  std::atomic<std::uint64_t> openings{0};

 private:
  std::mutex mutex_;
  std::vector<std::string> problems_;
  std::set<std::uint64_t> entries_;
  std::unordered_set<std::string> notes_;
};

void write(VaultFixture& f, Service& s, Seen& seen, int me) {
  const std::string id = "person-" + std::to_string(me);
  EnrolInput in;
  in.subject = id;
  in.consent = VaultFixture::consent();
  in.templates.push_back({"face", VaultFixture::random_face(64, static_cast<std::uint64_t>(me))});
  if (const auto done = s.put_subject(f.key("operator/1"), "main", std::move(in)); !done) {
    seen.problem("enrol: " + done.error().message);
  } else {
    seen.entry(done->entry);
  }
  for (int i = 0; i < kMatchesEach; ++i) {
    MatchCall call;
    call.door = i % 2 == 0 ? "north" : "south";
    call.model = "face";
    call.subject = id;
    call.probe = VaultFixture::random_face(64, static_cast<std::uint64_t>(me));
    const auto answer = s.match(f.key("door/1"), "main", std::move(call));
    if (answer) {
      seen.entry(answer->entry);
    } else {
      seen.problem("match: " + answer.error().message);
    }
    f.clock.advance(20);
  }
}

// One auditor: each checkpoint must extend the one before it, by a proof out of the tiles that are served.
class Auditor {
 public:
  Auditor(VaultFixture& f, Service& s, Seen& seen)
      : f_(f), s_(s), seen_(seen), key_(*log::parse_vkey(f.genesis().log_key)) {}

  void look(std::uint64_t round) {
    const std::string note = s_.sequencer().checkpoint();
    const auto head = log::open_checkpoint(note, key_);
    if (!head) return seen_.problem("checkpoint: " + head.error().message);
    seen_.checkpoint(note);
    if (head->size < last_.size) return seen_.problem("a checkpoint shrank");
    if (last_.size > 0) {
      const auto reader = [this](const log::TileId& id) { return s_.sequencer().tile(id); };
      const auto proof = log::consistency_proof(last_.size, head->size, log::tile_hash_source(head->size, reader));
      if (!proof) return seen_.problem("tiles: " + proof.error().message);
      if (!log::verify_consistency(last_.size, last_.root, head->size, head->root, *proof)) {
        return seen_.problem("the tiles do not join two checkpoints");
      }
    }
    last_ = *head;
    open(round % ((head->size + 255) / 256));
  }

 private:
  void open(std::uint64_t bundle) {
    const unsigned width = log::tile_width_at(last_.size, 0, bundle);
    const auto bytes = s_.sequencer().bundle({bundle, width});
    if (!bytes) return seen_.problem("bundle: " + bytes.error().message);
    const auto entries = log::decode_bundle(*bytes, width);
    const auto openings = s_.openings(f_.key("auditor/1"), bundle);
    if (!entries || !openings)
      return seen_.problem("openings: " + (entries ? openings.error() : entries.error()).message);
    for (const Opening& o : *openings) {
      const std::uint64_t at = o.entry - bundle * log::kTileWidth;
      if (at < entries->size()) check(o, (*entries)[at]);
    }
  }

  void check(const Opening& o, const Bytes& entry) {
    const auto leaf = ledger::decode_leaf(as_chars(entry));
    const auto* hidden = leaf ? std::get_if<ledger::PrivateLeaf>(&*leaf) : nullptr;
    if (hidden == nullptr || o.opening.size() <= 33)
      return seen_.problem("an opening of no private entry: " + o.missing);
    ledger::Salt salt{};
    std::copy(o.opening.begin() + 1, o.opening.begin() + 33, salt.begin());
    if (ledger::commit(salt, as_chars(ByteView(o.opening).subspan(33))) != hidden->commitment) {
      return seen_.problem("an opening that does not fit its entry");
    }
    seen_.opening();
  }

  VaultFixture& f_;
  Service& s_;
  Seen& seen_;
  const log::VerifierKey key_;
  log::Checkpoint last_;
};

// The root at every size, out of the entries alone.
std::vector<Digest> roots_of(const Service& s, std::uint64_t size) {
  log::Tree tree;
  std::vector<Digest> out = {tree.root()};
  for (std::uint64_t b = 0; b * log::kTileWidth < size; ++b) {
    const unsigned width = log::tile_width_at(size, 0, b);
    const auto bytes = s.sequencer().bundle({b, width});
    REQUIRE(bytes);
    const auto entries = log::decode_bundle(*bytes, width);
    REQUIRE(entries);
    for (const Bytes& e : *entries) {
      tree.append(log::leaf_hash(e));
      out.push_back(tree.root());
    }
  }
  return out;
}

}  // namespace

TEST_CASE("64 writers and 16 auditors at once see one log that only grows") {
  NEEDS_TOKEN();
  VaultFixture f;
  auto service = std::move(*f.start());
  REQUIRE(f.unseal(*service));
  Seen seen;
  std::atomic<int> writing{kWriters};
  std::vector<std::thread> threads;
  for (int i = 0; i < kWriters; ++i) {
    threads.emplace_back([&, i] {
      write(f, *service, seen, i);
      --writing;
    });
  }
  for (int i = 0; i < kAuditors; ++i) {
    threads.emplace_back([&, i] {
      Auditor auditor(f, *service, seen);
      for (std::uint64_t round = static_cast<std::uint64_t>(i); writing > 0; ++round) auditor.look(round);
      auditor.look(0);  // each at least once
    });
  }
  for (auto& t : threads) t.join();
  REQUIRE(service->seal(f.key("property/1")));  // asks for a checkpoint over all of it

  for (const std::string& p : seen.problems()) FAIL_CHECK(p);
  CHECK(seen.entries().size() == kWriters * (kMatchesEach + 1));
  CHECK(seen.openings > 0);
  const log::VerifierKey key = *log::parse_vkey(f.genesis().log_key);
  const auto last = log::open_checkpoint(service->sequencer().checkpoint(), key);
  REQUIRE(last);
  CHECK(last->size > *seen.entries().rbegin());
  const auto roots = roots_of(*service, last->size);
  REQUIRE(roots.size() == last->size + 1);
  CHECK(roots.back() == last->root);
  // All of them are of one sequence of entries, so each is consistent with each.
  CHECK(seen.notes().size() > 10);
  for (const std::string& note : seen.notes()) {
    const auto head = log::open_checkpoint(note, key);
    REQUIRE(head);
    REQUIRE(head->size < roots.size());
    CHECK(head->root == roots[head->size]);
  }
  f.stop(service);
}
