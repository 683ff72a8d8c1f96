// A vault's log as a mirror holds it, in memory: every file a string under its path, so that tests can alter any.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/unit/ledger/log_maker.h"
#include "tests/unit/log/note_keys.h"
#include "vault/audit/log_replay.h"
#include "vault/base/json.h"

namespace facekeep::audit_test {

using namespace audit;
namespace lt = ledger::test;

inline const log_test::TestSigner& log_signer() {
  static const log_test::TestSigner signer = log_test::TestSigner::ed25519("vault.example/test");
  return signer;
}

// The name "Person property/1", its salt, and the commitment to both (vault/log/FORMAT.md, section 5).
inline std::string name_of(const std::string& principal) {
  return "Person " + principal;
}
inline Digest salt_of(const std::string& principal) {
  return lt::digest_of("salt of " + principal);
}
inline Digest name_commitment(const std::string& principal) {
  return lt::digest_of(std::string("facekeep/name/v1") + '\0' + std::string(as_chars(salt_of(principal))) +
                       name_of(principal));
}

inline const ledger::Genesis& genesis_with_key() {
  static const ledger::Genesis g = [] {
    ledger::Genesis made = lt::unsigned_genesis();
    made.log_key = log::format_vkey(log_signer().key);
    for (auto& p : made.principals) p.name = name_commitment(p.id);
    lt::sign_genesis(made);
    return made;
  }();
  return g;
}

class MemoryMirror {
 public:
  std::map<std::string, Bytes> files;  // "checkpoint", "checkpoints/<size>", "tile/...", "openings/..."
  ledger::State state;
  std::vector<Bytes> entries;
  std::vector<std::optional<Bytes>> openings;  // 0x01 || salt || event
  UnixMillis wall = 1795305600000;             // 2026-11-22T00:00:00Z
  std::uint64_t uptime = 10;
  log_test::TestSigner signer = log_signer();  // whose checkpoints are published

  void wait(std::int64_t ms) {
    wall += ms;
    uptime += static_cast<std::uint64_t>(ms);
  }
  // As the daemon would: folded, and private where its class is.
  void add(ledger::Body body) {
    const ledger::Event event{wall, uptime, std::move(body)};
    const Status ok = apply(state, event);
    if (!ok) FAIL(ok.error().message);
    append(event);
  }
  // Whatever the rules say.
  void append(const ledger::Event& event) {
    const std::string text = encode_event(event).value();
    const auto c = class_of(event.body);
    if (c == ledger::EventClass::kGovernance) {
      entries.push_back(to_bytes(text));
      openings.emplace_back();
      return;
    }
    const Digest salt = lt::digest_of("salt " + std::to_string(entries.size()));
    entries.push_back(to_bytes(private_leaf(c, ledger::commit(salt, text))));
    openings.emplace_back(concat(Bytes{0x01}, salt, as_bytes(text)));
  }

  void publish() {
    log::Tree tree;
    for (const Bytes& e : entries) tree.append(log::leaf_hash(e));
    const log::Checkpoint head{signer.key.name, entries.size(), tree.root(), {}};
    const std::string note = log::sign_checkpoint(head, signer.key, signer.sign()).value();
    files["checkpoint"] = to_bytes(note);
    files["checkpoints/" + std::to_string(entries.size())] = to_bytes(note);
    write_tiles();
  }

  LogFiles reader() const {
    const auto get = [this](const std::string& path) -> Result<Bytes> {
      const auto it = files.find(path);
      if (it == files.end()) return make_error(Errc::kNotFound, path);
      return it->second;
    };
    LogFiles out;
    out.tile = [get](const log::TileId& id) { return get(format_path(id)); };
    out.bundle = [get](const log::BundleId& id) { return get(format_path(id)); };
    out.openings = [get](const log::BundleId& id) { return get(opening_path(id)); };
    out.handover = [get](std::uint64_t n) { return get("handover/" + std::to_string(n)); };
    out.list = [this](const auto& visit) -> Status {
      for (const auto& [path, bytes] : files) {
        if (path.starts_with("tile/")) FK_CHECK(visit(path));
      }
      return {};
    };
    return out;
  }
  std::vector<SeenCheckpoint> seen() const {
    std::vector<SeenCheckpoint> out;
    for (const auto& [path, bytes] : files) {
      if (path.starts_with("checkpoints/")) out.push_back({path, std::string(as_chars(bytes))});
    }
    return out;
  }
  static std::string opening_path(const log::BundleId& id) {
    return "openings" + format_path(id).substr(std::string("tile/entries").size());
  }

  // Leaf tiles and bundles as they follow from `entries`, upper tiles too.
  void write_tiles() {
    std::vector<Digest> level;
    for (const Bytes& e : entries) level.push_back(log::leaf_hash(e));
    for (std::uint64_t first = 0; first < entries.size(); first += 256) write_bundle(first);
    for (unsigned l = 0; !level.empty(); ++l) level = write_level(l, level);
  }
  void write_bundle(std::uint64_t first) {
    const std::size_t end = std::min<std::size_t>(first + 256, entries.size());
    const log::BundleId id{first / 256, static_cast<unsigned>(end - first)};
    files[format_path(id)] = log::encode_bundle(std::span(entries).subspan(first, end - first)).value();
    Json there = Json::array();
    for (std::size_t i = first; i < end; ++i) {
      if (openings[i]) there.push_back({{"entry", i}, {"opening", to_base64(*openings[i])}});
    }
    const Json doc = {{"bundle", id.index}, {"openings", there}, {"missing", Json::array()}};
    files[opening_path(id)] = to_bytes(doc.dump());
  }

 private:
  std::vector<Digest> write_level(unsigned l, const std::vector<Digest>& level) {
    std::vector<Digest> above;
    for (std::size_t first = 0; first < level.size(); first += 256) {
      const std::size_t end = std::min(first + 256, level.size());
      Bytes tile;
      log::Tree tree;
      for (std::size_t i = first; i < end; ++i) {
        tile.insert(tile.end(), level[i].begin(), level[i].end());
        tree.append(level[i]);
      }
      files[format_path(log::TileId{l, first / 256, static_cast<unsigned>(end - first)})] = tile;
      if (end - first == 256) above.push_back(tree.root());
    }
    return above;
  }
};

inline void start_and_unseal(MemoryMirror& m) {
  m.add(ledger::Start{"0.1.0", {1}, {2}, {3}, false});
  for (const char* by : {"property/1", "property/2", "residents/1", "residents/3"}) {
    const std::string id = by;
    m.add(ledger::UnsealShare{id, id.substr(0, id.find('/')), static_cast<std::uint32_t>(id.back() - '0')});
  }
  m.add(ledger::Unsealed{{"property/1", "property/2", "residents/1", "residents/3"}});
}

// Genesis, a start, an unseal, an operator's enrolments, then `accesses` matches, all published. Checkpoints at 20
// entries and at the end.
inline MemoryMirror open_vault(std::size_t accesses = 600, const ledger::Genesis& genesis = genesis_with_key()) {
  MemoryMirror m;
  m.add(ledger::Body(genesis));
  start_and_unseal(m);
  m.add(ledger::PeriodKey{"access", "main", "2026-11", 100});
  for (std::uint8_t n = 1; n <= 6; ++n) {
    m.wait(1000);
    m.add(lt::enrolled(n));
    m.add(lt::template_of(n, n));
  }
  m.publish();
  for (std::size_t i = 0; i < accesses; ++i) {
    m.wait(700);
    m.add(ledger::Match{true,
                        "main",
                        i % 3 == 0 ? "south" : "north",
                        "face",
                        "door/1",
                        i % 5 == 0 ? "no_match" : "match",
                        i % 5 == 0 ? std::nullopt : std::optional(Id128{9, static_cast<std::uint8_t>(i)}),
                        {}});
  }
  m.publish();
  return m;
}

struct Outcome {
  Findings findings;
  bool complete = false;
  std::optional<Error> error;
  Digest digest{};
  [[nodiscard]] std::string text() const {
    std::string out;
    for (const Finding& f : findings.sorted()) {
      out += std::string(row_of(f.code).text) + "@" + std::to_string(f.entry);
      for (const auto& a : f.args) out += " {" + a + "}";
      out += "\n";
    }
    return out + (error ? "error: " + error->message + "\n" : "");
  }
  // The first finding of severity error: "code@entry".
  [[nodiscard]] std::string first_error() const {
    for (const Finding& f : findings.sorted()) {
      if (row_of(f.code).severity == Severity::kError) {
        return std::string(row_of(f.code).text) + "@" + std::to_string(f.entry);
      }
    }
    return error ? "error" : "";
  }
  [[nodiscard]] bool has(Code code, std::uint64_t entry) const {
    for (const Finding& f : findings.sorted()) {
      if (f.code == code && f.entry == entry) return true;
    }
    return false;
  }
};

inline Outcome replay(const MemoryMirror& m, Level level = Level::kAuditor, const Observer& observer = {},
                      const log::LogKeys& keys = log_signer().key) {
  Outcome out;
  Replay entries(level, out.findings, observer);
  const SeenCheckpoint latest{"checkpoint", std::string(as_chars(m.files.at("checkpoint")))};
  const auto verified = replay_log(keys, latest, m.seen(), m.reader(), level, {}, entries, out.findings);
  if (!verified) out.error = verified.error();
  out.complete = entries.complete();
  out.digest = entries.state().digest();
  return out;
}

}  // namespace facekeep::audit_test
