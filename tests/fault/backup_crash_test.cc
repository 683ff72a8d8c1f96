// P6 for backups and restores, by force: killed with SIGKILL at each of their commit points, and each next process
// finds what was promised. This process opens nothing itself: who forks must have no threads of the store.
//
// What it does not show: as crash_driver.cc.
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <filesystem>

#include "tests/fault/calls.h"
#include "tests/fault/vault_audit.h"
#include "tests/fault/vault_kit.h"
#include "tests/support/soon.h"
#include "tools/common/sshsig_sign.h"
#include "tools/facekeepd/mirror.h"
#include "tools/facekeepd/mirror_log.h"
#include "vault/backup/file.h"
#include "vault/backup/mark.h"
#include "vault/backup/restore.h"
#include "vault/ledger/sshsig.h"
#include "vault/token_recovery.h"

using namespace facekeep;
using namespace facekeep::test;
namespace fs = std::filesystem;

namespace {

constexpr const char* kKilled = "killed";

// Runs `work` in a process of its own and gives what it says; kKilled if SIGKILL ended it.
template <class Work>
std::string in_child(Work work) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    const std::string said = work();
    const bool told = write(ends[1], said.data(), said.size()) == static_cast<ssize_t>(said.size());
    _exit(told ? 0 : 5);
  }
  close(ends[1]);
  std::string said;
  char buffer[4096];
  for (ssize_t n = read(ends[0], buffer, sizeof buffer); n > 0; n = read(ends[0], buffer, sizeof buffer)) {
    said.append(buffer, static_cast<std::size_t>(n));
  }
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) return WTERMSIG(status) == SIGKILL ? kKilled : "signal " + std::to_string(WTERMSIG(status));
  return WEXITSTATUS(status) == 0 ? said : said + ", exit " + std::to_string(WEXITSTATUS(status));
}

// Ends the process where it stands when the point is passed behind the one that arms it; at once armed if that is
// empty.
std::function<void(const char*)> kill_at(const std::string& point, const std::string& behind = {}) {
  return [point, behind, armed = std::make_shared<std::atomic<bool>>(behind.empty())](const char* passed) {
    if (*armed && point == passed) kill(getpid(), SIGKILL);
    if (behind == passed) *armed = true;
  };
}

// A vault that several processes open one after the other, and who is in it.
struct Crashing {
  VaultKit kit{FixtureOptions{}};
  TestClock clock;
  std::string backups = kit.dir() + "-backups";
  std::string mirror = kit.dir() + "-mirror";
  std::set<int> there;
  std::set<int> gone;

  ~Crashing() {
    std::error_code ec;
    for (const auto& dir : {backups, mirror}) fs::remove_all(dir, ec);
  }

  static Vector face(int n) { return VaultFixture::random_face(64, static_cast<std::uint64_t>(n)); }
  static std::string id(int n) { return "p" + std::to_string(n); }

  // In a child, as the daemon does it: with the mark of a restore, if there is one.
  Status open(KitVault& vault, std::function<void(const char*)> at_point = {}) {
    ServiceOptions options;
    options.backup_dir = backups;
    options.sequencer.checkpoint_interval_ms = 20;
    options.sequencer.at_commit_point = std::move(at_point);
    FK_TRY(options.sequencer.restored, backup::read_mark(kit.dir()));
    const bool restored = options.sequencer.restored.has_value();
    FK_CHECK(vault.start(std::move(options)));
    if (restored) FK_CHECK(backup::remove_mark(kit.dir()));
    FK_CHECK(vault.unseal());
    clock.advance(60'000);  // what a restore lost counts as used up: the buckets fill again
    return {};
  }
  Status enrol(KitVault& vault, int n) const {
    EnrolInput in;
    in.subject = id(n);
    in.consent = VaultFixture::consent();
    in.templates.push_back({"face", face(n)});
    const auto done = vault->put_subject(kit.key("operator/1"), "main", std::move(in));
    return done ? Status() : Status(done.error());
  }
  std::string matched(KitVault& vault, int n) const {
    MatchCall call;
    call.door = "north";
    call.model = "face";
    call.probe = face(n);
    std::string said;
    soon([&] {  // a door is told "refer" until its site is ready
      said = decided(vault->match(kit.key("door/1"), "main", MatchCall(call)));
      return !said.starts_with("refer");
    });
    return said;
  }
  Result<BackupStatus> take(KitVault& vault) {
    clock.advance(static_cast<std::int64_t>(kBackupPauseMs));
    FK_TRY(auto now, vault->begin_backup(kit.key("property/1"), {}));
    while (now.state == "running") {
      usleep(2000);
      FK_TRY(now, vault->backup_status(kit.key("property/1"), now.id));
    }
    if (now.state == "done") return now;
    return make_error(Errc::kInternal, "the backup failed: " + now.why);
  }
  // What is wrong with the open vault; empty: nothing.
  std::string faults(KitVault& vault) const {
    for (const int n : there) {
      if (const auto said = matched(vault, n); said != "match " + id(n)) return id(n) + " is answered " + said;
    }
    for (const int n : gone) {
      if (const auto said = matched(vault, n); said != "no_match") return id(n) + ", who is gone, is answered " + said;
    }
    const auto state = vault->sequencer().read([](const ledger::State& st) { return st; });
    const auto found = audit_vault(*vault.store, *vault.slots, state);
    return found.empty() ? "" : found.front();
  }
  std::vector<std::string> files() const {
    std::vector<std::string> out;
    for (const auto& f : fs::directory_iterator(backups)) out.push_back(f.path().string());
    return out;
  }
};

std::string why(const Error& e) {
  return e.message + " (" + e.hint + ")";
}

// How many of the folder's files the vault's log vouches for; each of them must be whole. An error in words.
Result<std::size_t> vouched_files(const Crashing& c, KitVault& vault) {
  std::size_t out = 0;
  const std::uint64_t size = vault->sequencer().durable_size();
  for (const std::string& path : c.files()) {
    backup::Chain chain;
    FK_TRY(auto reader, backup::open_backup(path));
    FK_CHECK(chain.add(std::move(reader)));
    FK_CHECK(chain.finish());
    if (chain.fault_count() > 0) return make_error(Errc::kIntegrity, path + ": " + chain.faults().front());
    for (std::uint64_t i = chain.tree().size(); i < size; ++i) {
      FK_TRY(const Bytes entry, vault->sequencer().entry(i));
      chain.attest(entry);
    }
    out += chain.files().front().manifest.has_value();
  }
  return out;
}

}  // namespace

TEST_CASE(
    "a backup that is killed leaves the vault as it was, and a file that is whole and vouched for, or worthless") {
  NEEDS_TOKEN();
  Crashing c;
  struct Point {
    const char* name;
    const char* behind;
    std::size_t files;    // that it leaves
    std::size_t vouched;  // of these
  };
  const std::vector<Point> points = {{"backup-begun", "", 0, 0},
                                     {"backup-named", "", 1, 0},
                                     {"applied", "backup-named", 1, 0},
                                     {"keys-written", "backup-named", 1, 0},
                                     {"committed", "backup-named", 1, 1},
                                     {"keys-erased", "backup-named", 1, 1},
                                     {"checkpointed", "backup-named", 1, 1}};
  std::size_t files = 0;
  std::size_t vouched = 0;
  int n = 0;
  for (const Point& point : points) {
    CAPTURE(point.name);
    ++n;
    c.clock.advance(200'000);
    REQUIRE(in_child([&]() -> std::string {
              KitVault vault(c.kit, c.clock);
              if (auto ok = c.open(vault, kill_at(point.name, point.behind)); !ok) return why(ok.error());
              if (auto ok = c.enrol(vault, n); !ok) return why(ok.error());
              const auto taken = c.take(vault);
              return taken ? "it was not killed" : why(taken.error());
            }) == kKilled);
    c.there.insert(n);
    files += point.files;
    vouched += point.vouched;
    c.clock.advance(200'000);
    CHECK(in_child([&]() -> std::string {
            KitVault vault(c.kit, c.clock);
            if (auto ok = c.open(vault); !ok) return why(ok.error());
            if (const auto wrong = c.faults(vault); !wrong.empty()) return wrong;
            if (c.files().size() != files) return std::to_string(c.files().size()) + " files in the folder";
            const auto good = vouched_files(c, vault);
            if (!good) return why(good.error());
            if (*good != vouched) return std::to_string(*good) + " files that the log vouches for";
            const auto next = c.take(vault);
            return next ? "good" : why(next.error());
          }) == "good");
    ++files;
    ++vouched;
  }
}

namespace {

// Somebody, a backup, somebody behind it and an erasure; the log as a mirror; the disk is lost.
std::string live_and_lose(Crashing& c, int n, std::string& file) {
  const auto taken = [&]() -> Result<std::string> {
    KitVault vault(c.kit, c.clock);
    FK_CHECK(c.open(vault));
    if (const auto wrong = c.faults(vault); !wrong.empty()) return make_error(Errc::kIntegrity, wrong);
    FK_CHECK(c.enrol(vault, n));
    FK_CHECK(c.enrol(vault, n + 1));
    FK_TRY(const BackupStatus made, c.take(vault));
    FK_CHECK(c.enrol(vault, n + 2));
    FK_CHECK(vault->erase(c.kit.key("operator/1"), "main", Crashing::id(n)));  // with a checkpoint over all of it
    fs::remove_all(c.mirror);
    FK_CHECK(daemon::export_log(*vault.store, c.mirror));
    return made.file;
  };
  const std::string said = in_child([&] {
    const auto made = taken();
    return made ? *made : "failed: " + why(made.error());
  });
  file = said;
  for (const char* part : {"/db", "/keys"}) fs::remove_all(c.kit.dir() + part);
  return said.starts_with("failed") ? said : "good";
}

std::string restore(const Crashing& c, const std::string& file, std::function<void(const char*)> at_point = {},
                    bool accept_loss = false) {
  const auto log = daemon::open_mirror_log(c.mirror);
  if (!log) return why(log.error());
  backup::RestoreParts parts;
  parts.files = {file};
  parts.accept_loss = accept_loss;
  if (!accept_loss) parts.mirror = log->log;
  parts.data_dir = c.kit.dir();
  parts.at_point = std::move(at_point);
  parts.token = [&](const ledger::Genesis& genesis, std::optional<std::uint32_t>) -> Result<backup::TokenFacts> {
    FK_TRY(auto pool, hsm::open_token(c.kit.token_uri(), SoftHsm::pin()));
    FK_TRY(const auto custody, hsm::TokenCustody::open(std::move(pool), genesis.vault));
    backup::TokenFacts out;
    FK_TRY(out.log_keys, custody->log_keys());
    FK_TRY(out.anchor, custody->read_anchor());
    FK_TRY(out.has_root, custody->has_root(genesis.register_epoch));
    return out;
  };
  const auto report = backup::restore(parts);
  return report ? "restored" : why(report.error());
}

}  // namespace

TEST_CASE("a restore that is killed is begun anew or is whole, and so is the first start behind it") {
  NEEDS_TOKEN();
  Crashing c;
  const std::vector<std::pair<const char*, const char*>> points = {{"begun", "applied"},
                                                                   {"people-written", "keys-written"},
                                                                   {"mark-written", "committed"},
                                                                   {"keys", "keys-erased"},
                                                                   {"db", "checkpointed"}};
  int n = 0;
  std::size_t restores = 0;
  for (const auto& [point, start_point] : points) {
    CAPTURE(point, start_point);
    c.clock.advance(200'000);
    std::string file;
    REQUIRE(live_and_lose(c, n, file) == "good");
    c.clock.advance(200'000);
    REQUIRE(in_child([&] { return restore(c, file, kill_at(point)); }) == kKilled);
    const std::string again = in_child([&] { return restore(c, file); });
    const bool was_whole = std::string(point) == "db";
    CHECK(again.find(was_whole ? "there is a vault" : "restored") == 0);
    REQUIRE(in_child([&]() -> std::string {
              KitVault vault(c.kit, c.clock);
              const auto opened = c.open(vault, kill_at(start_point));
              return opened ? "it was not killed" : why(opened.error());
            }) == kKilled);
    c.there.insert(n + 1);
    c.gone.insert({n, n + 2});
    ++restores;
    c.clock.advance(200'000);
    CHECK(in_child([&]() -> std::string {
            KitVault vault(c.kit, c.clock);
            if (auto ok = c.open(vault); !ok) return why(ok.error());
            if (const auto wrong = c.faults(vault); !wrong.empty()) return wrong;
            if (*backup::read_mark(c.kit.dir())) return "the mark is there";
            const auto logged = vault->sequencer().read([](const ledger::State& st) { return st.restores().size(); });
            if (logged != restores) return std::to_string(logged) + " restores in the log";
            return "good";
          }) == "good");
    n += 3;
  }
}

namespace {

// The quorum signs for what is gone, and the log goes on under another name.
Status sign_for_the_loss(const Crashing& c) {
  store::RocksOptions options;
  options.dir = c.kit.dir() + "/db";
  FK_TRY(const auto store, store::RocksStore::open(options));
  FK_TRY(TokenRecovery recovery, TokenRecovery::open(*store));
  FK_TRY(auto pool, hsm::open_token(c.kit.token_uri(), SoftHsm::pin()));
  FK_TRY(const auto custody, hsm::TokenCustody::open(std::move(pool), c.kit.vault()));
  FK_TRY(const auto anchor, custody->read_anchor());
  FK_TRY(const ledger::TreeAt newest, recovery.newest_lost({}, anchor));
  FK_TRY(const LogPublicKey key, custody->make_log_key());
  const ledger::Genesis& now = recovery.state().current();
  const Instant at = c.clock.now();
  FK_TRY(const ledger::Recovered e,
         recovery.draw_up("restored", {now.token, key}, at.wall, ledger::Loss{now.origin + "/2", newest}));
  FK_TRY(const std::string statement, recovery_statement(e, c.kit.vault()));
  std::vector<std::string> armored;
  for (const char* who : {"property/1", "residents/1"}) {
    FK_TRY(const Bytes blob,
           tools::make_sshsig(c.kit.signing_key(who), ledger::kRecoveryNamespace, as_bytes(statement)));
    armored.push_back(ledger::armor_sshsig(blob));
  }
  FK_TRY(const ledger::Recovered whole, recovery.with_signatures(statement, armored));
  return recovery.carry_out(whole, *custody, at);
}

}  // namespace

TEST_CASE("a restore that accepts a loss and is killed is begun anew, or goes on to the custodians' signatures") {
  NEEDS_TOKEN();
  for (const std::string point : {"mark-written", "keys", "db"}) {
    CAPTURE(point);
    Crashing c;
    std::string file;
    REQUIRE(live_and_lose(c, 0, file) == "good");
    constexpr bool kLoss = true;
    REQUIRE(in_child([&] { return restore(c, file, kill_at(point), kLoss); }) == kKilled);
    CHECK(in_child([&] { return restore(c, file, {}, kLoss); }).find(point == "db" ? "there is a vault" : "restored") ==
          0);
    REQUIRE(in_child([&]() -> std::string {
              const Status signed_for = sign_for_the_loss(c);
              return signed_for ? "signed" : why(signed_for.error());
            }) == "signed");
    CHECK(in_child([&]() -> std::string {
            KitVault vault(c.kit, c.clock);
            if (auto ok = c.open(vault); !ok) return why(ok.error());
            if (*backup::read_mark(c.kit.dir())) return "the mark is there";
            return vault->metrics().in_doubt == 2 ? "good" : "somebody is not in doubt";
          }) == "good");
  }
}
