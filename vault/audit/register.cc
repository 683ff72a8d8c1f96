#include "vault/audit/register.h"

#include "vault/base/digest.h"
#include "vault/ledger/json_reader.h"

namespace facekeep::audit {
namespace {

// vault/log/FORMAT.md, section 5, "Principal".
Digest name_commitment(const Digest& salt, std::string_view name) {
  static constexpr std::string_view kDomain("facekeep/name/v1\0", 17);
  return sha256({as_bytes(kDomain), salt, as_bytes(name)});
}

}  // namespace

Result<Names> check_register(std::string_view json, const ledger::Genesis& genesis, Findings& findings) {
  FK_TRY(const Json doc, parse_json(json));
  ledger::ObjectReader r(doc, "register");
  const Json& people = r.object("people");
  FK_CHECK(r.finish());
  Names out;
  for (const ledger::PrincipalRecord& p : genesis.principals) {
    const auto it = people.find(p.id);
    if (it == people.end()) {
      findings.add(Code::kNameMissing, 0, {p.id});
      continue;
    }
    ledger::ObjectReader o(*it, "person");
    const std::string name = o.text("name", 1024);
    const Digest salt = o.hex<32>("salt");
    FK_CHECK(o.finish());
    if (name_commitment(salt, name) != p.name) {
      findings.add(Code::kNameMismatch, 0, {p.id});
    } else {
      out[p.id] = name;
    }
  }
  return out;
}

}  // namespace facekeep::audit
