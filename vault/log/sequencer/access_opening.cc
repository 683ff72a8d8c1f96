#include "vault/log/sequencer/access_opening.h"

#include "vault/ledger/types.h"
#include "vault/log/sequencer/recovery.h"
#include "vault/seal/blob.h"

namespace facekeep::log {
namespace {

constexpr std::size_t kPeriod = 7;

Result<seal::Aad> opening_aad(const Id128& vault, std::string_view site, std::uint64_t index) {
  Bytes ref;
  append_be64(ref, index);
  return seal::make_aad({vault, site}, 0, seal::Purpose::kOpening, ref);
}

}  // namespace

Result<Bytes> seal_access_opening(seal::AeadKey& monthly, const Id128& vault, const std::string& site,
                                  const std::string& period, std::uint64_t index, ByteView salt_and_event) {
  FK_TRY(const seal::Aad aad, opening_aad(vault, site, index));
  FK_TRY(const Bytes blob, seal::seal_blob(monthly, aad, salt_and_event));
  const Bytes head = {kOpeningSealed, static_cast<std::uint8_t>(site.size())};
  return concat(head, as_bytes(site), as_bytes(period), blob);
}

Result<AccessOpeningHeader> parse_access_opening(ByteView stored) {
  const auto bad = [] { return make_error(Errc::kMalformed, "not a sealed opening of an access event"); };
  if (stored.size() < 2 || stored[0] != kOpeningSealed) return bad();
  const std::size_t site_size = stored[1];
  if (stored.size() < 2 + site_size + kPeriod) return bad();
  AccessOpeningHeader h;
  h.site = std::string(as_chars(stored.subspan(2, site_size)));
  h.period = std::string(as_chars(stored.subspan(2 + site_size, kPeriod)));
  h.blob = stored.subspan(2 + site_size + kPeriod);
  if (!ledger::is_slug(h.site) || !parse_day(h.period + "-01")) return bad();
  return h;
}

Result<SecretBytes> open_access_bytes(const seal::AeadKey& monthly, const Id128& vault,
                                      const AccessOpeningHeader& header, std::uint64_t index,
                                      const Digest& commitment) {
  FK_TRY(const seal::Aad aad, opening_aad(vault, header.site, index));
  FK_TRY(SecretBytes plain, seal::open_blob(monthly, aad, header.blob));
  if (plain.size() < 33) return make_error(Errc::kIntegrity, "an opening is too short");
  ledger::Salt salt{};
  std::copy_n(plain.data(), salt.size(), salt.begin());
  const std::string_view text = as_chars(plain.view().subspan(salt.size()));
  if (ledger::commit(salt, text) != commitment) {
    return make_error(Errc::kIntegrity, "an opening does not fit its commitment");
  }
  return plain;
}

Result<ledger::Event> open_access(const seal::AeadKey& monthly, const Id128& vault, const AccessOpeningHeader& header,
                                  std::uint64_t index, const Digest& commitment) {
  FK_TRY(const SecretBytes plain, open_access_bytes(monthly, vault, header, index, commitment));
  return ledger::decode_event(as_chars(plain.view().subspan(sizeof(ledger::Salt))));
}

}  // namespace facekeep::log
