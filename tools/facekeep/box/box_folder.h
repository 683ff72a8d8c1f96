// The folder of a box of restart tickets: its key, and half of a ticket.
//
//   DIR/box.key, box.crt   P-256 private key (PKCS #8 PEM, mode 0600, no passphrase: it starts by itself after a power
//                          cut) of its TLS server, which also signs what is given unattended; its certificate
//   DIR/box.json           what the vault's policy says of it: {"group","key","name","url"}; public
//   DIR/ticket.json        the ticket that is kept: {"entry","hours","number","received","vault"}
//   DIR/half               its half, 32 bytes, in clear, mode 0600
//   DIR/memory/            what it remembers of the vault's log (tools/common/client_memory.h)
//
// Who reads DIR has the half; who writes it can make the box forget. One process a folder.
#pragma once

#include <optional>
#include <string>

#include "api/http/cert.h"
#include "vault/base/clock.h"
#include "vault/base/secret_bytes.h"
#include "vault/ledger/ticket.h"

namespace facekeep::tools {

struct BoxIdentity {
  ledger::TicketBox box;
  http::KeyPtr key;
  http::CertPtr certificate;
};
// Makes key, certificate and box.json. kAlreadyExists; kInvalidArgument for what no policy takes.
Result<BoxIdentity> make_box(const std::string& dir, const std::string& name, const std::string& group,
                             const std::string& url);
// kNotFound, kIo; kIntegrity if box.json is not of the key.
Result<BoxIdentity> load_box(const std::string& dir);
// A box.json. kMalformed.
Result<ledger::TicketBox> load_box_file(const std::string& path);

struct KeptTicket {
  Id128 vault{};
  std::uint32_t number = 0;
  std::uint64_t entry = 0;  // of ticket-made
  std::uint32_t hours = 0;  // that it lasts, from then on at the most
  UnixMillis received = 0;  // wall clock of the box
};

// The ticket in a folder. One thread at a time.
class TicketShelf {
 public:
  explicit TicketShelf(std::string dir) : dir_(std::move(dir)) {}
  // What is kept; nothing if there is none. kMalformed, kIo.
  [[nodiscard]] Result<std::optional<KeptTicket>> kept() const;
  // In the place of any other; durable when it returns.
  Status keep(const KeptTicket& ticket, const SecretBytes& half);
  [[nodiscard]] Result<SecretBytes> half() const;
  // The half is overwritten, as far as the disk does that, and removed. Fine if there is none.
  Status forget();

 private:
  std::string dir_;
};

}  // namespace facekeep::tools
