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

Result<ledger::Leaf> prove_entry(VaultApi& api, const log::Checkpoint& head, std::uint64_t entry) {
  if (entry >= head.size) return bad_entries();
  const log::BundleId id = bundle_at(entry / log::kTileWidth, head.size);
  FK_TRY(const Bytes bytes, bundles_of(api)(id));
  const auto entries = log::decode_bundle(bytes, id.width);
  if (!entries) return bad_entries();
  const Bytes& found = (*entries)[entry % log::kTileWidth];
  FK_TRY(const Json answer, api.json("GET", "/v1/log/proofs/inclusion?index=" + std::to_string(entry) +
                                                "&size=" + std::to_string(head.size)));
  FK_TRY(const auto proof, parse_hashes(answer.value("proof", Json())));
  if (!log::verify_inclusion(entry, head.size, log::leaf_hash(found), proof, head.root)) return bad_entries();
  auto leaf = ledger::decode_leaf(as_chars(found));
  if (!leaf) return bad_entries();
  return leaf;
}

Status report_logged(const Context& context, const Notice& notice, VaultApi& api, const Json& entry,
                     const std::function<bool(const ledger::Leaf&)>& expected, Reporter& report) {
  const auto proven = [&]() -> Status {
    if (!entry.is_number_unsigned()) return bad_entries();
    FK_TRY(const CheckedVault vault, check_vault_now(context, notice, api));
    FK_TRY(const ledger::Leaf leaf, prove_entry(api, vault.start.checkpoint, entry.get<std::uint64_t>()));
    if (!expected(leaf)) {
      return say_error(Errc::kIntegrity, "other-entry", Msg::kCliOtherEntry, Msg::kCliTellHint, {entry.dump()});
    }
    return {};
  }();
  report.field("proven", proven.has_value());
  if (proven) {
    report.say(Msg::kCliLogged, {entry.dump()});
    return {};
  }
  if (proven.error().code != Errc::kUnavailable && proven.error().code != Errc::kHalted) return proven;
  report.warn(Msg::kCliNotProven, {entry.dump(), proven.error().message});
  return {};
}

}  // namespace facekeep::tools
