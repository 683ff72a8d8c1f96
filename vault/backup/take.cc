#include "vault/backup/take.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <variant>

#include "vault/backup/chain.h"
#include "vault/store/keys.h"

namespace facekeep::backup {
namespace {

namespace keys = store::keys;
using keys::Kind;
using ledger::State;

constexpr std::size_t kRowsAtOnce = 1024;   // judged under one lock of the state
constexpr std::size_t kSlotsAtOnce = 4096;  // owners read under one lock of the state
constexpr std::uint64_t kAskEvery = 256;    // rows

bool has_new_keys(ByteView entry) {
  if (as_chars(entry).find("\"type\":\"proposal-done\"") == std::string_view::npos) return false;
  const auto leaf = ledger::decode_leaf(as_chars(entry));
  const auto* event = leaf ? std::get_if<ledger::Event>(&*leaf) : nullptr;
  const auto* done = event == nullptr ? nullptr : std::get_if<ledger::ProposalDone>(&event->body);
  return done != nullptr && done->keys.has_value();
}

Error ceremony_running(const std::string& why) {
  return make_problem(Errc::kFailedPrecondition, "ceremony-running", why,
                      "take a whole backup as soon as everybody is rewrapped: earlier ones open no more");
}

class Taking {
 public:
  Taking(const Source& source, const store::Snapshot& at, const Header& header, Writer& out, const GoOn& go_on)
      : source_(source), at_(at), header_(header), out_(out), go_on_(go_on) {}

  Status run() {
    FK_CHECK(out_.begin(header_));
    FK_CHECK(row_if_there(keys::meta_spare()));
    FK_CHECK(row_if_there(keys::meta_vault()));
    FK_CHECK(row_if_there(keys::checkpoint_latest()));
    FK_CHECK(entries());
    FK_CHECK(all(Kind::kSiteKey));
    FK_CHECK(all(Kind::kNames));
    FK_CHECK(deleted_ids());
    FK_CHECK(records());
    FK_CHECK(templates());
    FK_CHECK(index());
    FK_CHECK(subject_slots());
    FK_CHECK(period_slots());
    return out_.finish();
  }

 private:
  bool is_new(std::uint64_t entry) const { return header_.from() <= entry && entry < header_.size; }

  Status ask() {
    if (rows_++ % kAskEvery != 0 || go_on_(entries_, out_.bytes())) return {};
    return make_error(Errc::kUnavailable, "the backup was ended before it was whole");
  }
  Status row(ByteView key, ByteView value) {
    FK_CHECK(ask());
    return out_.row(key, value);
  }
  Status row_if_there(const Bytes& key) {
    FK_TRY(const auto value, at_.get(key));
    return value ? row(key, *value) : Status();
  }

  // An Error of `each` ends the scan and is what comes of it.
  template <class Each>
  Status scan(Kind kind, const Bytes& from, const Each& each) {
    Status failed;
    FK_CHECK(at_.scan(keys::prefix(kind), from, [&](ByteView key, ByteView value) {
      failed = each(key, value);
      return failed.has_value();
    }));
    return failed;
  }
  Status all(Kind kind) {
    return scan(kind, {}, [&](ByteView key, ByteView value) { return row(key, value); });
  }

  Status entries() {
    std::uint64_t next = header_.from();
    FK_CHECK(scan(Kind::kEntry, keys::entry(next), [&](ByteView key, ByteView value) -> Status {
      FK_TRY(const std::uint64_t index, keys::parse_entry(key));
      if (index != next) return make_error(Errc::kIntegrity, "log entry " + std::to_string(next) + " is missing");
      ++next;
      ++entries_;
      FK_CHECK(note_base(value));
      FK_CHECK(row(key, value));
      return row_if_there(keys::opening(index));
    }));
    if (next != header_.size) return make_error(Errc::kIntegrity, "the log's last entries are missing");
    if (!header_.since || base_known_) return {};
    return make_problem(Errc::kInvalidArgument, "bad-backup",
                        "the log does not have the backup to build on: none of " + std::to_string(header_.since->size) +
                            " entries with that SHA-256",
                        "name a backup of this vault by its own digest, or take a whole one");
  }
  // Its manifest stands behind it, so among the entries that this one has. So do new keys, if any came since.
  Status note_base(ByteView entry) {
    if (!header_.since) return {};
    if (has_new_keys(entry)) {
      return make_problem(Errc::kInvalidArgument, "bad-backup",
                          "the vault has new keys since the backup to build on: nobody can open that one any more",
                          "take a whole backup");
    }
    if (base_known_) return {};
    const auto made = backup_made_of(entry);
    base_known_ = made && made->size == header_.since->size && made->digest == header_.since->digest;
    return {};
  }

  Status deleted_ids() {
    return scan(Kind::kDeleted, {}, [&](ByteView key, ByteView value) -> Status {
      FK_TRY(const keys::DeletedKey parsed, keys::parse_deleted(key));
      return is_new(parsed.entry) ? row(key, value) : Status();
    });
  }

  // Rows of people. A whole backup has all of them; one that builds on another those of entries behind it, as the state
  // says: who has been erased since the snapshot is not in it any more, and neither here.
  template <class Keep>
  Status of_people(Kind kind, const Keep& keep) {
    if (!header_.since) return all(kind);
    std::vector<std::pair<Bytes, Bytes>> rows;
    const auto flush = [&]() -> Status {
      const auto kept = source_.sequencer.read([&](const State& st) {
        std::vector<bool> out;
        for (const auto& [key, value] : rows) out.push_back(keep(st, key, value));
        return out;
      });
      for (std::size_t i = 0; i < rows.size(); ++i) {
        if (kept[i]) FK_CHECK(row(rows[i].first, rows[i].second));
      }
      rows.clear();
      return {};
    };
    FK_CHECK(scan(kind, {}, [&](ByteView key, ByteView value) -> Status {
      rows.emplace_back(to_bytes(key), to_bytes(value));
      return rows.size() < kRowsAtOnce ? ask() : flush();
    }));
    return flush();
  }

  Status records() {
    return of_people(Kind::kRecord, [&](const State& st, const Bytes& key, const Bytes&) {
      const auto ref = keys::parse_record(key);
      const auto* s = ref ? st.subject(*ref) : nullptr;
      return s != nullptr && is_new(s->entry);
    });
  }

  Status templates() {
    return of_people(Kind::kTemplate, [&](const State& st, const Bytes& key, const Bytes&) {
      const auto parsed = keys::parse_template(key);
      const auto* s = parsed ? st.subject(parsed->ref) : nullptr;
      return s != nullptr && std::any_of(s->templates.begin(), s->templates.end(),
                                         [&](const auto& t) { return t.id == parsed->template_id && is_new(t.entry); });
    });
  }

  Status index() {
    return of_people(Kind::kSubjectIndex, [&](const State& st, const Bytes&, const Bytes& value) {
      Id128 ref{};
      if (value.size() != ref.size()) return false;
      std::copy(value.begin(), value.end(), ref.begin());
      const auto* s = st.subject(ref);
      return s != nullptr && is_new(s->entry);
    });
  }

  struct Owned {
    std::uint32_t slot = 0;
    std::uint64_t entry = 0;
    std::variant<Id128, State::PeriodId> owner;
  };
  bool owner_is_there(const Owned& owned) const {
    return source_.sequencer.read([&](const State& st) {
      if (const auto* ref = std::get_if<Id128>(&owned.owner)) {
        const auto* s = st.subject(*ref);
        return s != nullptr && s->entry == owned.entry;
      }
      const auto key = st.period_keys().find(std::get<State::PeriodId>(owned.owner));
      return key != st.period_keys().end() && key->second.entry == owned.entry;
    });
  }
  // While the old keys are there, an empty slot may be that of somebody whose key could not be moved: it lies in the
  // older generation, and this backup would be one without it.
  Status check_not_left_behind(const Owned& owned) const {
    const auto before = source_.sequencer.read(
        [](const State& st) { return st.rotation() ? std::optional(st.rotation()->from) : std::nullopt; });
    if (!before) return {};
    const auto old = source_.slots.read(*before, owned.slot);
    const bool there = old || old.error().code != Errc::kNotFound;
    if (!there || !owner_is_there(owned)) return {};
    return ceremony_running("the key of log entry " + std::to_string(owned.entry) +
                            " could not be moved under the new keys");
  }
  // One that is empty was erased a moment ago, or lost its key before. One that is damaged fails the backup while the
  // log has its owner: else the copy that people rely on lacks somebody, and nobody knows.
  Status slot(const Owned& owned) {
    FK_CHECK(ask());
    auto data = source_.slots.read(header_.root_epoch, owned.slot);
    if (data) return out_.slot(owned.slot, *data);
    if (data.error().code == Errc::kNotFound) return check_not_left_behind(owned);
    if (data.error().code != Errc::kIntegrity) return std::move(data).error();
    if (!owner_is_there(owned)) return {};
    return make_error(Errc::kIntegrity,
                      "the wrapped key of log entry " + std::to_string(owned.entry) + ", in slot " +
                          std::to_string(owned.slot) + ", is damaged",
                      "an earlier backup may have it; `facekeepd check` on the stopped vault says more");
  }

  // Slots that were given to somebody new meanwhile have an owner behind this backup, and are left out. One that
  // changes hands between the look at the state and the read holds a key that opens nothing of its old owner's.
  Status subject_slots() {
    std::optional<Id128> last;
    for (bool more = true; more;) {
      const auto slots = source_.sequencer.read([&](const State& st) {
        std::vector<Owned> out;
        auto it = last ? st.subjects().upper_bound(*last) : st.subjects().begin();
        for (std::size_t n = 0; n < kSlotsAtOnce && it != st.subjects().end(); ++n, ++it) {
          if (is_new(it->second.entry)) out.push_back({it->second.slot, it->second.entry, it->first});
          last = it->first;
        }
        more = it != st.subjects().end();
        return out;
      });
      for (const Owned& s : slots) FK_CHECK(slot(s));
    }
    return {};
  }

  Status period_slots() {
    const auto slots = source_.sequencer.read([&](const State& st) {
      std::vector<Owned> out;
      for (const auto& [id, key] : st.period_keys()) {
        if (is_new(key.entry)) out.push_back({key.slot, key.entry, id});
      }
      return out;
    });
    for (const Owned& s : slots) FK_CHECK(slot(s));
    return {};
  }

  const Source& source_;
  const store::Snapshot& at_;
  const Header& header_;
  Writer& out_;
  const GoOn& go_on_;
  std::uint64_t rows_ = 0;
  std::uint64_t entries_ = 0;
  bool base_known_ = false;
};

// Everybody's key lies in the generation of the header. A rotation may wait for its cards, or for its old keys to be
// destroyed: nothing moves any more.
Status check_not_moving(const Source& source, const Header& header) {
  const bool still = source.sequencer.read([&](const State& st) {
    const bool moving = st.rotation() && st.rotation()->upto != ledger::kAllRefs;
    return !moving && st.root_epoch() == header.root_epoch;
  });
  return still ? Status() : Status(ceremony_running("subjects are being rewrapped under new keys"));
}

// Until that many entries are durable.
Status wait_for(const Source& source, std::uint64_t size) {
  while (source.sequencer.durable_size() < size) {
    if (const auto halt = source.sequencer.halted()) return halt->reason;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return {};
}

}  // namespace

Result<Header> write_backup(const Source& source, const std::optional<Since>& since, Writer& out, const GoOn& go_on) {
  Header header;
  source.sequencer.read([&](const State& st) {
    header.vault = st.genesis().vault;
    header.root_epoch = st.root_epoch();
  });
  FK_CHECK(check_not_moving(source, header));
  // The state runs ahead of the disk: what it says was moved is in the snapshot.
  FK_CHECK(wait_for(source, source.sequencer.read([](const State& st) { return st.size(); })));
  FK_TRY(const auto at, source.store.snapshot());
  FK_TRY(header.size, at->head());
  if (since && since->size >= header.size) {
    return make_problem(Errc::kInvalidArgument, "bad-backup",
                        "the log has " + std::to_string(header.size) + " entries, no more than the backup to build on",
                        "name a backup of this vault");
  }
  header.since = since;
  FK_CHECK(wait_for(source, header.size));  // the tree of a group follows its batch at once
  FK_TRY(header.root, source.sequencer.root_at(header.size));
  FK_CHECK(Taking(source, *at, header, out, go_on).run());
  FK_CHECK(check_not_moving(source, header));  // one that began meanwhile took slots away
  return header;
}

}  // namespace facekeep::backup
