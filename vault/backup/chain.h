// Backups read back and held against the log in them: the first is whole, each other one builds on the one before.
//
// Needs no secret. Entries are folded by the recovery's own fold and hashed to the root that the header names; sealed
// records and templates are compared with the digests that the log has of them. What stands behind the last backup can
// be added from a mirror. One thread; memory grows with the state, not with the file.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "vault/backup/format.h"
#include "vault/ledger/state.h"
#include "vault/log/checkpoint.h"
#include "vault/log/tiles.h"

namespace facekeep::backup {

// One file of the chain, as far as it was read.
struct FileReport {
  Header header;
  Digest digest{};
  std::uint64_t bytes = 0;
  std::uint64_t records = 0;
  std::uint64_t templates = 0;
  std::uint64_t slots = 0;
  std::uint64_t slots_missing = 0;        // of people who were erased while it was taken
  std::optional<std::uint64_t> manifest;  // the entry `backup-made` that has its digest
};

// What a log entry says of a backup. Nothing: it is another entry.
std::optional<ledger::BackupMade> backup_made_of(ByteView entry);

// True if that event is this file's manifest.
bool is_manifest_of(const ledger::BackupMade& made, const FileReport& file);

class Chain {
 public:
  // A backup as the log has it, whoever has its file.
  struct Made {
    std::uint64_t entry = 0;  // its manifest
    std::uint64_t size = 0;   // entries in it
  };
  struct Entry {
    std::uint64_t index = 0;
    ByteView bytes;
    const std::optional<Bytes>& opening;
    const std::vector<log::FullTile>& completed;  // by this entry
  };
  using OnEntry = std::function<Status(const Entry&)>;
  using OnRow = std::function<Status(const Row&)>;
  // `on_entry` is told each entry that was folded, `on_row` every other row as it stands in the file.
  explicit Chain(OnEntry on_entry = {}, OnRow on_row = {})
      : on_entry_(std::move(on_entry)), on_row_(std::move(on_row)) {}

  // Reads a whole file. kMalformed (cut or altered, another order than FORMAT.md's), kFailedPrecondition (does not
  // build on the file before it), kIntegrity (what it holds is not one log, or not the one of its header).
  Status add(Reader reader);

  // The next entry of the log, behind the last file. Access events have no opening there.
  Status extend(ByteView entry, const std::optional<Bytes>& opening);

  // The same for a reader of the public log: hashed and looked at for manifests, not folded. Nothing is extended
  // behind.
  void attest(ByteView entry);

  // When nothing follows: access openings that are missing in the files are excused by the log.
  Status finish() const;

  [[nodiscard]] const ledger::State& state() const { return state_; }
  [[nodiscard]] const log::TileTree& tree() const { return tree_; }
  // Of the last file.
  [[nodiscard]] const std::optional<log::Checkpoint>& checkpoint() const { return checkpoint_; }
  [[nodiscard]] const std::vector<FileReport>& files() const { return files_; }
  // The newest that the log names, as far as it was read.
  [[nodiscard]] const std::optional<Made>& newest() const { return newest_; }
  // Rows that do not fit the log, each a sentence (100 at most), and how many there are.
  [[nodiscard]] const std::vector<std::string>& faults() const { return faults_; }
  [[nodiscard]] std::uint64_t fault_count() const { return fault_count_; }

 private:
  Status begin(const Header& header);
  Status row(const Row& row);
  Status entry_row(const Row& row);
  Status opening_row(const Row& row);
  Status meta_row(const Row& row);
  Status checkpoint_row(const Row& row);
  Status site_key_row(const Row& row);
  Status record_row(const Row& row);
  Status template_row(const Row& row);
  Status index_row(const Row& row);
  Status slot(const Slot& slot);
  Status in_order(const Row& row);
  Status fold_pending();
  Status fold(ByteView entry, const std::optional<Bytes>& opening);
  Status entries_done();
  Status check_checkpoint();
  Status end(const Reader& reader);
  void note_manifest(std::uint64_t index, ByteView entry);
  void fault(std::string what);
  [[nodiscard]] bool is_new(std::uint64_t entry) const;

  OnEntry on_entry_;
  OnRow on_row_;
  ledger::State state_;
  log::TileTree tree_;
  std::vector<log::FullTile> completed_;
  std::vector<std::uint64_t> unopened_;  // access entries without an opening
  std::optional<log::Checkpoint> checkpoint_;
  std::vector<FileReport> files_;
  std::optional<Made> newest_;
  std::vector<std::string> faults_;
  std::uint64_t fault_count_ = 0;
  // Of the file being read.
  std::size_t rank_ = 0;
  Bytes last_key_;
  std::optional<Bytes> pending_;  // an entry whose opening may follow
  std::string checkpoint_note_;
  std::optional<Digest> root_at_checkpoint_;
  bool entries_done_ = false;
  std::set<std::uint32_t> owned_;  // slots whose owner this file has, and that it has not shown yet
  std::set<std::string> site_keys_;
};

}  // namespace facekeep::backup
