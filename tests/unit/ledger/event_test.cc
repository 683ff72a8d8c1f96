#include "vault/ledger/event.h"

#include <set>

#include "tests/unit/ledger/event_samples.h"
#include "tests/unit/ledger/json_walk.h"
#include "tests/unit/ledger/snapshot.h"
#include "vault/base/newer.h"

using namespace facekeep;
using namespace facekeep::ledger;
using namespace facekeep::ledger::test;

namespace {

Event event_of(Body body) {
  return {1795000012345, 9007199254740991, std::move(body)};
}
Json json_of(const Body& body) {
  return Json::parse(encode_event(event_of(body)).value());
}
std::string refusal(const Json& j) {
  const auto text = canonical_json(j);
  if (!text) return "(not canonical)";
  const auto e = decode_event(*text);
  return e ? "(accepted)" : e.error().message;
}
bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}
Body sample(std::string_view type) {
  for (Body& b : sample_bodies()) {
    if (type_of(b) == type) return std::move(b);
  }
  FAIL("no sample");
  return {};
}

TEST_CASE("every type of event has a sample here") {
  const auto bodies = sample_bodies();
  REQUIRE(bodies.size() == event_types().size());
  for (std::size_t i = 0; i < bodies.size(); ++i) REQUIRE(bodies[i].index() == i);
}

TEST_CASE("every type of event reads back as it was written") {
  for (const Body& body : sample_bodies()) {
    CAPTURE(std::string(type_of(body)));
    const auto text = encode_event(event_of(body));
    REQUIRE(text);
    const auto back = decode_event(*text);
    REQUIRE(back);
    REQUIRE(back->time == 1795000012345);
    REQUIRE(back->uptime_ms == 9007199254740991);
    REQUIRE(back->body.index() == body.index());
    REQUIRE(encode_event(*back).value() == *text);
    const Json j = Json::parse(*text);
    REQUIRE(j.at("type") == std::string(type_of(body)));
    REQUIRE(j.at("class") == std::string(to_string(class_of(body))));
  }
}

TEST_CASE("optional fields of access events may be missing") {
  const std::string match =
      encode_event(event_of(Match{false, "main", "north", "face", "door/1", "match", {}, {}})).value();
  REQUIRE_FALSE(has(match, "subject"));
  REQUIRE_FALSE(has(match, "request"));
  for (const char* key : {"camera", "nonce", "pad"}) REQUIRE_FALSE(has(match, key));
  const auto back = decode_event(match);
  REQUIRE(back);
  REQUIRE_FALSE(std::get<Match>(back->body).subject);
  REQUIRE_FALSE(std::get<Match>(back->body).request);
  REQUIRE(decode_event(encode_event(event_of(MetadataRead{"main", "operator/1", "list", {}})).value()));
}

TEST_CASE("every kind of action goes through its text and back") {
  const Genesis& g = valid_genesis();
  const std::vector<Action> actions = {
      RegisterPrincipals{{{"main", {"east", "gate"}}}, {g.principals[8], g.principals[10]}},
      ChangeCustodian{g.principals[0]},
      ChangeRules{g.rules},
      ChangeThresholds{"face", -1000000, 1000000},
      AddModel{g.models[1]},
      ChangeReveal{"main", true},
      CancelErasures{"annex"},
      OpenSite{g.sites[1]},
      ChangePolicy{"main", 30, 0, false, 3, SiteBudgets()},
      ChangeWitnesses{g.witnesses},
      ExportTemplates{"main",
                      5,
                      digest_of("list"),
                      ExportBasis::kLegalOrder,
                      digest_of("order"),
                      {{digest_of("key"), Bytes{0x30, 0}}}},
      RotateKeys{"-----BEGIN PUBLIC KEY-----"},
      Reshare{
          g.groups, {g.principals[0]}, digest_of("U"), 32767, g.rules, digest_of("transcript"), "PEM", g.signatures},
      SetRotation{3650},
      RotateLogKey{},
      ConfirmSubjects{"main"},
      SetTicket{TicketPolicy{168, {"lodge", "residents", "https://10.0.0.9:8450", approval_line("box")}, true}}};
  REQUIRE(actions.size() == std::variant_size_v<Action>);
  for (std::size_t i = 0; i < actions.size(); ++i) {
    REQUIRE(actions[i].index() == i);
    const auto text = encode_event(event_of(ProposalMade{{1}, "property/1", "why", actions[i], {}})).value();
    REQUIRE_FALSE(has(text, "overrides"));
    const auto back = decode_event(text);
    REQUIRE(back);
    REQUIRE(encode_event(*back).value() == text);
    Json extra = json_of(ProposalMade{{1}, "property/1", "why", actions[i], {}});
    extra["body"]["action"]["more"] = 1;
    REQUIRE_FALSE(decode_event(extra.dump()));
  }
}

// Genesis has its own tests of every field.
std::vector<Body> without_genesis() {
  auto bodies = sample_bodies();
  bodies.erase(bodies.begin());
  return bodies;
}

// An object whose keys are names out of the log.
bool is_open(const std::string& object) {
  return object == "/body/counts" || object == "/body/keys/checks";
}

TEST_CASE("an event without any one of its fields is refused by name") {
  static const std::set<std::string> kOptional = {"/body/subject", "/body/request", "/body/overrides",  "/body/check",
                                                  "/body/proof",   "/body/keys",    "/body/camera",     "/body/over",
                                                  "/body/repeat",  "/body/horizon", "/body/horizon/by", "/body/before",
                                                  "/body/log_key", "/body/lost",    "/body/loss",       "/body/spare"};
  for (const Body& body : without_genesis()) {
    const Json good = json_of(body);
    walk_fields(good, "", [&](const std::string& object, const std::string& key) {
      if (is_open(object) || kOptional.contains(object + "/" + key)) return;
      Json j = good;
      at(j, object).erase(key);
      CAPTURE(std::string(type_of(body)), object, key);
      REQUIRE(has(refusal(j), "field \"" + key + "\" is missing"));
    });
  }
}

TEST_CASE("a camera without nonce or PAD level is refused, and those without a camera") {
  for (const Body& body : sample_bodies()) {
    const Json good = json_of(body);
    if (!good.at("body").contains("camera")) continue;
    for (const char* key : {"camera", "nonce", "pad"}) {
      Json j = good;
      j["body"].erase(key);
      CAPTURE(std::string(type_of(body)), key);
      REQUIRE_FALSE(decode_event(j.dump()));
    }
    Json none = good;
    for (const char* key : {"camera", "nonce", "pad"}) none["body"].erase(key);
    REQUIRE(decode_event(none.dump()));
  }
}

TEST_CASE("an event with any one field of a wrong type is refused by name") {
  for (const Body& body : without_genesis()) {
    const Json good = json_of(body);
    walk_fields(good, "", [&](const std::string& object, const std::string& key) {
      if (is_open(object)) return;
      Json j = good;
      at(j, object)[key] = nullptr;
      CAPTURE(std::string(type_of(body)), object, key);
      REQUIRE(has(refusal(j), ": " + key + " is not "));
    });
  }
}

TEST_CASE("an event with an unknown field in any object is refused by name") {
  for (const Body& body : sample_bodies()) {
    const Json good = json_of(body);
    for (const std::string object : {"", "/body"}) {
      for (const std::string field : {"embedding", "name", "score", "V"}) {
        Json j = good;
        at(j, object)[field] = 1;
        CAPTURE(std::string(type_of(body)), object, field);
        REQUIRE(has(refusal(j), "unknown field \"" + field + "\""));
      }
    }
  }
  Json j = json_of(sample("match"));
  j["body"]["request"]["probe"] = 1;
  REQUIRE(has(refusal(j), "unknown field \"probe\""));
}

TEST_CASE("an event of another class or type is refused") {
  for (const Body& body : sample_bodies()) {
    for (const char* other : {"governance", "custody", "access", "private", ""}) {
      if (other == to_string(class_of(body))) continue;
      Json j = json_of(body);
      j["class"] = other;
      CAPTURE(std::string(type_of(body)), other);
      REQUIRE(refusal(j) == "event of a wrong class");
    }
  }
  Json j = json_of(sample("sealed"));
  j["type"] = "imported";
  REQUIRE(refusal(j).starts_with("the kind of event \"imported\" is of a newer facekeep; this one, "));
}

TEST_CASE("an event, an action or a genesis of a newer version is refused as one, with both versions") {
  Json event = json_of(sample("sealed"));
  event["v"] = 2;
  Json action = json_of(ProposalMade{{1}, "property/1", "why", ChangeReveal{"main", true}, {}});
  action["body"]["action"]["kind"] = "restart-for-ever";
  Json genesis = json_of(sample("genesis"));
  genesis["body"]["suite"] = 2;
  for (const Json& j : {event, action, genesis}) {
    const auto read = decode_event(j.dump());
    REQUIRE_FALSE(read);
    CAPTURE(read.error().message);
    CHECK(is_newer(read.error()));
    CHECK(read.error().message.find(program_version()) != std::string::npos);
  }
  for (const char* stays : {"0", "-1", "\"2\"", "1000001"}) {
    event["v"] = Json::parse(stays);
    CHECK_FALSE(is_newer(decode_event(event.dump()).error()));
  }
  CHECK(is_newer(decode_leaf(R"({"class":"custody","commitment":")" + std::string(64, 'a') + R"(","v":2})").error()));
}

TEST_CASE("values of events outside their limits are refused") {
  struct Case {
    const char* type;
    const char* key;
    Json value;
    const char* why;
  };
  const std::string long_name(73, 'a');
  const std::vector<Case> cases = {
      {"start", "version", std::string(33, '1'), "version is longer than 32"},
      {"start", "program", std::string(64, 'A'), "program is not 32 bytes"},
      {"start", "config", std::string(62, 'a'), "config is not 32 bytes"},
      {"start", "after_crash", 1, "after_crash is not true or false"},
      {"unseal-share", "share", 0, "share is not between"},
      {"unseal-share", "share", 17, "share is not between"},
      {"unseal-share", "by", long_name, "by is longer than 72"},
      {"unsealed", "by", Json(std::vector<std::string>(129, "a/1")), "by has more than 128"},
      {"unsealed", "by", Json(std::vector<int>(1, 1)), "by is not a list of principals"},
      {"unsealed", "by", Json(std::vector<std::string>(1, long_name)), "by is not a list of principals"},
      {"unseal-ended", "reason", "bored", "reason has a value"},
      {"sealed", "reason", "bored", "reason has a value"},
      {"sums", "since", "2026-11-22T08:00:00Z", "since is"},
      {"sums", "since", "2026-11-22T24:00:00.000Z", "since is"},
      {"sums", "counts", Json{{"visits", 1}}, "unknown kind"},
      {"sums", "counts", Json{{"overload", -1}}, "unknown kind or a count"},
      {"sums", "counts", Json{{"overload", "1"}}, "unknown kind or a count"},
      {"openings-read", "what", "everything", "what has a value"},
      {"openings-read", "what", "register", "unknown field \"bundle\""},
      {"openings-read", "bundle", -1, "bundle is not between"},
      {"openings-read", "bundle", 35184372088832, "bundle is not between"},
      {"enrolled", "ref", std::string(30, 'a'), "ref is not 16 bytes"},
      {"enrolled", "site", "Main", "site is not a name"},
      {"enrolled", "site", "", "site is not a name"},
      {"enrolled", "slot", 4294967296, "slot is not between"},
      {"enrolled", "slot", -1, "slot is not between"},
      {"enrolled", "until", "2026-02-29", "until is not a date"},
      {"template", "model_version", 0, "model_version is not between"},
      {"template", "model_version", 1000001, "model_version is not between"},
      {"erased", "reason", "tidy", "reason has a value"},
      {"suspended", "reason", "operator", "reason has a value"},
      {"period-key", "purpose", "other", "purpose has a value"},
      {"period-key", "period", "2026-11-22", "period is not a month"},
      {"period-key", "period", "2026-13", "period is not a month"},
      {"period-key-destroyed", "period", "2026-11", "period is not a month"},
      {"period-key-destroyed", "period", "2026-02-30", "period is not a month"},
      {"match", "call", "search", "call has a value"},
      {"match", "decision", "yes", "decision has a value"},
      {"match", "subject", "", "subject is not 16 bytes"},
      {"match", "door", "north door", "door is not a name"},
      {"match", "request", Json::array(), "request is not an object"},
      {"metadata-read", "what", "faces", "what has a value"},
  };
  for (const auto& c : cases) {
    Json j = json_of(sample(c.type));
    j["body"][c.key] = c.value;
    CAPTURE(c.type, c.key, c.why, refusal(j));
    REQUIRE(has(refusal(j), c.why));
  }
  for (const auto& [key, value] : std::vector<std::pair<const char*, Json>>{
           {"v", 0}, {"v", 1000001}, {"uptime_ms", -1}, {"time", "2026-11-22T08:00:60.000Z"}}) {
    Json j = json_of(sample("sealed"));
    j[key] = value;
    CAPTURE(key);
    REQUIRE(has(refusal(j), std::string("event: ") + key + " is"));
  }
}

TEST_CASE("a text that is not its own canonical form is no event") {
  const std::string good = encode_event(event_of(sample("sealed"))).value();
  REQUIRE(decode_event(good));
  std::string reordered = good;
  reordered.erase(reordered.size() - 7);  // `,"v":1}`
  std::string spaced = good;
  spaced.insert(1, " ");
  std::string escaped = good;
  escaped.replace(escaped.find("daemon"), 1, "\\u0064");
  std::string doubled = good;
  doubled.insert(doubled.size() - 1, ",\"v\":1");
  std::string fraction = good;
  fraction.replace(fraction.size() - 2, 1, "1.0");
  std::string exponent = good;
  exponent.replace(exponent.size() - 2, 1, "1e0");
  for (const std::string& bad : {"{\"v\":1," + reordered.substr(1) + "}", spaced, escaped, doubled, fraction, exponent,
                                 good + "\n", good + good, good.substr(1), std::string()}) {
    CAPTURE(bad);
    REQUIRE_FALSE(decode_event(bad));
  }
}

TEST_CASE("a reading of the register names no bundle") {
  const auto text = encode_event(event_of(OpeningsRead{"auditor/1", "register", {}})).value();
  REQUIRE_FALSE(has(text, "bundle\":"));
  REQUIRE(decode_event(text));
}

TEST_CASE("an event that is too long for an entry is not written") {
  Genesis g = unsigned_genesis();
  for (int i = 2; i < 600; ++i) g.principals.push_back(make_principal("auditor/" + std::to_string(i), Role::kAuditor));
  const auto text = encode_event(event_of(g));
  REQUIRE_FALSE(text);
  REQUIRE(text.error().code == Errc::kTooLarge);
}

TEST_CASE("an entry that is too long is not read") {
  REQUIRE(decode_leaf(std::string(65536, ' ')).error().code == Errc::kTooLarge);
  REQUIRE(decode_leaf(std::string(65535, ' ')).error().code == Errc::kMalformed);
}

TEST_CASE("a private event in clear is no entry, and a governance event is") {
  for (const Body& body : sample_bodies()) {
    CAPTURE(std::string(type_of(body)));
    const auto leaf = decode_leaf(encode_event(event_of(body)).value());
    if (class_of(body) == EventClass::kGovernance) {
      REQUIRE(leaf);
      REQUIRE(std::get<Event>(*leaf).body.index() == body.index());
    } else {
      REQUIRE(leaf.error().message == "a private event stands in clear in the public log");
    }
  }
}

TEST_CASE("a private entry has one shape") {
  const std::string hex(64, 'a');
  REQUIRE(decode_leaf(private_leaf(EventClass::kAccess, Digest{})));
  for (const std::string& bad : {"{\"class\":\"governance\",\"commitment\":\"" + hex + "\",\"v\":1}",
                                 "{\"class\":\"access\",\"commitment\":\"" + hex + "\",\"v\":2}",
                                 "{\"class\":\"access\",\"commitment\":\"" + hex + "a\",\"v\":1}",
                                 "{\"class\":\"access\",\"commitment\":\"" + hex.substr(1) + "\",\"v\":1}",
                                 "{\"class\":\"access\",\"commitment\":\"" + std::string(64, 'A') + "\",\"v\":1}",
                                 "{\"class\":\"access\", \"commitment\":\"" + hex + "\",\"v\":1}",
                                 "{\"class\":\"access\",\"commitment\":\"" + hex + "\",\"salt\":1,\"v\":1}"}) {
    CAPTURE(bad);
    REQUIRE_FALSE(decode_leaf(bad));
  }
}

// The worked example of vault/log/FORMAT.md, section 13.
Salt salt_from(std::uint8_t first) {
  Salt salt{};
  for (auto& byte : salt) byte = first++;
  return salt;
}
std::string leaf_hash(std::string_view entry) {
  const Bytes zero = {0};
  return to_hex(sha256({zero, as_bytes(entry)}));
}

TEST_CASE("the specification's entries are written byte for byte") {
  const Id128 ref{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  Digest ones, twos;
  ones.fill(0x11);
  twos.fill(0x22);
  const UnixMillis eight = parse_time("2026-11-22T08:00:00.000Z").value();
  const std::string sums =
      encode_event({eight + 60000, 61000, Sums{eight, {{"bad-request", 3}, {"handshake-unknown-key", 12}}}}).value();
  REQUIRE(sums ==
          R"({"body":{"counts":{"bad-request":3,"handshake-unknown-key":12},"since":"2026-11-22T08:00:00.000Z"},)"
          R"("class":"governance","time":"2026-11-22T08:01:00.000Z","type":"sums","uptime_ms":61000,"v":1})");
  REQUIRE(sums.size() == 192);
  REQUIRE(leaf_hash(sums) == "392c600b253f22197c48fdbf077a9e1ca0011dcd58ac8ad50cd28be05d38c30c");

  const std::string enrolled =
      encode_event({eight + 65250, 66250, Enrolled{ref, "gate", "operator/1", 7, ones, twos, "2027-11-22"}}).value();
  REQUIRE(enrolled.size() == 360);
  const std::string custody = private_leaf(EventClass::kCustody, commit(salt_from(0), enrolled));
  REQUIRE(custody == R"({"class":"custody","commitment":"c24ee8426e988d40c7ceee96eac176ca3c4877f1dc0de7798b6f126133fb)"
                     R"(064a","v":1})");
  REQUIRE(custody.size() == 105);
  REQUIRE(leaf_hash(custody) == "484a25030f23e516da24a0a4cca5b971694e9b8d48fe2dc33344e37857722d66");

  const Id128 pseudonym = from_hex_exact<16>("f0e1d2c3b4a5968778695a4b3c2d1e0f").value();
  const std::string match = encode_event({eight + 120000, 121000,
                                          Match{false, "gate", "gate-north", "arc", "door/1", "match", pseudonym, {}}})
                                .value();
  REQUIRE(match.size() == 243);
  const std::string access = private_leaf(EventClass::kAccess, commit(salt_from(0x20), match));
  REQUIRE(access == R"({"class":"access","commitment":"0436034b2316e4c495ea8388f0529fe18f08a89c4b72796065bbfa15f09d)"
                    R"(23de","v":1})");
  REQUIRE(leaf_hash(access) == "231c1b89d49759c0919cfc5033dfe62efe17a27cd1f3d58ee1ec4e3e65924ce9");
}

TEST_CASE("a commitment depends on every byte of salt and event") {
  const Digest whole = commit(salt_from(0), "event");
  REQUIRE(commit(salt_from(1), "event") != whole);
  REQUIRE(commit(salt_from(0), "even") != whole);
  REQUIRE(commit(salt_from(0), "events") != whole);
}

TEST_CASE("types, classes and counted kinds are the reviewed ones") {
  std::string text;
  for (const Body& body : sample_bodies()) {
    text += std::string(to_string(class_of(body))) + " " + std::string(type_of(body)) + "\n";
  }
  for (const auto kind : sum_kinds()) text += "sum " + std::string(kind) + "\n";
  require_snapshot("event_types.txt", text);
}

}  // namespace
