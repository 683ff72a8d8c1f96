// Until new cards have opened the vault, those before do too; and new cards that open nothing are replaced.
#include "tests/unit/vault/disturbed_rotation.h"

using namespace facekeep;
using namespace facekeep::test;

namespace {

ledger::Unsealed last_unsealed(RotationKit& kit) {
  ledger::Unsealed out;
  const auto& log = kit.service->sequencer();
  for (std::uint64_t i = 0; i < log.durable_size(); ++i) {
    const auto decoded = ledger::decode_leaf(as_chars(log.entry(i).value())).value();
    const auto* event = std::get_if<ledger::Event>(&decoded);
    const auto* e = event == nullptr ? nullptr : std::get_if<ledger::Unsealed>(&event->body);
    if (e != nullptr) out = *e;
  }
  return out;
}

// Everybody is rewrapped, and ticks and minutes end nothing.
void waits_for_cards(RotationKit& kit) {
  REQUIRE(soon([&] {
    kit.service->housekeeping();
    return kit.rotation() && kit.rotation()->upto == ledger::kAllRefs;
  }));
  for (int i = 0; i < 5; ++i) {
    kit.f.clock.advance(61'000);
    kit.service->housekeeping();
  }
  REQUIRE(kit.rotation());
  CHECK(kit.rotation()->cards_untried);
}

bool ends(RotationKit& kit) {
  return soon([&] {
    kit.f.clock.advance(61'000);
    kit.service->housekeeping();
    return !kit.rotation() && kit.on_disk();
  });
}

}  // namespace

TEST_CASE("old cards open everything until the new ones have, before and behind the last batch") {
  NEEDS_TOKEN();
  const bool all = GENERATE(false, true);
  INFO((all ? "behind" : "before"));
  Disturbed d;
  RotationKit& kit = d.kit;
  kit.enrol(7);
  Cards next = kit.draw_cards();
  kit.agree(next.action);
  if (all) {
    waits_for_cards(kit);
  } else {
    d.store->delay_ms = 100;
    REQUIRE(soon([&] {
      kit.service->housekeeping();
      return kit.rotation().has_value();
    }));
    d.store->delay_ms = 0;
  }
  REQUIRE(kit.restart());
  REQUIRE(kit.unseal());  // with those of the ceremony
  CHECK(last_unsealed(kit).before);
  CHECK(kit.service->seal_status()->templates_refused == 0);
  kit.check_everybody();
  waits_for_cards(kit);
  CHECK(has_root(kit, 1));
  // A card of each set opens nothing together.
  REQUIRE(kit.restart());
  REQUIRE(kit.hand_in_card("property/1", kit.f.card("property/1")));
  CHECK(kit.service->seal_status()->groups.at(0).in == 1);
  REQUIRE(kit.hand_in_card("property/2", kit.f.card("property/2")));
  REQUIRE(kit.hand_in_card("residents/1", next.words.at("residents/1")));
  const auto mixed = kit.hand_in_card("residents/2", next.words.at("residents/2"));
  REQUIRE(mixed);
  CHECK_FALSE(mixed->open);
  kit.cards = std::move(next);
  for (const char* who : {"property/1", "property/2"}) REQUIRE(kit.hand_in_card(who, kit.cards->words.at(who)));
  CHECK_FALSE(last_unsealed(kit).before);
  REQUIRE(ends(kit));
  check_only(kit, 2);
  REQUIRE(kit.restart());
  CHECK(problem(kit.hand_in_card("property/1", kit.f.card("property/1"))) == "old-share");
  REQUIRE(kit.unseal());
  kit.check_everybody();
}

TEST_CASE("new cards that are lost are replaced by others, whether the vault stayed open or old cards opened it") {
  NEEDS_TOKEN();
  const bool sealed = GENERATE(false, true);
  INFO((sealed ? "old cards opened it" : "it stayed open"));
  Disturbed d;
  RotationKit& kit = d.kit;
  kit.enrol(5);
  const Cards lost = kit.draw_cards();
  kit.agree(lost.action);
  waits_for_cards(kit);
  if (sealed) {
    REQUIRE(kit.restart());
    REQUIRE(kit.unseal());
  }
  // What draws keys waits, as ever.
  Cards next = kit.draw_cards();
  const Id128 id = kit.agree(next.action);
  kit.service->housekeeping();
  REQUIRE(soon([&] {
    kit.service->housekeeping();
    return kit.service->sequencer().read(
        [&](const ledger::State& st) { return st.proposals().at(id).stage == ledger::Stage::kDone; });
  }));
  REQUIRE(kit.rotation());
  CHECK(kit.epoch() == 2);
  CHECK(kit.rotation()->cards_untried);
  // The lost ones are of an earlier set, and those of the ceremony still open.
  REQUIRE(kit.restart());
  CHECK(problem(kit.hand_in_card("property/1", lost.words.at("property/1"))) == "old-share");
  REQUIRE(kit.unseal());
  CHECK(last_unsealed(kit).before);
  waits_for_cards(kit);
  REQUIRE(kit.service->seal(kit.f.key("property/1")));
  kit.cards = std::move(next);
  REQUIRE(kit.unseal());
  CHECK_FALSE(last_unsealed(kit).before);
  REQUIRE(ends(kit));
  check_only(kit, 2);
  REQUIRE(kit.restart());
  CHECK(problem(kit.hand_in_card("property/1", kit.f.card("property/1"))) == "old-share");
  REQUIRE(kit.unseal());
  kit.check_everybody();
}

TEST_CASE("an unseal that finds the keys before missing while new cards are untried is refused") {
  NEEDS_TOKEN();
  RotationKit kit;
  REQUIRE(kit.start());
  REQUIRE(kit.unseal());
  kit.enrol(3);
  Cards next = kit.draw_cards();
  kit.agree(next.action);
  waits_for_cards(kit);
  // As who puts keys of their own in force would: nothing is left that vouches for them.
  REQUIRE(kit.service->sequencer().submit([&](const log::Turn&) -> Result<log::Write> {
    log::Write w;
    FK_CHECK(kit.f.store->scan(store::keys::prefix(store::keys::Kind::kSiteKey), {}, [&](ByteView row, ByteView) {
      const auto key = store::keys::parse_site_key(row);
      if (key && key->epoch == 1) w.deletes.push_back(to_bytes(row));
      return true;
    }));
    return w;
  }));
  REQUIRE(kit.restart());
  kit.cards = std::move(next);
  const Status opened = kit.unseal();
  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == Errc::kIntegrity);
  CHECK(opened.error().message.find("is missing from the database") != std::string::npos);
}

TEST_CASE("new cards in place of untried ones that can't be put in force are told, and tried again after a while") {
  NEEDS_TOKEN();
  Disturbed d;
  RotationKit& kit = d.kit;
  kit.enrol(3);
  kit.agree(kit.draw_cards().action);
  waits_for_cards(kit);
  Cards bad = kit.draw_cards();
  bad.action.unseal_key = Digest{};  // no key: nothing can be sealed to it
  sign_new_cards(kit.f, bad.action);
  kit.agree(bad.action);
  const std::string before = d.failures();
  for (int i = 0; i < 5; ++i) kit.service->housekeeping();
  const std::string once = d.failures();
  CHECK(once == before + "the X25519 public key is of low order or was refused\n");
  for (int i = 0; i < 5; ++i) kit.service->housekeeping();
  CHECK(d.failures() == once);
  kit.f.clock.advance(15'000);
  kit.service->housekeeping();
  CHECK(d.failures().size() > once.size());
}
