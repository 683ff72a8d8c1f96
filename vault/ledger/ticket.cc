#include "vault/ledger/ticket.h"

#include "vault/base/digest.h"
#include "vault/ledger/sshsig.h"
#include "vault/ledger/types.h"
#include "vault/ledger/witness.h"

namespace facekeep::ledger {
namespace {

Error bad(std::string message, std::string hint = "") {
  return make_error(Errc::kInvalidArgument, "restart ticket: " + std::move(message), std::move(hint));
}

}  // namespace

const std::array<std::string_view, 6>& ticket_ends() {
  static constexpr std::array<std::string_view, 6> reasons = {"expired",   "seal", "program",
                                                              "withdrawn", "keys", "renewed"};
  return reasons;
}

Status check_ticket_policy(const TicketPolicy& p) {
  if (p.hours < 1 || p.hours > kMaxTicketHours) return bad("it lasts 1 to 168 hours");
  if (!is_slug(p.box.name) || !is_slug(p.box.group)) {
    return bad("the names of the box and of its group are a-z, 0-9 and '-'");
  }
  if (!is_prefix_url(p.box.url)) {
    return bad("the box has a URL that is not https://address[:port][/path]",
               "the address is IPv4, or IPv6 in brackets; names are not looked up");
  }
  const auto key = parse_public_key_line(p.box.key);
  if (!key || is_security_key(key->key.type) || format_ssh_key_line(key->key) != p.box.key) {
    return bad("the box's key is not an OpenSSH public key \"type base64\" of Ed25519 or P-256",
               "`facekeep box new` prints it");
  }
  return {};
}

Digest box_pin(const TicketBox& box) {
  const auto key = parse_public_key_line(box.key);
  const auto spki = key ? ssh_key_spki(key->key) : Result<Bytes>(key.error());
  return spki ? sha256(*spki) : Digest();
}

Result<std::string> ticket_terms(const TicketMade& made, const Id128& vault) {
  return canonical_json({{"expires", format_time(made.expires)},
                         {"expires_clock", made.expires_clock},
                         {"number", made.number},
                         {"program", to_hex(made.program)},
                         {"unsealed", made.unsealed},
                         {"v", 1},
                         {"vault", to_hex(vault)}});
}

Result<std::string> restart_statement(const Restart& r) {
  return canonical_json({{"number", r.number},
                         {"program", to_hex(r.program)},
                         {"start", r.start},
                         {"time", format_time(r.time)},
                         {"unseal_to", to_hex(r.unseal_to)},
                         {"v", 1},
                         {"vault", to_hex(r.vault)},
                         {"verb", "restart"}});
}

}  // namespace facekeep::ledger
