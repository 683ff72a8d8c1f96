// The box of restart tickets: keeps half of a ticket, and gives it back to a restarted vault when a person of its group
// has confirmed, or by itself where the policy says so.
//
// It believes the log alone: before each answer it reads the vault's log on, from where it was, and puts it through the
// vault's rules, as every custodian's program does. So a seal, another program or an end in the log is seen before the
// half leaves. The time is its own: a ticket is forgotten when the policy's hours have passed here since it came, or
// this machine's clock went back behind that, whatever the vault says.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "tools/facekeep/box/box_folder.h"
#include "tools/facekeep/folded_log.h"
#include "vault/seal/hpke.h"

namespace facekeep::tools {

class Box {
 public:
  // What happened, for whoever looks at the box: one line each. Any thread.
  using Tell = std::function<void(Msg what, std::initializer_list<std::string_view> args)>;

  // `context` (its language and streams) and `clock` must outlive it. Reads no log yet. kMalformed, kIo.
  static Result<std::unique_ptr<Box>> open(const Context& context, Notice notice, const std::string& dir,
                                           BoxIdentity identity, const Clock& clock, Tell tell);

  // May a peer with this key speak to the box? The vault's server, and custodians of the box's group as of the last
  // look. Quick: asked in the handshake. Thread safe, as all that follows.
  [[nodiscard]] bool may_connect(const Digest& spki) const;

  // Reads the log on, and forgets a ticket that is over. Errors of fold_vault_now: then nothing is given, and the clock
  // still ends what it ends.
  Status look();

  // The answers of the server (box_server.h), as JSON objects. Requests: vault/ticketing.h.
  [[nodiscard]] Json describe() const;
  Result<Json> deposit(const Json& request);
  Result<Json> restart(const Json& request);
  Result<Json> end(const Json& request);
  // {"number","signature","start","time"} of the custodian with this key. "not-of-the-box", "bad-signature",
  // "no-ticket", "other-start": nothing waits, or another start does.
  Result<Json> confirm(const Digest& spki, const Json& request);

 private:
  struct Waiting {
    ledger::Restart restart;  // without a time
    std::string version;      // of facekeep
    UnixMillis since = 0;
  };
  Box(const Context& context, Notice notice, const std::string& dir, BoxIdentity identity, const Clock& clock,
      Tell tell);
  Status look_now();
  Status forget(Msg why);
  Status forget_if_over();
  [[nodiscard]] ledger::Moment now() const;
  Result<ledger::TicketUsed> confirmation();
  [[nodiscard]] bool is_kept(std::uint32_t number) const;

  Context context_;
  const Notice notice_;
  const BoxIdentity identity_;
  const Clock& clock_;
  const Tell tell_;
  seal::HpkeKeyPair seal_to_;  // drawn at this start

  mutable std::mutex mutex_;  // what follows, and the folder
  TicketShelf shelf_;
  std::optional<KeptTicket> kept_;
  std::optional<VaultApi> api_;
  std::optional<FoldedVault> seen_;
  std::optional<Waiting> waiting_;
  std::optional<ledger::TicketUsed> confirmed_;  // of the start that waits
};

}  // namespace facekeep::tools
