// Rotation and re-share of a whole vault: what doors notice, what is left of the old keys, and what a failure leaves.
#include <atomic>
#include <filesystem>

#include "tests/support/camera.h"
#include "tests/unit/vault/disturbed_rotation.h"

using namespace facekeep;
using namespace facekeep::test;

TEST_CASE("a rotation leaves every person with a key under the new root, and nothing under the old one") {
  NEEDS_TOKEN();
  RotationKit kit;
  REQUIRE(kit.start());
  REQUIRE(kit.unseal());
  kit.enrol(11);
  REQUIRE(kit.service->put_subject(kit.f.key("operator/2"), "annex", person("side", RotationKit::face(99))));
  kit.check_everybody();
  const auto before = kit.service->people(kit.f.key("auditor/1"));
  REQUIRE(before);
  kit.agree(ledger::RotateKeys{});
  REQUIRE(kit.finish());
  check_only(kit, 2);
  kit.check_everybody();
  kit.enrol(3);
  CHECK(kit.service->put_subject(kit.f.key("operator/1"), "main", person("p1", RotationKit::face(1)))->created ==
        false);
  REQUIRE(kit.service->erase(kit.f.key("operator/1"), "main", "p4"));
  kit.gone.insert(4);
  // As a process that knows nothing but the files, with the same cards.
  kit.check_after_restart();
  CHECK(kit.service->seal_status()->templates_refused == 0);
  const auto names = kit.service->people(kit.f.key("auditor/1"));
  REQUIRE(names);
  CHECK(names->damaged.empty());
  CHECK(names->parts.at(0).size() == before->parts.at(0).size());
  // What doors were told before the rotation can still be read by an auditor: the monthly keys moved too.
  for (std::uint64_t bundle = 0; bundle * 256 < kit.service->sequencer().published_size(); ++bundle) {
    const auto openings = kit.service->openings(kit.f.key("auditor/1"), bundle);
    REQUIRE(openings);
    for (const auto& o : *openings) CHECK(o.missing.empty());
  }
}

TEST_CASE("the log says how a rotation went: new keys, batches up to everybody, the end of the old ones") {
  NEEDS_TOKEN();
  RotationKit kit({}, 2);
  REQUIRE(kit.start());
  REQUIRE(kit.unseal());
  kit.enrol(5);
  const Id128 id = kit.agree(ledger::RotateKeys{});
  REQUIRE(kit.finish());
  std::vector<std::string> seen;
  Id128 upto{};
  for (std::uint64_t i = 0; i < kit.service->sequencer().durable_size(); ++i) {
    const Bytes leaf = kit.service->sequencer().entry(i).value();
    const auto decoded = ledger::decode_leaf(as_chars(leaf)).value();
    const auto* event = std::get_if<ledger::Event>(&decoded);
    if (event == nullptr) continue;
    if (const auto* e = std::get_if<ledger::ProposalDone>(&event->body)) {
      CHECK(e->proposal == id);
      REQUIRE(e->keys);
      CHECK(e->keys->epoch == 2);
      CHECK_FALSE(e->keys->root.extractable);
      seen.emplace_back("keys");
    }
    if (const auto* e = std::get_if<ledger::Rewrapped>(&event->body)) {
      CHECK(e->upto > upto);
      upto = e->upto;
      CHECK(kit.service->sequencer().read([&](const ledger::State& st) { return st.subject(upto) == nullptr; }));
      seen.emplace_back("batch");
    }
    if (std::holds_alternative<ledger::KeysRetired>(event->body)) seen.emplace_back("retired");
  }
  CHECK(seen == std::vector<std::string>{"keys", "batch", "batch", "batch", "retired"});
  CHECK(upto == ledger::kAllRefs);
}

TEST_CASE("doors, enrolments and erasures go on through a rotation") {
  NEEDS_TOKEN();
  Disturbed d({}, 3);
  RotationKit& kit = d.kit;
  kit.enrol(30);
  d.store->delay_ms = 2;
  kit.agree(ledger::RotateKeys{});
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  std::atomic<int> asked{0};
  std::thread door([&] {
    for (int i = 0; !stop; i = (i + 7) % 20) {
      ++asked;
      if (kit.verify(i) != "match") ++wrong;
    }
  });
  std::thread desk([&] {
    for (int i = 0; i < 12; ++i) {
      const auto in = kit.service->put_subject(kit.f.key("operator/1"), "main",
                                               person(RotationKit::id(30 + i), RotationKit::face(30 + i)));
      if (!in) ++wrong;
      if (!kit.service->erase(kit.f.key("operator/1"), "main", RotationKit::id(20 + i))) ++wrong;
    }
  });
  const bool finished = kit.finish();
  desk.join();
  stop = true;
  door.join();
  REQUIRE(finished);
  CHECK(asked > 10);
  CHECK(wrong == 0);
  kit.people = 42;
  for (int i = 20; i < 32; ++i) kit.gone.insert(i);
  check_only(kit, 2);
  kit.check_everybody();
  kit.check_after_restart();
}

TEST_CASE("a Request-Id and a signed probe from before a rotation are known after it") {
  NEEDS_TOKEN();
  FixtureOptions o;
  o.cameras = true;
  Disturbed d(o);
  RotationKit& kit = d.kit;
  kit.enrol(3);
  d.hold_token();
  kit.agree(ledger::RotateKeys{});
  const auto again = [&](std::uint8_t body = 1) {
    MatchCall c = ask(RotationKit::face(1), "p1");
    c.request_id = "retry-1";
    c.body_digest = Digest{body};
    return kit.service->match(kit.f.key("door/1"), "main", std::move(c));
  };
  const std::string jws = sign(kit.f, claims_of(kit.f, RotationKit::face(1)));
  const auto probe = [&] {
    MatchCall c = ask({});
    c.signed_probe = jws;
    return decision(kit.service->match(kit.f.key("door/1"), "main", std::move(c)));
  };
  const auto first = again();
  REQUIRE(first);
  REQUIRE(probe() == "match");
  d.token->before_root({});
  kit.f.clock.advance(11'000);
  REQUIRE(soon([&] {
    kit.service->housekeeping();
    return kit.rotation() && kit.rotation()->upto == ledger::kAllRefs;
  }));
  const auto second = again();
  REQUIRE(second);
  CHECK(second->entry == first->entry);
  CHECK(problem(again(2)) == "request-id-reused");
  CHECK(probe() == "nonce-reused");
  // The old keys stay as long as these are good for.
  CHECK(kit.f.slots->epochs() == Epochs{1, 2});
  CHECK(kit.site_keys(1) == 3);
  REQUIRE(kit.finish());
  check_only(kit, 2);
}

TEST_CASE("a re-share: the new cards open, also half-way, and from then on the old ones are refused as such") {
  NEEDS_TOKEN();
  Disturbed d;
  RotationKit& kit = d.kit;
  kit.enrol(9);
  Cards next = kit.draw_cards();
  kit.agree(next.action);
  d.store->delay_ms = 100;
  REQUIRE(soon([&] {
    kit.service->housekeeping();
    return kit.rotation().has_value();
  }));
  d.store->delay_ms = 0;
  d.hold_token();  // the old root stays for now
  REQUIRE(kit.restart());
  CHECK(kit.rotation().has_value());
  kit.cards = std::move(next);
  REQUIRE(kit.unseal());
  kit.check_everybody();
  REQUIRE(kit.finish());
  check_only(kit, 2);
  kit.check_everybody();
  REQUIRE(kit.restart());
  CHECK(problem(kit.hand_in_card("residents/1", kit.f.card("residents/1"))) == "old-share");
  REQUIRE(kit.unseal());
  kit.check_everybody();
  // And once more: cards of two sets ago are known as such too.
  next = kit.draw_cards();
  kit.agree(next.action);
  REQUIRE(kit.finish(&next));
  check_only(kit, 3);
  REQUIRE(kit.restart());
  CHECK(problem(kit.hand_in_card("property/2", kit.f.card("property/2"))) == "old-share");
  CHECK(problem(kit.hand_in_card("property/2", kit.cards->words.at("property/2"))) == "old-share");
  kit.cards = std::move(next);
  REQUIRE(kit.unseal());
  kit.check_everybody();
}

TEST_CASE("sealing in the middle of a rotation ends in the middle, and the next unseal goes on") {
  NEEDS_TOKEN();
  Disturbed d({}, 1);
  RotationKit& kit = d.kit;
  kit.enrol(12);
  kit.agree(ledger::RotateKeys{});
  d.store->delay_ms = 20;
  REQUIRE(soon([&] {
    kit.service->housekeeping();
    const auto s = kit.service->seal_status();
    return s && s->rotation && s->rotation->done > 0;
  }));
  REQUIRE(kit.service->seal(kit.f.key("residents/3")));
  d.store->delay_ms = 0;
  const auto half = kit.service->seal_status();
  REQUIRE(half);
  CHECK(half->state == "sealed");
  REQUIRE(half->rotation);
  CHECK(half->rotation->total == 12);
  CHECK(half->rotation->done < 12);
  const auto at = kit.rotation();
  kit.service->housekeeping();
  CHECK(kit.rotation()->upto == at->upto);  // nothing without the keys
  REQUIRE(kit.unseal());
  kit.check_everybody();
  REQUIRE(kit.finish());
  check_only(kit, 2);
  kit.check_everybody();
}

TEST_CASE("a commit that fails at any step of a rotation or re-share leaves it undone or to be finished") {
  NEEDS_TOKEN();
  Disturbed d;
  RotationKit& kit = d.kit;
  kit.enrol(5);
  std::uint32_t epoch = 1;
  bool through = false;
  for (int step = 1; step < 30 && !through; ++step) {
    for (const bool after : {false, true}) {
      INFO("commit " << step << (after ? ", written" : ", not written"));
      std::optional<Cards> next;
      ledger::Action action = ledger::RotateKeys{};
      if (after == (step % 2 == 0)) {
        next = kit.draw_cards();
        action = next->action;
      }
      kit.agree(action);
      d.store->after = after;
      d.store->fired = false;
      d.store->fuse = step;
      const bool finished = kit.finish(next ? &*next : nullptr);
      d.store->fuse = 0;
      through = !d.store->fired;
      REQUIRE(finished == !kit.service->halted());
      REQUIRE(kit.restart());
      const bool renewed = next && kit.service->sequencer().read([&](const ledger::State& st) {
        return st.current().unseal_key == next->action.unseal_key;
      });
      if (renewed) kit.cards = std::move(next);
      REQUIRE(kit.unseal());
      kit.check_everybody();
      kit.f.clock.advance(25LL * 3600 * 1000);  // of a delay, the log counts what it heard of
      REQUIRE(kit.finish(next && !renewed ? &*next : nullptr));
      if (next && !renewed) kit.cards = std::move(next);
      check_only(kit, ++epoch);
      kit.check_everybody();
    }
  }
  CHECK(through);
  CHECK(epoch > 10);
}

TEST_CASE("a token that fails at any step leaves the vault as it was, and the rotation is tried again") {
  NEEDS_TOKEN();
  Disturbed d;
  RotationKit& kit = d.kit;
  kit.enrol(3);
  kit.agree(ledger::RotateKeys{});
  const Error away = make_error(Errc::kHsmGone, "the token is away");
  for (int calls = 0; calls < 3; ++calls) {  // each site's key is wrapped once
    auto left = std::make_shared<std::atomic<int>>(calls);
    d.token->before_wrap([=] { return (*left)-- > 0 ? Status() : Status(away); });
    for (int i = 0; i < 3; ++i) kit.service->housekeeping();
    kit.f.clock.advance(601'000);  // it is tried again, later each time
    CHECK_FALSE(kit.rotation());
    CHECK(kit.f.slots->epochs() == Epochs{1});
    CHECK(kit.verify(1) == "match");
  }
  d.hold_token();
  d.token->before_wrap({});
  kit.service->housekeeping();
  kit.f.clock.advance(601'000);
  CHECK_FALSE(kit.rotation());
  // It is there to make the new root, and away when the old one is to go: that waits, and nothing else does.
  auto made = std::make_shared<std::atomic<int>>(0);
  d.token->before_root([=] { return (*made)++ == 0 ? Status() : Status(away); });
  REQUIRE(soon([&] {
    kit.service->housekeeping();
    return kit.rotation() && kit.rotation()->upto == ledger::kAllRefs;
  }));
  kit.f.clock.advance(61'000);
  REQUIRE(soon([&] {
    kit.service->housekeeping();
    return *made > 2;
  }));
  CHECK(kit.rotation());
  CHECK(has_root(kit, 1));
  CHECK(kit.f.slots->epochs() == Epochs{1, 2});
  kit.check_everybody();
  d.token->before_root({});
  REQUIRE(kit.finish());
  check_only(kit, 2);
}

TEST_CASE("what an attempt left that the log does not know is cleared and made anew") {
  NEEDS_TOKEN();
  RotationKit kit;
  REQUIRE(kit.start());
  REQUIRE(kit.unseal());
  kit.enrol(2);
  // As a crash right before the entry leaves it: a root in the token, and slot files with keys in them.
  REQUIRE(kit.f.custody->make_root(2));
  REQUIRE(kit.f.slots->begin(2));
  REQUIRE(kit.f.slots->write({{0, Bytes(68, 0x6b), 2}}));
  REQUIRE(kit.restart());
  CHECK(kit.f.slots->epochs() == Epochs{1});
  REQUIRE(kit.unseal());
  kit.agree(ledger::RotateKeys{});
  REQUIRE(kit.finish());
  check_only(kit, 2);
  kit.check_everybody();
}

TEST_CASE("a copy from before a re-share opens nothing once the root is gone, with all cards and U old and new") {
  NEEDS_TOKEN();
  namespace fs = std::filesystem;
  RotationKit kit;
  REQUIRE(kit.start());
  REQUIRE(kit.unseal());
  kit.enrol(3);
  kit.f.stop(kit.service);
  const std::string copy = kit.f.dir() + "-copy";
  fs::copy(kit.f.dir(), copy, fs::copy_options::recursive);
  REQUIRE(kit.start());
  REQUIRE(kit.unseal());
  std::vector<seal::SecretWords> cards;
  for (const char* who : {"property/1", "property/2", "residents/1", "residents/2"})
    cards.push_back(kit.f.card(who).clone());
  const SecretBytes old_u = seal::combine_shares(cards).value();
  store::RocksOptions options;
  options.dir = copy + "/db";
  auto old_store = std::move(*store::RocksStore::open(options));
  const auto opens = [&](const ledger::Site& site, const SecretBytes& u) {
    const Bytes name = store::keys::site_key(site.id, site.epoch, store::keys::SiteKeyKind::kMain).value();
    const auto row = old_store->get(name).value();
    REQUIRE(row);
    const seal::SiteKeyPlace place{kit.f.genesis().vault, site.id, site.epoch};
    return bool(seal::open_site_key(*kit.f.custody, place, u.view(), *row, site.check));
  };
  for (const auto& site : kit.f.genesis().sites) CHECK(opens(site, old_u));
  Cards next = kit.draw_cards();
  kit.agree(next.action);
  REQUIRE(kit.finish(&next));
  for (const auto& site : kit.f.genesis().sites) {
    CHECK_FALSE(opens(site, old_u));
    CHECK_FALSE(opens(site, next.unseal_key));
  }
  // Nor is it taken for the vault.
  old_store.reset();
  kit.f.stop(kit.service);
  fs::rename(kit.f.dir(), kit.f.dir() + "-now");
  fs::rename(copy, kit.f.dir());
  const Status started = kit.start();
  REQUIRE_FALSE(started);
  CHECK(started.error().message.find("the token has seen") != std::string::npos);
  kit.f.stop(kit.service);
  fs::remove_all(kit.f.dir());
  fs::rename(kit.f.dir() + "-now", kit.f.dir());
}
