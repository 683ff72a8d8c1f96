// A vault that is backed up, mirrored, lost and restored.
#pragma once

#include <filesystem>
#include <fstream>

#include "tests/support/catch.h"
#include "tests/unit/vault/calls.h"
#include "tools/facekeepd/check.h"
#include "tools/facekeepd/mirror.h"
#include "tools/facekeepd/mirror_log.h"
#include "vault/backup/file.h"
#include "vault/backup/mark.h"
#include "vault/backup/restore.h"

namespace facekeep::test {

namespace fs = std::filesystem;

// What a restore asks of the fixture's token.
inline backup::AskToken token_of(VaultFixture& f) {
  return [&f](const ledger::Genesis& current, std::optional<std::uint32_t> old_root) -> Result<backup::TokenFacts> {
    FK_TRY(auto pool, f.open_token());
    FK_TRY(const auto custody, hsm::TokenCustody::open(std::move(pool), current.vault));
    backup::TokenFacts out;
    FK_TRY(out.log_keys, custody->log_keys());
    FK_TRY(out.anchor, custody->read_anchor());
    FK_TRY(out.has_root, custody->has_root(current.register_epoch));
    if (old_root) {
      FK_TRY(out.has_old_root, custody->has_root(*old_root));
    }
    return out;
  };
}
// The log as an auditor's mirror would have it, up to the latest checkpoint.
inline void export_mirror(const store::Store& store, const std::string& to) {
  fs::remove_all(to);
  const Status exported = daemon::export_log(store, to);
  INFO((exported ? "" : exported.error().message));
  REQUIRE(exported);
}
inline void export_mirror_of(const std::string& data_dir, const std::string& to) {
  store::RocksOptions options;
  options.dir = data_dir + "/db";
  const auto store = store::RocksStore::open(options);
  REQUIRE(store);
  export_mirror(**store, to);
}
// Of a restored vault, read back: nothing but what the mark names is missing.
inline void check_restored(const std::string& data_dir, const Id128& vault) {
  store::RocksOptions options;
  options.dir = data_dir + "/db";
  const auto store = store::RocksStore::open(options);
  REQUIRE(store);
  const auto slots = seal::SlotGenerations::open(data_dir + "/keys", vault);
  REQUIRE(slots);
  const auto checked = daemon::check_vault(**store, **slots, {}, *backup::read_mark(data_dir));
  INFO(problem(checked));
  REQUIRE(checked);
  for (const auto& fault : checked->faults) UNSCOPED_INFO(fault);
  CHECK(checked->faults.empty());
}
// Asks for a backup and waits for what becomes of it.
inline BackupStatus backed_up(VaultFixture& f, Service& service, const std::optional<backup::Since>& since = {},
                              const std::string& who = "property/1") {
  f.clock.advance(kBackupPauseMs);
  auto now = service.begin_backup(f.key(who), since);
  REQUIRE(problem(now) == "ok");
  while (now->state == "running") {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    now = service.backup_status(f.key(who), now->id);
    REQUIRE(now);
  }
  return *now;
}

struct BackupKit {
  VaultFixture f;
  std::unique_ptr<Service> service;
  std::string backups = f.dir() + "-backups";
  std::string mirror = f.dir() + "-mirror";
  backup::AskWitness witness;  // for restores
  std::set<std::string> without_witness;

  explicit BackupKit(FixtureOptions o = {}) : f(std::move(o)) { open(); }

  Status try_open() {
    ServiceOptions options;
    options.backup_dir = backups;
    FK_TRY(options.sequencer.restored, backup::read_mark(f.dir()));
    FK_TRY(service, f.start(options));
    FK_CHECK(backup::remove_mark(f.dir()));
    return f.unseal(*service);
  }
  void open() {
    const Status opened = try_open();
    INFO((opened ? "" : opened.error().message));
    REQUIRE(opened);
  }
  void open_restored() {
    open();
    f.clock.advance(60'000);  // what was lost counts as used up: the buckets fill again
  }
  void enrol(const std::string& who, std::uint64_t seed) {
    REQUIRE(problem(service->put_subject(f.key("operator/1"), "main", person(who, face(seed)))) == "ok");
  }
  static Vector face(std::uint64_t seed) { return VaultFixture::random_face(64, seed); }
  std::string matched(std::uint64_t seed) {
    const auto answer = service->match(f.key("door/1"), "main", ask(face(seed)));
    if (!answer || answer->decision != "match") return decision(answer);
    return *answer->subject;
  }

  // Takes one and waits for it.
  BackupStatus take(const std::optional<backup::Since>& since = {}, const std::string& who = "property/1") {
    const BackupStatus now = take_any(since, who);
    INFO(now.why);
    REQUIRE(now.state == "done");
    return now;
  }
  // That may fail.
  BackupStatus take_any(const std::optional<backup::Since>& since, const std::string& who = "property/1") {
    return backed_up(f, *service, since, who);
  }

  // Stops the vault and keeps its log as an auditor's mirror would, then loses the data directory.
  void lose() {
    f.stop(service);
    mirror_now();
    fs::remove_all(f.dir());
  }
  void mirror_now() const { export_mirror_of(f.dir(), mirror); }
  Result<backup::RestoreReport> restore(const std::vector<std::string>& files,
                                        const std::vector<std::string>& checkpoints = {}) {
    FK_TRY(const daemon::OpenedMirror log, daemon::open_mirror_log(mirror));
    constexpr bool kAcceptLoss = false;
    return backup::restore(
        {files, log.log, token_of(f), f.dir(), checkpoints, witness, without_witness, kAcceptLoss, {}});
  }
  template <class F>
  auto state(F&& read) const {
    return service->sequencer().read(std::forward<F>(read));
  }
};

inline Bytes file_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
inline void write_file(const std::string& path, const Bytes& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

inline backup::Since since(const BackupStatus& s) {
  return {s.made.size, s.made.digest};
}
inline bool has_text(const std::string& text, const std::string& part) {
  INFO(text);
  return text.find(part) != std::string::npos;
}

}  // namespace facekeep::test
