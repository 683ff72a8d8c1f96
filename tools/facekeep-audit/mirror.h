// A mirror of a vault's log on disk:
//
//   DIR/vkey                  the log's verifier key as first trusted, one line
//   DIR/log-keys              that key and those that followed it, as this mirror checked them (vault/log/log_keys.h)
//   DIR/handover/<n>          the n-th handover note of the log key, as the vault published it
//   DIR/checkpoint            the latest checkpoint whose tree is here whole
//   DIR/checkpoints/<size>    every checkpoint that was seen; one that contradicts another has "-<root>" behind
//   DIR/cosigned              the newest checkpoint that the vault showed with its witnesses' cosignatures; empty: none
//   DIR/tile/...              tiles and entry bundles under the paths of C2SP tlog-tiles
//   DIR/openings/<N>[.p/<W>]  openings of a bundle as the vault gave them (JSON)
//   DIR/register.json         names behind the numbers, if the vault was open when asked
//   DIR/fetching/tile/...     what a fetch has checked and not finished: no reader looks there
//
// What is written is synced and replaces whole files. One process at a time.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "vault/audit/log_replay.h"
#include "vault/log/handovers.h"

namespace facekeep::tools {

class Mirror {
 public:
  explicit Mirror(std::string dir) : dir_(std::move(dir)) {}
  [[nodiscard]] const std::string& dir() const { return dir_; }

  // kNotFound ("no-mirror") if there is no vkey file.
  [[nodiscard]] Result<log::VerifierKey> vkey() const;
  // Those of log-keys, else that of vkey alone. kMalformed, kIntegrity.
  [[nodiscard]] Result<log::LogKeys> keys() const;
  [[nodiscard]] Status keep_keys(const log::FollowedKeys& followed) const;
  // Nothing if there is none yet.
  [[nodiscard]] Result<std::optional<std::string>> checkpoint() const;
  // Every checkpoint that was seen.
  [[nodiscard]] Result<std::vector<audit::SeenCheckpoint>> seen() const;
  [[nodiscard]] bool has_openings() const;
  [[nodiscard]] audit::LogFiles files() const;

  // Each path under tile/, in no order.
  [[nodiscard]] Status list(const std::function<Status(const std::string& path)>& visit) const;

  // A file under DIR. kNotFound if it is not there.
  [[nodiscard]] Result<Bytes> read(const std::string& path) const;
  [[nodiscard]] bool has(const std::string& path) const;
  [[nodiscard]] Status write(const std::string& path, ByteView bytes) const;
  // Files of an older checkpoint that newer ones take the place of; what is not there is no error.
  void forget(const std::string& path) const;

  // Moves checkpoints, tiles and openings to DIR/<name>: this mirror begins anew, and they stay as evidence.
  [[nodiscard]] Status set_aside(const std::string& name) const;

  // Moves what `from` has of a tree of `size` here, over what is here, and removes the rest of it.
  [[nodiscard]] Status take_over(const Mirror& from, std::uint64_t size) const;

  static std::string opening_path(const log::BundleId& id);
  // checkpoints/<size>, or checkpoints/<size>-<root> where that name is another one's.
  [[nodiscard]] Status keep_checkpoint(const log::Checkpoint& checkpoint, const std::string& note) const;

 private:
  std::string dir_;
};

}  // namespace facekeep::tools
