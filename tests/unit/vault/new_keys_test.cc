// Whose word an unseal takes for keys that were drawn since the ceremony, and how long the keys before them stay.
#include "tests/support/custody_around.h"
#include "tests/unit/vault/rotation_kit.h"
#include "vault/open_vault.h"
#include "vault/site_rows.h"

using namespace facekeep;
using namespace facekeep::test;

TEST_CASE("what the old cards open stays until the new cards have opened the vault") {
  NEEDS_TOKEN();
  RotationKit kit;
  REQUIRE(kit.start());
  REQUIRE(kit.unseal());
  kit.enrol(3);
  std::vector<seal::SecretWords> cards;
  for (const char* who : {"property/1", "property/2", "residents/1", "residents/2"})
    cards.push_back(kit.f.card(who).clone());
  const SecretBytes old_u = seal::combine_shares(cards).value();
  const Cards next = kit.draw_cards();
  kit.agree(next.action);
  for (int i = 0; i < 2000 && !(kit.rotation() && kit.rotation()->upto == ledger::kAllRefs); ++i) {
    kit.service->housekeeping();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  for (int i = 0; i < 20; ++i) {
    kit.f.clock.advance(61'000);
    kit.service->housekeeping();
  }
  REQUIRE(kit.rotation());
  CHECK(kit.service->seal_status()->rotation->cards_untried);
  CHECK(kit.f.custody->has_root(1).value());
  CHECK(kit.f.slots->epochs() == std::vector<std::uint32_t>{1, 2});
  CHECK(kit.site_keys(1) == 6);  // for the old cards and for the new ones
  for (const auto& site : kit.f.genesis().sites) {
    const Bytes name = store::keys::site_key(site.id, 1, store::keys::SiteKeyKind::kMain).value();
    const seal::SiteKeyPlace place{kit.f.genesis().vault, site.id, 1};
    CHECK(seal::open_site_key(*kit.f.custody, place, old_u.view(), *kit.f.store->get(name).value(), site.check));
  }
  REQUIRE(kit.finish(&next));
  CHECK_FALSE(kit.f.custody->has_root(1).value());
  CHECK(kit.f.slots->epochs() == std::vector<std::uint32_t>{2});
  CHECK(kit.site_keys(1) == 0);
  kit.check_everybody();
}

namespace {

// What the word for new keys can be.
enum class Word : std::uint8_t { kRight, kMadeUp, kOtherProposal, kOtherUnsealKey, kOtherVault };
// And where it stands: new keys alone, these and all people rewrapped, a site.
enum class At : std::uint8_t { kKeys, kRewrapped, kSite };

// The vault's own key, as custodians with the token get at it.
RegisterKeys own_key(RotationKit& kit) {
  std::vector<seal::SecretWords> cards;
  for (const char* who : {"property/1", "property/2", "residents/1", "residents/2"})
    cards.push_back(kit.f.card(who).clone());
  const SecretBytes u = seal::combine_shares(cards).value();
  const ledger::Genesis& g = kit.f.genesis();
  const auto row = stored_site_key(*kit.f.store, seal::kVaultKeyName, 1).value();
  REQUIRE(row);
  const seal::SiteKeyPlace place{g.vault, seal::kVaultKeyName, 1};
  return {1, *seal::open_site_key(*kit.f.custody, place, u.view(), row->main, g.register_check), {}, 0};
}

// A rotation, or a site, as somebody with token, disk and the log's key would write it: with keys of his own.
class Forger {
 public:
  explicit Forger(At at) : at_(at) {
    kit.f.around_custody = [this](hsm::TokenCustody& inner) -> Custody& {
      token = std::make_unique<CustodyAround>(inner);
      return *token;
    };
    REQUIRE(kit.start());
    REQUIRE(kit.unseal());
    if (at != At::kKeys) kit.enrol(2);
    // For the daemon, which does not get there first.
    const auto away = [] { return Status(make_error(Errc::kHsmGone, "the token is away")); };
    token->before_root(away);
    token->before_wrap(away);
    tower_ = kit.f.genesis().sites.front();
    tower_.id = "tower";
    tower_.doors.resize(1);
    id_ = kit.agree(at == At::kSite ? ledger::Action(ledger::OpenSite{tower_}) : ledger::RotateKeys{});
    kit.service->housekeeping();
  }
  ~Forger() {
    token->before_root({});
    token->before_wrap({});
  }
  void write(Word word, bool retired = false) {
    log::Write w;
    ledger::ProposalDone done{id_, {}, {}, {}};
    draw(done, w);
    done.proof = word == Word::kMadeUp ? Digest{0x5a} : own_key(kit).prove(statement(done, word));
    w.drafts.push_back({done, {}});
    if (at_ == At::kRewrapped) w.drafts.push_back({ledger::Rewrapped{2, ledger::kAllRefs, {}}, {}});
    if (retired) w.drafts.push_back({ledger::KeysRetired{1}, {}});
    w.checkpoint = true;
    REQUIRE(kit.service->sequencer().submit([&](const log::Turn&) -> Result<log::Write> { return std::move(w); }));
  }

  std::unique_ptr<CustodyAround> token;
  RotationKit kit;

 private:
  Digest draw(const std::string& name, std::uint32_t epoch, log::Write& w) {
    const ledger::Genesis& g = kit.f.genesis();
    const seal::SiteKey key = seal::SiteKey::generate();
    const auto sealed = seal::seal_site_key_for_all(*kit.f.custody, {g.vault, name, epoch}, g.unseal_key, {}, key);
    REQUIRE(sealed);
    REQUIRE(put_site_key(name, epoch, *sealed, w.puts));
    return key.check();
  }
  void draw(ledger::ProposalDone& done, log::Write& w) {
    if (at_ == At::kSite) {
      done.check = draw("tower", 1, w);
      return;
    }
    const RootEvidence e = kit.f.custody->make_root(2).value();
    done.keys = ledger::NewKeys{
        2, {e.mechanism, e.local, e.sensitive, e.always_sensitive, e.extractable, e.never_extractable}, {}, {}};
    for (const auto& site : kit.f.genesis().sites) done.keys->checks[site.id] = draw(site.id, 2, w);
    done.keys->register_check = draw(std::string(seal::kVaultKeyName), 2, w);
    REQUIRE(kit.f.slots->begin(2, 1));
  }
  [[nodiscard]] std::string statement(const ledger::ProposalDone& done, Word word) {
    const ledger::Genesis& g = kit.f.genesis();
    const Id128 vault = word == Word::kOtherVault ? Id128{0x77} : g.vault;
    const Id128 proposal = word == Word::kOtherProposal ? Id128{0x77} : id_;
    const Digest u = word == Word::kOtherUnsealKey ? Digest{0x77} : g.unseal_key;
    if (done.keys) return ledger::new_keys_statement(vault, proposal, *done.keys, u).value();
    ledger::Site site = tower_;
    site.check = *done.check;
    site.epoch = 1;
    return ledger::new_site_statement(vault, proposal, site, u).value();
  }

  const At at_;
  ledger::Site tower_;
  Id128 id_{};
};

}  // namespace

TEST_CASE("an unseal opens nothing with keys that somebody with the token put into the log") {
  NEEDS_TOKEN();
  for (const At at : {At::kKeys, At::kRewrapped, At::kSite}) {
    for (const Word word : {Word::kMadeUp, Word::kOtherProposal, Word::kOtherUnsealKey, Word::kOtherVault}) {
      // A word for something else is looked at in the same way behind a rewrapping.
      if (at == At::kRewrapped && word != Word::kMadeUp) continue;
      CAPTURE(static_cast<int>(at), static_cast<int>(word));
      Forger forger(at);
      RotationKit& kit = forger.kit;
      forger.write(word);
      REQUIRE(kit.restart());
      const Status opened = kit.unseal();
      REQUIRE_FALSE(opened);
      CHECK(opened.error().code == Errc::kIntegrity);
      CHECK(opened.error().message.find("does not vouch") != std::string::npos);
      CHECK(kit.service->seal_status()->state != "open");
    }
  }
}

TEST_CASE("with the right word for them, the same keys open the vault") {
  NEEDS_TOKEN();
  for (const At at : {At::kKeys, At::kSite}) {
    CAPTURE(static_cast<int>(at));
    Forger forger(at);
    forger.write(Word::kRight);
    REQUIRE(forger.kit.restart());
    const Status opened = forger.kit.unseal();
    INFO((opened ? "" : opened.error().message));
    CHECK(opened);
  }
}

TEST_CASE("keys of a whole rotation that somebody forged to its end open no vault: nobody is under them") {
  NEEDS_TOKEN();
  Forger forger(At::kRewrapped);
  RotationKit& kit = forger.kit;
  forger.write(Word::kMadeUp, true);
  REQUIRE(kit.restart());
  CHECK_FALSE(kit.rotation());
  const Status opened = kit.unseal();
  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == Errc::kIntegrity);
  CHECK(opened.error().message.find("open 0 of the 2 people") != std::string::npos);
  CHECK(kit.service->seal_status()->state != "open");
}
