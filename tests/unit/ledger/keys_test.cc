// Rotation: a new root and new site keys by a quorum, subjects rewrapped in order, and the old keys retired.
#include "vault/ledger/keys.h"

#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "tests/unit/ledger/keys_maker.h"
#include "tests/unit/ledger/log_checks.h"
#include "vault/ledger/decide.h"
#include "vault/ledger/key_proof.h"

using namespace facekeep;
using namespace facekeep::ledger;
using namespace facekeep::ledger::test;

namespace {

std::string pem(EVP_PKEY* key) {
  const std::unique_ptr<BIO, decltype(&BIO_free_all)> out(BIO_new(BIO_s_mem()), &BIO_free_all);
  char* text = nullptr;
  REQUIRE(PEM_write_bio_PUBKEY(out.get(), key) == 1);
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}
std::string spare_pem(unsigned bits) {
  const TestKey key(EVP_RSA_gen(bits));
  return pem(key.get());
}

}  // namespace

TEST_CASE("a rotation that both groups sign puts every site and the register under keys of the next epoch") {
  Log log = open_log();
  REQUIRE(log.state.root_epoch() == 1);
  REQUIRE_FALSE(log.state.rotation());
  const Genesis before = log.state.current();
  rotate(log, 1);
  const Genesis& after = log.state.current();
  CHECK(log.state.root_epoch() == 2);
  for (std::size_t i = 0; i < after.sites.size(); ++i) {
    CHECK(after.sites[i].epoch == 2);
    CHECK(after.sites[i].check != before.sites[i].check);
  }
  CHECK(after.register_check == digest_of("register of epoch 2"));
  REQUIRE(log.state.rotation());
  CHECK(log.state.rotation()->from == 1);
  CHECK(log.state.rotation()->to == 2);
  CHECK(log.state.rotation()->old_checks.at("annex") == before.sites[1].check);
  CHECK(log.state.rotation()->old_register_check == before.register_check);
  CHECK(log.state.rotation()->entry == log.state.size() - 1);
  // No custodian changed: what else was signed stands.
  CHECK(log.state.rule_version() == 0);
  CHECK(log.state.retired_cards().empty());
}

TEST_CASE("new keys come with a rotation, and with nothing else") {
  Log log = open_log();
  const ProposalMade made = made_by("property/1", 1, RotateKeys{});
  agree(log, made);
  refuse(log, ProposalDone{made.id}, "with a rotation or a re-share alone");
  refuse(log, ProposalDone{made.id, digest_of("check"), new_keys(log.state), digest_of("proof")},
         "nothing else has one");
  const ProposalMade door = door_proposal(2);
  agree(log, door);
  refuse(log, done_with_keys(log.state, door.id), "with a rotation or a re-share alone");
  log.must(done_with_keys(log.state, made.id));
}

TEST_CASE("new keys come with the word of the vault's own key before them, and nothing else does") {
  Log log = open_log();
  const ProposalMade site = made_by("residents/1", 1, OpenSite{garage()});
  const ProposalMade keys = made_by("property/1", 2, RotateKeys{});
  const ProposalMade door = door_proposal(3);
  for (const auto& made : {site, keys, door}) agree(log, made);
  const Digest check = digest_of("check of the garage");
  refuse(log, ProposalDone{site.id, check}, "come with a proof");
  refuse(log, ProposalDone{keys.id, {}, new_keys(log.state)}, "come with a proof");
  refuse(log, ProposalDone{door.id, {}, {}, digest_of("proof")}, "come with a proof");
  log.must(ProposalDone{door.id});
  CHECK(log.state.digest_head().find("proof") == std::string::npos);
  log.must(ProposalDone{site.id, check, {}, digest_of("proof of the garage")});
  REQUIRE(log.state.site_proofs().size() == 1);
  CHECK(log.state.site_proofs().at("garage").proposal == site.id);
  CHECK(log.state.site_proofs().at("garage").proof == digest_of("proof of the garage"));
  CHECK(read_back(log.state).site_proofs().at("garage").proof == digest_of("proof of the garage"));
  // One for all keys, from there on.
  log.must(done_with_keys(log.state, keys.id));
  CHECK(log.state.site_proofs().empty());
  CHECK(log.state.rotation()->proof.proposal == keys.id);
  CHECK(log.state.rotation()->proof.proof == digest_of("proof of the new keys"));
  CHECK(read_back(log.state).rotation()->proof.proof == digest_of("proof of the new keys"));
}

TEST_CASE("an unseal finds in the state what each proof is over, as it was drawn") {
  Log log = open_log();
  CHECK_FALSE(*vouched_keys(log.state));
  const ProposalMade made = made_by("residents/1", 1, OpenSite{garage()});
  agree(log, made);
  log.must(ProposalDone{made.id, digest_of("check of the garage"), {}, digest_of("proof")});
  const Genesis& now_in_force = log.state.current();
  const auto sites = vouched_sites(log.state);
  REQUIRE(sites->size() == 1);
  CHECK(sites->front().proof == digest_of("proof"));
  CHECK(sites->front().statement == "{\"check\":\"" + to_hex(digest_of("check of the garage")) +
                                        "\",\"epoch\":1,\"proposal\":\"" + to_hex(made.id) +
                                        "\",\"site\":\"garage\",\"unseal_key\":\"" + to_hex(now_in_force.unseal_key) +
                                        "\",\"vault\":\"" + to_hex(now_in_force.vault) + "\"}");
  Reshare cards = new_cards(log.state.current());
  sign_reshare(cards);
  const ProposalMade reshare = made_by("property/1", 2, cards);
  agree(log, reshare);
  const NewKeys keys = new_keys(log.state);
  log.must(done_with_keys(log.state, reshare.id));
  const auto vouched = vouched_keys(log.state);
  REQUIRE(*vouched);
  CHECK((*vouched)->statement == new_keys_statement(valid_genesis().vault, reshare.id, keys, cards.unseal_key).value());
  CHECK((*vouched)->statement == "{\"keys\":" + canonical_json(to_json(keys)).value() + ",\"proposal\":\"" +
                                     to_hex(reshare.id) + "\",\"unseal_key\":\"" + to_hex(cards.unseal_key) +
                                     "\",\"vault\":\"" + to_hex(valid_genesis().vault) + "\"}");
  CHECK((*vouched)->proof == digest_of("proof of the new keys"));
  CHECK(vouched_sites(log.state)->empty());
  log.must(rewrapped(log, Id128{1, 0xff}));
  CHECK((*vouched_keys(log.state))->statement == (*vouched)->statement);
}

TEST_CASE("a sealed vault draws no keys: what waits for them is carried out once it is open") {
  Log log = open_log();
  const ProposalMade site = made_by("residents/1", 1, OpenSite{garage()});
  const ProposalMade keys = made_by("property/1", 2, RotateKeys{});
  agree(log, site);
  agree(log, keys);
  log.must(Sealed{"daemon", "shutdown"});
  for (const auto& made : {site, keys}) CHECK(problem_of(decide_carry_out(log.state, made.id, now(log))) == "sealed");
  refuse(log, ProposalDone{site.id, digest_of("check of the garage"), {}, digest_of("proof")}, "is sealed");
  refuse(log, done_with_keys(log.state, keys.id), "is sealed");
  log.unseal();
  log.must(ProposalDone{site.id, digest_of("check of the garage"), {}, digest_of("proof")});
  log.must(done_with_keys(log.state, keys.id));
}

TEST_CASE("the old keys of a re-share stay until the new cards have opened the vault") {
  Log log = open_log();
  Reshare cards = new_cards(log.state.current());
  sign_reshare(cards);
  rotate(log, 1, cards);
  log.must(rewrapped(log, kAllRefs));
  CHECK(log.state.rotation()->cards_untried);
  CHECK(read_back(log.state).rotation()->cards_untried);
  refuse(log, KeysRetired{1}, "before the new cards opened");
  log.must(Sealed{"daemon", "shutdown"});
  log.start();
  log.must(UnsealShare{"property/1", "property", 1});
  log.must(UnsealEnded{"timeout"});
  refuse(log, KeysRetired{1}, "before the new cards opened");
  reopen(log);
  CHECK_FALSE(log.state.rotation()->cards_untried);
  CHECK_FALSE(read_back(log.state).rotation()->cards_untried);
  log.must(KeysRetired{1});
  // The cards stay what they were in a rotation: nothing has to be tried.
  rotate(log, 2);
  CHECK_FALSE(log.state.rotation()->cards_untried);
  log.must(rewrapped(log, kAllRefs));
  log.must(KeysRetired{2});
}

TEST_CASE("until the new cards have opened the vault, those before do, and the state's text has them") {
  Log log = open_log();
  const Group old = log.state.current().groups.at(1);
  rotate(log, 1, replaced_custodian(log.state.current()));
  log.must(Sealed{"daemon", "shutdown"});
  log.start();
  log.state = read_back(log.state);
  REQUIRE(log.state.cards_before() != nullptr);
  CHECK(log.state.cards_before()->groups.at(1).shares.at(2).commitment == old.shares.at(2).commitment);
  // residents/3 left, so a colleague has that card; of those who stay, each has the own.
  refuse(log, UnsealShare{"property/1", "residents", 3, true}, "does not hold it");
  refuse(log, UnsealShare{"residents/1", "residents", 2, true}, "does not hold it");
  refuse(log, UnsealShare{"residents/1", "residents", 4, true}, "does not exist");
  CHECK(decide_unseal_share(log.state, *log.state.principal("residents/4"), "residents", 3, now(log), true));
  log.must(UnsealShare{"residents/1", "residents", 3, true});
  refuse(log, UnsealShare{"residents/4", "residents", 3, true}, "the same share twice");
  log.must(UnsealShare{"residents/2", "residents", 2, true});
  log.must(UnsealShare{"property/1", "property", 1, true});
  CHECK(read_back(log.state).shares_in(true) == log.state.shares_in(true));
  // Cards of the two sets are not counted together.
  log.must(UnsealShare{"property/2", "property", 2});
  refuse(log, Unsealed{{"property/1", "property/2", "residents/2", "residents/3"}, true}, "without its quorum");
  log.must(UnsealShare{"property/2", "property", 2, true});
  refuse(log, Unsealed{{"property/1", "property/2", "residents/2", "residents/3"}}, "without its quorum");
  log.must(Unsealed{{"property/1", "property/2", "residents/2", "residents/3"}, true});
  CHECK(log.state.rotation()->cards_untried);
  CHECK(log.state.shares_in().empty());
  CHECK(log.state.shares_in(true).empty());
  log.must(rewrapped(log, kAllRefs));
  refuse(log, KeysRetired{1}, "before the new cards opened");
  reopen(log);
  CHECK(log.state.cards_before() == nullptr);
  log.must(Sealed{"daemon", "shutdown"});
  refuse(log, UnsealShare{"residents/1", "residents", 1, true}, "a set that opens nothing");
  CHECK(problem_of(decide_unseal_share(log.state, *log.state.principal("residents/1"), "residents", 1, now(log),
                                       true)) == "old-share");
}

TEST_CASE("other cards take the place of untried ones while the rotation waits, without keys of their own") {
  Log log = open_log();
  const Digest first = log.state.current().unseal_key;
  Reshare second = new_cards(log.state.current());
  sign_reshare(second);
  rotate(log, 1, second);
  const KeyProof proof = log.state.rotation()->proof;
  Reshare third = new_cards(log.state.current(), "third");
  sign_reshare(third);
  const ProposalMade made = made_by("residents/2", 2, third);
  agree(log, made);
  refuse(log, done_with_keys(log.state, made.id), "new keys come with");
  refuse(log, ProposalDone{made.id}, "come with a proof");
  log.must(ProposalDone{made.id, {}, {}, digest_of("another proof")});
  CHECK(log.state.root_epoch() == 2);
  CHECK(log.state.current().unseal_key == digest_of("third unseal key"));
  REQUIRE(log.state.rotation());
  CHECK(log.state.rotation()->cards_untried);
  CHECK(log.state.rotation()->entry < log.state.size() - 1);
  CHECK(log.state.rotation()->proof.proposal == made.id);
  CHECK(log.state.rotation()->proof.proof != proof.proof);
  CHECK(log.state.cards_before()->unseal_key == first);
  CHECK(log.state.retired_cards().contains(digest_of("second unseal key")));
  CHECK(log.state.retired_cards().size() == 14);
  // What draws keys waits, and so does what a spare token attends.
  const ProposalMade keys = made_by("residents/3", 3, RotateKeys{});
  agree(log, keys);
  CHECK(problem_of(decide_carry_out(log.state, keys.id, now(log))) == "ceremony-running");
  log.must(ProposalWithdrawn{keys.id, "residents/3"});
  finish_rotation(log);
  // Behind it a re-share draws keys again.
  Reshare fourth = new_cards(log.state.current(), "fourth");
  sign_reshare(fourth);
  rotate(log, 4, fourth);
  CHECK(log.state.root_epoch() == 3);
}

TEST_CASE("keys that were not all drawn anew, inside the token, are refused") {
  Log log = open_log();
  const ProposalMade made = made_by("property/1", 1, RotateKeys{});
  agree(log, made);
  const NewKeys good = new_keys(log.state);
  const auto with = [&](const std::function<void(NewKeys&)>& change) {
    NewKeys keys = good;
    change(keys);
    return ProposalDone{made.id, {}, keys, digest_of("proof")};
  };
  refuse(log, with([](NewKeys& k) { k.epoch = 3; }), "not of the next epoch");
  refuse(log, with([](NewKeys& k) { k.epoch = 1; }), "not of the next epoch");
  refuse(log, with([](NewKeys& k) { k.checks.erase("annex"); }), "not those of all sites");
  refuse(log, with([](NewKeys& k) { k.checks["garage"] = {}; }), "not those of all sites");
  refuse(log, with([&](NewKeys& k) { k.checks["annex"] = log.state.site("annex")->check; }), "not drawn anew");
  refuse(log, with([&](NewKeys& k) { k.register_check = log.state.current().register_check; }), "not drawn anew");
  refuse(log, with([](NewKeys& k) { k.root.local = false; }), "not made inside the token");
  refuse(log, with([](NewKeys& k) { k.root.extractable = true; }), "not made inside the token");
}

TEST_CASE("subjects come under the new keys in the order of their refs, and the old keys end behind the last") {
  Log log = open_log();
  refuse(log, Rewrapped{2, kAllRefs, {}}, "without a rotation");
  refuse(log, KeysRetired{1}, "not replaced");
  rotate(log, 1);
  CHECK(log.state.key_epoch(ref_of(1)) == 1);
  const std::uint64_t wraps = log.state.wraps("main");
  const Id128 between{1, 0xff};
  refuse(log, Rewrapped{3, between, {}}, "another epoch");
  refuse(log, Rewrapped{1, between, {}}, "another epoch");
  refuse(log, Rewrapped{2, Id128{}, {}}, "out of order");
  refuse(log, Rewrapped{2, ref_of(1), {}}, "names a subject");
  refuse(log, KeysRetired{1}, "still need");
  log.must(Rewrapped{2, between, digest_of("first")});
  CHECK(log.state.key_epoch(ref_of(1)) == 2);
  CHECK(log.state.key_epoch(ref_of(2)) == 1);
  CHECK(log.state.wraps("main") == wraps + 1);
  refuse(log, Rewrapped{2, between, {}}, "out of order");
  refuse(log, Rewrapped{2, Id128{1, 0x0f}, {}}, "out of order");
  refuse(log, KeysRetired{1}, "still need");
  log.must(Rewrapped{2, kAllRefs, digest_of("last")});
  CHECK(log.state.wraps("main") == wraps + 2);
  CHECK(log.state.key_epoch(ref_of(2)) == 2);
  refuse(log, KeysRetired{2}, "not replaced");
  log.must(KeysRetired{1});
  CHECK_FALSE(log.state.rotation());
  CHECK(log.state.key_epoch(ref_of(9)) == 2);
  refuse(log, KeysRetired{1}, "not replaced");
}

TEST_CASE(
    "who is enrolled meanwhile has a key of the epoch that is right there, and is rewrapped if it is the old one") {
  Log log = open_log();
  rotate(log, 1);
  log.must(rewrapped(log, Id128{1, 0xff}));
  const std::uint64_t wraps = log.state.wraps("annex");
  log.must(enrolled(0, "annex", "operator/2"));
  log.must(enrolled(7, "annex", "operator/2"));
  CHECK(log.state.key_epoch(ref_of(0)) == 2);
  CHECK(log.state.key_epoch(ref_of(7)) == 1);
  log.must(rewrapped(log, kAllRefs));
  CHECK(log.state.wraps("annex") == wraps + 3);
}

TEST_CASE("period keys are wrapped under the new keys at once and count") {
  Log log = open_log();
  log.must(PeriodKey{"access", "main", "2026-11", 40});
  const std::uint64_t wraps = log.state.wraps("main");
  rotate(log, 1);
  CHECK(log.state.wraps("main") == wraps + 1);
}

TEST_CASE("a sealed vault rewraps nobody, and can say that the old keys are gone") {
  Log log = open_log();
  rotate(log, 1);
  Log other = log;
  log.must(Sealed{"daemon", "shutdown"});
  refuse(log, rewrapped(log, kAllRefs), "while the vault is");
  other.must(rewrapped(other, kAllRefs));
  other.must(Sealed{"daemon", "shutdown"});
  other.must(KeysRetired{1});
}

TEST_CASE("a vault whose genesis has no rule for new keys takes that of its custodians") {
  Genesis old = unsigned_genesis();
  old.rules.erase("rotate");
  old.rules.erase("reshare");
  old.rules["custodian"].groups["residents"] = 2;
  sign_genesis(old);
  Log log;
  log.must(Body(old));
  log.start();
  for (const char* name : {"rotate", "reshare"}) {
    CHECK(log.state.rule(name) == old.rules["custodian"]);
    CHECK(log.state.agreed_rule(name) == old.rules["custodian"]);
  }
  CHECK(rule_for(log.state, made_by("property/1", 1, RotateKeys{}), now(log)) == old.rules["custodian"]);
  // One person does not set the rule that is not there.
  Rule strict = old.rules["custodian"];
  strict.groups["property"] = 2;
  CHECK_FALSE(is_tightening(log.state.current(), ChangeRules{{{"rotate", strict}}}));
  CHECK(log.state.rule("nonsense") == std::nullopt);
  // Other classes have no such way out.
  old.rules.erase("export");
  CHECK_FALSE(check_genesis(old));
}

TEST_CASE("the spare token that attends a rotation is registered by its new key") {
  Log log = open_log();
  const std::string spare = spare_pem(2048);
  REQUIRE(spare_digest(spare));
  rotate(log, 1, RotateKeys{spare});
  CHECK(log.state.current().spare_key == *spare_digest(spare));
  finish_rotation(log);
  refuse(log, made_by("property/1", 2, RotateKeys{spare}), "is the registered one");
  // Without one, the registered one goes on.
  rotate(log, 3);
  CHECK(log.state.current().spare_key == *spare_digest(spare));
}

TEST_CASE("a spare key has one text, and is an RSA key of 2048 bits or more") {
  const std::string good = spare_pem(2048);
  const TestKey ed25519 = approval_key("property/1");
  std::string two_lines = good;
  two_lines.insert(40, "\n");
  for (const std::string& bad :
       {std::string(), std::string("spare"), spare_pem(1024), pem(ed25519.get()), good + "\n", " " + good, good + good,
        good.substr(0, good.size() - 1), two_lines, std::string(kMaxSparePem + 1, 'A')}) {
    CAPTURE(bad);
    const auto digest = spare_digest(bad);
    REQUIRE_FALSE(digest);
    CHECK(std::string(digest.error().problem) == "bad-action");
  }
}

TEST_CASE("a state in the middle of a rotation goes through its text and back; one without names none of it") {
  Log log = open_log();
  const std::string before = log.state.digest_head();
  for (const char* word : {"rotation", "old-", "retired", "proof", "cards untried", "ceremony"})
    CHECK(before.find(word) == std::string::npos);
  Reshare cards = new_cards(log.state.current());
  sign_reshare(cards);
  rotate(log, 1, cards);
  log.must(rewrapped(log, Id128{1, 0xff}));
  State back = read_back(log.state);
  CHECK(back.digest() == log.state.digest());
  REQUIRE(back.rotation());
  CHECK(back.rotation()->upto == Id128{1, 0xff});
  CHECK(back.rotation()->old_checks == log.state.rotation()->old_checks);
  CHECK(back.retired_cards() == log.state.retired_cards());
  CHECK(back.key_epoch(ref_of(2)) == 1);
  const Event rest{log.wall, log.uptime, rewrapped(log, kAllRefs)};
  REQUIRE(apply(back, rest));
  REQUIRE(apply(log.state, rest));
  CHECK(back.digest() == log.state.digest());
}
