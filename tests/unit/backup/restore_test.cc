#include "vault/backup/restore.h"

#include "tests/unit/backup/backup_kit.h"
#include "tests/unit/backup/memory_file.h"
#include "vault/base/digest.h"
#include "vault/seal/site_key.h"
#include "vault/store/keys.h"

using namespace facekeep;
using namespace facekeep::test;

namespace {

std::string why(const Result<backup::RestoreReport>& r) {
  return r ? "restored" : r.error().message;
}

// The same records with a good end mark, those that `keep` refuses left out.
Bytes rewritten(const Bytes& file, const std::function<bool(const backup::Record&)>& keep) {
  Bytes out;
  backup::Writer writer([&](ByteView b) -> Status {
    out.insert(out.end(), b.begin(), b.end());
    return {};
  });
  auto reader = backup::Reader::open(source_of(file));
  REQUIRE(reader);
  REQUIRE(writer.begin(reader->header()));
  for (auto record = reader->next(); *record; record = reader->next()) {
    if (!keep(**record)) continue;
    if (const auto* row = std::get_if<backup::Row>(&**record)) {
      REQUIRE(writer.row(row->key, row->value));
    } else {
      const auto& slot = std::get<backup::Slot>(**record);
      REQUIRE(writer.slot(slot.slot, slot.data));
    }
  }
  REQUIRE(writer.finish());
  return out;
}

}  // namespace

TEST_CASE("a backup and a mirror put a vault back: who was erased or revoked behind it stays so") {
  NEEDS_TOKEN();
  BackupKit kit;
  const Digest& op = kit.f.key("operator/1");
  for (std::uint64_t n = 1; n <= 3; ++n) kit.enrol("p" + std::to_string(n), n);
  const BackupStatus taken = kit.take();
  CHECK(fs::status(taken.file).permissions() == (fs::perms::owner_read | fs::perms::owner_write));
  REQUIRE(problem(kit.service->erase(op, "main", "p2")) == "ok");
  kit.enrol("p4", 4);
  REQUIRE(problem(kit.service->add_template(op, "main", "p1", {"face", BackupKit::face(9)})) == "ok");
  CHECK(kit.matched(4) == "p4");
  REQUIRE(problem(kit.service->revoke(kit.f.key("residents/1"), {"door/2"}, "lost")) == "ok");
  kit.lose();

  const auto report = kit.restore({taken.file});
  INFO(why(report));
  REQUIRE(report);
  CHECK(report->size == taken.made.size);
  CHECK(report->subjects == 2);
  CHECK(report->dropped == 1);
  CHECK(report->lost.size() == 1);
  CHECK(report->lost_templates == 1);
  CHECK(report->without_key.empty());
  CHECK(report->faults.empty());
  kit.open();
  // What doors asked behind the backup is lost, so nobody has a budget left. It fills as time goes on.
  CHECK(kit.matched(1) == "refer");
  kit.f.clock.advance(60'000);

  CHECK(kit.matched(1) == "p1");
  CHECK(kit.matched(2) == "no_match");
  CHECK(kit.matched(3) == "p3");
  CHECK(kit.matched(4) == "no_match");
  CHECK(kit.matched(9) == "no_match");
  CHECK_FALSE(kit.service->is_registered(kit.f.key("door/2")));
  CHECK(problem(kit.service->erase(op, "main", "p4")) == "not-found");
  kit.enrol("p4", 4);
  kit.enrol("p2", 22);
  CHECK(kit.matched(4) == "p4");
  CHECK(kit.matched(2) == "no_match");
  CHECK(problem(kit.service->erase(op, "main", "p4")) == "ok");
  CHECK(problem(kit.service->erase(op, "main", "p1")) == "ok");
  CHECK(kit.matched(4) == "no_match");
  CHECK(kit.matched(1) == "no_match");
}

TEST_CASE("a restore is in the log once, right behind the start, and auditors are told what is lost") {
  NEEDS_TOKEN();
  BackupKit kit;
  kit.enrol("p1", 1);
  const BackupStatus taken = kit.take();
  CHECK(kit.matched(1) == "p1");
  const std::uint64_t access = kit.service->sequencer().durable_size() - 1;
  kit.enrol("p2", 2);
  kit.lose();
  const auto report = kit.restore({taken.file});
  REQUIRE(why(report) == "restored");
  REQUIRE(*backup::read_mark(kit.f.dir()));
  kit.open();
  CHECK_FALSE(*backup::read_mark(kit.f.dir()));
  const std::uint64_t end = taken.made.size + report->entries;
  const auto leaf = ledger::decode_leaf(as_chars(*kit.service->sequencer().entry(end + 1)));
  const auto& restored = std::get<ledger::Restored>(std::get<ledger::Event>(*leaf).body);
  CHECK(restored.size == taken.made.size);
  CHECK(restored.entries == report->entries);
  CHECK(restored.subjects == 1);
  CHECK(kit.state([](const ledger::State& st) { return st.subjects().size(); }) == 1);

  const auto openings = kit.service->openings(kit.f.key("auditor/1"), access / 256);
  REQUIRE(openings);
  const auto lost =
      std::find_if(openings->begin(), openings->end(), [&](const Opening& o) { return o.entry == access; });
  REQUIRE(lost != openings->end());
  CHECK(lost->missing == "lost");

  // It starts as ever from then on, and its own files hold together.
  kit.f.stop(kit.service);
  kit.open_restored();
  CHECK(kit.matched(1) == "p1");
  CHECK(kit.state([](const ledger::State& st) { return st.restores().size(); }) == 1);
  kit.f.stop(kit.service);
  kit.mirror_now();
}

TEST_CASE("an opening that is missing without a restore still stops a start") {
  NEEDS_TOKEN();
  BackupKit kit;
  kit.enrol("p1", 1);
  CHECK(kit.matched(1) == "p1");
  const std::uint64_t access = kit.service->sequencer().durable_size() - 1;
  kit.f.stop(kit.service);
  store::RocksOptions options;
  options.dir = kit.f.dir() + "/db";
  {
    const auto store = store::RocksStore::open(options);
    REQUIRE(store);
    store::Batch batch;
    batch.head_before = batch.head_after = *(*store)->head();
    batch.deletes.push_back(store::keys::opening(access));
    REQUIRE((*store)->commit(batch, store::Urgency::kOrdinary));
  }
  const Status opened = kit.try_open();
  REQUIRE_FALSE(opened);
  CHECK(has_text(opened.error().message, "log entry " + std::to_string(access) + ": its opening is missing"));
  // A mark that somebody made up excuses the opening, and is refused as one of no backup of this log.
  kit.f.stop(kit.service);
  REQUIRE(backup::write_mark(kit.f.dir(), {access, access + 1}));
  const Status marked = kit.try_open();
  REQUIRE_FALSE(marked);
  CHECK(has_text(marked.error().message, "the mark of a restore that is not of this log"));
}

TEST_CASE("backups that build on one another are restored in their order, and in no other") {
  NEEDS_TOKEN();
  BackupKit kit;
  const Digest& op = kit.f.key("operator/1");
  kit.enrol("p1", 1);
  kit.enrol("p2", 2);
  const BackupStatus whole = kit.take();
  REQUIRE(problem(kit.service->erase(op, "main", "p1")) == "ok");
  kit.enrol("p3", 3);  // into the slot of p1
  const BackupStatus second = kit.take(since(whole));
  CHECK(second.made.since == whole.made.size);
  CHECK(second.bytes < whole.bytes);
  kit.enrol("p4", 4);
  REQUIRE(problem(kit.service->erase(op, "main", "p2")) == "ok");
  const BackupStatus third = kit.take(since(second));
  kit.enrol("p5", 5);
  CHECK(problem(kit.service->begin_backup(op, {})) == "wrong-role");
  CHECK(problem(kit.service->begin_backup(kit.f.key("property/1"), backup::Since{100'000, {}})) == "bad-backup");
  CHECK_FALSE(kit.service->backup_status(kit.f.key("property/2"), third.id));
  kit.lose();

  CHECK(has_text(why(kit.restore({second.file})), "builds on one of"));
  CHECK(has_text(why(kit.restore({whole.file, third.file})), "does not build on the one before it"));
  CHECK(has_text(why(kit.restore({whole.file, whole.file})), "nothing comes before it"));
  const auto report = kit.restore({whole.file, second.file, third.file});
  REQUIRE(why(report) == "restored");
  CHECK(report->subjects == 2);
  CHECK(report->lost.size() == 1);
  CHECK(report->without_key.empty());
  CHECK_FALSE(report->newer);
  kit.open();
  CHECK(kit.matched(1) == "no_match");
  CHECK(kit.matched(2) == "no_match");
  CHECK(kit.matched(3) == "p3");
  CHECK(kit.matched(4) == "p4");
  CHECK(kit.matched(5) == "no_match");
}

TEST_CASE("an older backup is restored when nobody has the newest: who came between the two is lost, nobody else") {
  NEEDS_TOKEN();
  BackupKit kit;
  const Digest& op = kit.f.key("operator/1");
  kit.enrol("p1", 1);
  kit.enrol("p2", 2);
  const BackupStatus whole = kit.take();
  kit.enrol("p3", 3);
  const BackupStatus second = kit.take(since(whole));
  kit.enrol("p4", 4);
  const BackupStatus third = kit.take();
  REQUIRE(problem(kit.service->erase(op, "main", "p2")) == "ok");
  kit.lose();
  // The log has the third; its file, or the way to it, is nobody's.
  fs::remove(third.file);
  const auto report = kit.restore({whole.file, second.file});
  REQUIRE(why(report) == "restored");
  CHECK(report->subjects == 2);
  CHECK(report->dropped == 1);
  CHECK(report->lost.size() == 1);
  REQUIRE(report->newer);
  CHECK(report->newer->entry == third.entry);
  CHECK(report->newer->size == third.made.size);
  kit.open_restored();
  CHECK(kit.matched(1) == "p1");
  CHECK(kit.matched(2) == "no_match");
  CHECK(kit.matched(3) == "p3");
  CHECK(kit.matched(4) == "no_match");
  kit.enrol("p4", 4);
  CHECK(kit.matched(4) == "p4");
  // And the oldest of them all, over the log that has the first restore.
  kit.lose();
  REQUIRE(why(kit.restore({whole.file})) == "restored");
  kit.open_restored();
  CHECK(kit.matched(1) == "p1");
  for (const std::uint64_t gone : {2, 3, 4}) CHECK(kit.matched(gone) == "no_match");
  CHECK(kit.state([](const ledger::State& st) { return st.restores().size(); }) == 2);
}

TEST_CASE("a backup that was altered, or that the log does not vouch for, is not restored") {
  NEEDS_TOKEN();
  BackupKit kit;
  kit.enrol("p1", 1);
  kit.enrol("p2", 2);
  const BackupStatus taken = kit.take();
  kit.enrol("p3", 3);
  kit.lose();
  const Bytes good = file_of(taken.file);
  const std::string other = taken.file + "-other";
  const auto refused = [&](const Bytes& bytes) {
    write_file(other, bytes);
    return why(kit.restore({other}));
  };
  Bytes flipped = good;
  flipped[good.size() / 2] ^= 1;
  CHECK(refused(flipped) != "restored");
  CHECK(refused({good.begin(), good.end() - 1}) != "restored");
  // With a good end mark: somebody left out of it, or a key.
  bool record = true;
  CHECK(has_text(refused(rewritten(good,
                                   [&](const backup::Record& r) {
                                     const auto* row = std::get_if<backup::Row>(&r);
                                     const bool drop = record && row != nullptr && row->key.front() == 'r';
                                     record = record && !drop;
                                     return !drop;
                                   })),
                 "does not vouch"));
  CHECK(has_text(
      refused(rewritten(good, [](const backup::Record& r) { return !std::holds_alternative<backup::Slot>(r); })),
      "does not vouch"));
  CHECK_FALSE(fs::exists(kit.f.dir() + "/db"));
  REQUIRE(why(kit.restore({taken.file})) == "restored");
  CHECK(has_text(why(kit.restore({taken.file})), "there is a vault"));
}

TEST_CASE("an older state is refused: the token's anchor and the mirror say so") {
  NEEDS_TOKEN();
  BackupKit kit;
  kit.enrol("p1", 1);
  const BackupStatus taken = kit.take();
  kit.f.stop(kit.service);
  kit.mirror_now();
  const std::string old_mirror = kit.mirror + "-old";
  fs::rename(kit.mirror, old_mirror);
  kit.open();
  REQUIRE(problem(kit.service->erase(kit.f.key("operator/1"), "main", "p1")) == "ok");
  kit.lose();

  const std::string newest = kit.mirror;
  kit.mirror = old_mirror;
  const auto older = kit.restore({taken.file});
  REQUIRE_FALSE(older);
  CHECK(has_text(older.error().message, "but the token has seen"));
  CHECK(has_text(older.error().hint, "a quorum accepts"));

  // An auditor's mirror without one custody opening: the first that is missing is named.
  kit.mirror = newest;
  fs::remove_all(kit.mirror + "/openings");
  CHECK(has_text(why(kit.restore({taken.file})), "lacks the custody opening of log entry"));

  kit.mirror = newest + "-nowhere";
  CHECK_FALSE(kit.restore({taken.file}));
}

TEST_CASE("a mirror that ends before a checkpoint which somebody kept is refused") {
  NEEDS_TOKEN();
  BackupKit kit;
  kit.enrol("p1", 1);
  const BackupStatus taken = kit.take();
  kit.f.stop(kit.service);
  kit.mirror_now();
  const std::string old_mirror = kit.mirror + "-old";
  fs::rename(kit.mirror, old_mirror);
  kit.open();
  const std::string late = kit.service->sequencer().checkpoint();
  kit.lose();
  const std::string newest = kit.mirror;
  kit.mirror = old_mirror;
  CHECK(has_text(why(kit.restore({taken.file}, {{late}})), "but a checkpoint that somebody kept has"));
  kit.mirror = newest;
  CHECK(has_text(why(kit.restore({taken.file}, {late, "x"})), "not one of this log"));
  CHECK(why(kit.restore({taken.file}, {{late}})) == "restored");
}

TEST_CASE("an interrupted restore is begun anew") {
  NEEDS_TOKEN();
  BackupKit kit;
  kit.enrol("p1", 1);
  const BackupStatus taken = kit.take();
  kit.lose();
  // One that failed leaves nothing behind.
  CHECK(why(kit.restore({taken.file, taken.file})) != "restored");
  CHECK(fs::is_empty(kit.f.dir()));
  // Nor does one that begins anew take keys/ for its own unless it was moving them.
  fs::create_directories(kit.f.dir() + "/restoring/keys");
  fs::create_directories(kit.f.dir() + "/keys");
  CHECK(has_text(why(kit.restore({taken.file})), "there is a vault"));
  REQUIRE(backup::write_mark(kit.f.dir(), {1, 2}));
  CHECK(has_text(why(kit.restore({taken.file})), "there is a vault"));
  CHECK(fs::exists(kit.f.dir() + "/keys"));
  fs::remove_all(kit.f.dir());
  fs::create_directories(kit.f.dir() + "/restoring/db");
  fs::create_directories(kit.f.dir() + "/keys");
  write_file(kit.f.dir() + "/keys/slots.a", Bytes(5));
  REQUIRE(backup::write_mark(kit.f.dir(), {1, 2}));
  REQUIRE(why(kit.restore({taken.file})) == "restored");
  CHECK_FALSE(fs::exists(kit.f.dir() + "/restoring"));
  kit.open();
  CHECK(kit.matched(1) == "p1");
}

TEST_CASE("keys of a period that began behind the backup are made anew") {
  NEEDS_TOKEN();
  BackupKit kit;
  kit.enrol("p1", 1);
  kit.enrol("p2", 2);
  const BackupStatus taken = kit.take();
  kit.f.clock.advance(40LL * 24 * 3600 * 1000);  // another month, another day
  kit.service->housekeeping();
  CHECK(kit.matched(1) == "p1");
  REQUIRE(problem(kit.service->erase(kit.f.key("operator/1"), "main", "p2")) == "ok");
  kit.lose();
  REQUIRE(why(kit.restore({taken.file})) == "restored");
  kit.open_restored();
  CHECK(kit.matched(1) == "p1");
  CHECK(kit.matched(2) == "no_match");
  CHECK(problem(kit.service->erase(kit.f.key("operator/1"), "main", "p1")) == "ok");
}

TEST_CASE("rows are held against the log in the backup") {
  NEEDS_TOKEN();
  BackupKit kit;
  kit.enrol("p1", 1);
  kit.enrol("p2", 2);
  const BackupStatus taken = kit.take();
  const Bytes good = file_of(taken.file);
  const auto faults = [&](const Bytes& file) {
    backup::Chain chain;
    auto reader = backup::Reader::open(source_of(file));
    REQUIRE(reader);
    const Status added = chain.add(std::move(*reader));
    INFO((added ? "" : added.error().message));
    REQUIRE(added);
    REQUIRE(chain.finish());
    return chain.fault_count();
  };
  CHECK(faults(good) == 0);
  for (const char kind : {'r', 'p', 's'}) {
    CAPTURE(kind);
    CHECK(faults(rewritten(good, [&](const backup::Record& r) {
            const auto* row = std::get_if<backup::Row>(&r);
            return row == nullptr || row->key.front() != kind;
          })) > 0);
  }
  // The register's own key is a row of its own.
  CHECK(faults(rewritten(good, [&](const backup::Record& r) {
          const auto* row = std::get_if<backup::Row>(&r);
          if (row == nullptr || row->key.front() != 's') return true;
          const auto key = store::keys::parse_site_key(row->key);
          return !key || key->site != seal::kVaultKeyName;
        })) == 1);
  // Without an opening or an entry it is not one log.
  for (const char kind : {'o', 'e', 'c'}) {
    CAPTURE(kind);
    backup::Chain chain;
    const Bytes file = rewritten(good, [&](const backup::Record& r) {
      const auto* row = std::get_if<backup::Row>(&r);
      return row == nullptr || row->key.front() != kind;
    });
    CHECK_FALSE(chain.add(std::move(*backup::Reader::open(source_of(file)))));
  }
}
