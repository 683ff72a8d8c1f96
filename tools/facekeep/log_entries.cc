#include "tools/facekeep/log_entries.h"

#include "vault/log/merkle.h"

namespace facekeep::tools {

Result<std::vector<Digest>> fetch_inclusion(VaultApi& api, const log::Checkpoint& head, std::uint64_t entry) {
  FK_TRY(const Json answer, api.json("GET", "/v1/log/proofs/inclusion?index=" + std::to_string(entry) +
                                                "&size=" + std::to_string(head.size)));
  return parse_hashes(answer.value("proof", Json()));
}

namespace {

Error bad_entries() {
  return say_error(Errc::kIntegrity, "bad-entries", Msg::kCliBadEntries, Msg::kCliTellHint);
}

log::BundleId bundle_at(std::uint64_t index, std::uint64_t size) {
  return {index, log::tile_width_at(size, 0, index)};
}

Result<std::vector<Bytes>> fetch_bundle(VaultApi& api, const log::BundleId& id) {
  FK_TRY(const Bytes bytes, api.bytes("GET", "/" + log::format_path(id)));
  auto entries = log::decode_bundle(bytes, id.width);
  if (!entries) return bad_entries();
  return entries;
}

Error forked(std::uint64_t before, std::uint64_t after) {
  return say_error(Errc::kIntegrity, "forked", Msg::kCliForked, Msg::kCliTellHint,
                   {std::to_string(before), std::to_string(after)});
}

// The tree of the first `size` entries; that it is one of `head` shows once the rest is appended.
Result<log::Tree> tree_before(VaultApi& api, const log::Checkpoint& head, std::uint64_t size) {
  if (size == 0) return log::Tree();
  FK_TRY(const auto proof, fetch_inclusion(api, head, size));
  auto tree = log::Tree::before(size, head.size, proof);
  if (!tree) return bad_entries();
  return tree;
}

}  // namespace

Status read_entries(VaultApi& api, const log::Checkpoint& head, std::uint64_t from, const std::optional<Digest>& before,
                    const VisitEntry& visit) {
  if (from == head.size) return before && *before != head.root ? Status(forked(from, from)) : Status();
  FK_TRY(log::Tree tree, tree_before(api, head, from));
  if (before && tree.root() != *before) return forked(from, head.size);
  Status visited;
  while (tree.size() < head.size) {
    FK_TRY(const auto entries, fetch_bundle(api, bundle_at(tree.size() / log::kTileWidth, head.size)));
    for (std::size_t i = tree.size() % log::kTileWidth; i < entries.size(); ++i) {
      if (visited) visited = visit(tree.size(), entries[i]);
      tree.append(log::leaf_hash(entries[i]));
    }
  }
  // What is not the log's says nothing of the log, whatever it looked like.
  if (tree.root() != head.root) return bad_entries();
  return visited;
}

Result<Bytes> fetch_entry(VaultApi& api, std::uint64_t size, std::uint64_t entry) {
  if (entry >= size) return bad_entries();
  FK_TRY(auto entries, fetch_bundle(api, bundle_at(entry / log::kTileWidth, size)));
  return std::move(entries[entry % log::kTileWidth]);
}

Result<ledger::Leaf> prove_entry(VaultApi& api, const log::Checkpoint& head, std::uint64_t entry) {
  FK_TRY(const Bytes found, fetch_entry(api, head.size, entry));
  FK_TRY(const auto proof, fetch_inclusion(api, head, entry));
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
  return forked(before.size, after.size);
}

}  // namespace facekeep::tools
