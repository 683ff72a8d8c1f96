// A vault's log in memory, and what it would show to a custodian's machine.
#pragma once

#include <algorithm>
#include <optional>
#include <vector>

#include "api/http/types.h"
#include "tests/support/catch.h"
#include "tests/unit/ledger/genesis_maker.h"
#include "tests/unit/log/note_keys.h"
#include "tools/facekeep/start_check.h"
#include "vault/base/digest.h"
#include "vault/ledger/event.h"
#include "vault/log/checkpoint.h"
#include "vault/log/merkle.h"
#include "vault/log/proof.h"
#include "vault/log/tiles.h"
#include "vault/seal/hpke.h"

namespace facekeep::tools::testing {

class FakeVault {
 public:
  FakeVault() : FakeVault(plain_genesis()) {}
  explicit FakeVault(ledger::Genesis genesis) {
    append_event(signed_as(std::move(genesis)));
    append_event(ledger::Start{"0.1.0", {}, {}, {}, false});
    append_start();
  }

  // As the ceremony of this vault signs it.
  [[nodiscard]] ledger::Genesis signed_as(ledger::Genesis genesis) const {
    genesis.vault = id;
    ledger::test::sign_genesis(genesis);
    return genesis;
  }
  void set_genesis(ledger::Genesis genesis) {
    texts[0] = text_of(signed_as(std::move(genesis)));
    leaves[0] = log::leaf_hash(as_bytes(texts[0]));
  }

  // Without witnesses.
  static ledger::Genesis plain_genesis() {
    ledger::Genesis g = ledger::test::unsigned_genesis();
    g.witnesses.reset();
    return g;
  }

  void append(std::string_view entry) {
    leaves.push_back(log::leaf_hash(as_bytes(entry)));
    texts.emplace_back(entry);
  }
  std::string append_event(ledger::Body body) {
    const std::string text = text_of(std::move(body));
    append(text);
    return text;
  }
  // A proposal, and what these people sign over the log as it is then; not carried out. Of the custodians of
  // plain_genesis(). Where its proposal stands.
  std::uint64_t propose(const ledger::ProposalMade& made, const std::vector<std::string>& signers = {}) {
    const std::uint64_t entry = leaves.size();
    append_event(made);
    for (const auto& who : signers) append_event(ledger::Approval{vote_of(made, who)});
    return entry;
  }
  [[nodiscard]] ledger::Vote vote_of(const ledger::ProposalMade& made, const std::string& who,
                                     std::uint64_t rule = 0) const {
    const log::Checkpoint head = checkpoint(leaves.size());
    ledger::Vote vote{made.id, who, rule, head.size, head.root, {}};
    const Digest digest = *ledger::proposal_digest(made, id);
    const std::string statement = *vote_statement(vote, ledger::Verb::kApprove, digest, id);
    vote.signature = ledger::test::sign_as(who, ledger::kApprovalNamespace, statement);
    return vote;
  }
  // As a private entry; returns its opening.
  Bytes append_private(ledger::Body body) {
    const ledger::EventClass c = class_of(body);
    const std::string text = text_of(std::move(body));
    const ledger::Salt salt{1, 2, 3};
    append(ledger::private_leaf(c, ledger::commit(salt, text)));
    return concat(Bytes{0x01}, salt, as_bytes(text));
  }
  static std::string text_of(ledger::Body body) {
    ledger::Event event;
    event.time = 1795325776123;
    event.body = std::move(body);
    return *ledger::encode_event(event);
  }
  // What the vault shows from now on as its start.
  void append_start(std::string_view program = "program", std::string_view config = "config") {
    start_entry = leaves.size();
    start_event = append_event(
        ledger::Start{"0.1.0", sha256(as_bytes(program)), sha256(as_bytes(config)), keys.public_key, false});
  }
  [[nodiscard]] Bytes bundle(const log::BundleId& id) const {
    std::vector<Bytes> entries;
    for (unsigned i = 0; i < id.width; ++i) entries.push_back(to_bytes(texts.at(id.index * log::kTileWidth + i)));
    return *log::encode_bundle(entries);
  }

  // Roots of complete subtrees, by brute force.
  [[nodiscard]] log::HashSource source() const {
    return [this](unsigned level, std::uint64_t index) -> Result<Digest> {
      log::Tree tree;
      for (std::uint64_t i = index << level; i < (index + 1) << level; ++i) tree.append(leaves[i]);
      return tree.root();
    };
  }
  [[nodiscard]] log::Checkpoint checkpoint(std::uint64_t size) const {
    return {signer.key.name, size, *log::root_at(size, source()), {}};
  }
  [[nodiscard]] std::string note(std::uint64_t size) const {
    return *log::sign_checkpoint(checkpoint(size), signer.key, signer.sign());
  }
  [[nodiscard]] std::string note() const { return note(leaves.size()); }
  // Against the log as it is, with the opening of a private entry; of an entry that is not there, a text that proves
  // nothing.
  [[nodiscard]] std::string receipt(std::uint64_t entry, Bytes opening = {}) const {
    log::Receipt r;
    r.extra = std::move(opening);
    r.index = entry;
    if (entry < leaves.size()) r.hashes = *log::inclusion_proof(entry, leaves.size(), source());
    r.checkpoint = note();
    return *log::format_receipt(r);
  }

  [[nodiscard]] Json notice_json() const {
    return {{"vault", to_hex(id)},
            {"name", "Tower"},
            {"origin", "tower.example/log"},
            {"vkey", log::format_vkey(signer.key)},
            {"api", "https://127.0.0.1:8443"},
            {"public", "https://127.0.0.1:8444"},
            {"server_key", std::string(64, 'a')},
            {"rehearsal", true},
            {"preset", "small"}};
  }
  [[nodiscard]] Notice notice() const { return *parse_notice(notice_json().dump()); }

  [[nodiscard]] Json seal_status() const {
    const std::uint64_t size = leaves.size();
    Json proof = Json::array();
    const auto hashes = *log::inclusion_proof(start_entry, size, source());
    for (const Digest& hash : hashes) proof.push_back(to_base64(hash));
    return {{"state", "sealed"},
            {"vault", to_hex(id)},
            {"rehearsal", true},
            {"groups", {{{"id", "property"}, {"in", 0}, {"threshold", 1}}}},
            {"templates", {{"total", 0}, {"loaded", 0}, {"refused", 0}}},
            {"start", {{"entry", start_entry}, {"event", start_event}, {"proof", proof}}},
            {"checkpoint", note()}};
  }

  Id128 id = {1, 2, 3, 4};
  log_test::TestSigner signer = log_test::TestSigner::ed25519("tower.example/log");
  seal::HpkeKeyPair keys = seal::generate_hpke_key_pair();
  std::vector<Digest> leaves;
  std::vector<std::string> texts;  // of the entries, as they are served
  std::string start_event;
  std::uint64_t start_entry = 0;
};

inline http::Response json_response(const Json& json) {
  http::Response out;
  out.content_type = "application/json";
  out.body = to_bytes(json.dump());
  return out;
}

// What a daemon answers about its log: proofs and bundles. Nothing for other paths.
inline std::optional<http::Response> serve_log(const FakeVault& vault, http::Request& r) {
  const auto number = [&](const char* name) { return std::stoull(r.query[name]); };
  const auto proof = [](const std::vector<Digest>& hashes) {
    Json list = Json::array();
    for (const Digest& hash : hashes) list.push_back(to_base64(hash));
    return json_response({{"proof", list}});
  };
  if (r.path == "/v1/log/proofs/consistency") {
    return proof(*log::consistency_proof(number("from"), number("to"), vault.source()));
  }
  if (r.path == "/v1/log/proofs/inclusion") {
    return proof(*log::inclusion_proof(number("index"), number("size"), vault.source()));
  }
  if (!r.path.starts_with("/tile/entries/")) return std::nullopt;
  http::Response out;
  out.body = vault.bundle(*log::parse_bundle_path(std::string_view(r.path).substr(1)));
  return out;
}

}  // namespace facekeep::tools::testing
