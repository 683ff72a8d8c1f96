// The cards of a ceremony: drawn, handed out, and combined again from what people typed.
#include "tests/support/catch.h"
#include "tools/facekeep/ceremony_hand_out.h"
#include "vault/seal/hpke.h"

using namespace facekeep;
using namespace facekeep::tools;

namespace {

PlannedGroup group(const std::string& id, int people) {
  PlannedGroup out;
  out.id = id;
  for (int i = 1; i <= people; ++i) {
    PlannedCustodian c;
    c.id = id + "/" + std::to_string(i);
    out.custodians.push_back(std::move(c));
  }
  return out;
}

const std::vector<PlannedGroup> kPeople = {group("property", 3), group("residents", 4)};
const std::vector<std::uint32_t> kThresholds = {2, 3};

// Everybody types what is on the card, or what `typed` makes of it.
struct Typists final : Room {
  std::function<seal::SecretWords(const CardInfo&, const seal::SecretWords&)> typed =
      [](const CardInfo&, const seal::SecretWords& words) { return words.clone(); };
  Result<seal::SecretWords> hand_out(const CardInfo& info, const seal::SecretWords& words,
                                     const std::string&) override {
    return typed(info, words);
  }
  Result<std::string> sign(const PlannedCustodian&, const std::string&) override { return std::string(); }
};

ProvenCards proven(const DrawnSet& set) {
  ProvenCards out(set.groups.size());
  for (const auto& card : set.cards) out[card.group].push_back(card.words.clone());
  return out;
}

Status hand_out(const DrawnSet& set, const Digest& unseal_key, Room& room) {
  Transcript transcript;
  const std::string name = "house";
  return hand_out_cards({name, Id128{1}, true, kPeople, set.groups, unseal_key}, set.cards, room, transcript);
}

}  // namespace

TEST_CASE("cards that were handed out are combined before anybody signs") {
  const DrawnSet set = draw_set(kPeople, kThresholds).value();
  Typists room;
  CHECK(hand_out(set, set.unseal_key, room));
  // A key that these cards don't give: a bad bit, or another program's.
  const Status other = hand_out(set, seal::generate_hpke_key_pair().public_key, room);
  REQUIRE_FALSE(other);
  CHECK(other.error().code == Errc::kIntegrity);
}

TEST_CASE("one card of another set is found, whichever it is") {
  const DrawnSet set = draw_set(kPeople, kThresholds).value();
  const DrawnSet other = draw_set(kPeople, kThresholds).value();
  for (std::size_t g = 0; g < kPeople.size(); ++g) {
    for (std::size_t i = 0; i < kPeople[g].custodians.size(); ++i) {
      INFO(g << " " << i);
      ProvenCards cards = proven(set);
      CHECK(check_cards(cards, set.groups, set.unseal_key));
      cards[g][i] = std::move(proven(other)[g][i]);
      CHECK_FALSE(check_cards(cards, set.groups, set.unseal_key));
    }
  }
}

TEST_CASE("a card too few, or a group too many, is no set") {
  const DrawnSet set = draw_set(kPeople, kThresholds).value();
  ProvenCards cards = proven(set);
  cards[1].resize(2);
  CHECK_FALSE(check_cards(cards, set.groups, set.unseal_key));
  cards = proven(set);
  cards.emplace_back();
  CHECK_FALSE(check_cards(cards, set.groups, set.unseal_key));
  CHECK_FALSE(check_cards({}, {}, set.unseal_key));
}
