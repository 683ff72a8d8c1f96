// A vault that is backed up, mirrored, lost and restored.
#pragma once

#include <filesystem>
#include <fstream>

#include "tests/support/catch.h"
#include "tests/unit/vault/calls.h"
#include "tools/facekeepd/mirror.h"
#include "tools/facekeepd/mirror_log.h"
#include "vault/backup/file.h"
#include "vault/backup/mark.h"
#include "vault/backup/restore.h"

namespace facekeep::test {

namespace fs = std::filesystem;

struct BackupKit {
  VaultFixture f;
  std::unique_ptr<Service> service;
  std::string backups = f.dir() + "-backups";
  std::string mirror = f.dir() + "-mirror";

  BackupKit() { open(); }

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
    f.clock.advance(kBackupPauseMs);
    auto now = service->begin_backup(f.key(who), since);
    REQUIRE(problem(now) == "ok");
    while (now->state == "running") {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      now = service->backup_status(f.key(who), now->id);
      REQUIRE(now);
    }
    return *now;
  }

  // Stops the vault and keeps its log as an auditor's mirror would, then loses the data directory.
  void lose() {
    f.stop(service);
    mirror_now();
    fs::remove_all(f.dir());
  }
  void mirror_now() {
    fs::remove_all(mirror);
    store::RocksOptions options;
    options.dir = f.dir() + "/db";
    const auto store = store::RocksStore::open(options);
    REQUIRE(store);
    const Status exported = daemon::export_log(**store, mirror);
    INFO((exported ? "" : exported.error().message));
    REQUIRE(exported);
  }
  Result<backup::RestoreReport> restore(const std::vector<std::string>& files,
                                        const backup::RestoreTerms& terms = {}) {
    FK_TRY(const daemon::OpenedMirror log, daemon::open_mirror_log(mirror));
    const auto token = [&](const ledger::Genesis& current) -> Result<backup::TokenFacts> {
      FK_TRY(auto pool, f.open_token());
      FK_TRY(const auto custody, hsm::TokenCustody::open(std::move(pool), current.vault));
      backup::TokenFacts out;
      FK_TRY(out.log_keys, custody->log_keys());
      FK_TRY(out.anchor, custody->read_anchor());
      FK_TRY(out.has_root, custody->has_root(current.register_epoch));
      return out;
    };
    return backup::restore(files, log.log, token, f.dir(), terms);
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
