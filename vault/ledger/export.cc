#include "vault/ledger/export.h"

#include <algorithm>

#include "vault/base/digest.h"
#include "vault/ledger/json_reader.h"
#include "vault/ledger/rule.h"
#include "vault/ledger/types.h"

namespace facekeep::ledger {
namespace {

constexpr std::array<std::string_view, 3> kBasisNames = {"consent", "change-of-processor", "legal-order"};
constexpr std::int64_t kMaxNumber = (1LL << 53) - 1;

Error bad(std::string message, std::string hint = {}) {
  return make_problem(Errc::kInvalidArgument, "bad-action", std::move(message), std::move(hint));
}

Json refs_json(const std::vector<Id128>& refs) {
  Json out = Json::array();
  for (const Id128& ref : refs) out.push_back(to_hex(ref));
  return out;
}

// Sorted, each once, so that there is one form of each list.
std::vector<Id128> read_refs(ObjectReader& r, const char* key) {
  std::vector<Id128> out;
  for (const Json& j : r.array(key, kMaxNamedSubjects)) {
    const auto ref = j.is_string() ? from_hex_exact<16>(j.get_ref<const std::string&>()) : Result<Id128>(Error{});
    if (!ref || (!out.empty() && *ref <= out.back())) {
      r.fail(std::string(key) + " is not a sorted list of refs");
      break;
    }
    out.push_back(*ref);
  }
  return out;
}

std::uint64_t number(ObjectReader& r, const char* key, std::uint64_t min, std::uint64_t max) {
  return static_cast<std::uint64_t>(r.integer(key, static_cast<std::int64_t>(min), static_cast<std::int64_t>(max)));
}

Result<std::vector<ExportRecipient>> read_recipients(const Json& list) {
  std::vector<ExportRecipient> out;
  for (const Json& j : list) {
    ObjectReader r(j, "recipient of an export");
    ExportRecipient one{r.hex<32>("spki"), {}};
    const auto der = from_base64(r.text("certificate", (kMaxExportCertificate + 2) / 3 * 4));
    if (!der || der->empty() || der->size() > kMaxExportCertificate)
      r.fail("certificate is not base64 of a certificate");
    FK_CHECK(r.finish());
    one.certificate = *der;
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace

Status check_export(const ExportTemplates& a) {
  if (a.recipients.empty()) return bad("an export needs a recipient");
  if (a.recipients.size() > kMaxExportRecipients) return bad("an export has at most 8 recipients");
  if (a.max_subjects < 1 || a.max_subjects > kMaxExportSubjects) {
    return bad("an export takes 1 to 100,000 people", "take a large site in several exports");
  }
  if (a.legal_order.has_value() != (a.basis == ExportBasis::kLegalOrder)) {
    return bad("an export on a legal order names its digest, and no other does");
  }
  std::set<Digest> keys;
  for (const auto& r : a.recipients) {
    if (r.certificate.empty() || r.certificate.size() > kMaxExportCertificate) {
      return bad("a recipient's certificate has at most 4096 bytes");
    }
    if (!keys.insert(r.spki).second) return bad("two recipients have the same key");
  }
  return {};
}

std::string_view to_string(ExportBasis basis) noexcept {
  return kBasisNames[static_cast<std::size_t>(basis)];
}

const std::array<std::string_view, 4>& export_end_reasons() {
  static constexpr std::array<std::string_view, 4> reasons = {"over-limit", "nobody", "bad-recipient", "too-large"};
  return reasons;
}

Json to_json(const ExportTemplates& a) {
  Json recipients = Json::array();
  for (const auto& r : a.recipients) {
    recipients.push_back({{"certificate", to_base64(r.certificate)}, {"spki", to_hex(r.spki)}});
  }
  Json j = {{"basis", std::string(to_string(a.basis))},
            {"max_subjects", a.max_subjects},
            {"recipients", std::move(recipients)},
            {"site", a.site}};
  if (a.subjects) j["subjects"] = to_hex(*a.subjects);
  if (a.legal_order) j["legal_order"] = to_hex(*a.legal_order);
  return j;
}

Result<ExportTemplates> export_from_json(ObjectReader& r) {
  ExportTemplates a;
  a.site = r.slug("site");
  a.max_subjects = number(r, "max_subjects", 1, kMaxExportSubjects);
  if (r.has("subjects")) a.subjects = r.hex<32>("subjects");
  if (r.has("legal_order")) a.legal_order = r.hex<32>("legal_order");
  const std::string basis = r.text("basis", 32);
  const auto at = std::find(kBasisNames.begin(), kBasisNames.end(), basis);
  if (at == kBasisNames.end()) {
    r.fail("basis is not in its list");
  } else {
    a.basis = static_cast<ExportBasis>(at - kBasisNames.begin());
  }
  if (a.legal_order.has_value() != (a.basis == ExportBasis::kLegalOrder)) r.fail("legal_order goes with that basis");
  const Json& recipients = r.array("recipients", kMaxExportRecipients);
  FK_CHECK(r.finish());
  FK_TRY(a.recipients, read_recipients(recipients));
  return a;
}

Digest subjects_commitment(const Digest& salt, const std::vector<Id128>& refs) {
  static constexpr std::string_view kDomain("facekeep/export-subjects/v1\0", 28);
  Bytes all;
  for (const Id128& ref : refs) all.insert(all.end(), ref.begin(), ref.end());
  return sha256({as_bytes(kDomain), salt, all});
}

Json to_json(const ExportSubjects& e) {
  return {{"proposal", to_hex(e.proposal)}, {"refs", refs_json(e.refs)}, {"salt", to_hex(e.salt)}};
}
Json to_json(const Exported& e) {
  return {{"proposal", to_hex(e.proposal)}, {"refs", refs_json(e.refs)}, {"site", e.site}};
}
Json to_json(const ExportSealed& e) {
  Json parts = Json::array();
  for (const auto& p : e.parts) parts.push_back({{"bytes", p.bytes}, {"digest", to_hex(p.digest)}});
  return {{"damaged", e.damaged},           {"manifest", to_hex(e.manifest)}, {"parts", std::move(parts)},
          {"proposal", to_hex(e.proposal)}, {"subjects", e.subjects},         {"templates", e.templates}};
}

Result<ExportSubjects> export_subjects_from_json(const Json& value) {
  ObjectReader r(value, "export-subjects event");
  ExportSubjects e{r.hex<16>("proposal"), r.hex<32>("salt"), read_refs(r, "refs")};
  FK_CHECK(r.finish());
  return e;
}

Result<Exported> exported_from_json(const Json& value) {
  ObjectReader r(value, "exported event");
  Exported e{r.hex<16>("proposal"), r.slug("site"), read_refs(r, "refs")};
  FK_CHECK(r.finish());
  return e;
}

Result<ExportSealed> export_sealed_from_json(const Json& value) {
  ObjectReader r(value, "export-sealed event");
  ExportSealed e;
  e.proposal = r.hex<16>("proposal");
  e.manifest = r.hex<32>("manifest");
  e.subjects = number(r, "subjects", 1, kMaxExportSubjects);
  e.templates = number(r, "templates", 0, kMaxExportSubjects * kMaxTemplatesPerSubject);
  e.damaged = number(r, "damaged", 0, kMaxNumber);
  const Json& parts = r.array("parts", kMaxExportParts);
  FK_CHECK(r.finish());
  for (const Json& j : parts) {
    ObjectReader p(j, "part of an export");
    e.parts.push_back({number(p, "bytes", 1, kMaxExportPart), p.hex<32>("digest")});
    FK_CHECK(p.finish());
  }
  return e;
}

Json to_json(const ExportState& s) {
  Json j = {{"given", s.given}, {"recorded", s.recorded}, {"refs", refs_json(s.refs)}};
  if (s.last) j["last"] = to_hex(*s.last);
  if (s.entry) j["entry"] = *s.entry;
  if (s.sealed) j["sealed"] = to_json(*s.sealed);
  if (s.sealed) j["sealed_entry"] = s.sealed_entry;
  if (!s.ended.empty()) j["ended"] = s.ended;
  return j;
}

Result<ExportState> export_state_from_json(const Json& value) {
  ObjectReader r(value, "export of a state");
  ExportState s;
  s.recorded = number(r, "recorded", 0, kMaxNumber);
  s.refs = read_refs(r, "refs");
  for (const auto& [by, times] : r.object("given").items()) {
    if (times.is_number_unsigned() && times.get<std::uint64_t>() <= kMaxUses) {
      s.given[by] = times.get<std::uint32_t>();
    } else {
      r.fail("given is not a list of custodians with numbers");
    }
  }
  if (r.has("last")) s.last = r.hex<16>("last");
  if (r.has("entry")) s.entry = number(r, "entry", 1, kMaxNumber);
  if (r.has("ended")) s.ended = r.text("ended", 32);
  const Json* sealed = r.has("sealed") ? &r.object("sealed") : nullptr;
  if (sealed != nullptr) s.sealed_entry = number(r, "sealed_entry", 1, kMaxNumber);
  FK_CHECK(r.finish());
  if (sealed != nullptr) {
    FK_TRY(s.sealed, export_sealed_from_json(*sealed));
  }
  return s;
}

}  // namespace facekeep::ledger
