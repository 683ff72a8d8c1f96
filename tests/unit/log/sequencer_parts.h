// A small vault's log without a service: a store in memory, real key slots in a temporary folder, a token
// in memory, and a genesis that check_genesis accepts.
#pragma once

#include <openssl/evp.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/fake_custody.h"
#include "tests/support/memory_store.h"
#include "tools/common/sshsig_sign.h"
#include "vault/base/digest.h"
#include "vault/ledger/sshsig.h"
#include "vault/log/sequencer/sequencer.h"

namespace facekeep::log_test {

inline Digest digest_of(const std::string& text) {
  return sha256(as_bytes(text));
}

using ApprovalKeys = std::vector<std::shared_ptr<EVP_PKEY>>;  // of property/1 and residents/1

// Preset small: property/1 and residents/1 with a card each, operator/1 at site main, door/1 with the door north.
inline ledger::Genesis small_genesis(Custody& custody, ApprovalKeys& keys) {
  using namespace ledger;
  Genesis g;
  g.vault = {1, 2, 3};
  g.origin = "facekeep/test";
  g.rehearsal = true;
  g.preset = Preset::kSmall;
  g.spare_key = digest_of("spare key");
  for (const std::string group : {"property", "residents"}) {
    g.groups.push_back({group, 1, {{1, digest_of("card " + group), {1}}}});
    keys.emplace_back(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"), EVP_PKEY_free);
    PrincipalRecord p;
    p.id = group + "/1";
    p.key = digest_of("key " + group);
    p.name = digest_of("name " + group);
    p.approval_key = format_ssh_key_line(*ssh_key_from_evp(keys.back().get()));
    g.principals.push_back(std::move(p));
  }
  PrincipalRecord op;
  op.id = "operator/1";
  op.role = Role::kOperator;
  op.key = digest_of("operator");
  op.name = digest_of("operator's name");
  op.sites = {"main"};
  g.principals.push_back(op);
  PrincipalRecord door;
  door.id = "door/1";
  door.role = Role::kDoor;
  door.key = digest_of("door");
  door.name = digest_of("door's name");
  door.sites = {"main"};
  door.doors = {"north"};
  g.principals.push_back(door);
  Site site;
  site.id = "main";
  site.purpose = "entry-control";
  site.alternative = "key-card";
  site.assessment_date = "2026-01-31";
  site.doors = {{"north", "entrance"}};
  g.sites.push_back(site);
  g.models.push_back({"face", 1, 64, 500000, 500000});
  for (const auto& action : action_classes())
    g.rules[std::string(action.name)] = {{{"property", 1}, {"residents", 1}}, action.delay_s, action.lifetime_s};
  g.token = {"m",
             "m",
             "1",
             "1.0",
             "software",
             {"AES-256-GCM", true, true, true, false, true},
             {"Ed25519", true, true, true, false, true}};
  g.log_key = log::format_vkey(
      *log::make_verifier_key(g.origin, log::SignatureType::kEd25519, custody.log_keys()->front().bytes));
  const std::string statement = *genesis_statement(g);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    g.signatures.push_back({g.principals[i].id,
                            armor_sshsig(*tools::make_sshsig(keys[i].get(), kCeremonyNamespace, as_bytes(statement)))});
  }
  return g;
}

class ManualClock final : public Clock {
 public:
  [[nodiscard]] Instant now() const override { return {wall.load(), uptime.load()}; }
  void advance(std::int64_t ms) {
    wall += ms;
    uptime += static_cast<std::uint64_t>(ms);
  }
  std::atomic<std::int64_t> wall{1795000000000};
  std::atomic<std::uint64_t> uptime{1};
};

struct LogParts {
  explicit LogParts() {
    std::string pattern = (std::filesystem::temp_directory_path() / "facekeep-log-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) std::abort();
    dir = pattern;
    genesis = small_genesis(custody, approval_keys);
    slots = std::move(*seal::SlotGenerations::create(dir, genesis.vault));
    options.checkpoint_interval_ms = 10;
    options.token_retry_ms = 10;
  }
  ~LogParts() {
    sequencer.reset();
    slots.reset();
    std::error_code ec;
    std::filesystem::remove_all(dir, ec);
  }
  LogParts(const LogParts&) = delete;
  LogParts& operator=(const LogParts&) = delete;

  Status open() {
    sequencer.reset();
    FK_TRY(sequencer, log::Sequencer::open(store, custody, *slots, clock, options));
    return {};
  }
  // As a new process: what is persisted, nothing that is remembered.
  Status reopen() {
    sequencer.reset();
    slots.reset();
    store.reopen();
    FK_TRY(slots, seal::SlotGenerations::open(dir, genesis.vault));
    return open();
  }
  // Genesis, start, both shares: open for enrolments.
  Status begin() {
    FK_CHECK(open());
    FK_CHECK(write({genesis}, true));  // as the ceremony does: from here on the token has an anchor
    FK_CHECK(write({ledger::Start{"test", {}, {}, {}, false}}));
    FK_CHECK(write({ledger::UnsealShare{"property/1", "property", 1}}));
    return write({ledger::UnsealShare{"residents/1", "residents", 1}, ledger::Unsealed{{"property/1", "residents/1"}}});
  }
  static log::Decide events(std::vector<ledger::Body> bodies, bool checkpoint = false) {
    return [bodies = std::move(bodies), checkpoint](const log::Turn&) -> Result<log::Write> {
      log::Write w;
      for (const auto& b : bodies) w.drafts.push_back({b, {}});
      w.checkpoint = checkpoint;
      return w;
    };
  }
  Status write(std::vector<ledger::Body> bodies, bool checkpoint = false) const {
    auto r = sequencer->submit(events(std::move(bodies), checkpoint));
    return r ? Status() : Status(r.error());
  }
  // Enrols a subject of this number, with a key in a slot.
  static log::Decide enrol(std::uint32_t number) {
    return [number](const log::Turn& turn) -> Result<log::Write> {
      const std::uint32_t slot = turn.slots.take();
      log::Write w;
      w.drafts.push_back({ledger::Enrolled{ref(number), "main", "operator/1", slot, {}, {}, "2030-12-31"}, {}});
      w.new_keys.push_back({slot, key_of(number)});
      return w;
    };
  }
  static log::Decide erase(std::uint32_t number) {
    return [number](const log::Turn& turn) -> Result<log::Write> {
      const auto* s = turn.state.subject(ref(number));
      if (s == nullptr) return make_error(Errc::kNotFound, "no such subject");
      log::Write w;
      w.drafts.push_back({ledger::Erased{ref(number), "main", "operator/1", "operator"}, {}});
      w.dead_slots.push_back(s->slot);
      w.checkpoint = true;
      return w;
    };
  }
  static Id128 ref(std::uint32_t number) {
    Id128 r{};
    for (unsigned i = 0; i < 4; ++i) r[i] = static_cast<std::uint8_t>(number >> (8 * i));
    r[15] = 1;
    return r;
  }
  static Bytes key_of(std::uint32_t number) { return to_bytes(digest_of("key " + std::to_string(number))); }
  [[nodiscard]] std::uint64_t size() const {
    return sequencer->read([](const ledger::State& st) { return st.size(); });
  }
  [[nodiscard]] Digest state() const {
    return sequencer->read([](const ledger::State& st) { return st.digest(); });
  }
  [[nodiscard]] std::uint64_t checkpoint_size() const {
    const auto cp = log::open_checkpoint(sequencer->checkpoint(), *log::parse_vkey(genesis.log_key));
    return cp ? cp->size : 0;
  }

  std::string dir;
  test::MemoryStore store;
  test::MemoryCustody custody;
  ManualClock clock;
  ledger::Genesis genesis;
  ApprovalKeys approval_keys;
  std::unique_ptr<seal::SlotGenerations> slots;
  log::SequencerOptions options;
  std::unique_ptr<log::Sequencer> sequencer;
};

}  // namespace facekeep::log_test
