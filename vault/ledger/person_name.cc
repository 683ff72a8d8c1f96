#include "vault/ledger/person_name.h"

#include <algorithm>

#include "vault/base/digest.h"
#include "vault/ledger/json_reader.h"

namespace facekeep::ledger {

Digest name_commitment(const PersonName& name) {
  static constexpr std::string_view kDomain("facekeep/name/v1\0", 17);
  return sha256({as_bytes(kDomain), name.salt, as_bytes(name.name)});
}

Json to_json(const PeopleNames& names) {
  Json out = Json::object();
  for (const auto& [id, n] : names) out[id] = {{"name", n.name}, {"salt", to_hex(n.salt)}};
  return out;
}

Result<PeopleNames> people_names_from_json(const Json& value, const std::string& what) {
  if (!value.is_object() || value.size() > kMaxPrincipals) {
    return make_problem(Errc::kInvalidArgument, "bad-names", what + " is no object of names");
  }
  PeopleNames out;
  for (const auto& [id, one] : value.items()) {
    ObjectReader r(one, what);
    PersonName n;
    n.name = r.text("name", kMaxPersonName);
    n.salt = r.hex<32>("salt");
    FK_CHECK(r.finish());
    out.emplace(id, std::move(n));
  }
  return out;
}

Status check_names(const PeopleNames& names, const Action& action) {
  const std::vector<PrincipalRecord> records = records_in(action);
  for (const auto& given : names) {
    const auto opens = [&](const PrincipalRecord& p) {
      return p.id == given.first && p.name == name_commitment(given.second);
    };
    if (std::none_of(records.begin(), records.end(), opens)) {
      return make_problem(Errc::kInvalidArgument, "bad-names",
                          "the name given for \"" + given.first + "\" does not open the commitment in the action",
                          "the commitment is SHA-256 of the domain, the salt and the name");
    }
  }
  return {};
}

}  // namespace facekeep::ledger
