// P4 on the vault's own side: a hand that rewrites the whole database of a stopped vault, consistently where that needs
// no key. Each is refused at the next start, with both positions, or with the first bad entry. A single flipped byte,
// cut value or missing row of each kind: altered_database_test.cc and removed_rows_test.cc.
#include <filesystem>
#include <functional>

#include "tests/fault/stopped_vault.h"
#include "tests/unit/log/note_keys.h"
#include "vault/ledger/event.h"
#include "vault/log/checkpoint.h"
#include "vault/log/tiles.h"

using namespace facekeep;
using namespace facekeep::test;
namespace fs = std::filesystem;

namespace {

// Every row of a database but the store's own two, and the head.
class Rows {
 public:
  explicit Rows(const Stopped& v) {
    const auto store = v.open_store();
    head = *store->head();
    for (const char kind : {'m', 'e', 'o', 't', 'c', 's', 'r', 'p', 'x', 'd', 'n'}) {
      const Bytes prefix = {static_cast<std::uint8_t>(kind)};
      REQUIRE(store->scan(prefix, {}, [&](ByteView key, ByteView value) {
        const Bytes k = to_bytes(key);
        if (k != keys::meta_format() && k != keys::meta_head()) rows[k] = to_bytes(value);
        return true;
      }));
    }
  }
  // In the place of the vault's database.
  void write(const Stopped& v) const {
    store::RocksOptions o;
    o.dir = v.f.dir() + "/db";
    fs::remove_all(o.dir);
    o.create_if_missing = true;
    const auto store = std::move(*store::RocksStore::open(o));
    store::Batch batch;
    batch.head_after = head;
    for (const auto& [key, value] : rows) batch.puts.push_back({key, value});
    REQUIRE(store->commit(batch, store::Urgency::kOrdinary));
  }

  Bytes& entry(std::uint64_t n) { return rows.at(keys::entry(n)); }
  Bytes& opening(std::uint64_t n) { return rows.at(keys::opening(n)); }
  void exchange(std::uint64_t a, std::uint64_t b) {
    std::swap(entry(a), entry(b));
    std::swap(opening(a), opening(b));
  }
  void cut(std::uint64_t size) {
    for (std::uint64_t n = size; n < head; ++n) {
      rows.erase(keys::entry(n));
      rows.erase(keys::opening(n));
    }
    head = size;
  }
  // The tiles as they follow from the entries.
  void hash_again() {
    std::erase_if(rows, [](const auto& row) { return row.first.front() == 't'; });
    log::TileTree tree;
    std::vector<log::FullTile> full;
    for (std::uint64_t n = 0; n < head; ++n) {
      full.clear();
      tree.append(log::leaf_hash(entry(n)), full);
      for (auto& t : full) rows[keys::tile(static_cast<std::uint8_t>(t.level), t.index)] = t.hashes;
    }
    root = tree.root();
  }
  void forget_checkpoint() { rows.erase(keys::checkpoint_latest()); }

  std::map<Bytes, Bytes> rows;
  std::uint64_t head = 0;
  Digest root{};  // after hash_again
};

// What the changes need to know of the vault.
struct Places {
  std::uint64_t size = 0;    // of the log
  std::uint64_t anna = 0;    // enrolled
  std::uint64_t bela = 0;    // enrolled
  std::uint64_t access = 0;  // a match, and the next entry is one too
};

struct Rewrite {
  const char* what;
  std::function<void(Rows&, const Places&)> make;
  std::function<std::vector<std::string>(const Places&)> said;  // all of it
};

std::string at(std::uint64_t n) {
  return "log entry " + std::to_string(n) + ":";
}
std::string has(std::uint64_t n) {
  return "the log has " + std::to_string(n) + " entries";
}
std::string number(std::uint64_t n) {
  return " " + std::to_string(n);
}

const std::vector<Rewrite> kRewrites = {
    {"the tail cut off",
     [](Rows& r, const Places& p) {
       r.cut(p.size - 5);
       r.hash_again();
     },
     [](const Places& p) {
       return std::vector{has(p.size - 5), number(p.size)};
     }},
    {"the tail cut off, and the checkpoint",
     [](Rows& r, const Places& p) {
       r.cut(p.size - 5);
       r.hash_again();
       r.forget_checkpoint();
     },
     [](const Places& p) {
       return std::vector{has(p.size - 5), number(p.size), std::string("the token has seen")};
     }},
    {"everything cut off behind the first start",
     [](Rows& r, const Places&) {
       r.cut(2);
       r.hash_again();
       r.forget_checkpoint();
     },
     [](const Places& p) {
       return std::vector{has(2), number(p.size)};
     }},
    {"the last entries gone, the head left",
     [](Rows& r, const Places& p) {
       r.cut(p.size - 5);
       r.head = p.size;
     },
     [](const Places& p) {
       return std::vector{at(p.size - 5), has(p.size)};
     }},
    {"an access taken out, the rest moved up",
     [](Rows& r, const Places& p) {
       for (std::uint64_t n = p.access; n + 3 < p.size; ++n) r.exchange(n, n + 1);  // the last two have no opening
       r.entry(p.size - 3) = r.entry(p.size - 2);
       r.entry(p.size - 2) = r.entry(p.size - 1);
       r.rows.erase(keys::opening(p.size - 3));
       r.cut(p.size - 1);
       r.hash_again();
     },
     [](const Places& p) {
       return std::vector{has(p.size - 1), number(p.size)};
     }},
    {"two accesses exchanged, with openings and tiles",
     [](Rows& r, const Places& p) {
       r.exchange(p.access, p.access + 1);
       r.hash_again();
     },
     [](const Places& p) {
       return std::vector{"at" + number(p.size) + " entries is not of this log", std::string("entries were changed")};
     }},
    {"two accesses exchanged, with openings and tiles, and no checkpoint",
     [](Rows& r, const Places& p) {
       r.exchange(p.access, p.access + 1);
       r.hash_again();
       r.forget_checkpoint();
     },
     [](const Places& p) {
       return std::vector{"the first" + number(p.size) + " entries are not those that the token"};
     }},
    {"a second history that is longer",
     [](Rows& r, const Places& p) {
       r.exchange(p.access, p.access + 1);
       r.rows[keys::entry(p.size)] = r.entry(p.size - 1);
       ++r.head;
       r.hash_again();
       r.forget_checkpoint();
     },
     [](const Places& p) {
       return std::vector{"the first" + number(p.size) + " entries are not those that the token"};
     }},
    {"an entry behind the head", [](Rows& r, const Places& p) { r.rows[keys::entry(p.size)] = r.entry(p.access); },
     [](const Places& p) {
       return std::vector{at(p.size), std::string("behind the end")};
     }},
    {"two openings exchanged", [](Rows& r, const Places& p) { std::swap(r.opening(p.anna), r.opening(p.bela)); },
     [](const Places& p) {
       return std::vector{at(p.anna), std::string("opening")};
     }},
    {"an enrolment's opening gone", [](Rows& r, const Places& p) { r.rows.erase(keys::opening(p.anna)); },
     [](const Places& p) {
       return std::vector{at(p.anna), std::string("missing")};
     }},
    {"an enrolment in clear in the log",
     [](Rows& r, const Places& p) {
       r.entry(p.anna) = Bytes(r.opening(p.anna).begin() + 33, r.opening(p.anna).end());
       r.hash_again();
     },
     [](const Places& p) { return std::vector{at(p.anna)}; }},
    {"two enrolments exchanged, with openings and tiles",
     [](Rows& r, const Places& p) {
       r.exchange(p.anna, p.bela);
       r.hash_again();
     },
     [](const Places& p) { return std::vector{at(p.anna + 1)}; }},  // a template of somebody who is not enrolled yet
    {"a card handed in twice in another's place",
     [](Rows& r, const Places&) {
       r.entry(3) = r.entry(2);
       r.hash_again();
     },
     [](const Places&) { return std::vector{at(3)}; }},
    {"a threshold of genesis loosened",
     [](Rows& r, const Places&) {
       std::string text(as_chars(r.entry(0)));
       const std::string tight = "\"verify_threshold\":500000";
       REQUIRE(text.find(tight) != std::string::npos);
       r.entry(0) = to_bytes(text.replace(text.find(tight), tight.size(), "\"verify_threshold\":100000"));
       r.hash_again();
     },
     [](const Places&) { return std::vector{at(0)}; }},
    {"a checkpoint over a second history, signed by another key of the same name",
     [](Rows& r, const Places& p) {
       r.exchange(p.access, p.access + 1);
       r.hash_again();
       const auto stranger = log_test::TestSigner::ed25519(
           std::string(log::parse_note(as_chars(r.rows.at(keys::checkpoint_latest())))->signatures.at(0).name));
       const auto note = log::sign_checkpoint({stranger.key.name, r.head, r.root, {}}, stranger.key, stranger.sign());
       r.rows[keys::checkpoint_latest()] = to_bytes(*note);
     },
     [](const Places&) { return std::vector<std::string>{"sign"}; }},
};

}  // namespace

TEST_CASE("a stopped vault whose database was rewritten is refused, with both positions or the entry") {
  NEEDS_TOKEN();
  Stopped v(270);  // beyond one full tile
  const Rows good(v);
  Places p;
  p.size = good.head;
  p.anna = v.subject(0).second.entry;
  p.bela = v.subject(1).second.entry;
  p.access = p.bela + 10;
  for (const Rewrite& c : kRewrites) {
    Rows rows = good;
    c.make(rows, p);
    rows.write(v);
    const std::string refusal = v.start();
    INFO(c.what << ": " << refusal);
    CHECK(refusal != "ok");
    for (const std::string& part : c.said(p)) CHECK(refusal.find(part) != std::string::npos);
  }
  // None of the refused starts has changed anything outside of the database.
  good.write(v);
  CHECK(v.start() == "ok");
}

TEST_CASE("a checkpoint that is gone or older costs nothing: the token's anchor has the last one") {
  NEEDS_TOKEN();
  Stopped v;
  const Rows first(v);
  REQUIRE(v.start() == "ok");
  Rows later(v);
  REQUIRE(later.head > first.head);
  SECTION("gone") {
    later.forget_checkpoint();
  }
  SECTION("an older one of the same log") {
    later.rows[keys::checkpoint_latest()] = first.rows.at(keys::checkpoint_latest());
  }
  later.write(v);
  auto service = v.f.start();
  REQUIRE(said(service) == "ok");
  CHECK((*service)->sequencer().published_size() > later.head);
  v.f.stop(*service);
}
