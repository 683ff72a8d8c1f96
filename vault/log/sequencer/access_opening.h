// The opening of an access event: salt || event, sealed under the site's monthly key, so that destroying
// that key ends it while the commitment stays in the log.
//
//   0x02 | length u8, site | period "2026-11" (7 bytes) | sealed blob, purpose "opening"
//
// The blob's associated data names vault, site and log position. vault/log/FORMAT.md, "openings".
#pragma once

#include <string>

#include "vault/base/bytes.h"
#include "vault/base/result.h"
#include "vault/base/secret_bytes.h"
#include "vault/ledger/event.h"
#include "vault/seal/aead.h"

namespace facekeep::log {

struct AccessOpeningHeader {
  std::string site;
  std::string period;
  ByteView blob;  // into the parsed bytes
};

Result<Bytes> seal_access_opening(seal::AeadKey& monthly, const Id128& vault, const std::string& site,
                                  const std::string& period, std::uint64_t index, ByteView salt_and_event);
// Total: any bytes give a header or kMalformed.
Result<AccessOpeningHeader> parse_access_opening(ByteView stored);
// salt (32) || canonical event, checked against the commitment of the leaf.
Result<SecretBytes> open_access_bytes(const seal::AeadKey& monthly, const Id128& vault,
                                      const AccessOpeningHeader& header, std::uint64_t index, const Digest& commitment);
// The same, read.
Result<ledger::Event> open_access(const seal::AeadKey& monthly, const Id128& vault, const AccessOpeningHeader& header,
                                  std::uint64_t index, const Digest& commitment);

}  // namespace facekeep::log
