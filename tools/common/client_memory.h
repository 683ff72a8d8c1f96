// What a client remembers of each vault: the last checkpoint that it saw (design section 2, "clients
// remember"), so that a vault that was rolled back past it is noticed before a share, a signature or a veto
// leaves the machine; and the program that its person last agreed to. This is storage alone; who calls put()
// has checked note and consistency. Several processes may use one memory: a lock on the directory orders them.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "vault/base/bytes.h"
#include "vault/base/result.h"

namespace facekeep::tools {

inline constexpr std::size_t kMaxCheckpoint = 65536;  // bytes of a signed note

class ClientMemory {
 public:
  // Remembers in `directory`, which put() makes (mode 0700) when it is not there.
  explicit ClientMemory(std::string directory) : directory_(std::move(directory)) {}
  // $XDG_STATE_HOME/facekeep, or ~/.local/state/facekeep (XDG Base Directory 0.8; a relative
  // XDG_STATE_HOME is ignored, as it asks). kFailedPrecondition without either.
  static Result<ClientMemory> of_user(const std::function<const char*(const char*)>& getenv);
  static Result<ClientMemory> of_user();

  // The signed note last put for this vault, byte by byte; nothing if there is none. kIo, kTooLarge,
  // kIntegrity if the file is no regular file. An error is never "nothing": the caller stops.
  [[nodiscard]] Result<std::optional<std::string>> get(const Id128& vault) const;
  // Replaces it atomically; on return it is on stable storage. After an error the old one is still there. Never goes
  // back: kConflict if a larger checkpoint is remembered (another process was first: check again, against that one),
  // kIntegrity if one of the same size with another root is (two logs were shown: keep both), or if what is remembered
  // is no checkpoint. kMalformed unless `note` has the form of a signed checkpoint. kIo, kOutOfSpace, kTooLarge.
  [[nodiscard]] Status put(const Id128& vault, std::string_view note) const;

  // The keys of the vault's log as this machine has followed them (vault/log/log_keys.h, as text); nothing if it never
  // did. Errors as get() and put().
  [[nodiscard]] Result<std::optional<std::string>> log_keys(const Id128& vault) const;
  [[nodiscard]] Status put_log_keys(const Id128& vault, const std::string& keys) const;
  // After a restore that accepted a loss, for which the caller has proof: what was remembered of the lost entries goes.
  [[nodiscard]] Status put_over_lost(const Id128& vault, std::string_view note) const;

  // What a start event says that runs: SHA-256 of program (with its libraries) and configuration.
  struct Program {
    Digest program{};
    Digest config{};
    friend bool operator==(const Program&, const Program&) = default;
  };
  // The last that put_program() was given; nothing if there is none. Errors as get() and put().
  [[nodiscard]] Result<std::optional<Program>> program(const Id128& vault) const;
  [[nodiscard]] Status put_program(const Id128& vault, const Program& program) const;

  // The start event that its person last sent a share to, by its entry. Errors as get() and put().
  [[nodiscard]] Result<std::optional<std::uint64_t>> start(const Id128& vault) const;
  [[nodiscard]] Status put_start(const Id128& vault, std::uint64_t entry) const;

  [[nodiscard]] const std::string& directory() const noexcept { return directory_; }

  // The first entry that `proposals --watch` has not shown yet. Errors as get() and put().
  [[nodiscard]] Result<std::optional<std::uint64_t>> watched(const Id128& vault) const;
  [[nodiscard]] Status put_watched(const Id128& vault, std::uint64_t entry) const;

  // Where the state lies that this machine folded last (tools/common/snapshot_file.h): nothing but work saved.
  [[nodiscard]] std::string state_path(const Id128& vault) const;

 private:
  [[nodiscard]] Status put_note(const Id128& vault, std::string_view note, bool over_lost) const;
  [[nodiscard]] Result<std::optional<std::uint64_t>> entry_in(const std::string& path) const;
  [[nodiscard]] Status put_entry(const std::string& path, std::uint64_t entry) const;
  [[nodiscard]] std::string path_of(const Id128& vault, const char* kind) const;
  std::string directory_;
};

}  // namespace facekeep::tools
