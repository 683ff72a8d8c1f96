// Cameras in the ledger: the key that they sign with, what a site asks of probes, and what the fold takes of both.
#include "tests/unit/ledger/log_checks.h"
#include "tests/unit/ledger/proposal_maker.h"

using namespace facekeep;
using namespace facekeep::ledger;
using namespace facekeep::ledger::test;

namespace {

// Of main, with a key that the tests could sign with.
PrincipalRecord camera(const std::string& id = "camera/1", std::vector<std::string> doors = {}) {
  PrincipalRecord p = make_principal(id, Role::kCamera);
  p.signing_key = approval_line(id);
  p.key = sha256(ssh_key_spki(parse_public_key_line(p.signing_key).value().key).value());
  p.sites = {"main"};
  p.doors = std::move(doors);
  return p;
}

Genesis with(const PrincipalRecord& p) {
  Genesis g = unsigned_genesis();
  g.principals.push_back(p);
  return g;
}
void refused(const PrincipalRecord& p, const std::string& why) {
  const Status s = check_genesis(with(p));
  REQUIRE_FALSE(s);
  INFO(s.error().message);
  CHECK(s.error().message.find(why) != std::string::npos);
}

// Open, with camera/1 at main, camera/2 at main's south door, and subject 1.
Log camera_log() {
  Log log = open_log();
  decide_together(log, made_by("property/1", 1, RegisterPrincipals{{}, {camera(), camera("camera/2", {"south"})}}));
  return log;
}
void set_policy(Log& log, std::optional<bool> required, std::optional<std::uint32_t> min_pad) {
  const Site* s = log.state.site("main");
  log.must(Tightened{"property/1", ChangePolicy{"main", s->access_log_days, s->erase_daily, required, min_pad}});
}
Match match(std::optional<SignedBy> by, const std::string& decision = "no_match", const std::string& door = "north") {
  return {true, "main", door, "face", "door/1", decision, {}, {}, std::move(by)};
}
SignedBy signed_by(const std::string& id, std::uint32_t pad = 0) {
  return {id, pad, {7}};
}
}  // namespace

TEST_CASE("a camera's signing key is the key that it is registered by") {
  CHECK(check_genesis(with(camera())));
  PrincipalRecord door = camera("door/9", {"north"});
  door.role = Role::kDoor;  // one key may be both
  CHECK(check_genesis(with(door)));
  PrincipalRecord other = camera();
  other.key = digest_of("another key");
  refused(other, "not the key that it is registered by");
  PrincipalRecord comment = camera();
  comment.signing_key += " comment";
  refused(comment, "written as type and base64 alone");
  PrincipalRecord text = camera();
  text.signing_key = "ssh-ed25519 AAAA";
  refused(text, "is not an Ed25519 or P-256 key");
  PrincipalRecord person = camera("operator/9");
  person.role = Role::kOperator;
  refused(person, "neither camera nor door");
  PrincipalRecord custodian = unsigned_genesis().principals[0];
  Genesis g = unsigned_genesis();
  g.principals[0].signing_key = custodian.approval_key;
  CHECK_FALSE(check_genesis(g));
}

TEST_CASE("a security key signs no probes") {
  PrincipalRecord p = camera();
  SshPublicKey key = parse_public_key_line(p.signing_key).value().key;
  key.type = SshKeyType::kSkEd25519;
  key.application = "ssh:";
  p.signing_key = format_ssh_key_line(key);
  refused(p, "is not an Ed25519 or P-256 key");
}

TEST_CASE("registrations and sites go through their text and back, and absent fields change no byte") {
  const PrincipalRecord p = camera();
  CHECK(to_json(principal_from_json(to_json(p), "p").value()) == to_json(p));
  CHECK(to_json(p).at("signing_key") == p.signing_key);
  Json empty = to_json(p);
  empty["signing_key"] = "";
  CHECK_FALSE(principal_from_json(empty, "p"));

  Site s = make_site("main", {});
  CHECK_FALSE(to_json(s).contains("signed_probes"));
  CHECK_FALSE(to_json(s).contains("min_pad"));
  s.signed_probes_required = true;
  s.min_pad = 2;
  const Json j = to_json(s);
  CHECK(j.at("signed_probes") == "required");
  CHECK(j.at("min_pad") == 2);
  CHECK(to_json(site_from_json(j, "s").value()) == j);
  for (const auto& [key, value] : std::vector<std::pair<std::string, Json>>{
           {"signed_probes", "optional"}, {"signed_probes", true}, {"min_pad", 0}, {"min_pad", 4}, {"min_pad", "2"}}) {
    Json bad = j;
    bad[key] = value;
    CHECK_FALSE(site_from_json(bad, "s"));
  }
}

TEST_CASE("one custodian requires signatures or a higher level, and takes neither back") {
  Log log = sealed_log();
  const auto policy = [&](std::optional<bool> required, std::optional<std::uint32_t> min_pad) {
    const Site* s = log.state.site("main");
    return Action(ChangePolicy{"main", s->access_log_days, s->erase_daily, required, min_pad});
  };
  CHECK_FALSE(is_tightening(log.state.current(), policy({}, {})));    // changes nothing
  CHECK_FALSE(is_tightening(log.state.current(), policy(false, 0)));  // nor this
  set_policy(log, true, 2);
  CHECK(log.state.site("main")->signed_probes_required);
  CHECK(log.state.site("main")->min_pad == 2);
  CHECK_FALSE(is_tightening(log.state.current(), policy(false, 3)));
  CHECK_FALSE(is_tightening(log.state.current(), policy(true, 1)));
  CHECK(is_tightening(log.state.current(), policy(true, 3)));
  CHECK(is_tightening(log.state.current(), policy({}, 3)));
  // What a policy does not name stays.
  set_policy(log, {}, 3);
  CHECK(log.state.site("main")->signed_probes_required);
  refuse(log, Tightened{"property/1", policy(false, 3)}, "widens something");
}

TEST_CASE("a quorum makes signatures optional again") {
  Log log = open_log();
  set_policy(log, true, 1);
  const Site* s = log.state.site("main");
  const std::uint32_t delay = log.state.current().rules.at("policy").delay_s;
  decide_together(log, made_by("property/1", 9, ChangePolicy{"main", s->access_log_days, s->erase_daily, false, 0}),
                  delay);
  CHECK_FALSE(log.state.site("main")->signed_probes_required);
  CHECK(log.state.site("main")->min_pad == 0);
}

TEST_CASE("who signed a probe is a camera of that place") {
  Log log = camera_log();
  log.must(match(std::nullopt));
  log.must(match(signed_by("camera/1", 3)));
  log.must(match(signed_by("camera/2"), "no_match", "south"));
  refuse(log, match(signed_by("camera/2")), "no camera of the place");
  refuse(log, match(signed_by("camera/3")), "no camera of the place");
  refuse(log, match(signed_by("door/1")), "no camera of the place");  // has no signing key
  log.must(Revoked{"property/1", {"camera/1"}, "lost"});
  refuse(log, match(signed_by("camera/1")), "no camera of the place");
}

TEST_CASE("a camera that is bound to doors signs no enrolment") {
  Log log = camera_log();
  TemplateAdded t = template_of(1, 1);
  t.camera = signed_by("camera/2");
  refuse(log, t, "no camera of the place");
  t.camera = signed_by("camera/1");
  log.must(t);
}

TEST_CASE("where signatures are required, none is missing") {
  Log log = camera_log();
  set_policy(log, true, {});
  refuse(log, match(std::nullopt), "a probe without a signature");
  refuse(log, match(std::nullopt, "refer"), "a probe without a signature");
  log.must(match(signed_by("camera/1")));
  TemplateAdded t = template_of(1, 1);
  refuse(log, t, "a probe without a signature");
  t.camera = signed_by("camera/1");
  log.must(t);
}

TEST_CASE("below the site's level a decision is refer, and no template is enrolled") {
  Log log = camera_log();
  set_policy(log, {}, 2);
  refuse(log, match(signed_by("camera/1", 1), "match"), "PAD level");
  refuse(log, match(signed_by("camera/1", 1)), "PAD level");
  refuse(log, match(std::nullopt), "PAD level");
  log.must(match(signed_by("camera/1", 1), "refer"));
  log.must(match(signed_by("camera/1", 2)));
  TemplateAdded t = template_of(1, 1);
  refuse(log, t, "PAD level");
  t.camera = signed_by("camera/1", 2);
  log.must(t);
}
