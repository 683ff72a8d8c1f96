// A vault whose keys are rotated, or whose shares are renewed: proposed and signed as custodians do it.
#pragma once

#include <chrono>
#include <thread>

#include "tests/support/catch.h"
#include "tests/support/new_cards.h"
#include "tests/unit/vault/calls.h"
#include "tools/common/sshsig_sign.h"
#include "vault/ledger/sshsig.h"
#include "vault/log/sequencer/handover.h"
#include "vault/seal/hpke.h"
#include "vault/seal/share_envelope.h"
#include "vault/store/keys.h"

namespace facekeep::test {

class RotationKit {
 public:
  explicit RotationKit(FixtureOptions o = {}, std::size_t batch = 4) : f(std::move(o)) { options.rewrap_batch = batch; }
  ~RotationKit() { f.stop(service); }

  Status start() {
    FK_TRY(service, f.start(options));
    return {};
  }
  // As a new process.
  Status restart() {
    f.stop(service);
    return start();
  }
  // With the cards in `now`, else with those of the ceremony.
  Status unseal() {
    const auto to = service->sequencer().read([](const ledger::State& st) { return st.start().unseal_to; });
    for (const char* who : {"property/1", "property/2", "residents/1", "residents/2"}) FK_CHECK(hand_in(who, to));
    return loaded();
  }
  Result<UnsealProgress> hand_in_card(const std::string& who, const seal::SecretWords& words) {
    const auto to = service->sequencer().read([](const ledger::State& st) { return st.start().unseal_to; });
    FK_TRY(const Bytes share, seal::seal_share(to, f.genesis().vault, words));
    return service->unseal(f.key(who), share);
  }

  // Fills the vault: n people at main, with the face of their number.
  void enrol(int n) {
    for (int i = 0; i < n; ++i) {
      INFO(i);
      REQUIRE(service->put_subject(f.key("operator/1"), "main", person(id(people), face(people))));
      ++people;
    }
  }
  static std::string id(int i) { return "p" + std::to_string(i); }
  static Vector face(int i) { return VaultFixture::random_face(64, 1000 + static_cast<std::uint64_t>(i)); }
  std::string verify(int i) { return decision(service->match(f.key("door/1"), "main", ask(face(i), id(i)))); }
  // A halt that ends by itself, as after a token's passing fault, is told and waited for. False: one that stays.
  bool goes_on() {
    for (int i = 0; i < 2000; ++i) {
      const auto halt = service->halted();
      if (!halt) return true;
      if (halt->fatal) return false;
      if (i == 0) WARN("halted: " << halt->reason.message);
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
  }
  // Everybody matches as themselves, by id and by face; nobody else does.
  void check_everybody() {
    CHECK(goes_on());
    for (int i = 0; i < people; ++i) {
      const auto halt = service->halted();
      INFO("person " << i << (halt ? ", " + halt->reason.message : ""));
      if (gone.contains(i)) {
        CHECK(verify(i) == "no_match");
        continue;
      }
      CHECK(verify(i) == "match");
      const auto found = service->match(f.key("door/1"), "main", ask(face(i)));
      REQUIRE(found);
      CHECK(found->subject == id(i));
    }
  }

  // The same of a new process.
  void check_after_restart() {
    REQUIRE(restart());
    REQUIRE(unseal());
    check_everybody();
  }

  // Proposed, signed by both groups and due; carried out at the next tick of the housekeeping.
  Id128 agree(ledger::Action action) {
    ledger::ProposalMade made;
    made.purpose = "key-rotation";
    made.action = std::move(action);
    const auto proposed = service->propose(f.key("property/1"), made);
    INFO(problem(proposed));
    REQUIRE(proposed);
    const ledger::Proposal& p = proposed->proposal.proposal;
    for (const char* who : {"property/1", "residents/1"}) {
      const auto voted = service->vote(f.key(who), sign(who, p), ledger::Verb::kApprove);
      INFO(problem(voted));
      REQUIRE(voted);
    }
    f.clock.advance(proposed->proposal.rule.delay_s * 1000);
    ++agreed_;
    return p.made.id;
  }
  // New cards for everybody; `cards` has them from the entry on that puts them in force (take()).
  Cards draw_cards() {
    return draw_new_cards(f, service->sequencer().read([](const ledger::State& st) { return st.current(); }));
  }

  [[nodiscard]] std::optional<ledger::State::Rotation> rotation() const {
    return service->sequencer().read([](const ledger::State& st) { return st.rotation(); });
  }
  [[nodiscard]] std::uint32_t epoch() const {
    return service->sequencer().read([](const ledger::State& st) { return st.root_epoch(); });
  }
  // Sealed, and opened with these cards, or with those in force.
  Status reopen(const Cards* next) {
    FK_TRY(const auto sealed, service->seal(f.key("property/1")));
    static_cast<void>(sealed);
    if (next == nullptr) return unseal();
    for (const char* who : {"property/1", "property/2", "residents/1", "residents/2"}) {
      FK_TRY(const auto in, hand_in_card(who, next->words.at(who)));
      static_cast<void>(in);
    }
    return loaded();
  }
  // Ticks until what was agreed on is carried out and over, or the vault halts. The clock runs a minute on once
  // everything is rewrapped; after a re-share the vault is opened with its cards, `next` where they are not in `cards`.
  bool finish(const Cards* next = nullptr) {
    const auto begin = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() - begin < std::chrono::seconds(60)) {
      if (!goes_on()) return false;
      service->housekeeping();
      const auto r = rotation();
      if (!r && epoch() == 1 + agreed_ && on_disk()) return true;
      if (r && r->upto == ledger::kAllRefs && r->cards_untried && !reopen(next)) return false;
      if (r && r->upto == ledger::kAllRefs) f.clock.advance(61'000);
      if (!r) f.clock.advance(100);  // a try that came to nothing is made again some seconds later
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return false;
  }
  // The published checkpoint, under the key that its size has.
  [[nodiscard]] log::Checkpoint newest() const {
    const std::string note = service->sequencer().checkpoint();
    return service->sequencer()
        .read([&](const ledger::State& st) { return log::open_own_checkpoint(st, note); })
        .value();
  }
  // The state runs ahead of the disk by the group that is being written.
  [[nodiscard]] bool on_disk() const {
    const auto size = service->sequencer().read([](const ledger::State& st) { return st.size(); });
    return service->sequencer().durable_size() >= size;
  }
  // Rows of site keys of that epoch.
  [[nodiscard]] int site_keys(std::uint32_t of) const {
    int n = 0;
    const auto count = [&](ByteView row, ByteView) {
      const auto key = store::keys::parse_site_key(row);
      n += key && key->epoch == of ? 1 : 0;
      return true;
    };
    REQUIRE(f.store->scan(store::keys::prefix(store::keys::Kind::kSiteKey), {}, count));
    return n;
  }

  VaultFixture f;
  ServiceOptions options;  // of the next start
  std::unique_ptr<Service> service;
  std::optional<Cards> cards;  // of a re-share that is in force
  int people = 0;
  std::set<int> gone;  // erased

 private:
  Status hand_in(const std::string& who, const Digest& to) {
    const seal::SecretWords& words = cards ? cards->words.at(who) : f.card(who);
    FK_TRY(const Bytes share, seal::seal_share(to, f.genesis().vault, words));
    const auto answer = service->unseal(f.key(who), share);
    return answer ? Status() : Status(answer.error());
  }
  Status loaded() {
    for (int i = 0; i < 5000; ++i) {
      FK_TRY(const SealStatus s, service->seal_status());
      if (s.templates_ready) return {};
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return make_error(Errc::kInternal, "the galleries did not load");
  }
  ledger::Vote sign(const std::string& who, const ledger::Proposal& p) {
    const log::Checkpoint head = newest();
    ledger::Vote v;
    v.proposal = p.made.id;
    v.rule = service->sequencer().read([](const ledger::State& st) { return st.rule_version(); });
    v.size = head.size;
    v.root = head.root;
    const std::string statement =
        ledger::vote_statement(v, ledger::Verb::kApprove, p.digest, f.genesis().vault).value();
    const auto blob = tools::make_sshsig(f.private_key(who), ledger::kApprovalNamespace, as_bytes(statement));
    v.signature = ledger::armor_sshsig(blob.value());
    return v;
  }

  std::uint32_t agreed_ = 0;  // rotations and re-shares
};

}  // namespace facekeep::test
