#include "api/problems.h"

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "api/openapi.h"
#include "tests/support/catch.h"
#include "tests/support/paths.h"
#include "vault/ledger/event.h"

namespace facekeep::api {
namespace {

std::string read(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

// Every name that a make_problem() in the sources gives, or that is assigned to an Error's `problem`.
std::set<std::string> names_in_sources() {
  const std::regex made(R"re(make_problem\(\s*Errc::\w+,\s*"([a-z0-9-]+)")re");
  const std::regex assigned(R"re(problem = "([a-z0-9-]+)")re");
  const std::regex chosen(R"re(make_problem\(\s*Errc::\w+,\s*\w+ \? "([a-z0-9-]+)" : "([a-z0-9-]+)")re");
  std::set<std::string> out;
  for (const char* folder : {"vault", "hsm", "api"}) {
    const auto root = std::filesystem::path(facekeep::test::source_dir()) / folder;
    for (const auto& file : std::filesystem::recursive_directory_iterator(root)) {
      if (file.path().extension() != ".cc" && file.path().extension() != ".h") continue;
      const std::string text = read(file.path());
      for (const auto& pattern : {made, assigned}) {
        for (std::sregex_iterator it(text.begin(), text.end(), pattern), end; it != end; ++it) out.insert((*it)[1]);
      }
      for (std::sregex_iterator it(text.begin(), text.end(), chosen), end; it != end; ++it) {
        out.insert({(*it)[1], (*it)[2]});
      }
    }
  }
  return out;
}

// Of vault/log/log_keys.cc: for who verifies a log, not for who calls.
const std::set<std::string> kForVerifiers = {"handover", "recovered", "unknown-log-key", "lost-tree", "old-log-key"};

TEST_CASE("every problem that the sources name is in the table") {
  std::set<std::string> known = kForVerifiers;
  for (const auto& k : problem_kinds()) known.emplace(k.name);
  const auto used = names_in_sources();
  REQUIRE(used.size() > 30);  // the search itself works
  for (const std::string& name : used) {
    CAPTURE(name);
    REQUIRE(known.contains(name));
  }
}

TEST_CASE("every problem of the table is in the OpenAPI document") {
  const std::string yaml(openapi_yaml());
  for (const auto& k : problem_kinds()) {
    CAPTURE(std::string(k.name));
    REQUIRE(yaml.find("`" + std::string(k.name) + "`") != std::string::npos);
  }
}

TEST_CASE("every error code has a kind of its own") {
  for (int c = 0; c <= static_cast<int>(Errc::kInternal); ++c) {
    const auto code = static_cast<Errc>(c);
    REQUIRE(kind_of(make_error(code, "x")).name == to_string(code));
  }
}

TEST_CASE("a name that the table lacks falls back to its code") {
  REQUIRE(kind_of(make_problem(Errc::kConflict, "no-such-problem", "x")).name == "conflict");
}

TEST_CASE("what a problem counts as is a kind of the log's sums") {
  const auto& sums = ledger::sum_kinds();
  for (const auto& k : problem_kinds()) {
    CAPTURE(std::string(k.name));
    REQUIRE((k.sum.empty() || std::find(sums.begin(), sums.end(), k.sum) != sums.end()));
    REQUIRE((k.status >= 400 && k.status < 600));
    REQUIRE((k.status != 500 || !k.show_detail));
  }
}

TEST_CASE("a client sees the words of its own mistakes, and not those of the machine's") {
  const auto own = to_problem(make_problem(Errc::kMalformed, "missing-field", "the body lacks x", "add it"));
  REQUIRE(own.detail == "the body lacks x");
  REQUIRE(own.hint == "add it");
  const Error halted = make_problem(Errc::kHalted, "halted", "the token in slot 7 is gone", "plug it in");
  REQUIRE(to_problem(halted).detail.find("slot 7") == std::string::npos);
  REQUIRE(to_problem(halted).hint != "plug it in");
  REQUIRE(to_problem(halted, Audience::kCustodian).detail == "the token in slot 7 is gone");
  REQUIRE(to_problem(halted, Audience::kCustodian).hint == "plug it in");
  const auto machine = to_problem(make_error(Errc::kIo, "/var/lib/secret/path failed"));
  REQUIRE(machine.status == 500);
  REQUIRE(machine.detail.empty());
  REQUIRE(machine.hint.find("journal") != std::string::npos);
}

TEST_CASE("429 and 503 say when to come back") {
  const auto retry = [](const Error& error) {
    for (const auto& [name, value] : to_response(error).headers) {
      if (name == "Retry-After") return value;
    }
    return std::string();
  };
  REQUIRE(retry(make_error(Errc::kSealed, "x")) == "30");
  REQUIRE(retry(make_error(Errc::kHalted, "x")) == "5");
  REQUIRE(retry(make_error(Errc::kOutOfSpace, "x")) == "5");
  REQUIRE(retry(make_problem(Errc::kExhausted, "too-many-reads", "x")) == "1");
  REQUIRE(to_response(make_problem(Errc::kExhausted, "too-many-reads", "x")).status == 429);
  REQUIRE(retry(make_error(Errc::kNotFound, "x")).empty());
}

}  // namespace
}  // namespace facekeep::api
