#include "vault/subject/consent.h"

#include <algorithm>
#include <array>

#include "vault/base/digest.h"

namespace facekeep::subject {
namespace {

constexpr std::array<std::string_view, 5> kScopeNames = {"verify", "identify", "export", "off_device_storage",
                                                         "change_of_processor"};

Error bad(const std::string& field, const std::string& why) {
  return make_error(Errc::kInvalidArgument, "consent." + field + " " + why);
}

// Reads the members of one object and, at the end, refuses those that nobody asked for.
class Fields {
 public:
  Fields(const Json& object, std::string prefix) : object_(object), prefix_(std::move(prefix)) {}

  Result<const Json*> get(const std::string& name) {
    const auto at = object_.find(name);
    if (at == object_.end()) return bad(prefix_ + name, "is missing");
    ++seen_;
    known_.push_back(name);
    return &*at;
  }
  Result<std::string> text(const std::string& name, std::size_t limit) {
    FK_TRY(const Json* v, get(name));
    if (!v->is_string()) return bad(prefix_ + name, "is not a text");
    auto s = v->get<std::string>();
    if (s.empty() || s.size() > limit) return bad(prefix_ + name, "has not 1 to " + std::to_string(limit) + " bytes");
    const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
    if (!is_valid_utf8(s) || std::any_of(s.begin(), s.end(), control)) {
      return bad(prefix_ + name, "has control characters or is not UTF-8");
    }
    return s;
  }
  Result<Digest> digest(const std::string& name) {
    FK_TRY(const std::string hex, text(name, 64));
    auto d = from_hex_exact<32>(hex);
    if (!d) return bad(prefix_ + name, "is not a SHA-256 digest in 64 lower-case hexadecimal digits");
    return *d;
  }
  Result<bool> boolean(const std::string& name) {
    FK_TRY(const Json* v, get(name));
    if (!v->is_boolean()) return bad(prefix_ + name, "is not true or false");
    return v->get<bool>();
  }
  Status done() const {
    if (seen_ == object_.size()) return {};
    for (const auto& [name, value] : object_.items()) {
      if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
      // A stranger's name is shown only where it can do no harm to a terminal or a log.
      const bool plain =
          name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
          });
      return bad(prefix_ + (plain ? name : "(unprintable)"), "is not a known field");
    }
    return {};
  }
  [[nodiscard]] bool has(const std::string& name) const { return object_.contains(name); }

 private:
  const Json& object_;
  std::string prefix_;
  std::size_t seen_ = 0;
  std::vector<std::string> known_;
};

Result<std::vector<ConsentScope>> read_scopes(const Json& value) {
  if (!value.is_array() || value.empty() || value.size() > kScopeNames.size()) {
    return bad("scopes", "is not an array of 1 to 5 scopes");
  }
  std::vector<ConsentScope> out;
  for (const Json& v : value) {
    const auto* text = v.get_ptr<const std::string*>();
    const auto at = text == nullptr ? kScopeNames.end() : std::find(kScopeNames.begin(), kScopeNames.end(), *text);
    if (at == kScopeNames.end()) return bad("scopes", "has an unknown scope");
    out.push_back(static_cast<ConsentScope>(at - kScopeNames.begin()));
  }
  std::sort(out.begin(), out.end());
  if (std::adjacent_find(out.begin(), out.end()) != out.end()) return bad("scopes", "names a scope twice");
  return out;
}

Status read_notice(const Json& value, Consent& out) {
  if (!value.is_object()) return bad("notice", "is not an object");
  Fields f(value, "notice.");
  FK_TRY(out.notice, f.digest("digest"));
  FK_TRY(out.notice_version, f.text("version", kMaxNoticeVersion));
  return f.done();
}

Status read_times(Fields& f, Consent& out) {
  FK_TRY(const std::string given, f.text("given_at", 64));
  const auto at = parse_rfc3339(given);
  if (!at) return bad("given_at", "is not an RFC 3339 date and time");
  out.given_at = *at;
  FK_TRY(out.until, f.text("until", 10));
  if (!parse_day(out.until)) return bad("until", "is not a day such as 2027-11-22");
  if (out.until < format_day(out.given_at)) return bad("until", "is before the day of given_at");
  return {};
}

bool digits(std::string_view s) {
  return !s.empty() && std::all_of(s.begin(), s.end(), [](char c) { return c >= '0' && c <= '9'; });
}
int number(std::string_view s) {
  int v = 0;
  for (const char c : s) v = v * 10 + (c - '0');
  return v;
}

}  // namespace

std::string_view to_string(ConsentScope scope) noexcept {
  return kScopeNames[static_cast<std::size_t>(scope)];
}

bool Consent::allows(ConsentScope scope) const {
  return std::find(scopes.begin(), scopes.end(), scope) != scopes.end();
}

Result<Consent> parse_consent(std::string_view json_text) {
  if (json_text.size() > kMaxConsentJson) return make_error(Errc::kTooLarge, "a consent record has at most 4096 bytes");
  FK_TRY(const Json value, parse_json(json_text, {.max_depth = 3, .max_values = 64}));
  return consent_from_json(value);
}

Result<Consent> consent_from_json(const Json& value) {
  if (!value.is_object()) return make_error(Errc::kInvalidArgument, "consent is not an object");
  Consent out;
  Fields f(value, "");
  FK_TRY(out.controller, f.text("controller", kMaxController));
  FK_TRY(out.purpose, f.text("purpose", kMaxPurpose));
  FK_TRY(const Json* scopes, f.get("scopes"));
  FK_TRY(out.scopes, read_scopes(*scopes));
  FK_TRY(const Json* notice, f.get("notice"));
  FK_CHECK(read_notice(*notice, out));
  FK_CHECK(read_times(f, out));
  FK_TRY(out.means, f.text("means", kMaxMeans));
  FK_TRY(out.evidence, f.digest("evidence"));
  FK_TRY(out.minor, f.boolean("minor"));
  if (out.minor) {
    FK_TRY(out.guardian_evidence, f.digest("guardian_evidence"));
  } else if (f.has("guardian_evidence")) {
    return bad("guardian_evidence", "is given, but the subject is not a minor");
  }
  FK_CHECK(f.done());
  return out;
}

std::string canonical_consent(const Consent& c) {
  Json scopes = Json::array();
  for (const ConsentScope s : c.scopes) scopes.push_back(to_string(s));
  Json json = {{"controller", c.controller},
               {"purpose", c.purpose},
               {"scopes", scopes},
               {"notice", {{"digest", to_hex(c.notice)}, {"version", c.notice_version}}},
               {"given_at", format_time(c.given_at)},
               {"means", c.means},
               {"evidence", to_hex(c.evidence)},
               {"until", c.until},
               {"minor", c.minor}};
  if (c.guardian_evidence) json["guardian_evidence"] = to_hex(*c.guardian_evidence);
  // Nothing in a record that a parser let through can fail here: strings and booleans alone.
  return canonical_json(json).value_or(std::string{});
}

Result<Digest> consent_digest(ByteView blinding, std::string_view canonical) {
  if (blinding.size() != 32) return make_error(Errc::kInvalidArgument, "a blinding has 32 bytes");
  return sha256({as_bytes(std::string_view("facekeep/consent/v1\0", 20)), blinding, as_bytes(canonical)});
}

Result<UnixMillis> parse_rfc3339(std::string_view text) {
  const Error malformed = make_error(Errc::kMalformed, "not an RFC 3339 date and time");
  if (text.size() < 20 || text.size() > 35) return malformed;
  std::string core(text.substr(0, 19));
  if (core[10] == 't') core[10] = 'T';
  std::string_view rest = text.substr(19);
  std::string millis = "000";
  if (rest[0] == '.') {
    std::size_t n = 1;
    while (n < rest.size() && rest[n] >= '0' && rest[n] <= '9') ++n;
    if (n < 2 || n > 10) return malformed;
    for (std::size_t i = 0; i < 3 && i + 1 < n; ++i) millis[i] = rest[i + 1];
    rest = rest.substr(n);
  }
  std::int64_t offset_minutes = 0;
  if (rest.size() == 6 && (rest[0] == '+' || rest[0] == '-') && rest[3] == ':' && digits(rest.substr(1, 2)) &&
      digits(rest.substr(4, 2))) {
    const int hours = number(rest.substr(1, 2));
    const int minutes = number(rest.substr(4, 2));
    if (hours > 23 || minutes > 59) return malformed;
    offset_minutes = (hours * 60 + minutes) * (rest[0] == '-' ? -1 : 1);
  } else if (rest != "Z" && rest != "z") {
    return malformed;
  }
  const auto local = parse_time(core + "." + millis + "Z");
  if (!local) return malformed;
  const UnixMillis utc = *local - offset_minutes * 60000;
  if (utc < 0 || utc > 253402300799999) return malformed;  // 1970 to 9999, what the log can write
  return utc;
}

}  // namespace facekeep::subject
