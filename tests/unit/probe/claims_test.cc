// The signed payload: what is written is read, and nothing else is.
#include "vault/probe/claims.h"

#include <cmath>
#include <limits>

#include "tests/support/catch.h"

using namespace facekeep;
using namespace facekeep::probe;

namespace {

Claims claims(std::string use = "identify") {
  Claims c;
  c.use = std::move(use);
  c.vault = Id128{1, 2, 3};
  c.site = "main";
  if (c.use != "enrol") c.door = "north";
  c.model = "arc-face";
  c.time = 1795305600123;
  c.nonce = Id128{0xff, 0xfe};
  c.pad = 2;
  c.probe = {1.5F, -0.25F, 3e-38F};
  return c;
}

std::string text_of(const Claims& c) {
  const SecretBytes payload = write_claims(c);
  return std::string(as_chars(payload.view()));
}

bool refused(const std::string& text) {
  const auto r = read_claims(as_bytes(text));
  return !r && std::string_view(r.error().problem) == "bad-jws";
}

std::string with(std::string text, std::string_view from, std::string_view to) {
  REQUIRE(text.find(from) != std::string::npos);
  return text.replace(text.find(from), from.size(), to);
}

}  // namespace

TEST_CASE("claims are canonical JSON, and come back as they were") {
  CHECK(
      text_of(claims()) ==
      R"({"door":"north","model":"arc-face","nonce":"__4AAAAAAAAAAAAAAAAAAA","pad":2,"probe":"AADAPwAAgL7mVSMB","site":"main",)"
      R"("time":"2026-11-22T00:00:00.123Z","use":"identify","vault":"01020300000000000000000000000000"})");
  for (const char* use : {"verify", "identify", "enrol"}) {
    const Claims given = claims(use);
    const auto read = read_claims(as_bytes(text_of(given)));
    REQUIRE(read);
    CHECK(read->use == use);
    CHECK(read->vault == given.vault);
    CHECK(read->site == "main");
    CHECK(read->door == given.door);
    CHECK(read->model == "arc-face");
    CHECK(read->time == given.time);
    CHECK(read->nonce == given.nonce);
    CHECK(read->pad == 2);
    CHECK(read->probe == given.probe);
  }
}

TEST_CASE("a camera without a clock leaves the time out") {
  Claims c = claims();
  c.time.reset();
  const auto read = read_claims(as_bytes(text_of(c)));
  REQUIRE(read);
  CHECK_FALSE(read->time);
}

TEST_CASE("a payload that is not exactly of that form is refused") {
  const std::string good = text_of(claims());
  REQUIRE(read_claims(as_bytes(good)));
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"{\"door\"", "{ \"door\""},
           {"\"door\":\"north\",", ""},  // a door's question has one
           {"\"north\"", "\"North\""},
           {"\"north\"", "\"\""},
           {"\"north\"", "null"},
           {"\"model\":\"arc-face\",", ""},
           {"\"pad\":2", "\"pad\":4"},
           {"\"pad\":2", "\"pad\":-1"},
           {"\"pad\":2", "\"pad\":02"},
           {"\"pad\":2", "\"pad\":2.0"},
           {"\"pad\":2", "\"pad\":\"2\""},
           {"\"pad\":2,", ""},
           {"\"nonce\":\"__4", "\"nonce\":\"//4"},
           {"AAA\",\"pad\"", "AA\",\"pad\""},
           {"AAA\",\"pad\"", "AAAA\",\"pad\""},
           {"AAA\",\"pad\"", "AAB\",\"pad\""},
           {"AADAPwAAgL7mVSMB", ""},
           {"AADAPwAAgL7mVSMB",
            "AADAPw=="
            "x"},
           {"AADAPwAAgL7mVSMB", "AADA"},
           {"AADAPwAAgL7mVSMB", "AADAPwAAgL7mVSM"},
           {"AADAPwAAgL7mVSMB", "AADAPwAA_L7mVSMB"},
           {"00.123Z", "00Z"},
           {"00.123Z", "00.123+00:00"},
           {"2026-11-22", "2026-11-31"},
           {"identify", "export"},
           {"identify", "enrol"},  // which has no door
           {"vault\":\"01", "vault\":\"0g"},
           {"00\"}", "\"}"},
           {"00\"}", "00\",\"z\":1}"},
           {"00\"}", "00\"} "},
           {"\"site\":\"main\",", "\"score\":1,\"site\":\"main\","},
           {"\"site\":\"main\",", "\"site\":\"main\",\"site\":\"main\","}}) {
    INFO(from << " -> " << to);
    CHECK(refused(with(good, from, to)));
  }
  CHECK(refused(""));
  CHECK(refused("{}"));
  for (std::size_t n = 0; n < good.size(); n += 5) CHECK(refused(good.substr(0, n)));
}

TEST_CASE("a probe has at most 1,024 values, and then still fits a JWS") {
  Claims c = claims("identify");
  c.site = c.door = c.model = "a" + std::string(63, 'b');
  c.probe.assign(1024, 1.0F);
  const std::string text = text_of(c);
  CHECK(text.size() <= 6144);
  REQUIRE(read_claims(as_bytes(text)));
  c.probe.push_back(1.0F);
  CHECK(refused(text_of(c)));
}

TEST_CASE("values that are no numbers come through: what a probe must be is the engine's to say") {
  Claims c = claims();
  c.probe = {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()};
  const auto read = read_claims(as_bytes(text_of(c)));
  REQUIRE(read);
  CHECK(std::isinf(read->probe[0]));
  CHECK(std::isnan(read->probe[1]));
}
