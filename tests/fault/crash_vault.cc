#include "tests/fault/crash_vault.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include "tests/fault/vault_audit.h"
#include "vault/log/merkle.h"

namespace facekeep::test {
namespace {

using Is = Person::Is;
constexpr std::uint32_t kDimension = 64;
constexpr std::size_t kSpotChecks = 12;      // of people to whom nothing happened
constexpr std::size_t kCrowd = 120;          // live subjects beyond which nobody is enrolled
constexpr std::size_t kKeysLookedFor = 300;  // destroyed ones

std::string reason(const Error& e) {
  return e.message + (e.hint.empty() ? "" : " (" + e.hint + ")");
}

class CrashVault {
 public:
  CrashVault(const VaultKit& kit, TestClock& clock, const Promises& promises, const CrashPlan& plan, int out)
      : kit_(kit),
        clock_(clock),
        vault_(kit, clock),
        before_(promises),
        plan_(plan),
        out_(out),
        armed_(plan.from_the_start) {}
  [[noreturn]] void run();

 private:
  void say(const std::string& line) const;
  [[noreturn]] void broken(const std::string& what) const;
  void open();
  void await_galleries();
  void check_promises();
  void check_person(const std::string& id, const Person& p);
  void check_log(const log::Recovered& recovered);
  std::string decision(const std::string& id, const Vector& probe);
  void work();
  void enrol(unsigned thread);
  void erase(unsigned thread);
  void match(unsigned thread);
  void report_enrolled(const std::string& id, std::uint64_t seed, std::uint64_t entry);
  void report_checkpoint();
  std::string some_live(std::mt19937_64& rng, bool take);

  const VaultKit& kit_;
  TestClock& clock_;
  KitVault vault_;
  const Promises& before_;
  const CrashPlan& plan_;
  const int out_;
  std::atomic<bool> armed_;
  std::atomic<unsigned> passings_{0};
  std::mutex live_mutex_;
  std::map<std::string, std::uint64_t> live_;  // id -> seed of the face
  std::set<std::string> resolved_live_;
};

// One write of less than PIPE_BUF: whole or not at all, also when the process dies.
void CrashVault::say(const std::string& line) const {
  const std::string text = line + "\n";
  if (write(out_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) _exit(5);
}

void CrashVault::broken(const std::string& what) const {
  say("round " + std::to_string(plan_.round) + ": " + what);
  _exit(3);
}

void CrashVault::open() {
  ServiceOptions options;
  options.sequencer.checkpoint_interval_ms = 20;
  options.sequencer.at_commit_point = [this](const char* point) {
    if (!armed_ || plan_.point != point) return;
    if (++passings_ == plan_.passing) kill(getpid(), SIGKILL);
  };
  if (auto ok = vault_.start(std::move(options)); !ok) broken("the vault does not start: " + reason(ok.error()));
  if (auto ok = vault_.unseal(); !ok) broken("the vault does not open: " + reason(ok.error()));
  await_galleries();
  const auto status = vault_->seal_status();
  if (!status) broken(reason(status.error()));
  if (status->templates_refused != 0) broken(std::to_string(status->templates_refused) + " templates were refused");
}

// A door is told "refer" until its site is ready.
void CrashVault::await_galleries() {
  for (int i = 0; decision("", VaultFixture::random_face(kDimension, plan_.round)).starts_with("refer"); ++i) {
    usleep(5000);
    if (i < 6000) continue;
    const auto s = vault_->seal_status();
    broken("the galleries do not become ready: " + std::to_string(s->templates_loaded) + " templates loaded and " +
           std::to_string(s->templates_refused) + " refused of " + std::to_string(s->templates_total));
  }
}

std::string CrashVault::decision(const std::string& id, const Vector& probe) {
  MatchCall call;
  call.door = "north";
  call.model = "face";
  if (!id.empty()) call.subject = id;
  call.probe = probe;
  const auto answer = vault_->match(kit_.key("door/1"), "main", std::move(call));
  if (!answer) broken("a match was refused: " + reason(answer.error()));
  return id.empty() ? answer->decision + " " + answer->subject.value_or("") : answer->decision;
}

void CrashVault::check_person(const std::string& id, const Person& p) {
  const Vector face = VaultFixture::random_face(kDimension, p.seed);
  const std::string verified = decision(id, VaultFixture::face_near(face, 0.9, p.seed + 1));
  const bool identified = decision("", face) == "match " + id;
  const bool there = verified == "match";
  if (there != identified) broken(id + " is there for one kind of question only");
  if (p.is == Is::kLive && !there) broken("the acknowledged enrolment of " + id + " is gone: " + verified);
  if (p.is == Is::kErased && there) broken("the erased " + id + " matches");
  if (p.is == Is::kAsked || p.is == Is::kErasing) say("found " + id + (there ? " live" : " gone"));
  if (there) resolved_live_.insert(id);
}

void CrashVault::check_log(const log::Recovered& recovered) {
  const std::uint64_t size = before_.checkpoint_size;
  if (recovered.tree.size() < size) {
    broken("the log has " + std::to_string(recovered.tree.size()) + " entries; a checkpoint over " +
           std::to_string(size) + " was published");
  }
  if (size > 0) {
    const auto root = log::root_at(size, recovered.tree.hash_source(log::tile_reader(*vault_.store)));
    if (!root || *root != before_.checkpoint_root) broken("the published checkpoint is no prefix of the log");
  }
  for (const PromisedEntry& e : before_.entries) {
    const auto entry = vault_->sequencer().entry(e.entry);
    if (!entry || log::leaf_hash(*entry) != e.leaf) {
      broken("entry " + std::to_string(e.entry) + ", which an answer named, is not in the log");
    }
  }
}

void CrashVault::check_promises() {
  const auto state = vault_->sequencer().read([](const ledger::State& st) { return st; });
  const auto recovered = log::recover(*vault_.store);
  for (const auto& finding : audit_vault(*vault_.store, *vault_.slots, state, recovered)) broken(finding);
  check_log(*recovered);
  std::set<std::uint64_t> enrolments;
  for (const auto& [ref, s] : state.subjects()) enrolments.insert(s.entry);
  std::vector<std::string> quiet;
  std::size_t looked_for = 0;
  const std::string key_files = read_key_files(kit_.dir() + "/keys");
  for (const auto& [id, p] : before_.people) {
    if (p.is == Is::kLive && p.entry != 0 && !enrolments.contains(p.entry))
      broken("the enrolment of " + id + " is not in the log at entry " + std::to_string(p.entry));
    if (p.is == Is::kErased && p.entry != 0 && enrolments.contains(p.entry))
      broken("the erasure of " + id + " is not in the log");
    const bool destroyed = p.is == Is::kErased && !p.key.empty();
    if (destroyed && (p.fresh || plan_.finish || looked_for++ < kKeysLookedFor) && holds(key_files, p.key)) {
      broken("the wrapped key of the erased " + id + " is still in the key files");
    }
    if (p.fresh || plan_.finish) {
      check_person(id, p);
    } else {
      quiet.push_back(id);
    }
  }
  std::mt19937_64 rng(plan_.round);
  std::shuffle(quiet.begin(), quiet.end(), rng);
  for (std::size_t i = 0; i < std::min(quiet.size(), kSpotChecks); ++i)
    check_person(quiet[i], before_.people.at(quiet[i]));
  report_checkpoint();
  say("checked");
}

void CrashVault::report_checkpoint() {
  const auto key =
      vault_->sequencer().read([](const ledger::State& st) { return log::parse_vkey(st.genesis().log_key); });
  const auto cp = log::open_checkpoint(vault_->sequencer().checkpoint(), *key);
  if (!cp) broken("the published checkpoint does not verify: " + cp.error().message);
  say("checkpoint " + std::to_string(cp->size) + " " + to_hex(cp->root));
}

void CrashVault::report_enrolled(const std::string& id, std::uint64_t seed, std::uint64_t entry) {
  const auto slot = vault_->sequencer().read([&](const ledger::State& st) -> std::optional<std::uint32_t> {
    for (const auto& [ref, s] : st.subjects()) {
      if (s.entry == entry) return s.slot;
    }
    return std::nullopt;
  });
  if (!slot) broken("an acknowledged enrolment is not in the state");
  const auto key = vault_.slots->read(1, *slot);
  if (!key) broken("an acknowledged enrolment has no key: " + reason(key.error()));
  say("enrolled " + id + " " + std::to_string(entry) + " " + to_hex(*key));
  const std::lock_guard lock(live_mutex_);
  live_[id] = seed;
}

std::string CrashVault::some_live(std::mt19937_64& rng, bool take) {
  const std::lock_guard lock(live_mutex_);
  if (live_.empty()) return {};
  auto it = live_.begin();
  std::advance(it, static_cast<std::ptrdiff_t>(rng() % live_.size()));
  const std::string id = it->first;
  if (take) live_.erase(it);
  return id;
}

// Half of the threads enrol one at a time, half in small bulks (several events and keys in one group).
void CrashVault::enrol(unsigned thread) {
  for (unsigned n = 0;; ++n) {
    {
      std::unique_lock lock(live_mutex_);
      const bool full = live_.size() > kCrowd;
      lock.unlock();
      if (full) usleep(2000);
      if (full) continue;
    }
    std::vector<EnrolInput> rows;
    std::vector<std::uint64_t> seeds;
    for (unsigned i = 0; i < (thread % 2 == 0 ? 1U : 3U); ++i) {
      seeds.push_back((std::uint64_t{plan_.round} << 32) + (std::uint64_t{thread} << 24) + n * 4 + i);
      EnrolInput in;
      in.subject = "p" + std::to_string(seeds.back());
      in.consent = VaultFixture::consent();
      in.templates.push_back({"face", VaultFixture::random_face(kDimension, seeds.back())});
      in.templates.push_back({"other", VaultFixture::random_face(kDimension, seeds.back() + 1)});
      say("enrolling " + in.subject + " " + std::to_string(seeds.back()));
      rows.push_back(std::move(in));
    }
    const auto answers = vault_->enrol(kit_.key("operator/1"), "main", std::move(rows));
    for (std::size_t i = 0; i < answers.size(); ++i) {
      if (!answers[i]) broken("an enrolment was refused: " + reason(answers[i].error()));
      report_enrolled("p" + std::to_string(seeds[i]), seeds[i], answers[i]->entry);
    }
  }
}

void CrashVault::erase(unsigned thread) {
  std::mt19937_64 rng(plan_.round * 7ULL + thread);
  for (;;) {
    const std::string id = some_live(rng, true);
    if (id.empty()) {
      usleep(1000);
      continue;
    }
    say("erasing " + id);
    const auto answer = vault_->erase(kit_.key("operator/1"), "main", id);
    if (!answer) broken("an erasure was refused: " + reason(answer.error()));
    if (!answer->destroyed) broken("an erasure within the allowance only suspended");
    say("erased " + id);
  }
}

void CrashVault::match(unsigned thread) {
  std::mt19937_64 rng(plan_.round * 11ULL + thread);
  for (;;) {
    MatchCall call;
    call.door = "north";
    call.model = "face";
    call.probe = VaultFixture::random_face(kDimension, rng());
    if (const std::string id = some_live(rng, false); !id.empty() && rng() % 2 == 0) call.subject = id;
    const auto answer = vault_->match(kit_.key("door/1"), "main", std::move(call));
    if (!answer) broken("a match was refused: " + reason(answer.error()));
    const auto entry = vault_->sequencer().entry(answer->entry);
    if (!entry) broken("an answer's entry is not stored");
    say("matched " + std::to_string(answer->entry) + " " + to_hex(log::leaf_hash(*entry)));
  }
}

void CrashVault::work() {
  for (const auto& [id, p] : before_.people) {
    if (p.is == Is::kLive || resolved_live_.contains(id)) live_[id] = p.seed;
  }
  armed_ = true;
  say("ready");
  for (unsigned t = 0; t < 2; ++t) {
    std::thread([this, t] { enrol(t); }).detach();
    std::thread([this, t] { match(t); }).detach();
  }
  std::thread([this] { erase(0); }).detach();
  for (int ms = 0; ms < 20000; ms += 5) {
    usleep(5000);
    clock_.advance(5);
    if (ms % 25 == 0) report_checkpoint();
  }
  broken("nobody killed the vault within 20 s");
}

void CrashVault::run() {
  open();
  check_promises();
  if (plan_.finish) {
    vault_.stop();
    say("checked");
    _exit(0);
  }
  work();
  _exit(4);
}

}  // namespace

void run_crash_vault(const VaultKit& kit, TestClock& clock, const Promises& promises, const CrashPlan& plan, int out) {
  CrashVault(kit, clock, promises, plan, out).run();
}

}  // namespace facekeep::test
