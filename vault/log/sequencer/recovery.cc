#include "vault/log/sequencer/recovery.h"

#include <algorithm>

#include "vault/base/newer.h"
#include "vault/base/problem.h"
#include "vault/log/merkle.h"
#include "vault/log/sequencer/access_opening.h"
#include "vault/log/sequencer/handover.h"
#include "vault/store/keys.h"

namespace facekeep::log {
namespace {

Error at_entry(std::uint64_t index, const std::string& why) {
  return make_error(Errc::kIntegrity, "log entry " + std::to_string(index) + ": " + why,
                    "the database was changed from outside; restore a backup and keep this copy as evidence");
}

// What could not be read: of a newer program, or altered. The latest start says what wrote it.
Error unread(const ledger::State& state, const Error& why) {
  const bool said = state.phase() != ledger::Phase::kNew && !state.start().version.empty();
  if (is_newer(why)) {
    Error out = why;
    out.message = "log entry " + std::to_string(state.size()) + ": " + why.message +
                  (said ? "; before it facekeep " + state.start().version + " was started" : "");
    out.hint += "; if no newer one ever ran here, the database was changed from outside: keep this copy as evidence";
    return out;
  }
  Error out = at_entry(state.size(), why.message);
  const bool unknown = is_problem(why, "unknown-field");
  if (unknown) out.hint = "a newer facekeep wrote it (then run that), or " + out.hint;
  return out;
}

using OpeningOf = std::function<Result<std::optional<Bytes>>()>;

Result<bool> fold_leaf(ledger::State& state, ByteView entry, const OpeningOf& opening_of) {
  const std::uint64_t index = state.size();
  auto leaf = ledger::decode_leaf(as_chars(entry));
  if (!leaf) return unread(state, leaf.error());
  if (const auto* event = std::get_if<ledger::Event>(&*leaf)) {
    if (auto ok = apply(state, *event); !ok) return at_entry(index, ok.error().message);
    return false;
  }
  const auto& hidden = std::get<ledger::PrivateLeaf>(*leaf);
  if (hidden.event_class == ledger::EventClass::kAccess) {
    if (auto ok = apply_access(state); !ok) return at_entry(index, ok.error().message);
    return true;
  }
  FK_TRY(const auto opening, opening_of());
  if (!opening) return at_entry(index, "its opening is missing");
  auto event = open_custody(hidden, *opening);
  if (!event) return unread(state, event.error());
  if (auto ok = apply(state, *event); !ok) return at_entry(index, ok.error().message);
  return false;
}

// What an access event was is not folded, but its sealed opening must be there, and of a site of this vault:
// openings outlive their key, so one that is missing was taken away from outside. Whether it opens is for an
// auditor, since its key is out of reach while the vault is sealed.
Status check_access_openings(const store::Store& store, const ledger::State& state, const std::vector<bool>& is_access,
                             const std::optional<ledger::BehindBackup>& unlogged) {
  const auto excused = [&](std::uint64_t i) { return is_behind_backup(state, i) || (unlogged && unlogged->has(i)); };
  const auto next_from = [&](std::uint64_t i) {
    while (i < is_access.size() && !is_access[i]) ++i;
    return i;
  };
  std::uint64_t next = next_from(0);
  Status failed;
  FK_CHECK(store.scan(store::keys::prefix(store::keys::Kind::kOpening), {}, [&](ByteView key, ByteView opening) {
    const auto index = store::keys::parse_opening(key);
    while (index && next < *index && excused(next)) next = next_from(next + 1);
    if (!index || *index < next) return true;  // a custody event's: folded above
    if (*index != next) return false;          // that of `next` is missing
    const auto header = parse_access_opening(opening);
    if (!header || state.site(header->site) == nullptr) {
      failed = at_entry(next, "its opening is not one of an access event");
      return false;
    }
    next = next_from(next + 1);
    return true;
  }));
  FK_CHECK(std::move(failed));
  while (next < is_access.size() && excused(next)) next = next_from(next + 1);
  if (next < is_access.size()) return at_entry(next, "its opening is missing");
  return {};
}

Status check_tiles(const store::Store& store, const std::vector<FullTile>& completed) {
  for (const auto& tile : completed) {
    FK_TRY(const auto stored, store.get(store::keys::tile(static_cast<std::uint8_t>(tile.level), tile.index)));
    if (!stored || *stored != tile.hashes) {
      return make_error(Errc::kIntegrity, "stored tile " + format_path(TileId{tile.level, tile.index, kTileWidth}) +
                                              (stored ? " does not follow from the entries" : " is missing"));
    }
  }
  return {};
}

// A stored checkpoint, `what` in errors; nothing if there is none. It must be one of this very log.
Status read_checkpoint(const store::Store& store, const Bytes& name, const std::string& what, const Recovered& r,
                       std::string& note, std::optional<Checkpoint>& out) {
  FK_TRY(const auto stored, store.get(name));
  if (!stored) return {};
  note = std::string(as_chars(*stored));
  FK_TRY(Checkpoint cp, open_own_checkpoint(r.state, note));
  if (cp.size > r.tree.size()) {
    return make_error(Errc::kIntegrity, "the log has " + std::to_string(r.tree.size()) +
                                            " entries, but a checkpoint over " + std::to_string(cp.size) + " was " +
                                            what + ": the log was cut or rolled back");
  }
  FK_TRY(const Digest root, root_at(cp.size, r.tree.hash_source(tile_reader(store))));
  if (root != cp.root) {
    return make_error(Errc::kIntegrity, "the " + what + " checkpoint at " + std::to_string(cp.size) +
                                            " entries is not of this log: entries were changed");
  }
  out = std::move(cp);
  return {};
}

}  // namespace

TileReader tile_reader(const store::Store& store) {
  return [&store](const TileId& id) -> Result<Bytes> {
    FK_TRY(auto bytes, store.get(store::keys::tile(static_cast<std::uint8_t>(id.level), id.index)));
    if (!bytes) return make_error(Errc::kNotFound, "no tile " + format_path(id));
    return std::move(*bytes);
  };
}

Result<ledger::Event> open_custody(const ledger::PrivateLeaf& leaf, ByteView opening) {
  if (opening.size() < 34 || opening[0] != kOpeningClear) {
    return make_error(Errc::kIntegrity, "its opening is not one of a custody event");
  }
  ledger::Salt salt{};
  std::copy(opening.begin() + 1, opening.begin() + 33, salt.begin());
  const std::string_view text = as_chars(opening.subspan(33));
  if (ledger::commit(salt, text) != leaf.commitment) {
    return make_error(Errc::kIntegrity, "its opening does not fit its commitment");
  }
  FK_TRY(ledger::Event event, ledger::decode_event(text));
  if (class_of(event.body) != ledger::EventClass::kCustody) {
    return make_error(Errc::kIntegrity, "its opening is of another class than its leaf");
  }
  return event;
}

Result<bool> fold_entry(ledger::State& state, ByteView entry, const std::optional<Bytes>& opening) {
  return fold_leaf(state, entry, [&] { return Result<std::optional<Bytes>>(opening); });
}

bool is_behind_backup(const ledger::State& state, std::uint64_t entry) {
  const auto& all = state.restores();
  return std::any_of(all.begin(), all.end(), [&](const ledger::BehindBackup& r) { return r.has(entry); });
}

Result<Recovered> recover(const store::Store& store, const Progress& progress,
                          const std::optional<ledger::BehindBackup>& unlogged) {
  FK_TRY(const std::uint64_t head, store.head());
  Recovered r;
  Status failed;
  std::vector<FullTile> completed;
  std::vector<bool> is_access(head);
  FK_CHECK(store.scan(store::keys::prefix(store::keys::Kind::kEntry), {}, [&](ByteView key, ByteView entry) {
    const std::uint64_t index = r.tree.size();
    auto found = store::keys::parse_entry(key);
    if (!found || *found != index || index >= head) {
      failed = at_entry(index, index >= head ? "is behind the end of the log" : "is missing");
      return false;
    }
    const auto access = fold_leaf(r.state, entry, [&] { return store.get(store::keys::opening(index)); });
    if (!access) failed = access.error();
    if (!failed) return false;
    is_access[index] = *access;
    completed.clear();
    r.tree.append(leaf_hash(entry), completed);
    failed = check_tiles(store, completed);
    if (progress && index % 65536 == 65535) progress(index + 1, head);
    return failed.has_value();
  }));
  FK_CHECK(std::move(failed));
  if (r.tree.size() != head)
    return at_entry(r.tree.size(), "is missing; the log has " + std::to_string(head) + " entries");
  if (head > 0) {
    FK_CHECK(check_access_openings(store, r.state, is_access, unlogged));
    FK_CHECK(read_checkpoint(store, store::keys::checkpoint_latest(), "published", r, r.checkpoint_note, r.checkpoint));
    FK_CHECK(read_checkpoint(store, store::keys::checkpoint_cosigned(), "cosigned", r, r.cosigned_note, r.cosigned));
    FK_TRY(r.handovers, check_stored_handovers(store, r.state, [&](std::uint64_t size) {
             return root_at(size, r.tree.hash_source(tile_reader(store)));
           }));
  }
  return r;
}

Status check_anchor(const Anchor& anchor, const TileTree& tree, const TileReader& stored) {
  if (anchor.size > tree.size()) {
    return make_error(Errc::kIntegrity,
                      "the log has " + std::to_string(tree.size()) + " entries, but the token has seen " +
                          std::to_string(anchor.size) + ": the database was rolled back",
                      "put the newest database back; a restore that accepts a loss takes a quorum");
  }
  FK_TRY(const Digest root, root_at(anchor.size, tree.hash_source(stored)));
  if (root != anchor.root) {
    return make_error(Errc::kIntegrity, "the first " + std::to_string(anchor.size) +
                                            " entries are not those that the token has seen: the log was rewritten");
  }
  return {};
}

}  // namespace facekeep::log
