// Whose word an unseal takes for keys that were drawn since the ceremony, and how long the keys before them stay.
#include "tests/support/custody_around.h"
#include "tests/unit/vault/rotation_kit.h"
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

TEST_CASE("an unseal opens nothing with keys that somebody with the token put into the log") {
  NEEDS_TOKEN();
  // A rotation whose entry came, or which is all rewrapped as well; then a site.
  for (const int kind : {0, 1, 2}) {
    CAPTURE(kind);
    std::unique_ptr<CustodyAround> token;
    RotationKit kit;
    kit.f.around_custody = [&token](hsm::TokenCustody& inner) -> Custody& {
      token = std::make_unique<CustodyAround>(inner);
      return *token;
    };
    REQUIRE(kit.start());
    REQUIRE(kit.unseal());
    kit.enrol(2);
    // For the daemon, which does not get there first.
    const auto away = [] { return Status(make_error(Errc::kHsmGone, "the token is away")); };
    token->before_root(away);
    token->before_wrap(away);
    const ledger::Genesis g = kit.f.genesis();
    ledger::Site tower = g.sites.front();
    tower.id = "tower";
    tower.doors.resize(1);
    const Id128 id = kit.agree(kind == 2 ? ledger::Action(ledger::OpenSite{tower}) : ledger::RotateKeys{});
    kit.service->housekeeping();
    ledger::ProposalDone done{id, {}, {}, Digest{0x5a}};
    log::Write w;
    const auto draw = [&](const std::string& name, std::uint32_t epoch) {
      const seal::SiteKey key = seal::SiteKey::generate();
      const auto sealed = seal::seal_site_key_for_all(*kit.f.custody, {g.vault, name, epoch}, g.unseal_key, {}, key);
      REQUIRE(sealed);
      REQUIRE(put_site_key(name, epoch, *sealed, w.puts));
      return key.check();
    };
    if (kind == 2) {
      done.check = draw("tower", 1);
    } else {
      const RootEvidence e = kit.f.custody->make_root(2).value();
      done.keys = ledger::NewKeys{
          2, {e.mechanism, e.local, e.sensitive, e.always_sensitive, e.extractable, e.never_extractable}, {}, {}};
      for (const auto& site : g.sites) done.keys->checks[site.id] = draw(site.id, 2);
      done.keys->register_check = draw(std::string(seal::kVaultKeyName), 2);
      REQUIRE(kit.f.slots->begin(2, 1));
    }
    w.drafts.push_back({done, {}});
    if (kind == 1) w.drafts.push_back({ledger::Rewrapped{2, ledger::kAllRefs, {}}, {}});
    w.checkpoint = true;
    REQUIRE(kit.service->sequencer().submit([&](const log::Turn&) -> Result<log::Write> { return std::move(w); }));
    REQUIRE(kit.restart());
    const Status opened = kit.unseal();
    REQUIRE_FALSE(opened);
    CHECK(opened.error().code == Errc::kIntegrity);
    CHECK(opened.error().message.find("does not vouch") != std::string::npos);
    CHECK(kit.service->seal_status()->state != "open");
  }
}
