// How the commands reach a vault: its public listener, and with an auditor's key its main one.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "tools/common/frame.h"
#include "tools/facekeep-audit/mirror.h"
#include "tools/facekeep-audit/polite_client.h"
#include "vault/ledger/genesis.h"

namespace facekeep::tools {

struct ClientOptions {
  std::string url;  // of the public listener
  std::string api;  // of the main one; empty: openings are not read
  std::string key;
  std::string cert;
  std::string server_key;
  int passphrase_fd = -1;
  unsigned rate = 50;
  int tries = kMaxTries;  // of one request
};
// --url, --api, --key, --cert, --passphrase-fd, --server-key, --rate
void add_client_options(CLI::App& command, Frame& frame, ClientOptions& options);

// Entry 0 of a mirror of `size` entries. kIntegrity if it is something else.
Result<ledger::Genesis> genesis_of(const Mirror& mirror, std::uint64_t size);

// Any server will do unless --server-key names one: the log proves itself.
Result<PoliteClient> public_client(const ClientOptions& o);
// Pins the server's key that --server-key names, else the one in the mirror's genesis (a mirror of `size` entries). May
// ask for the key's passphrase. kInvalidArgument ("no-key").
Result<PoliteClient> auditors_client(Frame& frame, const ClientOptions& o, const Mirror& mirror, std::uint64_t size);

}  // namespace facekeep::tools
