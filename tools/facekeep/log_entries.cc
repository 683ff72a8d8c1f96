#include "tools/facekeep/log_entries.h"

#include "vault/log/merkle.h"

namespace facekeep::tools {
namespace {

Error bad_entries() {
  return say_error(Errc::kIntegrity, "bad-entries", Msg::kCliBadEntries, Msg::kCliTellHint);
}

log::BundleId bundle_at(std::uint64_t index, std::uint64_t size) {
  return {index, log::tile_width_at(size, 0, index)};
}

}  // namespace

FetchBundle bundles_of(VaultApi& api) {
  return [&api](const log::BundleId& id) { return api.bytes("GET", "/" + log::format_path(id)); };
}

Status check_last_start(const SealStatusView& status, const CheckedStart& start, const FetchBundle& fetch) {
  const std::uint64_t size = start.checkpoint.size;
  const std::string behind = std::to_string(size - start.entry - 1);
  if (size - start.entry > kMaxAfterStart) {
    return say_error(Errc::kFailedPrecondition, "start-too-old", Msg::kCliStartTooOld, Msg::kCliStartTooOldHint,
                     {behind});
  }
  FK_TRY(log::Tree tree, log::Tree::before(start.entry, size, status.start_proof));
  tree.append(log::leaf_hash(as_bytes(status.start_event)));
  bool newer = false;
  while (tree.size() < size) {
    const log::BundleId id = bundle_at(tree.size() / log::kTileWidth, size);
    FK_TRY(const Bytes bytes, fetch(id));
    const auto entries = log::decode_bundle(bytes, id.width);
    if (!entries) return bad_entries();
    for (std::size_t i = tree.size() % log::kTileWidth; i < entries->size(); ++i) {
      const auto leaf = ledger::decode_leaf(as_chars((*entries)[i]));
      if (!leaf) return bad_entries();
      const auto* event = std::get_if<ledger::Event>(&*leaf);
      newer = newer || (event != nullptr && std::holds_alternative<ledger::Start>(event->body));
      tree.append(log::leaf_hash((*entries)[i]));
    }
  }
  if (tree.root() != start.checkpoint.root) return bad_entries();
  if (newer) return say_error(Errc::kIntegrity, "old-start", Msg::kCliOldStart, Msg::kCliOldStartHint);
  return {};
}

Result<Bytes> fetch_entry(VaultApi& api, std::uint64_t size, std::uint64_t entry) {
  if (entry >= size) return bad_entries();
  const log::BundleId id = bundle_at(entry / log::kTileWidth, size);
  FK_TRY(const Bytes bytes, bundles_of(api)(id));
  auto entries = log::decode_bundle(bytes, id.width);
  if (!entries) return bad_entries();
  return std::move((*entries)[entry % log::kTileWidth]);
}

Result<ledger::Leaf> prove_entry(VaultApi& api, const log::Checkpoint& head, std::uint64_t entry) {
  FK_TRY(const Bytes found, fetch_entry(api, head.size, entry));
  FK_TRY(const Json answer, api.json("GET", "/v1/log/proofs/inclusion?index=" + std::to_string(entry) +
                                                "&size=" + std::to_string(head.size)));
  FK_TRY(const auto proof, parse_hashes(answer.value("proof", Json())));
  if (!log::verify_inclusion(entry, head.size, log::leaf_hash(found), proof, head.root)) return bad_entries();
  auto leaf = ledger::decode_leaf(as_chars(found));
  if (!leaf) return bad_entries();
  return leaf;
}

Result<ledger::Genesis> prove_genesis(VaultApi& api, const Notice& notice, const log::Checkpoint& head) {
  const auto leaf = prove_entry(api, head, 0);
  if (!leaf && leaf.error().code != Errc::kIntegrity) return leaf.error();
  const auto* event = leaf ? std::get_if<ledger::Event>(&*leaf) : nullptr;
  const auto* genesis = event != nullptr ? std::get_if<ledger::Genesis>(&event->body) : nullptr;
  if (genesis == nullptr || genesis->vault != notice.vault) {
    return say_error(Errc::kIntegrity, "bad-genesis", Msg::kCliBadGenesis, Msg::kCliTellHint);
  }
  return *genesis;
}

Status check_same_log(VaultApi& api, const log::Checkpoint& a, const log::Checkpoint& b) {
  const log::Checkpoint& before = a.size <= b.size ? a : b;
  const log::Checkpoint& after = a.size <= b.size ? b : a;
  std::vector<Digest> proof;
  if (before.size > 0 && before.size < after.size) {
    FK_TRY(const Json answer, api.json("GET", "/v1/log/proofs/consistency?from=" + std::to_string(before.size) +
                                                  "&to=" + std::to_string(after.size)));
    FK_TRY(proof, parse_hashes(answer.value("proof", Json())));
  }
  if (before.size == 0 || log::verify_consistency(before.size, before.root, after.size, after.root, proof)) return {};
  return say_error(Errc::kIntegrity, "forked", Msg::kCliForked, Msg::kCliTellHint,
                   {std::to_string(before.size), std::to_string(after.size)});
}

}  // namespace facekeep::tools
