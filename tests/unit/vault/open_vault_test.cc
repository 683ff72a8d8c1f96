// The index of an open vault: what loading corrected, while rows move under new keys and people are erased.
#include "vault/open_vault.h"

#include <filesystem>

#include "tests/support/catch.h"
#include "tests/support/memory_store.h"
#include "tests/support/store_around.h"
#include "vault/store/keys.h"

using namespace facekeep;
using namespace facekeep::test;

namespace {

constexpr Id128 kVault{1};
constexpr Id128 kAnna{0xa};
constexpr Id128 kOther{0xb};

// Does something right before the n-th look at a row from now (0: the next).
class BusyStore final : public StoreAround {
 public:
  using StoreAround::StoreAround;
  Result<std::optional<Bytes>> get(ByteView key) const override {
    if (busy && before-- == 0) std::exchange(busy, nullptr)();
    return StoreAround::get(key);
  }
  mutable std::function<void()> busy;
  mutable int before = 0;
};

std::shared_ptr<SiteKeys> site_keys(std::uint32_t epoch) {
  return std::make_shared<SiteKeys>(epoch, seal::SiteKey::generate(), seal::TokenWraps{}, 0);
}

struct Vault {
  std::filesystem::path dir;
  MemoryStore rows;
  BusyStore store{rows};
  std::unique_ptr<seal::SlotGenerations> slots;
  std::optional<OpenVault> vault;
  std::shared_ptr<SiteKeys> before = site_keys(1);
  std::shared_ptr<SiteKeys> after = site_keys(2);

  Vault() {
    char name[] = "/tmp/facekeep-index-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    dir = name;
    slots = std::move(*seal::SlotGenerations::create(dir.string(), kVault));
    const auto own = seal::SiteKey::generate();
    vault.emplace(kVault, store, *slots, std::make_shared<RegisterKeys>(1, own, seal::TokenWraps(), 0));
    REQUIRE(vault->add_site("main", before));
    site().keys.add(after);
    site().keys.promote(2);
  }
  ~Vault() { std::filesystem::remove_all(dir); }
  SiteSession& site() { return vault->site("main"); }
  void set(const SiteKeys& keys, std::optional<Id128> ref) {
    rows.tamper(store::keys::subject_index(keys.subject_tag("anna")),
                ref ? std::optional(to_bytes(*ref)) : std::nullopt);
  }
  std::optional<Id128> find(const std::set<Id128>& enrolled) {
    return vault->find_ref(site(), "anna", [&](const Id128& ref) { return enrolled.contains(ref); }).value();
  }
};

}  // namespace

TEST_CASE("a row that a rotation moves while it is looked at is right, and not corrected") {
  Vault v;
  v.set(*v.before, kAnna);
  // Looked for under the new key; then moved there; then looked for under the old key.
  v.store.before = 1;
  v.store.busy = [&] {
    v.set(*v.after, kAnna);
    v.set(*v.before, std::nullopt);
  };
  v.vault->correct_index(v.site(), "anna", kAnna);
  CHECK_FALSE(v.store.busy);
  v.set(*v.after, kOther);  // erased, and enrolled anew
  CHECK(v.find({kAnna, kOther}) == kOther);
}

TEST_CASE("a row that says another is corrected, and the correction ends with who it names") {
  Vault v;
  v.set(*v.before, kOther);
  v.vault->correct_index(v.site(), "anna", kAnna);
  CHECK(v.find({kAnna, kOther}) == kAnna);
  CHECK(v.find({kOther}) == kOther);
  v.set(*v.before, std::nullopt);
  CHECK(v.find({kAnna}) == kAnna);
  CHECK(v.find({}) == std::nullopt);
  v.vault->forget_correction("main", "anna");
  CHECK(v.find({kAnna}) == std::nullopt);
}
