#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <mutex>
#include <sstream>

#include "tests/fault/crash_rotation.h"
#include "tests/fault/vault_audit.h"
#include "tools/common/sshsig_sign.h"
#include "vault/ledger/sshsig.h"
#include "vault/log/checkpoint.h"
#include "vault/seal/hpke.h"
#include "vault/store/keys.h"

namespace facekeep::test {

bool RotationMemory::take(const std::string& line) {
  std::istringstream in(line);
  std::string verb;
  in >> verb;
  if (verb == "people") {
    in >> people;
  } else if (verb == "card") {  // before anybody signs for it
    std::string set;
    std::string who;
    std::string text;
    in >> set >> who;
    std::getline(in, text);
    auto words = seal::parse_share_text(text);
    if (!words) return false;
    sets[from_hex_exact<32>(set).value_or(Digest{})].insert_or_assign(who, std::move(*words));
  } else if (verb == "ended") {
    ++ended;
  } else if (verb == "old-cards") {
    ++by_old_cards;
  } else {
    std::printf("%s\n", line.c_str());
    return false;
  }
  return true;
}

namespace {

constexpr std::uint32_t kDimension = 64;
constexpr int kCrowd = 7;                      // in three batches
constexpr std::chrono::seconds kPatience{60};  // the rotation's own thread may have a busy machine
constexpr const char* kSigners[] = {"property/1", "residents/1"};

std::string reason(const Error& e) {
  return e.message + (e.hint.empty() ? "" : " (" + e.hint + ")");
}

Vector face(int i) {
  return VaultFixture::random_face(kDimension, 5000 + static_cast<std::uint64_t>(i));
}

class RotationVault {
 public:
  RotationVault(const VaultKit& kit, TestClock& clock, const RotationMemory& memory, const RotationPlan& plan, int out)
      : kit_(kit), clock_(clock), vault_(kit, clock), memory_(memory), plan_(plan), out_(out) {
    for (const auto& [u, cards] : memory.sets) {
      for (const auto& [who, words] : cards) sets_[u].emplace(who, words.clone());
    }
  }
  [[noreturn]] void run();

 private:
  void say(const std::string& line) const;
  [[noreturn]] void broken(const std::string& what) const;
  void must(const Status& s, const char* what) const {
    if (!s) broken(std::string(what) + ": " + reason(s.error()));
  }
  template <class T>
  T must(Result<T> r, const char* what) const {
    if (!r) broken(std::string(what) + ": " + reason(r.error()));
    return std::move(*r);
  }
  template <class F>
  auto read(const F& f) const {
    return vault_->sequencer().read(f);
  }
  void start();
  void open(bool old_cards);
  void reopen(bool old_cards);
  void check(const char* when);
  void check_end();
  void to_the_end();
  std::string where();
  void withdraw_drafts();
  void enrol();
  void agree(ledger::Action action);
  ledger::Vote sign(const std::string& who, const ledger::Proposal& p) const;
  ledger::Reshare draw_cards();
  const VaultKit::Cards& cards_of(const Digest& unseal_key) const;

  const VaultKit& kit_;
  TestClock& clock_;
  KitVault vault_;
  const RotationMemory& memory_;
  const RotationPlan& plan_;
  const int out_;
  std::map<Digest, VaultKit::Cards> sets_;
  std::atomic<bool> armed_{false};
  std::atomic<unsigned> passings_{0};
  std::mutex failure_mutex_;
  std::string failure_;  // the last that a rotation met
  int people_ = 0;
};

// One write of less than PIPE_BUF: whole or not at all, also when the process dies.
void RotationVault::say(const std::string& line) const {
  const std::string text = line + "\n";
  if (write(out_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) _exit(5);
}

void RotationVault::broken(const std::string& what) const {
  say(what);
  _exit(3);
}

void RotationVault::start() {
  ServiceOptions options;
  options.rewrap_batch = 3;
  options.sequencer.at_commit_point = [this](const char* point) {
    if (!armed_ || plan_.point != point) return;
    if (++passings_ == plan_.passing) kill(getpid(), SIGKILL);
  };
  options.on_rotation_failed = [this](const Error& e) {
    const std::lock_guard lock(failure_mutex_);
    failure_ = reason(e);
  };
  must(vault_.start(std::move(options)), "the vault does not start");
}

const VaultKit::Cards& RotationVault::cards_of(const Digest& unseal_key) const {
  const auto set = sets_.find(unseal_key);
  return set == sets_.end() ? kit_.cards() : set->second;
}

void RotationVault::open(bool old_cards) {
  const auto [now, before] = read([](const ledger::State& st) {
    const auto* set = st.cards_before();
    return std::pair(st.current().unseal_key, set == nullptr ? std::nullopt : std::optional(set->unseal_key));
  });
  if (old_cards && before) say("old-cards");
  must(vault_.unseal(cards_of(old_cards && before ? *before : now)), "the vault does not open");
}

void RotationVault::reopen(bool old_cards) {
  must(vault_->seal(kit_.key("property/1")), "the vault is not sealed");
  open(old_cards);
}

// Everybody is there with a key that opens, and nothing is there by half.
void RotationVault::check(const char* when) {
  must(vault_->sequencer().submit([](const log::Turn&) -> Result<log::Write> { return log::Write{}; }), when);
  const auto status = must(vault_->seal_status(), when);
  if (status.templates_refused != 0) {
    broken(std::string(when) + ": " + std::to_string(status.templates_refused) + " templates were refused");
  }
  for (int i = 0; i < people_; ++i) {
    MatchCall call;
    call.door = "north";
    call.model = "face";
    call.subject = "p" + std::to_string(i);
    call.probe = face(i);
    const auto said = must(vault_->match(kit_.key("door/1"), "main", std::move(call)), when);
    if (said.decision != "match") broken(std::string(when) + ": p" + std::to_string(i) + " is told " + said.decision);
  }
}

void RotationVault::check_end() {
  const std::uint32_t epoch = read([](const ledger::State& st) { return st.root_epoch(); });
  if (!must(vault_.custody->has_root(epoch), "the token")) broken("the root key in force is not in the token");
  if (epoch > 1 && must(vault_.custody->has_root(epoch - 1), "the token")) broken("the old root key is in the token");
  if (vault_.slots->epochs() != std::vector<std::uint32_t>{epoch}) broken("there are slot files of another epoch");
  std::string others;
  must(vault_.store->scan(store::keys::prefix(store::keys::Kind::kSiteKey), {},
                          [&](ByteView row, ByteView) {
                            const auto key = store::keys::parse_site_key(row);
                            const bool plain = key && key->kind == store::keys::SiteKeyKind::kMain;
                            if (!plain || key->epoch != epoch) others += " " + to_hex(row);
                            return true;
                          }),
       "the rows of site keys");
  if (!others.empty()) broken("rows of site keys are left:" + others);
}

// What the process before had proposed, and not all had signed.
void RotationVault::withdraw_drafts() {
  const auto drafts = read([&](const ledger::State& st) {
    std::vector<Id128> out;
    for (const auto& [id, p] : st.proposals()) {
      const auto stage = stage_at(st, p, st.moment_at(clock_.now()));
      const bool draft = stage == ledger::Stage::kDraft || stage == ledger::Stage::kOpen;
      if (draft && renews_keys(p.made.action)) out.push_back(id);
    }
    return out;
  });
  for (const Id128& id : drafts) must(vault_->withdraw(kit_.key("property/1"), id), "no withdrawal");
  // Whose ceremony ended undecided waits a day.
  if (!drafts.empty()) clock_.advance(25LL * 3'600'000);
}

// Of a rotation that does not go on: what it waits for, and what went wrong last.
std::string RotationVault::where() {
  std::string out = read([&](const ledger::State& st) {
    std::string text = st.rotation() ? "under way" : "none";
    if (st.rotation() && st.rotation()->upto == ledger::kAllRefs) text += ", all rewrapped";
    if (st.rotation() && st.rotation()->cards_untried) text += ", cards untried";
    for (const auto& [id, p] : st.proposals()) {
      if (!renews_keys(p.made.action) || is_final(p.stage)) continue;
      text += ", a proposal at stage " + std::to_string(static_cast<int>(stage_at(st, p, st.moment_at(clock_.now()))));
    }
    return text;
  });
  if (const auto halt = vault_->halted()) out += ", halted: " + reason(halt->reason);
  const std::lock_guard lock(failure_mutex_);
  return out + (failure_.empty() ? "" : ", " + failure_);
}

// What was agreed on, carried out and over.
void RotationVault::to_the_end() {
  bool replaced = !plan_.replaces;
  const auto begin = std::chrono::steady_clock::now();
  for (;;) {
    vault_->housekeeping();
    const auto [rotation, pending] = read([](const ledger::State& st) {
      bool any = false;
      for (const auto& [id, p] : st.proposals()) any |= renews_keys(p.made.action) && !is_final(p.stage);
      return std::pair(st.rotation(), any);
    });
    if (!rotation && !pending) break;
    if (rotation && rotation->upto == ledger::kAllRefs) {
      if (rotation->cards_untried && !replaced && !pending) {
        replaced = true;
        agree(draw_cards());
        continue;
      }
      if (rotation->cards_untried && !pending) reopen(false);
      clock_.advance(61'000);
    } else if (pending) {
      clock_.advance(3'600'000);
    }
    usleep(2000);
    if (std::chrono::steady_clock::now() - begin > kPatience) broken("a rotation does not end: " + where());
  }
  check("at the end");
  check_end();
  const auto findings = audit_vault(*vault_.store, *vault_.slots, read([](const ledger::State& st) { return st; }));
  if (!findings.empty()) broken("at the end: " + findings.front());
}

void RotationVault::enrol() {
  for (people_ = memory_.people; people_ < kCrowd; ++people_) {
    EnrolInput in;
    in.subject = "p" + std::to_string(people_);
    in.consent = VaultFixture::consent();
    in.templates.push_back({"face", face(people_)});
    must(vault_->put_subject(kit_.key("operator/1"), "main", std::move(in)), "nobody can be enrolled");
  }
  say("people " + std::to_string(people_));
}

ledger::Vote RotationVault::sign(const std::string& who, const ledger::Proposal& p) const {
  const auto log_key = read([](const ledger::State& st) { return log::parse_vkey(st.genesis().log_key); });
  const auto head = log::open_checkpoint(vault_->sequencer().checkpoint(), *log_key).value();
  ledger::Vote v;
  v.proposal = p.made.id;
  v.rule = read([](const ledger::State& st) { return st.rule_version(); });
  v.size = head.size;
  v.root = head.root;
  const std::string text = ledger::vote_statement(v, ledger::Verb::kApprove, p.digest, kit_.vault()).value();
  const auto blob = tools::make_sshsig(kit_.signing_key(who), ledger::kApprovalNamespace, as_bytes(text));
  v.signature = ledger::armor_sshsig(blob.value());
  return v;
}

void RotationVault::agree(ledger::Action action) {
  ledger::ProposalMade made;
  made.purpose = "key-rotation";
  made.action = std::move(action);
  const auto proposed = must(vault_->propose(kit_.key("property/1"), made), "no proposal");
  for (const char* who : kSigners) {
    must(vault_->vote(kit_.key(who), sign(who, proposed.proposal.proposal), ledger::Verb::kApprove), "no vote");
  }
  clock_.advance(proposed.proposal.rule.delay_s * 1000);
}

ledger::Reshare RotationVault::draw_cards() {
  const ledger::Genesis g = read([](const ledger::State& st) { return st.current(); });
  seal::HpkeKeyPair u = seal::generate_hpke_key_pair();
  seal::SplitOptions split;
  split.group_threshold = static_cast<std::uint8_t>(g.groups.size());
  split.extendable = false;
  split.groups.assign(g.groups.size(), {1, 1});
  auto shares = seal::split_secret(u.private_key.view(), split).value();
  ledger::Reshare a;
  a.groups = g.groups;
  a.unseal_key = u.public_key;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    seal::SecretWords& words = shares[i][0];
    a.groups[i].shares[0].commitment = seal::share_commitment(words);
    a.share_set = seal::decode_share(words)->meta.identifier;
    const std::string who = g.groups[i].id + "/1";
    const SecretBytes text = seal::share_numbers_text(words);
    say("card " + to_hex(a.unseal_key) + " " + who + " " + std::string(as_chars(text.view())));
    sets_[a.unseal_key].insert_or_assign(who, std::move(words));
  }
  for (const auto& p : g.principals) {
    if (p.role == ledger::Role::kCustodian) a.custodians.push_back(p);
  }
  const std::string statement = ledger::reshare_statement(a, kit_.vault()).value();
  for (const auto& p : a.custodians) {
    const auto blob = tools::make_sshsig(kit_.signing_key(p.id), ledger::kCeremonyNamespace, as_bytes(statement));
    a.signatures.push_back({p.id, ledger::armor_sshsig(blob.value())});
  }
  return a;
}

void RotationVault::run() {
  people_ = memory_.people;
  start();
  open(plan_.old_cards);
  check("after the start");
  withdraw_drafts();
  to_the_end();
  enrol();
  if (plan_.passing == 0) {
    vault_.stop();
    _exit(0);
  }
  agree(plan_.reshare ? ledger::Action(draw_cards()) : ledger::RotateKeys{});
  armed_ = true;
  to_the_end();
  armed_ = false;
  say("ended");
  vault_.stop();
  _exit(0);
}

}  // namespace

void run_rotation_vault(const VaultKit& kit, TestClock& clock, const RotationMemory& memory, const RotationPlan& plan,
                        int out) {
  RotationVault(kit, clock, memory, plan, out).run();
}

}  // namespace facekeep::test
