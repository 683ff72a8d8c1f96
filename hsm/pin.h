// Where a token's PIN comes from: a descriptor, a systemd credential or the terminal. Never argv,
// environment or configuration. (A PIN file is opened by the caller, who passes the descriptor.)
//
// Each returns the PIN without one trailing line end ("\n" or "\r\n"), in cleansed memory. At most
// kMaxPin bytes. kInvalidArgument: empty, too long, or with a line end or zero byte inside; kIo: can't
// be read; kNotFound: no such credential, no terminal. No error repeats what was read.
#pragma once

#include <string_view>

#include "vault/base/result.h"
#include "vault/base/secret_bytes.h"

namespace facekeep::hsm {

inline constexpr std::size_t kMaxPin = 255;

// Reads to the end of the descriptor, which stays the caller's (and stays open).
Result<SecretBytes> read_pin_from_descriptor(int fd);

// The file `name` in $CREDENTIALS_DIRECTORY (systemd.exec(5), LoadCredential=). A name has no slash.
Result<SecretBytes> read_pin_from_credential(std::string_view name);

// Asks on /dev/tty with echo off; `prompt` is shown first. Ctrl-C and Ctrl-D cancel (kUnavailable).
// The terminal's settings are put back on every path.
Result<SecretBytes> read_pin_from_terminal(std::string_view prompt);

}  // namespace facekeep::hsm
