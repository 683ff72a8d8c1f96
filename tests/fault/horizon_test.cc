// P5, the erasure horizon: once a re-share has destroyed a root and the spare key beside it, nobody opens a backup from
// before it. Not with the backup, the current vault's files, all cards old and new, the PINs and both tokens.
//
// The same attack opens the same backup before: so that its failure afterwards says something.
#include <algorithm>
#include <map>
#include <set>

#include "hsm/spare.h"
#include "tests/unit/vault/rotation_kit.h"
#include "vault/backup/take.h"
#include "vault/seal/blob.h"
#include "vault/seal/site_key.h"
#include "vault/store/keys.h"

using namespace facekeep;
using namespace facekeep::test;
namespace keys = store::keys;

namespace {

constexpr std::uint32_t kEpochs = 4;  // more than there are here

// What a backup's bytes, or the rows and slots of a vault, hold.
struct Loot {
  std::map<Bytes, Bytes> rows;
  std::map<std::uint32_t, Bytes> slots;
};

Loot take_backup(const RotationKit& kit) {
  Bytes file;
  backup::Writer writer([&](ByteView bytes) {
    file.insert(file.end(), bytes.begin(), bytes.end());
    return Status();
  });
  const backup::Source source{*kit.f.store, *kit.f.slots, kit.service->sequencer()};
  REQUIRE(backup::write_backup(source, {}, writer, [](auto, auto) { return true; }));
  Loot out;
  std::size_t at = 0;
  auto reader = backup::Reader::open([&](MutableByteView into) -> Result<std::size_t> {
    const std::size_t n = std::min(into.size(), file.size() - at);
    std::copy_n(file.begin() + static_cast<std::ptrdiff_t>(at), n, into.begin());
    at += n;
    return n;
  });
  REQUIRE(reader);
  while (true) {
    const auto next = reader->next();
    REQUIRE(next);
    if (!*next) return out;
    if (const auto* row = std::get_if<backup::Row>(&**next)) {
      out.rows.emplace(to_bytes(row->key), to_bytes(row->value));
    } else {
      const auto& slot = std::get<backup::Slot>(**next);
      out.slots.emplace(slot.slot, to_bytes(slot.data));
    }
  }
}

// Everything that a thief may come to have.
struct Thief {
  const RotationKit& kit;
  std::vector<SecretBytes> unseal_keys;  // of all cards
  std::shared_ptr<hsm::SessionPool> spare;

  // Every secret that comes out of a stored site key, with every unseal key, every root and every spare key there is,
  // as one of any epoch: new keys for the cards before them are sealed at the place of the old ones.
  std::vector<seal::SiteKey> open(const std::string& site, const Bytes& stored) const {
    std::vector<seal::SiteKey> out;
    for (std::uint32_t at = 1; at <= kEpochs; ++at) {
      const seal::SiteKeyPlace place{kit.f.genesis().vault, site, at};
      for (const auto& u : unseal_keys) {
        for (const auto layer : {seal::SiteKeyLayer::kMainToken, seal::SiteKeyLayer::kSpareToken}) {
          const auto inner = seal::open_site_key_outer(place, layer, u.view(), stored);
          if (inner) unwrap(place, layer, *inner, out);
        }
      }
    }
    return out;
  }
  void unwrap(const seal::SiteKeyPlace& place, seal::SiteKeyLayer layer, const SecretBytes& inner,
              std::vector<seal::SiteKey>& out) const {
    const auto context = seal::site_key_context(place, layer).value();
    for (std::uint32_t epoch = 1; epoch <= kEpochs; ++epoch) {
      auto key = layer == seal::SiteKeyLayer::kMainToken
                     ? kit.f.custody->unwrap(epoch, inner.view(), context.view())
                     : hsm::unwrap_with_spare(*spare, epoch, inner.view(), context.view());
      if (!key) continue;
      auto opened = seal::SiteKey::from_secret(std::move(*key));
      if (opened) out.push_back(std::move(*opened));
    }
  }

  // How many templates of the loot open, and how many of its site keys, through which layer.
  struct Found {
    std::set<keys::SiteKeyKind> through;
    int templates = 0;
  };
  Found attack(const Loot& loot) const {
    Found out;
    std::vector<seal::AeadKey> wraps;
    for (const auto& [row, value] : loot.rows) {
      const auto name = keys::parse_site_key(row);
      if (!name) continue;
      for (const auto& site : open(name->site, value)) {
        out.through.insert(name->kind);
        wraps.push_back(site.aead(seal::SiteSubkey::kWrap, 0));
      }
    }
    for (const auto& wrap : wraps) {
      for (const auto& [ref, subject] : subjects) out.templates += opens_face(loot, wrap, ref, subject);
    }
    return out;
  }
  int opens_face(const Loot& loot, const seal::AeadKey& wrap, const Id128& ref,
                 const ledger::SubjectState& subject) const {
    const seal::AadPlace site{kit.f.genesis().vault, "main"};
    const auto slot = loot.slots.find(subject.slot);
    if (slot == loot.slots.end()) return 0;
    for (std::uint32_t epoch = 1; epoch <= kEpochs; ++epoch) {
      const auto aad = seal::make_aad(site, epoch, seal::Purpose::kSubjectKey, ref).value();
      const auto key = seal::unwrap_key(wrap, aad, slot->second, 1);
      if (!key) continue;
      const auto& t = subject.templates.at(0);
      const auto face_aad =
          seal::make_template_aad(site, {ref, t.id, t.model, t.model_version, subject.consent}).value();
      const auto face = loot.rows.find(keys::template_of(ref, t.id));
      return face != loot.rows.end() && seal::open_blob(*key, face_aad, face->second) ? 1 : 0;
    }
    return 0;
  }

  std::map<Id128, ledger::SubjectState> subjects;  // as the log had them at the backup
};

std::string new_spare(hsm::SessionPool& token, const Id128& vault, std::uint32_t epoch) {
  const auto made = hsm::provision_spare(token, vault, epoch);
  INFO((made ? "" : made.error().message));
  REQUIRE(made);
  return made->key.public_key.to_pem();
}

SecretBytes combine(const std::function<const seal::SecretWords&(const char*)>& card) {
  std::vector<seal::SecretWords> cards;
  for (const char* who : {"property/1", "property/2", "residents/1", "residents/2"}) cards.push_back(card(who).clone());
  return seal::combine_shares(cards).value();
}

}  // namespace

TEST_CASE("behind the horizon nobody opens a backup, with every card, both tokens and the current files") {
  NEEDS_TOKEN();
  RotationKit kit;
  kit.f.token().add_token("spare");
  REQUIRE(kit.start());
  REQUIRE(kit.unseal());
  kit.enrol(3);
  const Id128 vault = kit.f.genesis().vault;
  Thief thief{kit, {}, {}, {}};
  thief.spare = std::move(*hsm::open_token(SoftHsm::uri_of("spare", SoftHsm::module_path()), SoftHsm::pin()));
  thief.unseal_keys.push_back(combine([&](const char* who) -> const auto& { return kit.f.card(who); }));

  // The spare attends: from here on both tokens open the vault.
  ledger::RotateKeys rotate;
  rotate.spare = new_spare(*thief.spare, vault, 2);
  kit.agree(std::move(rotate));
  REQUIRE(kit.finish());
  kit.service->sequencer().read([&](const ledger::State& st) {
    for (const auto& [ref, s] : st.subjects()) thief.subjects.emplace(ref, s);
  });
  const Loot before = take_backup(kit);
  const auto opened = thief.attack(before);
  REQUIRE(opened.through == std::set{keys::SiteKeyKind::kMain, keys::SiteKeyKind::kSpare});
  REQUIRE(opened.templates == 2 * 3);

  // New cards, and the spare attends with a new key; its old one is destroyed there, as the runbook has it.
  Cards next = kit.draw_cards();
  next.action.spare = new_spare(*thief.spare, vault, 3);
  sign_new_cards(kit.f, next.action);
  kit.agree(next.action);
  // A backup from while these were untried: the old cards open it too, through what was sealed for them.
  for (int i = 0; i < 3000 && !(kit.rotation() && kit.rotation()->upto == ledger::kAllRefs); ++i) {
    kit.service->housekeeping();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  REQUIRE(kit.rotation());
  REQUIRE(kit.rotation()->cards_untried);
  const Loot untried = take_backup(kit);
  const auto by_old_cards = thief.attack(untried);
  REQUIRE(by_old_cards.through.contains(keys::SiteKeyKind::kMainBefore));
  REQUIRE(by_old_cards.templates >= 3);
  REQUIRE(kit.finish(&next));
  CHECK_FALSE(thief.attack(untried).through.contains(keys::SiteKeyKind::kMainBefore));
  CHECK_FALSE(thief.attack(untried).through.contains(keys::SiteKeyKind::kMain));
  thief.unseal_keys.push_back(next.unseal_key.clone());
  SECTION("with the old spare key still in the spare token the horizon has not passed") {
    const auto left = thief.attack(before);
    CHECK(left.through == std::set{keys::SiteKeyKind::kSpare});
    CHECK(left.templates == 3);
  }
  SECTION("with it destroyed, nothing opens") {
    REQUIRE(hsm::destroy_key(*thief.spare, hsm::spare_label(vault, 2)));
    const auto left = thief.attack(before);
    CHECK(left.through.empty());
    CHECK(left.templates == 0);
    // Nor with what the vault has now put beside it: rows of the present over those of the backup.
    Loot mixed = before;
    for (const auto& [row, value] : take_backup(kit).rows) mixed.rows[row] = value;
    CHECK(thief.attack(mixed).templates == 0);
  }
  kit.check_everybody();
}
