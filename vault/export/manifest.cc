#include "vault/export/manifest.h"

#include <algorithm>
#include <array>

#include "vault/base/json.h"
#include "vault/export/parts.h"
#include "vault/export/recipient.h"
#include "vault/ledger/json_reader.h"
#include "vault/ledger/types.h"

namespace facekeep::exporter {
namespace {

using ledger::ObjectReader;

constexpr std::string_view kType = "facekeep-export";
constexpr std::int64_t kMaxCount = (1LL << 53) - 1;
constexpr std::array<std::string_view, 3> kBases = {"consent", "change-of-processor", "legal-order"};

Json to_json(const Manifest& m) {
  Json recipients = Json::array();
  for (const auto& r : m.recipients) recipients.push_back({{"key", r.key}, {"spki", to_hex(r.spki)}});
  Json parts = Json::array();
  for (const auto& p : m.parts) {
    parts.push_back({{"bytes", p.bytes}, {"digest", to_hex(p.digest)}, {"name", part_name(parts.size() + 1)}});
  }
  Json basis = {{"kind", m.basis}};
  if (m.legal_order) basis["digest"] = to_hex(*m.legal_order);
  return {{"basis", std::move(basis)},
          {"damaged", m.damaged},
          {"parts", std::move(parts)},
          {"proposal", to_hex(m.proposal)},
          {"purpose", m.purpose},
          {"recipients", std::move(recipients)},
          {"site", m.site},
          {"subjects", m.subjects},
          {"templates", m.templates},
          {"type", std::string(kType)},
          {"v", 1},
          {"vault", to_hex(m.vault)}};
}

Status read_lists(const Json& recipients, const Json& parts, Manifest& m) {
  for (const Json& j : recipients) {
    ObjectReader r(j, "recipient of a manifest");
    m.recipients.push_back({r.hex<32>("spki"), r.text("key", 16)});
    FK_CHECK(r.finish());
  }
  for (const Json& j : parts) {
    ObjectReader r(j, "part of a manifest");
    const std::string name = r.text("name", 32);
    m.parts.push_back({static_cast<std::uint64_t>(r.integer("bytes", 1, static_cast<std::int64_t>(kMaxPartSize))),
                       r.hex<32>("digest")});
    if (name != part_name(m.parts.size())) r.fail("name is not that of its place");
    FK_CHECK(r.finish());
  }
  return {};
}

}  // namespace

std::string part_name(std::size_t number) {
  std::string digits = std::to_string(number);
  digits.insert(0, digits.size() < 4 ? 4 - digits.size() : 0, '0');
  return "part-" + digits + ".cms";
}

Result<std::string> encode_manifest(const Manifest& manifest) {
  FK_TRY(std::string text, canonical_json(to_json(manifest)));
  if (auto read = parse_manifest(text); !read) {
    return make_error(Errc::kInvalidArgument, "not a manifest: " + read.error().message);
  }
  return text;
}

Result<Manifest> parse_manifest(std::string_view text) {
  if (text.size() > kMaxManifest) return make_error(Errc::kTooLarge, "the manifest has more than 131072 bytes");
  FK_TRY(const Json j, parse_canonical_json(text));
  ObjectReader r(j, "manifest");
  Manifest m;
  if (r.text("type", 32) != kType) r.fail("type is not that of an export");
  if (r.integer("v", 1, 1) != 1) r.fail("v is not 1");
  m.vault = r.hex<16>("vault");
  m.proposal = r.hex<16>("proposal");
  m.site = r.slug("site");
  m.purpose = r.slug("purpose");
  m.subjects = static_cast<std::uint64_t>(r.integer("subjects", 0, kMaxCount));
  m.templates = static_cast<std::uint64_t>(r.integer("templates", 0, kMaxCount));
  m.damaged = static_cast<std::uint64_t>(r.integer("damaged", 0, kMaxCount));
  const Json& basis = r.object("basis");
  const Json& recipients = r.array("recipients", kMaxRecipients);
  const Json& parts = r.array("parts", kMaxParts);
  FK_CHECK(r.finish());
  ObjectReader b(basis, "basis of a manifest");
  m.basis = b.text("kind", 32);
  if (std::find(kBases.begin(), kBases.end(), m.basis) == kBases.end()) b.fail("kind is not in its list");
  if (b.has("digest")) m.legal_order = b.hex<32>("digest");
  if (m.legal_order.has_value() != (m.basis == "legal-order")) b.fail("digest goes with a legal order");
  FK_CHECK(b.finish());
  FK_CHECK(read_lists(recipients, parts, m));
  return m;
}

}  // namespace facekeep::exporter
