#include "tools/common/problems.h"

#include "tests/support/catch.h"
#include "tools/facekeep/context.h"
#include "tools/facekeep/vault_api.h"
#include "tools/facekeep/vector_input.h"

using namespace facekeep;
using namespace facekeep::tools;

TEST_CASE("a refusal keeps the vault's words, name and kind") {
  const Error e = problem_error(503, as_bytes(R"({"type":"urn:facekeep:problem:sealed","title":"t","status":503,)"
                                              R"("detail":"the vault is sealed","hint":"unseal it"})"));
  CHECK(e.code == Errc::kSealed);
  CHECK(e.message == "the vault is sealed");
  CHECK(e.hint == "unseal it");
  CHECK(std::string(e.problem) == "sealed");
}

TEST_CASE("the caller's mistakes and the vault's refusals differ in the exit code") {
  const auto code = [](int status) {
    return exit_code(problem_error(status, as_bytes(R"({"type":"urn:facekeep:problem:x","title":"t"})")).code);
  };
  for (const int status : {400, 404, 413}) CHECK(code(status) == 1);
  for (const int status : {403, 408, 409, 500, 503}) CHECK(code(status) == 2);
}

TEST_CASE("an answer that is no problem document names the status") {
  for (const char* body : {"", "<html>", "[]", "{\"type\":7}", "{\"type\":\"about:blank\"}"}) {
    const Error e = problem_error(502, as_bytes(body));
    CHECK(e.message.find("502") != std::string::npos);
    CHECK(std::string(e.problem) == "bad-answer");
  }
}

TEST_CASE("a hostile problem name is dropped") {
  CHECK(problem_error(400, as_bytes(R"({"type":"urn:facekeep:problem:A b","title":"t"})")).problem == nullptr);
}

TEST_CASE("in Chinese known refusals are said in Chinese, with the vault's words behind") {
  set_error_lang(Lang::kChinese);
  const Error e = problem_error(
      503, as_bytes(R"({"type":"urn:facekeep:problem:sealed","title":"t","detail":"the vault is sealed"})"));
  set_error_lang(Lang::kEnglish);
  CHECK(e.message == "保管库已封存（the vault is sealed）");
}

TEST_CASE("path segments are percent-encoded") {
  CHECK(percent_encode("a-b_c.~9") == "a-b_c.~9");
  CHECK(percent_encode("a/b?c#d%e f") == "a%2Fb%3Fc%23d%25e%20f");
  CHECK(percent_encode("\xE4\xBD\xA0") == "%E4%BD%A0");
}

TEST_CASE("a template option is MODEL=FILE") {
  CHECK(parse_template_option("arcface=a=b.npy")->path == "a=b.npy");
  for (const char* text : {"", "arcface", "=a.npy", "arcface="}) CHECK_FALSE(parse_template_option(text));
}
