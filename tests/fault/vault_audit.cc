#include "tests/fault/vault_audit.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>

#include "vault/log/sequencer/slot_owners.h"
#include "vault/seal/blob.h"
#include "vault/store/keys.h"

namespace facekeep::test {
namespace {

namespace keys = store::keys;
using Findings = std::vector<std::string>;

std::string name(const Id128& ref) {
  return "subject " + to_hex(ref);
}

void check_blob(const store::Store& store, const Bytes& key, const Digest& digest, const std::string& what,
                Findings& out) {
  const auto blob = store.get(key);
  if (!blob || !*blob) {
    out.push_back(what + " is missing");
  } else if (seal::blob_digest(**blob) != digest) {
    out.push_back(what + " is not the one in the log");
  }
}

void check_subjects(const store::Store& store, seal::SlotGenerations& slots, const ledger::State& st, Findings& out) {
  for (const auto& [ref, s] : st.subjects()) {
    check_blob(store, keys::record(ref), s.record, "the record of " + name(ref), out);
    for (const auto& t : s.templates)
      check_blob(store, keys::template_of(ref, t.id), t.blob, "a template of " + name(ref), out);
    if (const auto key = slots.read(st.key_epoch(ref), s.slot); !key)
      out.push_back("the key of " + name(ref) + ": " + key.error().message);
  }
}

void check_leftovers(const store::Store& store, const ledger::State& st, Findings& out) {
  const auto each = [&](keys::Kind kind, const store::Store::Visit& visit) {
    if (auto ok = store.scan(keys::prefix(kind), {}, visit); !ok) out.push_back(ok.error().message);
  };
  each(keys::Kind::kRecord, [&](ByteView key, ByteView) {
    const auto ref = keys::parse_record(key);
    if (!ref || st.subject(*ref) == nullptr) out.push_back("a record that no live subject owns");
    return true;
  });
  each(keys::Kind::kTemplate, [&](ByteView key, ByteView) {
    const auto t = keys::parse_template(key);
    const auto* s = t ? st.subject(t->ref) : nullptr;
    bool owned = false;
    if (s != nullptr) {
      for (const auto& mine : s->templates) owned = owned || mine.id == t->template_id;
    }
    if (!owned) out.push_back("a template that no live subject owns");
    return true;
  });
  std::map<Id128, int> indexed;
  each(keys::Kind::kSubjectIndex, [&](ByteView, ByteView value) {
    Id128 ref{};
    if (value.size() == ref.size()) std::copy(value.begin(), value.end(), ref.begin());
    ++indexed[ref];
    return true;
  });
  for (const auto& [ref, n] : indexed) {
    if (st.subject(ref) == nullptr) out.push_back("an index entry to " + name(ref) + ", which is not live");
    if (n > 1) out.push_back("two index entries to " + name(ref));
  }
  for (const auto& [ref, s] : st.subjects()) {
    if (!indexed.contains(ref)) out.push_back(name(ref) + " is not in the index");
  }
}

}  // namespace

std::vector<std::string> audit_vault(const store::Store& store, seal::SlotGenerations& slots, const ledger::State& st) {
  return audit_vault(store, slots, st, log::recover(store));
}

std::vector<std::string> audit_vault(const store::Store& store, seal::SlotGenerations& slots, const ledger::State& st,
                                     const Result<log::Recovered>& recovered) {
  Findings out;
  check_subjects(store, slots, st, out);
  check_leftovers(store, st, out);
  for (const log::Generation& g : log::generations(st)) {
    const auto used = slots.in_use(g.epoch);
    if (!used) {
      if (g.needed) out.push_back(used.error().message);
      continue;
    }
    const std::set<std::uint32_t> in_use(used->begin(), used->end());
    for (const auto slot : in_use) {
      if (!g.owned.contains(slot)) out.push_back("key slot " + std::to_string(slot) + " holds a key of nobody");
    }
    for (const auto slot : g.must_hold) {
      if (!in_use.contains(slot)) out.push_back("key slot " + std::to_string(slot) + " is empty, and has an owner");
    }
  }
  if (!recovered) {
    out.push_back("the log does not verify: " + recovered.error().message);
  } else if (recovered->state.digest() != st.digest()) {
    out.push_back("the log folds to another state than the one in memory");
  }
  return out;
}

std::string read_key_files(const std::string& dir) {
  std::string all;
  std::error_code ec;
  for (const auto& file : std::filesystem::directory_iterator(dir, ec)) {
    const auto size = std::filesystem::file_size(file.path(), ec);
    if (ec) continue;
    std::string bytes(size, '\0');
    std::ifstream(file.path(), std::ios::binary).read(bytes.data(), static_cast<std::streamsize>(size));
    all += bytes;
  }
  return all;
}

bool holds(const std::string& bytes, ByteView needle) {
  return memmem(bytes.data(), bytes.size(), needle.data(), needle.size()) != nullptr;
}

}  // namespace facekeep::test
