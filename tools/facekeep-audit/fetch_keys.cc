#include "tools/facekeep-audit/fetch_keys.h"

#include "tools/common/files.h"
#include "tools/common/say.h"
#include "vault/audit/key_check.h"
#include "vault/audit/public_fold.h"
#include "vault/base/json.h"
#include "vault/base/problem.h"

namespace facekeep::tools {
namespace {

// What is served, of the tree that the served checkpoint states. Its hashes and entries are checked by who asks.
class Served {
 public:
  Served(std::uint64_t size, const Mirror& mirror, const Get& get) : size_(size), mirror_(mirror), get_(get) {}

  Result<log::HandoverSource::Last> last(const log::Checkpoint& tree) const {
    if (tree.size > size_) return beyond();
    const std::uint64_t at = tree.size - 1;
    log::HandoverSource::Last out;
    FK_TRY(out.proof, log::inclusion_proof(at, tree.size, hashes()));
    FK_TRY(auto entries, bundle(at / log::kTileWidth, get_));
    out.entry = std::move(entries[at % log::kTileWidth]);
    return out;
  }

  // From the mirror as far as it goes; what somebody altered there shows in the root, and is then asked for anew.
  Result<ledger::State> fold(const log::Checkpoint& tree) const {
    if (tree.size > size_) return beyond();
    auto quick = fold_with(tree, true);
    return quick ? std::move(quick) : fold_with(tree, false);
  }

  Status goes_on(const log::Checkpoint& seen, const log::Checkpoint& tree) const {
    if (seen.size > tree.size || tree.size > size_) return beyond();
    FK_TRY(const auto proof, log::consistency_proof(seen.size, tree.size, hashes()));
    if (log::verify_consistency(seen.size, seen.root, tree.size, tree.root, proof)) return {};
    return make_error(Errc::kIntegrity, "a handover is of another history than the log that is served");
  }

 private:
  log::HashSource hashes() const {
    return log::tile_hash_source(size_, [this](const log::TileId& id) { return get_("/" + format_path(id)); });
  }
  static Error beyond() { return make_error(Errc::kIntegrity, "a handover lies beyond the log that is served"); }

  Result<std::vector<Bytes>> bundle(std::uint64_t index, const Get& get) const {
    const log::BundleId id{index, log::tile_width_at(size_, 0, index)};
    FK_TRY(const Bytes bytes, get("/" + format_path(id)));
    return log::decode_bundle(bytes, id.width);
  }

  Result<ledger::State> fold_with(const log::Checkpoint& tree, bool mirrored) const {
    const Get get = [this, mirrored](const std::string& target) -> Result<Bytes> {
      const std::string path = target.substr(1);
      if (mirrored && mirror_.has(path)) return mirror_.read(path);
      return get_(target);
    };
    audit::PublicFold fold;
    for (std::uint64_t b = 0; fold.tree().size() < tree.size; ++b) {
      FK_TRY(const auto entries, bundle(b, get));
      for (std::size_t i = 0; i < entries.size() && fold.tree().size() < tree.size; ++i) {
        FK_CHECK(fold.entry(entries[i]));
      }
    }
    if (fold.tree().root() == tree.root) return std::move(fold).take();
    return make_error(Errc::kIntegrity, "the entries before the handover are not those of its tree");
  }

  std::uint64_t size_;
  const Mirror& mirror_;
  const Get& get_;
};

}  // namespace

bool is_unknown_log_key(const Error& e) {
  return is_problem(e, "unknown-log-key");
}

bool is_lost_tree(const Error& e) {
  return is_problem(e, "lost-tree");
}

Error say_log_key(const Error& e) {
  if (is_problem(e, "old-log-key")) {
    return say_error(Errc::kIntegrity, "old-log-key", Msg::kLogKeyOld, Msg::kAuditAlarmsHint, {e.message});
  }
  return e;
}

Status check_anchor(const log::LogKeys& keys, const Mirror& mirror, std::vector<std::string> notes,
                    const audit::RootAt& root_at) {
  FK_TRY(const auto seen, mirror.seen());
  for (const auto& s : seen) notes.push_back(s.note);
  if (audit::is_anchored(keys, keys.first(), notes, root_at)) return {};
  return say_error(Errc::kIntegrity, "no-anchor", Msg::kAuditNoAnchor, Msg::kAuditNoAnchorHint);
}

Status keep_given_checkpoint(const Mirror& mirror, const log::VerifierKey& key, const std::string& path) {
  if (path.empty()) return {};
  FK_TRY(std::string note, load_text(path));
  const auto notice = parse_json(note);
  if (notice && notice->is_object())
    note = notice->value("checkpoint", Json()).is_string() ? (*notice)["checkpoint"].get<std::string>() : "";
  const auto given = log::open_checkpoint(note, key, log::Extensions::kTolerate);
  if (given && given->size > 0) return mirror.keep_checkpoint(*given, note);
  return say_error(Errc::kInvalidArgument, "no-checkpoint", Msg::kAuditNoCheckpoint, Msg::kAuditNoAnchorHint, {path});
}

Result<log::LogKeys> keys_of(const Mirror& mirror) {
  FK_TRY(log::LogKeys keys, mirror.keys());
  FK_TRY(const auto note, mirror.checkpoint());
  const auto opened = note ? log::open_checkpoint(*note, keys, log::Extensions::kTolerate)
                           : Result<log::Checkpoint>(make_error(Errc::kNotFound, "no checkpoint"));
  if (opened || !is_unknown_log_key(opened.error())) return keys;
  const auto followed = follow_served_keys(keys, *note, mirror, [&mirror](const std::string& target) {
    return mirror.read(target.substr(target.starts_with("/log/") ? 5 : 1));
  });
  return followed ? followed->keys : keys;
}

Result<log::FollowedKeys> follow_served_keys(const log::LogKeys& keys, const std::string& served, const Mirror& mirror,
                                             const Get& get) {
  FK_TRY(const log::Note note, log::parse_note(served));
  FK_TRY(const log::Checkpoint stated, log::parse_checkpoint_text(note.text, log::Extensions::kTolerate));
  const Served log(stated.size, mirror, get);
  log::HandoverSource source;
  source.note = [&get](std::uint64_t n) -> Result<std::string> {
    FK_TRY(const Bytes bytes, get("/log/handover/" + std::to_string(n)));
    return std::string(as_chars(bytes));
  };
  source.last = [&log](const log::Checkpoint& tree) { return log.last(tree); };
  source.fold = [&log](const log::Checkpoint& tree) { return log.fold(tree); };
  source.goes_on = [&log](const log::Checkpoint& seen, const log::Checkpoint& tree) { return log.goes_on(seen, tree); };
  return log::follow_handovers(keys, source);
}

}  // namespace facekeep::tools
