// The daemon's own journal on standard error: what an administrator of the machine needs. It is not the
// vault's log, and proves nothing.
//
// Lines are made of an event's name and fields out of a closed list, so that no body, key, share, subject
// or score can reach one: there is no field for it. Thread safe; never throws.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "vault/base/result.h"

namespace facekeep::daemon {

enum class Level : std::uint8_t { kDebug, kInfo, kWarning, kError };

enum class Field : std::uint8_t {
  kAddress,   // a peer's or a listener's
  kBytes,     // a size
  kConfig,    // path or digest of the configuration
  kEntry,     // a log position
  kHint,      // what to do
  kListener,  // "main", "public"
  kProblem,   // name of a problem or an error's code
  kProposal,  // its number
  kProgram,   // digest of the running binary
  kReason,    // an Error's message: facekeep's own words, by contract without secrets (vault/base/result.h)
  kRoute,     // an operation's name out of the route table
  kState,     // of the vault
  kToken,     // manufacturer and serial number
  kType,      // of an event
  kVersion,
};

struct Entry {
  Field field;
  std::string value;
};

// Call once, before threads. Level and format as in the configuration ("info"; "text" or "json").
void open_journal(std::string_view level, std::string_view format);

// `event` is a literal like "vault-started".
void journal(Level level, std::string_view event, std::initializer_list<Entry> fields = {}) noexcept;
void journal(Level level, std::string_view event, const Error& error) noexcept;

// The line without its time, as text or JSON (for tests). Control characters are escaped.
std::string journal_line(bool json, Level level, std::string_view event, std::initializer_list<Entry> fields);

}  // namespace facekeep::daemon
