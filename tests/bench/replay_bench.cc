// How many entries a second one core replays: a log in memory, mostly accesses, with its openings and without.
//
//   replay_bench [ENTRIES]
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <unordered_map>

#include "tests/unit/ledger/genesis_maker.h"
#include "tests/unit/log/note_keys.h"
#include "vault/audit/log_replay.h"
#include "vault/ledger/opening.h"

using namespace facekeep;

namespace {

struct BenchLog {
  log_test::TestSigner signer = log_test::TestSigner::ed25519("vault.example/test");
  std::unordered_map<std::string, Bytes> files;
  std::vector<Bytes> bundle;
  std::string openings;
  log::TileTree tree;
  ledger::Event event{1795305600000, 10, {}};

  void add(ledger::Body body) {
    event.body = std::move(body);
    const std::string text = ledger::encode_event(event).value();
    const auto c = class_of(event.body);
    std::string entry = text;
    if (c != ledger::EventClass::kGovernance) {
      const ledger::Salt salt = random_array<32>();
      entry = ledger::private_leaf(c, ledger::commit(salt, text));
      openings += openings.empty() ? "" : ",";
      openings += "{\"entry\":" + std::to_string(tree.size()) + ",\"opening\":\"" +
                  to_base64(concat(Bytes{ledger::kClearOpening}, salt, as_bytes(text))) + "\"}";
    }
    std::vector<log::FullTile> full;
    bundle.push_back(to_bytes(entry));
    tree.append(log::leaf_hash(bundle.back()), full);
    for (auto& t : full) files[format_path(log::TileId{t.level, t.index, log::kTileWidth})] = std::move(t.hashes);
    if (bundle.size() == log::kTileWidth) close_bundle();
  }
  void close_bundle() {
    if (bundle.empty()) return;
    const log::BundleId id{(tree.size() - 1) / log::kTileWidth, static_cast<unsigned>(bundle.size())};
    files[format_path(id)] = log::encode_bundle(bundle).value();
    files["openings/" + format_path(id)] =
        to_bytes("{\"bundle\":" + std::to_string(id.index) + ",\"openings\":[" + openings + "],\"missing\":[]}");
    bundle.clear();
    openings.clear();
  }
  std::string close() {
    close_bundle();
    const log::TileReader none = [](const log::TileId&) -> Result<Bytes> { return make_error(Errc::kNotFound, ""); };
    for (const log::TileId& id : log::partial_tiles(tree.size())) files[format_path(id)] = tree.tile(id, none).value();
    const log::Checkpoint head{signer.key.name, tree.size(), tree.root(), {}};
    return log::sign_checkpoint(head, signer.key, signer.sign()).value();
  }
  [[nodiscard]] audit::LogFiles reader() const {
    const auto get = [this](const std::string& path) -> Result<Bytes> {
      const auto it = files.find(path);
      if (it == files.end()) return make_error(Errc::kNotFound, path);
      return it->second;
    };
    return {[get](const log::TileId& id) { return get(format_path(id)); },
            [get](const log::BundleId& id) { return get(format_path(id)); },
            [get](const log::BundleId& id) { return get("openings/" + format_path(id)); },
            {}};
  }
};

std::string fill(BenchLog& log, std::uint64_t entries) {
  ledger::Genesis g = ledger::test::unsigned_genesis();
  g.log_key = log::format_vkey(log.signer.key);
  ledger::test::sign_genesis(g);
  log.add(ledger::Body(g));
  log.add(ledger::Start{"0.1.0", {1}, {2}, {3}, false});
  const std::vector<std::string> cards = {"property/1", "property/2", "residents/1", "residents/3"};
  for (const std::string& id : cards) {
    log.add(ledger::UnsealShare{id, id.substr(0, id.find('/')), static_cast<std::uint32_t>(id.back() - '0')});
  }
  log.add(ledger::Unsealed{cards});
  log.add(ledger::PeriodKey{"access", "main", "2026-11", 100});
  while (log.tree.size() < entries) {
    log.event.time += 20;
    log.event.uptime_ms += 20;
    const std::uint64_t i = log.tree.size();
    ledger::Match m{i % 2 == 0,         "main", i % 3 == 0 ? "south" : "north", "face", "door/1", "match",
                    random_array<16>(), {}};
    if (i % 4 == 0) m.request = ledger::RequestMark{random_array<32>(), random_array<32>()};
    log.add(std::move(m));
  }
  return log.close();
}

int replay(const BenchLog& log, const std::string& note, audit::Level level, const char* what) {
  audit::Findings findings;
  audit::Replay entries(level, findings);
  const auto start = std::chrono::steady_clock::now();
  const auto done =
      audit::replay_log(log.signer.key, {"checkpoint", note}, {}, log.reader(), level, {}, entries, findings);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  if (!done || !findings.clean() || !entries.rules_held()) {
    std::fprintf(stderr, "the log of this benchmark does not replay\n");
    return 1;
  }
  std::printf("%s: %.0f entries a second\n", what, static_cast<double>(entries.next()) / took.count());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t entries = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 300'000;
  BenchLog log;
  const std::string note = fill(log, entries);
  return replay(log, note, audit::Level::kPublic, "public") +
         replay(log, note, audit::Level::kAuditor, "with openings");
}
