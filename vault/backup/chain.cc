#include "vault/backup/chain.h"

#include <algorithm>

#include "vault/base/digest.h"
#include "vault/log/merkle.h"
#include "vault/log/sequencer/access_opening.h"
#include "vault/log/sequencer/handover.h"
#include "vault/log/sequencer/recovery.h"
#include "vault/seal/site_key.h"
#include "vault/store/keys.h"

namespace facekeep::backup {
namespace {

using store::keys::Kind;
namespace keys = store::keys;

constexpr std::size_t kMaxFaults = 100;
constexpr std::string_view kManifestType = "\"type\":\"backup-made\"";

// The order of a file's rows. Entries and their openings take turns.
constexpr std::array kOrder = {Kind::kMeta,  Kind::kCheckpoint, Kind::kEntry,  Kind::kOpening,  Kind::kSiteKey,
                               Kind::kNames, Kind::kDeleted,    Kind::kRecord, Kind::kTemplate, Kind::kSubjectIndex};

std::size_t rank_of(Kind kind) {
  const auto at = std::find(kOrder.begin(), kOrder.end(), kind == Kind::kOpening ? Kind::kEntry : kind);
  return static_cast<std::size_t>(at - kOrder.begin());
}

Error malformed(const std::string& what) {
  return make_error(Errc::kMalformed, "the backup is not one that facekeep wrote: " + what);
}

Error other_log(const std::string& what) {
  return make_error(Errc::kIntegrity, "the backup is not of one log: " + what,
                    "it was altered by somebody, or by a disk; take another copy");
}

std::string at_entry(std::uint64_t entry) {
  return " of log entry " + std::to_string(entry);
}

}  // namespace

std::optional<ledger::BackupMade> backup_made_of(ByteView entry) {
  if (as_chars(entry).find(kManifestType) == std::string_view::npos) return std::nullopt;
  const auto leaf = ledger::decode_leaf(as_chars(entry));
  const auto* event = leaf ? std::get_if<ledger::Event>(&*leaf) : nullptr;
  const auto* made = event == nullptr ? nullptr : std::get_if<ledger::BackupMade>(&event->body);
  return made == nullptr ? std::nullopt : std::optional(*made);
}

bool is_manifest_of(const ledger::BackupMade& made, const FileReport& file) {
  const Header& h = file.header;
  return made.digest == file.digest && made.size == h.size && made.root == h.root && made.since == h.from();
}

bool Chain::is_new(std::uint64_t entry) const {
  return files_.back().header.from() <= entry;
}

void Chain::fault(std::string what) {
  if (fault_count_++ < kMaxFaults) faults_.push_back(std::move(what));
}

Status Chain::add(Reader reader) {
  FK_CHECK(begin(reader.header()));
  for (;;) {
    FK_TRY(const auto record, reader.next());
    if (!record) return end(reader);
    if (const auto* r = std::get_if<Row>(&*record)) {
      FK_CHECK(row(*r));
    } else {
      FK_CHECK(slot(std::get<Slot>(*record)));
    }
  }
}

Status Chain::begin(const Header& h) {
  const auto refuse = [](const std::string& why) {
    return make_error(Errc::kFailedPrecondition, why,
                      "give the whole backup first, then each one that builds on the one before");
  };
  if (files_.empty() != !h.since) {
    return refuse(h.since ? "this backup builds on one of " + std::to_string(h.since->size) + " entries, SHA-256 " +
                                to_hex(h.since->digest)
                          : "this backup is whole: nothing comes before it");
  }
  if (h.since && (h.since->size != files_.back().header.size || h.since->digest != files_.back().digest)) {
    return refuse("this backup does not build on the one before it, but on one of " + std::to_string(h.since->size) +
                  " entries, SHA-256 " + to_hex(h.since->digest));
  }
  if (h.since && h.vault != files_.back().header.vault) return refuse("this backup is of another vault");
  if (h.since && h.root_epoch != files_.back().header.root_epoch) {
    return refuse("this backup builds on one from before the last rotation, whose keys nobody can open any more");
  }
  files_.push_back({h, {}, 0, 0, 0, 0, 0, std::nullopt});
  rank_ = 0;
  last_key_.clear();
  checkpoint_note_.clear();
  root_at_checkpoint_.reset();
  entries_done_ = false;
  owned_.clear();
  site_keys_.clear();
  return {};
}

Status Chain::in_order(const Row& row) {
  const auto kind = static_cast<Kind>(row.key.front());
  const std::size_t rank = rank_of(kind);
  if (rank == kOrder.size() || kind == Kind::kTile) return malformed("it has a row of a kind that no backup has");
  const bool entries = kind == Kind::kEntry || kind == Kind::kOpening;  // counted: entry_row, opening_row
  const auto& last = last_key_;
  const bool rises = rank > rank_ || last.empty() ||
                     std::lexicographical_compare(last.begin(), last.end(), row.key.begin(), row.key.end());
  if (rank < rank_ || (!entries && !rises)) return malformed("its rows are not in order");
  rank_ = rank;
  last_key_ = to_bytes(row.key);
  return {};
}

Status Chain::row(const Row& row) {
  FK_CHECK(in_order(row));
  const auto kind = static_cast<Kind>(row.key.front());
  if (kind == Kind::kEntry) return entry_row(row);
  if (kind == Kind::kOpening) return opening_row(row);
  if (rank_ > rank_of(Kind::kEntry)) FK_CHECK(entries_done());
  switch (kind) {
    case Kind::kMeta: FK_CHECK(meta_row(row)); break;
    case Kind::kCheckpoint: FK_CHECK(checkpoint_row(row)); break;
    case Kind::kSiteKey: FK_CHECK(site_key_row(row)); break;
    case Kind::kNames: FK_CHECK(keys::parse_names(row.key)); break;
    case Kind::kDeleted: FK_CHECK(keys::parse_deleted(row.key)); break;
    case Kind::kRecord: FK_CHECK(record_row(row)); break;
    case Kind::kTemplate: FK_CHECK(template_row(row)); break;
    default: FK_CHECK(index_row(row));
  }
  return on_row_ ? on_row_(row) : Status();
}

Status Chain::meta_row(const Row& row) {
  const Bytes key = to_bytes(row.key);
  if (key == keys::meta_spare()) return {};
  if (key != keys::meta_vault()) return malformed("it has a row of the store's own");
  const Id128& vault = files_.back().header.vault;
  return std::equal(row.value.begin(), row.value.end(), vault.begin(), vault.end())
             ? Status()
             : Status(other_log("its vault id is not that of its header"));
}

Status Chain::checkpoint_row(const Row& row) {
  if (to_bytes(row.key) != keys::checkpoint_latest()) return malformed("it has a checkpoint that no backup has");
  checkpoint_note_ = std::string(as_chars(row.value));
  FK_TRY(const log::Note note, log::parse_note(checkpoint_note_));
  FK_TRY(checkpoint_, log::parse_checkpoint_text(note.text));
  return {};
}

Status Chain::entry_row(const Row& row) {
  FK_TRY(const std::uint64_t index, keys::parse_entry(row.key));
  FK_CHECK(fold_pending());
  if (index != tree_.size() || index >= files_.back().header.size) {
    return other_log("entry " + std::to_string(tree_.size()) + " is missing");
  }
  pending_ = to_bytes(row.value);
  return {};
}

Status Chain::opening_row(const Row& row) {
  FK_TRY(const std::uint64_t index, keys::parse_opening(row.key));
  if (!pending_ || index != tree_.size()) return other_log("an opening stands without its entry");
  const Bytes entry = std::move(*pending_);
  pending_.reset();
  return fold(entry, to_bytes(row.value));
}

Status Chain::fold_pending() {
  if (!pending_) return {};
  const Bytes entry = std::move(*pending_);
  pending_.reset();
  return fold(entry, std::nullopt);
}

Status Chain::fold(ByteView entry, const std::optional<Bytes>& opening) {
  const std::uint64_t index = tree_.size();
  if (checkpoint_ && !checkpoint_note_.empty() && checkpoint_->size == index) root_at_checkpoint_ = tree_.root();
  FK_TRY(const bool access, log::fold_entry(state_, entry, opening));
  if (access && !opening) unopened_.push_back(index);
  if (access && opening) {
    const auto header = log::parse_access_opening(*opening);
    if (!header || state_.site(header->site) == nullptr) {
      return other_log("the opening" + at_entry(index) + " is not one of an access event");
    }
  }
  note_manifest(index, entry);
  completed_.clear();
  tree_.append(log::leaf_hash(entry), completed_);
  return on_entry_ ? on_entry_({index, entry, opening, completed_}) : Status();
}

void Chain::note_manifest(std::uint64_t index, ByteView entry) {
  const auto made = backup_made_of(entry);
  if (!made) return;
  if (!newest_ || newest_->size < made->size) newest_ = Made{index, made->size};
  for (FileReport& f : files_) {
    if (is_manifest_of(*made, f) && !f.manifest) f.manifest = index;
  }
}

Status Chain::entries_done() {
  if (entries_done_) return {};
  entries_done_ = true;
  FK_CHECK(fold_pending());
  const Header& h = files_.back().header;
  if (tree_.size() != h.size) return other_log("entry " + std::to_string(tree_.size()) + " is missing");
  if (tree_.root() != h.root) return other_log("its entries do not add up to the root of its header");
  if (state_.phase() == ledger::Phase::kNew || state_.genesis().vault != h.vault) {
    return other_log("its log is of another vault than its header");
  }
  if (state_.root_epoch() != h.root_epoch) return other_log("its header names another root key than its log");
  FK_CHECK(check_checkpoint());
  for (const auto& [ref, s] : state_.subjects()) {
    if (is_new(s.entry)) owned_.insert(s.slot);
  }
  for (const auto& [id, key] : state_.period_keys()) {
    if (is_new(key.entry)) owned_.insert(key.slot);
  }
  return {};
}

Status Chain::check_checkpoint() {
  if (checkpoint_note_.empty()) return other_log("it has no checkpoint");
  FK_TRY(checkpoint_, log::open_own_checkpoint(state_, checkpoint_note_));
  if (checkpoint_->size == tree_.size()) root_at_checkpoint_ = tree_.root();
  if (!root_at_checkpoint_ || *root_at_checkpoint_ != checkpoint_->root) {
    return other_log("its checkpoint at " + std::to_string(checkpoint_->size) + " entries is not of its entries");
  }
  return {};
}

Status Chain::site_key_row(const Row& row) {
  FK_TRY(const keys::SiteKey key, keys::parse_site_key(row.key));
  if (key.kind == keys::SiteKeyKind::kMain) site_keys_.insert(key.site + "/" + std::to_string(key.epoch));
  return {};
}

Status Chain::record_row(const Row& row) {
  FK_TRY(const Id128 ref, keys::parse_record(row.key));
  const auto* s = state_.subject(ref);
  if (s == nullptr || !is_new(s->entry)) {
    fault("it has the sealed record of somebody whom its log does not have");
  } else if (sha256(row.value) != s->record) {
    fault("the sealed record" + at_entry(s->entry) + " is not what the log says");
  } else {
    ++files_.back().records;
  }
  return {};
}

Status Chain::template_row(const Row& row) {
  FK_TRY(const keys::TemplateKey key, keys::parse_template(row.key));
  const auto* s = state_.subject(key.ref);
  const ledger::TemplateState* t = nullptr;
  if (s != nullptr) {
    const auto at =
        std::find_if(s->templates.begin(), s->templates.end(), [&](const auto& x) { return x.id == key.template_id; });
    if (at != s->templates.end() && is_new(at->entry)) t = &*at;
  }
  if (t == nullptr) {
    fault("it has a sealed template that its log does not have");
  } else if (sha256(row.value) != t->blob) {
    fault("the sealed template" + at_entry(t->entry) + " is not what the log says");
  } else {
    ++files_.back().templates;
  }
  return {};
}

// Whose tag it is needs the site's key; those of people who were erased may linger.
Status Chain::index_row(const Row& row) {
  FK_CHECK(keys::parse_subject_index(row.key));
  return row.value.size() == Id128{}.size() ? Status() : Status(malformed("it has an index row that names nobody"));
}

Status Chain::slot(const Slot& slot) {
  FK_CHECK(entries_done());
  rank_ = kOrder.size();
  if (owned_.erase(slot.slot) == 0) return other_log("it has a key slot that nothing in it owns, or one twice");
  ++files_.back().slots;
  return {};
}

Status Chain::end(const Reader& reader) {
  FK_CHECK(entries_done());
  FileReport& file = files_.back();
  file.digest = reader.digest();
  file.bytes = reader.bytes();
  file.slots_missing = owned_.size();
  std::uint64_t records = 0;
  std::uint64_t templates = 0;
  for (const auto& [ref, s] : state_.subjects()) {
    records += is_new(s.entry);
    for (const auto& t : s.templates) templates += is_new(t.entry);
  }
  // Who was erased while a backup was taken is missing in one that builds on another, with the key.
  const std::uint64_t erased = file.header.since ? file.slots_missing : 0;
  if (file.records + erased < records) {
    fault(std::to_string(records - file.records) + " sealed records are missing");
  }
  if (erased == 0 && file.templates < templates) {
    fault(std::to_string(templates - file.templates) + " sealed templates are missing");
  }
  if (!site_keys_.contains(std::string(seal::kVaultKeyName) + "/" + std::to_string(state_.root_epoch()))) {
    fault("the sealed key of the register of names is missing");
  }
  for (const auto& site : state_.current().sites) {
    if (!site_keys_.contains(site.id + "/" + std::to_string(site.epoch))) {
      fault("the sealed key of site " + site.id + " is missing");
    }
  }
  return {};
}

Status Chain::extend(ByteView entry, const std::optional<Bytes>& opening) {
  checkpoint_note_.clear();
  return fold(entry, opening);
}

void Chain::attest(ByteView entry) {
  note_manifest(tree_.size(), entry);
  tree_.append(log::leaf_hash(entry), completed_);
  completed_.clear();
}

Status Chain::finish() const {
  const std::uint64_t upto = files_.empty() ? 0 : files_.back().header.size;
  for (const std::uint64_t entry : unopened_) {
    if (entry < upto && !log::is_behind_backup(state_, entry)) {
      return other_log("the opening" + at_entry(entry) + " is missing");
    }
  }
  return {};
}

}  // namespace facekeep::backup
