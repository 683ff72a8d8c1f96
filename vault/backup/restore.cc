#include "vault/backup/restore.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <unordered_map>

#include "vault/backup/file.h"
#include "vault/backup/filler.h"
#include "vault/backup/mark.h"
#include "vault/backup/root_epoch.h"
#include "vault/backup/site_keys.h"
#include "vault/backup/witnesses.h"
#include "vault/base/digest.h"
#include "vault/known_people.h"
#include "vault/log/sequencer/handover.h"
#include "vault/log/sequencer/recovery.h"
#include "vault/seal/slot_generations.h"
#include "vault/site_rows.h"
#include "vault/store/ballast.h"
#include "vault/store/keys.h"
#include "vault/store/rocks_store.h"

namespace facekeep::backup {
namespace {

namespace fs = std::filesystem;
namespace keys = store::keys;
using keys::Kind;

constexpr std::size_t kSlotsAtOnce = 4096;
constexpr const char* kLossHint =
    "take the newest mirror that anyone has. To go on without these entries is a loss that a quorum accepts "
    "(--accept-loss): the log goes on under another name, and nobody matches until confirmed";

Error refused(std::string message, std::string hint = {}) {
  return make_error(Errc::kFailedPrecondition, std::move(message), std::move(hint));
}

class Restore {
 public:
  explicit Restore(const RestoreParts& parts)
      : parts_(parts), paths_(parts.files), mirror_(parts.mirror), dir_(parts.data_dir), work_(dir_ + "/restoring") {}

  Result<RestoreReport> run() {
    auto report = restored();
    if (!report && begun_ && !moving_) clean();
    return report;
  }

 private:
  Result<RestoreReport> restored() {
    FK_CHECK(begin());
    point("begun");
    FK_CHECK(read_backups());
    FK_CHECK(parts_.accept_loss ? chain_.finish() : read_mirror());
    FK_CHECK(check_manifests());
    FK_CHECK(fill_->flush());  // the tiles
    FK_CHECK(take_handovers());
    FK_CHECK(check_checkpoints());
    FK_CHECK(check_token());
    FK_CHECK(check_witnesses());
    FK_CHECK(drop_old_site_keys());
    FK_CHECK(check_site_keys(*store_, state()));
    if (parts_.token_lost) FK_CHECK(drop_rows_without_spare());
    if (!parts_.accept_loss) FK_CHECK(fill_->put(keys::checkpoint_latest(), as_bytes(mirror_.checkpoint)));
    FK_CHECK(write_people());
    FK_CHECK(fill_->flush());
    point("people-written");
    report();
    FK_CHECK(check_known());
    slots_.reset();
    fill_.reset();
    store_.reset();
    FK_CHECK(finish());
    return std::move(report_);
  }

  // What failed leaves nothing: the next attempt need not guess whose files these are.
  void clean() {
    slots_.reset();
    fill_.reset();
    store_.reset();
    std::error_code ec;
    if (remove_mark(dir_)) fs::remove_all(work_, ec);
  }

  // In this order: begun, people-written, mark-written, keys, db.
  void point(const char* name) const {
    if (parts_.at_point) parts_.at_point(name);
  }
  const ledger::State& state() const { return chain_.state(); }
  const Header& last() const { return chain_.files().back().header; }

  // Asked for before anything is written: an engine whose disk runs full under it can't even be closed.
  Status check_room(const store::RocksOptions& options) const {
    std::uint64_t needed = options.reserve + options.ballast + 2 * options.write_buffer;
    for (const std::string& path : paths_) {
      std::error_code ec;
      const auto size = fs::file_size(path, ec);
      if (!ec) needed += 2 * size;  // rows move once more when the engine sorts them
    }
    FK_TRY(const std::uint64_t free, store::free_bytes(dir_));
    if (free >= needed) return {};
    return make_error(Errc::kOutOfSpace,
                      "the disk of " + dir_ + " has " + std::to_string(free >> 20) + " MiB free; a restore takes " +
                          std::to_string((needed >> 20) + 1) + " MiB",
                      "make room, or restore to another disk");
  }

  Status begin() {
    std::error_code ec;
    fs::create_directories(dir_, ec);
    const bool interrupted = fs::exists(work_, ec);
    // Its keys/ are there: it was interrupted between the two moves of finish().
    const auto mark = read_mark(dir_);  // one that was cut stands for none
    const bool moved_keys = interrupted && mark && *mark && !fs::exists(work_ + "/keys", ec);
    if (fs::exists(dir_ + "/db", ec) || (!moved_keys && fs::exists(dir_ + "/keys", ec))) {
      return refused("there is a vault in " + dir_ + " already", "restore into a directory without one; keep this one");
    }
    if (interrupted) {
      if (moved_keys) fs::remove_all(dir_ + "/keys", ec);
      FK_CHECK(remove_mark(dir_));
      fs::remove_all(work_, ec);
    }
    store::RocksOptions options;
    options.dir = work_ + "/db";
    options.create_if_missing = true;
    FK_CHECK(check_room(options));
    if (::mkdir(work_.c_str(), 0700) != 0 || ::mkdir((work_ + "/keys").c_str(), 0700) != 0) {
      return make_error(Errc::kIo, "can't make " + work_);
    }
    begun_ = true;
    FK_TRY(store_, store::RocksStore::open(options));
    fill_.emplace(*store_);
    return {};
  }

  Status read_backups() {
    if (paths_.empty()) return refused("no backup is named");
    for (const std::string& path : paths_) {
      FK_TRY(Reader reader, open_backup(path));
      if (auto ok = chain_.add(std::move(reader)); !ok) {
        ok.error().message = path + ": " + ok.error().message;
        return ok;
      }
    }
    sealed_to_ = state().current().unseal_key;
    return {};
  }

  Status read_mirror() {
    // Its key may be one that the entries behind the backup name: then it is checked with that.
    const auto other_log = [](const Error& why) {
      return refused("the mirror is of another log than the backup: " + why.message);
    };
    const auto known = log::open_own_checkpoint(state(), mirror_.checkpoint);
    if (!known && mirror_.handovers.size() <= state().handovers().size()) return other_log(known.error());
    FK_TRY(const log::Note note, log::parse_note(mirror_.checkpoint));
    FK_TRY(const log::Checkpoint unverified, log::parse_checkpoint_text(note.text));
    const std::uint64_t size = last().size;
    const log::Checkpoint* head = &unverified;
    if (head->size <= size) {
      return refused("the mirror ends at entry " + std::to_string(head->size) + ", before the backup of " +
                         std::to_string(size) + " is in the log",
                     kLossHint);
    }
    for (std::uint64_t i = size; i < head->size; ++i) {
      FK_TRY(const MirrorEntry e, mirror_.entry(i));
      if (auto ok = chain_.extend(e.entry, e.opening); !ok) {
        if (!e.opening) ok.error().hint = "the mirror must have the custody openings; an auditor's has";
        return ok;
      }
    }
    if (const auto opened = log::open_own_checkpoint(state(), mirror_.checkpoint); !opened) {
      return other_log(opened.error());
    }
    if (chain_.tree().root() != head->root) {
      return make_error(Errc::kIntegrity,
                        "the backup's entries and the mirror's do not add up to the root that the vault signed at " +
                            std::to_string(head->size) + " entries: one of them is another log's, or was altered");
    }
    report_.entries = head->size - size;
    return chain_.finish();
  }

  Status check_manifests() const {
    // The entry that vouches for the last one stands behind it: with a loss it is not here.
    const std::size_t vouched = paths_.size() - (parts_.accept_loss ? 1 : 0);
    for (std::size_t i = 0; i < vouched; ++i) {
      if (chain_.files()[i].manifest) continue;
      return refused(paths_[i] + ": the log does not vouch for a backup with this SHA-256",
                     "it was altered, or never finished; take another copy");
    }
    return {};
  }

  // Nobody can sign them again: the keys before are gone.
  Status take_handovers() {
    const auto& all = state().handovers();
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (i >= mirror_.handovers.size()) {
        return refused("the mirror lacks the checkpoint of handover " + std::to_string(i + 1),
                       "fetch the mirror again: facekeep-audit fetch");
      }
      const std::uint64_t size = all[i].entry + 1;
      FK_TRY(const Digest root, log::root_at(size, chain_.tree().hash_source(log::tile_reader(*store_))));
      if (auto ok = log::check_handover(all, i, mirror_.handovers[i], root); !ok) return ok;
      FK_CHECK(fill_->put(keys::checkpoint_at(size), as_bytes(mirror_.handovers[i])));
    }
    return fill_->flush();
  }

  // The token's anchor lags behind what was published; a checkpoint that somebody kept may be newer.
  Status check_checkpoints() const {
    for (const std::string& note : parts_.checkpoints) {
      const auto kept = log::open_own_checkpoint(state(), note);
      if (!kept) return refused("a checkpoint is not one of this log: " + kept.error().message);
      if (kept->size > chain_.tree().size()) {
        if (parts_.accept_loss) continue;
        return make_error(Errc::kIntegrity,
                          "the mirror ends at " + std::to_string(chain_.tree().size()) +
                              " entries, but a checkpoint that somebody kept has " + std::to_string(kept->size),
                          kLossHint);
      }
      FK_TRY(const Digest root, log::root_at(kept->size, chain_.tree().hash_source(log::tile_reader(*store_))));
      if (root == kept->root) continue;
      return make_error(Errc::kIntegrity,
                        "a checkpoint that somebody kept, of " + std::to_string(kept->size) +
                            " entries, is of another history than the mirror's",
                        "the vault has signed two: keep both, they are the proof, and find out who did it");
    }
    return {};
  }

  Status check_token() {
    for (const FileReport& f : chain_.files()) {
      FK_CHECK(check_root_epoch(f.header.root_epoch, state().root_epoch(), state().rotation()));
    }
    FK_CHECK(parts_.token_lost ? check_spare() : ask_token());
    return check_cards();
  }

  Status check_spare() const {
    if (state().current().spare_key) return {};
    return refused("this vault has no spare token", "without its main token nothing opens it any more");
  }
  Status drop(std::vector<Bytes> rows) {
    store::Batch batch;
    batch.deletes = std::move(rows);
    batch.head_before = batch.head_after = chain_.tree().size();
    return batch.deletes.empty() ? Status() : store_->commit(batch, store::Urgency::kOrdinary);
  }
  Status drop_rows_without_spare() {
    FK_TRY(auto rows, rows_without_spare(*store_, state()));
    return drop(std::move(rows));
  }

  Status ask_token() {
    const auto& rotation = state().rotation();
    FK_TRY(const TokenFacts token,
           parts_.token(state().current(), rotation ? std::optional(rotation->from) : std::nullopt));
    has_old_root_ = token.has_old_root;
    FK_TRY(const log::VerifierKey key, log::log_key_at(state(), chain_.tree().size()));
    const auto in_force = [&](const LogPublicKey& k) { return k.bytes == key.public_key; };
    if (std::none_of(token.log_keys.begin(), token.log_keys.end(), in_force)) {
      return refused("the token's log-signing key is not the one that the log names",
                     "restore beside the vault's own token");
    }
    if (!token.anchor)
      return refused("the token has no rollback anchor of this vault", "restore beside the vault's own token");
    const bool behind = token.anchor->size > chain_.tree().size();
    if (behind && !parts_.accept_loss) {
      return make_error(Errc::kIntegrity,
                        "backup and mirror end at " + std::to_string(chain_.tree().size()) +
                            " entries, but the token has seen " + std::to_string(token.anchor->size) +
                            ": what was erased or revoked in between is not known",
                        kLossHint);
    }
    if (!behind) FK_CHECK(log::check_anchor(*token.anchor, chain_.tree(), log::tile_reader(*store_)));
    if (!token.has_root && !state().lost_roots().contains(state().root_epoch())) {
      return refused("the token does not have root key " + std::to_string(state().root_epoch()) + " of the backup",
                     "it was rotated away: the erasure horizon has passed this backup, and nobody can open it");
    }
    return {};
  }

  // Cards can be replaced without new keys: what a backup has then stays sealed to those that were replaced.
  Status check_cards() {
    if (state().current().unseal_key == sealed_to_) return {};
    report_.old_cards = state().cards_before() != nullptr && has_old_root_;
    if (report_.old_cards) return {};
    return refused("new cards were made behind this backup, and its keys are sealed to cards that are retired",
                   "nobody can open it any more: take a backup from after these cards");
  }

  // A witness that has seen more would stop the vault at its first round, when a second history has begun.
  Status check_witnesses() const {
    const auto& named = state().current().witnesses;
    if (!named || parts_.accept_loss) return {};
    return witnesses_reached(*named, mirror_.checkpoint, parts_.witness, parts_.without_witness);
  }

  // A backup from while a rotation waited has the site keys of before too. Where their root is gone they open nothing,
  // and the rotation would wait for them. Those of a lost root open with the spare token.
  Status drop_old_site_keys() {
    const auto& rotation = state().rotation();
    const bool by_spare = parts_.token_lost || (rotation && state().lost_roots().contains(rotation->from));
    if (rotation && (has_old_root_ || by_spare)) return {};
    FK_TRY(auto rows, rows_of_before(*store_, state()));
    return drop(std::move(rows));
  }

  // The second reading: what belongs to those who are in the log where it ends.
  Status write_people() {
    FK_TRY(slots_, seal::SlotGenerations::create(work_ + "/keys", state().genesis().vault));
    const std::uint32_t epoch = state().root_epoch();
    if (!slots_->has(epoch)) {
      FK_CHECK(slots_->begin(epoch));
      FK_CHECK(slots_->retire(1));
    }
    for (const auto& [ref, s] : state().subjects()) owners_[s.slot] = s.entry;
    for (const auto& [id, key] : state().period_keys()) owners_[key.slot] = key.entry;
    for (std::size_t i = 0; i < paths_.size(); ++i) {
      file_ = &chain_.files()[i];
      FK_TRY(Reader reader, open_backup(paths_[i]));
      for (;;) {
        FK_TRY(const auto record, reader.next());
        if (!record) break;
        if (const auto* row = std::get_if<Row>(&*record)) {
          FK_CHECK(person_row(*row, i + 1 == paths_.size()));
        } else {
          FK_CHECK(slot(std::get<Slot>(*record)));
        }
      }
      if (reader.digest() != file_->digest) return refused(paths_[i] + " was changed while it was read");
    }
    return flush_slots();
  }

  [[nodiscard]] bool is_from_this_file(std::uint64_t entry) const {
    return file_->header.from() <= entry && entry < file_->header.size;
  }
  [[nodiscard]] const ledger::SubjectState* person(const Id128& ref) const {
    const auto* s = state().subject(ref);
    return s != nullptr && is_from_this_file(s->entry) ? s : nullptr;
  }

  Status person_row(const Row& row, bool newest) {
    const auto put = [&] { return fill_->put(to_bytes(row.key), row.value); };
    switch (static_cast<Kind>(row.key.front())) {
      case Kind::kNames: return newest ? put() : Status();
      case Kind::kDeleted: return deleted_row(row);
      case Kind::kRecord: {
        FK_TRY(const Id128 ref, keys::parse_record(row.key));
        const auto* s = person(ref);
        if (s == nullptr) ++report_.dropped;
        return s != nullptr && sha256(row.value) == s->record ? put() : Status();
      }
      case Kind::kTemplate: {
        FK_TRY(const keys::TemplateKey key, keys::parse_template(row.key));
        const auto* s = state().subject(key.ref);
        const bool wanted =
            s != nullptr && std::any_of(s->templates.begin(), s->templates.end(), [&](const auto& t) {
              return t.id == key.template_id && is_from_this_file(t.entry) && sha256(row.value) == t.blob;
            });
        return wanted ? put() : Status();
      }
      case Kind::kSubjectIndex: {
        Id128 ref{};
        std::copy_n(row.value.begin(), std::min(row.value.size(), ref.size()), ref.begin());
        return person(ref) != nullptr ? put() : Status();
      }
      default: return {};
    }
  }

  // Ids of those erased on a day whose key has ended open no more.
  Status deleted_row(const Row& row) {
    FK_TRY(const keys::DeletedKey key, keys::parse_deleted(row.key));
    const auto& all = state().period_keys();
    const bool readable = std::any_of(all.begin(), all.end(), [&](const auto& k) {
      return std::get<0>(k.first) == "changes" && std::get<2>(k.first) == key.day;
    });
    return readable ? fill_->put(to_bytes(row.key), row.value) : Status();
  }

  Status slot(const Slot& slot) {
    const auto owner = owners_.find(slot.slot);
    if (owner == owners_.end() || !is_from_this_file(owner->second)) return {};
    owners_.erase(owner);
    writes_.push_back({slot.slot, to_bytes(slot.data), state().root_epoch()});
    return writes_.size() < kSlotsAtOnce ? Status() : flush_slots();
  }
  Status flush_slots() {
    if (!writes_.empty()) FK_CHECK(slots_->write(writes_));
    writes_.clear();
    return {};
  }

  void report() {
    const std::uint64_t size = last().size;
    report_.size = size;
    report_.digest = to_hex(state().digest());
    if (chain_.newest() && chain_.newest()->size > size) report_.newer = chain_.newest();
    report_.faults = chain_.faults();
    for (const auto& [ref, s] : state().subjects()) {
      const std::uint64_t before = std::uint64_t(
          std::count_if(s.templates.begin(), s.templates.end(), [&](const auto& t) { return t.entry < size; }));
      if (s.entry >= size) {
        report_.lost.push_back(s.entry);
        continue;
      }
      ++report_.subjects;
      report_.templates += before;
      report_.lost_templates += s.templates.size() - before;
      if (owners_.contains(s.slot)) report_.without_key.push_back(s.entry);
    }
    std::sort(report_.lost.begin(), report_.lost.end());
    std::sort(report_.without_key.begin(), report_.without_key.end());
  }

  // What every unseal will ask behind a rotation. Whoever came behind the backup is taken out before it does.
  Status check_known() const {
    if (state().root_epoch() == 1) return {};
    std::vector<KnownPerson> known = longest_enrolled(state());
    std::erase_if(known, [&](const KnownPerson& p) { return p.state.entry >= last().size; });
    std::size_t lost = 0;
    for (const KnownPerson& p : known) {
      FK_TRY(const auto record, store_->get(keys::record(p.ref)));
      lost += !record || owners_.contains(p.state.slot) ? 1 : 0;
    }
    return check_lost(lost, known.size(), "the keys in these backups",
                      "no unseal would open the vault: take another copy of the backups");
  }

  // The database comes last: without it there is no vault in the directory.
  Status finish() {
    FK_CHECK(sync_directory(work_));
    FK_CHECK(write_mark(dir_, {last().size, chain_.tree().size()}));  // also tells begin() of an interrupted move
    point("mark-written");
    std::error_code ec;
    moving_ = true;
    for (const char* name : {"/keys", "/db"}) {
      fs::rename(work_ + name, dir_ + name, ec);
      if (ec) return make_error(Errc::kIo, "can't move a folder into " + dir_ + ": " + ec.message());
      FK_CHECK(sync_directory(dir_));
      point(name + 1);  // "keys", "db"
    }
    fs::remove(work_, ec);
    return parts_.accept_loss ? remove_mark(dir_) : Status();  // nothing is behind the backup
  }

  const RestoreParts& parts_;
  const std::vector<std::string>& paths_;
  const MirrorLog& mirror_;
  const std::string dir_;
  const std::string work_;
  RestoreReport report_;
  std::unique_ptr<store::RocksStore> store_;
  std::optional<Filler> fill_;
  std::unique_ptr<seal::SlotGenerations> slots_;
  Chain chain_{[this](const Chain::Entry& e) { return fill_->entry(e); },
               [this](const Row& row) {
                 const auto kind = static_cast<Kind>(row.key.front());
                 const bool now = kind == Kind::kMeta || kind == Kind::kSiteKey;
                 return now ? fill_->put(to_bytes(row.key), row.value) : Status();
               }};
  std::unordered_map<std::uint32_t, std::uint64_t> owners_;  // slot -> entry of its owner; of those not yet written
  std::vector<seal::SlotWrite> writes_;
  const FileReport* file_ = nullptr;
  bool has_old_root_ = false;
  Digest sealed_to_{};   // the cards' key where the backups end
  bool begun_ = false;   // work_ is ours
  bool moving_ = false;  // and its parts may lie in dir_
};

}  // namespace

Result<RestoreReport> restore(const RestoreParts& parts) {
  return Restore(parts).run();
}

}  // namespace facekeep::backup
