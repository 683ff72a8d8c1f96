// Actions that register doors, operators, cameras and auditors: one, or many from a file.
#include <filesystem>
#include <fstream>

#include "tools/common/text_lines.h"
#include "tools/facekeep/action_commands.h"
#include "tools/facekeep/key_files.h"
#include "vault/base/digest.h"
#include "vault/ledger/json_reader.h"

namespace facekeep::tools {
namespace {

namespace fs = std::filesystem;

// One registration as a person gives it.
struct Person {
  std::string id;
  std::string role;
  std::string cert;
  std::string name;
  std::string until;
  std::vector<std::string> sites;
  std::vector<std::string> doors;
  std::string location_class;  // set: the doors are new at every site, and stand in such a place
};

// The name stays out of the log: its commitment goes there, name and salt into the vault's sealed register.
Status add_person(Context& context, const Person& o, ledger::RegisterPrincipals& action, ledger::PeopleNames& names) {
  ledger::PrincipalRecord p;
  p.id = o.id;
  FK_TRY(p.role, ledger::parse_role(o.role));
  FK_TRY(const KeyFacts facts, read_key_facts(o.cert, context.passphrase_for(o.cert)));
  p.key = facts.spki;
  if (p.role == ledger::Role::kCamera) {
    if (facts.ssh_line.empty()) {
      return say_error(Errc::kInvalidArgument, "bad-arguments", Msg::kCamNoSigningKey, Msg::kCamNoSigningKeyHint,
                       {o.cert});
    }
    p.signing_key = facts.ssh_line;
  }
  const ledger::PersonName name{o.name, random_array<32>()};
  p.name = ledger::name_commitment(name);
  p.sites = o.sites;
  p.doors = o.doors;
  if (!o.until.empty()) p.until = o.until;
  if (!names.emplace(o.id, name).second) {
    return say_error(Errc::kInvalidArgument, "twice", Msg::kPropTwice, Msg::kPropBadFileHint, {o.id});
  }
  if (!o.location_class.empty()) {
    for (const auto& site : o.sites) {
      for (const auto& door : o.doors) action.doors.push_back({site, {door, o.location_class}});
    }
  }
  action.principals.push_back(std::move(p));
  return {};
}

Result<AskedAction> principals_action(Context& context, const std::vector<Person>& people) {
  ledger::RegisterPrincipals action;
  AskedAction out;
  for (const Person& p : people) FK_CHECK(add_person(context, p, action, out.names));
  out.action = std::move(action);
  return out;
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(';', at), text.size());
    if (end > at) out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

// Fields of a CSV file in any order, by its first line.
Status take(Person& p, const std::string& column, const std::string& value) {
  if (column == "sites") {
    p.sites = split(value);
  } else if (column == "doors") {
    p.doors = split(value);
  } else {
    std::string* field = column == "id"               ? &p.id
                         : column == "role"           ? &p.role
                         : column == "cert"           ? &p.cert
                         : column == "name"           ? &p.name
                         : column == "until"          ? &p.until
                         : column == "location_class" ? &p.location_class
                                                      : nullptr;
    if (field == nullptr) {
      return say_error(Errc::kMalformed, "bad-file", Msg::kPropBadColumn, Msg::kPropColumns, {column});
    }
    *field = value;
  }
  return {};
}

Result<std::vector<Person>> people_from_csv(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return say_error(Errc::kNotFound, "no-file", Msg::kCliNoFile, Msg::kPropColumns, {path});
  CsvReader reader(in);
  std::vector<std::string> columns;
  std::vector<Person> out;
  for (;;) {
    FK_TRY(const auto record, reader.next());
    if (!record) return out;
    const std::string line = std::to_string(record->line);
    if (record->error || (!columns.empty() && record->fields.size() != columns.size())) {
      return say_error(Errc::kMalformed, "bad-file", Msg::kPropBadLine, Msg::kPropColumns, {path, line});
    }
    if (columns.empty()) {
      columns = record->fields;
      continue;
    }
    Person p;
    for (std::size_t i = 0; i < columns.size(); ++i) FK_CHECK(take(p, columns[i], record->fields[i]));
    out.push_back(std::move(p));
  }
}

std::vector<std::string> texts(ledger::ObjectReader& r, const char* key) {
  std::vector<std::string> out;
  if (!r.has(key)) return out;
  for (const Json& item : r.array(key, ledger::kMaxDoors)) {
    if (!item.is_string()) r.fail(std::string(key) + " is not a list of texts");
    if (r.ok()) out.push_back(item.get<std::string>());
  }
  return out;
}

Result<std::vector<Person>> people_from_json(const std::string& path) {
  FK_TRY(const Json json, load_json_file(path));
  if (!json.is_array()) {
    return say_error(Errc::kMalformed, "bad-file", Msg::kPropBadFile, Msg::kPropColumns, {path, "[...]"});
  }
  std::vector<Person> out;
  for (const Json& one : json) {
    ledger::ObjectReader r(one, path + ", item " + std::to_string(out.size() + 1));
    Person p;
    p.id = r.text("id");
    p.role = r.text("role");
    p.cert = r.text("cert", 4096);
    p.name = r.text("name", ledger::kMaxPersonName);
    if (r.has("until")) p.until = r.text("until");
    if (r.has("location_class")) p.location_class = r.text("location_class");
    p.sites = texts(r, "sites");
    p.doors = texts(r, "doors");
    FK_CHECK(r.finish());
    out.push_back(std::move(p));
  }
  return out;
}

struct FileOptions {
  std::string file;
};

// Certificates are named from where the file is.
Result<AskedAction> file_action(Context& context, const FileOptions& o) {
  const bool csv = fs::path(o.file).extension() == ".csv";
  FK_TRY(auto people, csv ? people_from_csv(o.file) : people_from_json(o.file));
  for (Person& p : people) p.cert = (fs::path(o.file).parent_path() / p.cert).string();
  return principals_action(context, people);
}

}  // namespace

void add_principal_action(CLI::App& app, Context& context, const ActionUse& use) {
  auto o = std::make_shared<Person>();
  CLI::App* command = app.add_subcommand("principal", context.text(Msg::kHelpProposePrincipal));
  command->add_option("ID", o->id, context.text(Msg::kHelpPrincipalId))->required();
  command->add_option("--role", o->role, context.text(Msg::kHelpPrincipalRole))
      ->required()
      ->check(CLI::IsMember({"door", "operator", "camera", "auditor"}));
  command->add_option("--cert", o->cert, context.text(Msg::kHelpPrincipalCert))->required();
  command->add_option("--name", o->name, context.text(Msg::kHelpPrincipalName))->required();
  command->add_option("--site", o->sites, context.text(Msg::kHelpScopeSite));
  command->add_option("--door", o->doors, context.text(Msg::kHelpScopeDoor));
  command->add_option("--new-doors-in", o->location_class, context.text(Msg::kHelpLocationClass));
  command->add_option("--until", o->until, context.text(Msg::kHelpPrincipalUntil));
  use_action(*command, context, use, o, [](Context& c, const Person& p) { return principals_action(c, {p}); });
}

void add_principals_action(CLI::App& app, Context& context, const ActionUse& use) {
  auto o = std::make_shared<FileOptions>();
  CLI::App* command = app.add_subcommand("principals", context.text(Msg::kHelpActPrincipals));
  command->add_option("FILE", o->file, context.text(Msg::kHelpPrincipalsFile))->required();
  use_action(*command, context, use, o, file_action);
}

}  // namespace facekeep::tools
