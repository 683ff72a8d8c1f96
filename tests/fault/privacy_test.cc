// Privacy of the public log. Somebody who reads everything that is public, knows whose passage one entry is and has
// that entry's opening, and saw the exact time of every passage besides, looks for another passage of the same person.
//
// 50 people, 40 passages each, in random order, verified at two doors by a real vault: 2,000 access entries. A trial
// takes one passage as known and names the entry that looks most like it; it hits if that entry is of the same person.
// Guessing hits with p = 39/1999. Five passages of each person are tried: 250 trials, by chance 4.9 hits with the
// standard deviation 2.2. The bound is the mean and 6 of these, 18 hits: by chance exceeded in less than one of 100,000
// runs. Without salts the same classifier hits 250 times, which the test shows too.
//
// The order is random because *when* entries come is public (vault/log/FORMAT.md, section 11): a person with a
// timetable is out of this test's reach. It shows that the entries' bytes add nothing to it.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <random>
#include <set>

#include "tests/fault/calls.h"
#include "vault/base/digest.h"
#include "vault/ledger/event.h"
#include "vault/log/tiles.h"

using namespace facekeep;
using namespace facekeep::test;

namespace {

constexpr int kPeople = 50;
constexpr int kPassages = 40;
constexpr int kAll = kPeople * kPassages;
constexpr int kKnown = 5;
constexpr int kTrials = kPeople * kKnown;
constexpr double kMean = kTrials * (kPassages - 1.0) / (kAll - 1.0);
constexpr double kSd = 2.2;

struct Passage {
  int person = 0;
  std::uint64_t entry = 0;
  std::string leaf;     // the public entry
  Digest commitment{};  // in it
  ledger::Salt salt{};
  ledger::Event event;
};

// What the passages would look like under one salt for all.
std::vector<Passage> with_salt(std::vector<Passage> passages, const ledger::Salt& salt) {
  for (Passage& p : passages) {
    p.salt = salt;
    p.commitment = ledger::commit(salt, ledger::encode_event(p.event).value());
    p.leaf = ledger::private_leaf(ledger::EventClass::kAccess, p.commitment);
  }
  return passages;
}

std::vector<Passage> live(VaultFixture& f) {
  auto service = std::move(*f.start());
  REQUIRE(said(open_vault(f, *service)) == "ok");
  const auto id = [](int person) { return "person-" + std::to_string(person); };
  const auto face = [](int person) { return VaultFixture::random_face(64, 100 + static_cast<std::uint64_t>(person)); };
  for (int p = 0; p < kPeople; ++p) REQUIRE(said(enrol(f, *service, id(p), face(p))) == "ok");
  std::vector<Passage> out(kAll);
  for (int i = 0; i < kAll; ++i) out[static_cast<std::size_t>(i)].person = i % kPeople;
  std::mt19937_64 order(7);
  std::shuffle(out.begin(), out.end(), order);
  for (Passage& p : out) {
    f.clock.advance(1 + static_cast<std::int64_t>(order() % 20000));
    MatchCall call;
    call.door = order() % 2 == 0 ? "north" : "south";
    call.model = "face";
    call.subject = id(p.person);
    call.probe = face(p.person);
    const auto answer = service->match(f.key("door/1"), "main", std::move(call));
    REQUIRE(said(answer) == "ok");
    REQUIRE(answer->decision == "match");
    p.entry = answer->entry;
  }
  f.clock.advance(2000);
  REQUIRE(said(erase(f, *service, id(0))) == "ok");  // a checkpoint over all of it
  std::map<std::uint64_t, Bytes> openings;
  for (std::uint64_t b = 0; b <= out.back().entry / log::kTileWidth; ++b) {
    const auto given = service->openings(f.key("auditor/1"), b);
    REQUIRE(said(given) == "ok");
    for (const Opening& o : *given) openings[o.entry] = o.opening;
  }
  for (Passage& p : out) {
    p.leaf = std::string(as_chars(*service->sequencer().entry(p.entry)));
    p.commitment = std::get<ledger::PrivateLeaf>(*ledger::decode_leaf(p.leaf)).commitment;
    const ByteView o = openings.at(p.entry);
    REQUIRE(o.size() > 33);
    std::copy(o.begin() + 1, o.begin() + 33, p.salt.begin());
    p.event = *ledger::decode_event(as_chars(o.subspan(33)));
  }
  f.stop(service);
  return out;
}

int distance(const Digest& a, const Digest& b) {
  int bits = 0;
  for (std::size_t i = 0; i < a.size(); ++i) bits += std::popcount(static_cast<unsigned>(a[i] ^ b[i]));
  return bits;
}

constexpr std::array kDoors = {"north", "south"};
// What a person would have left at each door at the time of each passage, as canonical events.
using Guesses = std::vector<std::array<std::string, kDoors.size()>>;

// The same event at the time of another one.
std::string at_time_of(std::string text, const ledger::Event& other) {
  const std::string time = "\"time\":\"";
  const std::string uptime = "\"uptime_ms\":";
  const std::string when = format_time(other.time);
  text.replace(text.find(time) + time.size(), when.size(), when);
  const std::size_t at = text.find(uptime) + uptime.size();
  return text.replace(at, text.find(',', at) - at, std::to_string(other.uptime_ms));
}

Guesses guesses_of(const Passage& known, const std::vector<Passage>& passages) {
  Guesses out(passages.size());
  ledger::Event guess = known.event;
  for (std::size_t d = 0; d < kDoors.size(); ++d) {
    std::get<ledger::Match>(guess.body).door = kDoors.at(d);
    const std::string text = ledger::encode_event(guess).value();
    for (std::size_t i = 0; i < passages.size(); ++i) out[i].at(d) = at_time_of(text, passages[i].event);
  }
  return out;
}

ledger::Salt next(ledger::Salt salt) {
  for (std::size_t i = salt.size(); i-- > 0 && ++salt[i] == 0;) {
  }
  return salt;
}

// How like the known passage another one is; lower is liker. First, is it a guess under a salt that was forgotten, used
// twice or counted on? Then: length and bits.
int likeness(const Passage& known, const Passage& other, const Guesses::value_type& guesses) {
  for (const std::string& text : guesses) {
    for (const auto& salt : {ledger::Salt{}, known.salt, next(known.salt)}) {
      if (ledger::commit(salt, text) == other.commitment) return -1;
    }
  }
  return distance(known.commitment, other.commitment) + (other.leaf.size() == known.leaf.size() ? 0 : 1000);
}

bool hits(const Passage& known, const std::vector<Passage>& passages, const Guesses& guesses) {
  const Passage* best = nullptr;
  int least = 0;
  for (std::size_t i = 0; i < passages.size() && (best == nullptr || least >= 0); ++i) {
    if (&passages[i] == &known) continue;
    const int d = likeness(known, passages[i], guesses[i]);
    if (best != nullptr && d >= least) continue;
    best = &passages[i];
    least = d;
  }
  return best->person == known.person;
}

// Of kTrials, over the first kKnown passages of each person.
int hits(const std::vector<Passage>& passages) {
  int out = 0;
  for (int person = 0; person < kPeople; ++person) {
    Guesses guesses;
    int tried = 0;
    for (const Passage& known : passages) {
      if (known.person != person || tried == kKnown) continue;
      if (tried++ == 0) guesses = guesses_of(known, passages);
      if (hits(known, passages, guesses)) ++out;
    }
  }
  return out;
}

// How far the bits of one person's commitments lean together: the squared sums of +1 and -1 over each person's
// passages, summed over people and bits. By chance 50 * 256 * 40, with the standard deviation sqrt(50 * 256 * 2 * 40 *
// 39).
double lean(const std::vector<Passage>& passages) {
  std::vector<std::array<int, 256>> sums(kPeople);
  for (const Passage& p : passages) {
    for (std::size_t bit = 0; bit < 256; ++bit) {
      const bool set = (p.commitment[bit / 8] >> (bit % 8) & 1) != 0;
      sums[static_cast<std::size_t>(p.person)][bit] += set ? 1 : -1;
    }
  }
  double squares = 0;
  for (const auto& person : sums) {
    for (const int s : person) squares += s * s;
  }
  return (squares - kPeople * 256.0 * kPassages) / std::sqrt(kPeople * 256.0 * 2 * kPassages * (kPassages - 1));
}

}  // namespace

TEST_CASE("knowing one passage of a person finds no other one in the public log") {
  NEEDS_TOKEN();
  VaultFixture f;
  const std::vector<Passage> passages = live(f);

  // Entries differ in the commitment alone, and no two commitments are the same.
  std::set<Digest> commitments;
  for (const Passage& p : passages) {
    CHECK(p.leaf == R"({"class":"access","commitment":")" + to_hex(p.commitment) + R"(","v":1})");
    commitments.insert(p.commitment);
  }
  CHECK(commitments.size() == passages.size());

  // Bits of one person's commitments lean together no more than chance has it. Control: one byte that tells people
  // apart.
  CHECK(std::abs(lean(passages)) < 6);
  std::vector<Passage> leaning = passages;
  for (Passage& p : leaning) p.commitment[0] = static_cast<std::uint8_t>(p.person);
  CHECK(lean(leaning) > 6);

  // The likest entry is the same person's no oftener than chance has it. Controls: no salts, and one salt for all.
  const int found = hits(passages);
  const int unsalted = hits(with_salt(passages, ledger::Salt{}));
  WARN("hits of " << kTrials << ": " << found << " (guessing: " << kMean << "), without salts: " << unsalted);
  CHECK(found < kMean + 6 * kSd);
  CHECK(unsalted == kTrials);
  CHECK(hits(with_salt(passages, passages.front().salt)) == kTrials);
}
