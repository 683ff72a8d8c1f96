// facekeep camera sign, and doors that send what a camera signed.
#include "tests/support/catch.h"
#include "tests/unit/facekeep/machine.h"
#include "tools/facekeep/key_files.h"
#include "vault/ledger/sshsig.h"
#include "vault/probe/claims.h"
#include "vault/probe/jws.h"

using namespace facekeep;
using namespace facekeep::tools;
using namespace facekeep::tools::testing;

namespace {

constexpr std::array kCommands = {AddCommand{add_camera}, AddCommand{add_identify}, AddCommand{add_verify}};

struct CameraMachine : Machine {
  CameraMachine() {
    REQUIRE(write_new_key(path("cam"), http::KeyType::kEd25519, "cam", nullptr));
    dir.write("face.json", "[1.5,-0.25,3]");
    serve([this](http::Request&& r) {
      asked = std::string(as_chars({r.body.data(), r.body.size()}));
      http::Response out;
      const std::string text = R"({"decision":"no_match","entry":7})";
      out.body.assign(text.begin(), text.end());
      return out;
    });
  }
  int sign(std::vector<std::string> more = {}) {
    std::vector<std::string> words = {"camera",   "sign",     path("face.json"), "--camera-key", path("cam.key"),
                                      "--camera", "camera/3", "--site",          "main",         "--model",
                                      "arc"};
    words.insert(words.end(), more.begin(), more.end());
    return run_with(kCommands, words, nullptr);
  }
  // The claims of a JWS, which the machine's camera key signed.
  probe::Claims opened(std::string text) {
    text = text.substr(0, text.find_first_of("\n\" "));
    const auto jws = probe::parse_jws(text);
    REQUIRE(jws);
    CHECK(jws->kid == "camera/3");
    const std::string line = dir.read("cam.pub");
    const auto key = ledger::parse_public_key_line(line.substr(0, line.find('\n')));
    const auto payload = probe::open_jws(*jws, key.value().key);
    REQUIRE(payload);
    return probe::read_claims(payload->view()).value();
  }
  std::string asked;
};

}  // namespace

TEST_CASE("camera sign prints a probe as a camera signs it") {
  CameraMachine m;
  const UnixMillis before = SystemClock().now().wall;
  REQUIRE(m.sign({"--door", "north", "--pad", "2"}) == 0);
  const probe::Claims c = m.opened(m.out);
  CHECK(c.use == "identify");
  CHECK(c.site == "main");
  CHECK(c.door == "north");
  CHECK(c.model == "arc");
  CHECK(c.pad == 2);
  CHECK(to_hex(c.vault) == m.vault.notice_json().at("vault"));
  REQUIRE(c.time);
  CHECK((*c.time >= before && *c.time <= SystemClock().now().wall));
  CHECK(c.probe == std::vector<float>{1.5F, -0.25F, 3.0F});
  CHECK(m.asked.empty());  // nothing is sent
  const std::string first = m.out;
  REQUIRE(m.sign({"--door", "north", "--pad", "2"}) == 0);
  CHECK(m.opened(m.out).nonce != c.nonce);
}

TEST_CASE("camera sign takes a challenge in place of the time, and no door for an enrolment") {
  CameraMachine m;
  REQUIRE(m.sign({"--use", "enrol", "--challenge", "__4AAAAAAAAAAAAAAAAAAA"}) == 0);
  const probe::Claims c = m.opened(m.out);
  CHECK(c.use == "enrol");
  CHECK(c.door.empty());
  CHECK_FALSE(c.time);
  CHECK(c.nonce == Id128{0xff, 0xfe});
}

TEST_CASE("camera sign refuses what no vault would read, and says nothing of the probe") {
  CameraMachine m;
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{},
                                             {"--door", "North"},
                                             {"--door", "north", "--use", "enrol"},
                                             {"--door", "north", "--challenge", "abc"},
                                             {"--door", "north", "--pad", "4"}}) {
    CHECK(m.sign(words) == 1);
    CHECK(m.out.find("ey") == std::string::npos);
    CHECK(m.err.find("1.5") == std::string::npos);
  }
}

TEST_CASE("a door's question goes out with the camera's signature, for just that question") {
  CameraMachine m;
  const std::vector<std::string> rest = {"--site",       "main",
                                         "--door",       "north",
                                         "--model",      "arc",
                                         "--probe",      m.path("face.json"),
                                         "--camera-key", m.path("cam.key"),
                                         "--camera",     "camera/3",
                                         "--pad",        "1"};
  std::vector<std::string> words = {"identify"};
  words.insert(words.end(), rest.begin(), rest.end());
  REQUIRE(m.run_with(kCommands, words, nullptr) == 0);
  CHECK(m.opened(Json::parse(m.asked).at("probe")).use == "identify");
  words = {"verify", "--subject", "anna"};
  words.insert(words.end(), rest.begin(), rest.end());
  REQUIRE(m.run_with(kCommands, words, nullptr) == 0);
  const probe::Claims c = m.opened(Json::parse(m.asked).at("probe"));
  CHECK(c.use == "verify");
  CHECK(c.door == "north");
  CHECK(c.pad == 1);
  // Half of what it takes to sign is a mistake, and nothing goes out.
  m.asked.clear();
  words = {"identify",          "--site",   "main",    "--door", "north", "--model", "arc", "--probe",
           m.path("face.json"), "--camera", "camera/3"};
  CHECK(m.run_with(kCommands, words, nullptr) == 1);
  CHECK(m.asked.empty());
}
