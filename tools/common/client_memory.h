// What a client remembers of each vault: the last checkpoint that it saw (design section 2, "clients
// remember"). A vault that was rolled back past it is noticed before a share, a signature or a veto
// leaves the machine. This is storage alone; who calls put() has checked note and consistency.
#pragma once

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
  // Replaces it atomically; on return it is on stable storage. After an error the old one is still
  // there. Two processes at once: the later rename wins, whole. kIo, kOutOfSpace, kTooLarge.
  [[nodiscard]] Status put(const Id128& vault, std::string_view note) const;

  [[nodiscard]] const std::string& directory() const noexcept { return directory_; }

 private:
  [[nodiscard]] std::string path_of(const Id128& vault) const;
  std::string directory_;
};

}  // namespace facekeep::tools
