// JWS as cameras send it: the examples of the RFCs verify, and whatever is not exactly that form is refused.
#include "vault/probe/jws.h"

#include <openssl/ec.h>

#include <algorithm>

#include "tests/support/catch.h"
#include "tests/unit/ledger/genesis_maker.h"

using namespace facekeep;
using namespace facekeep::probe;

namespace {

// RFC 8037, appendix A.4.
constexpr std::string_view kEdDsa =
    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4"
    "iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
constexpr std::string_view kEd25519X = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
// RFC 7515, appendix A.3.
constexpr std::string_view kEs256 =
    "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVl"
    "fQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
constexpr std::string_view kP256X = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
constexpr std::string_view kP256Y = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";

ledger::SshPublicKey ed25519() {
  return {ledger::SshKeyType::kEd25519, from_base64url(kEd25519X).value(), ""};
}
ledger::SshPublicKey p256() {
  return {ledger::SshKeyType::kEcdsaP256,
          concat(Bytes{4}, from_base64url(kP256X).value(), from_base64url(kP256Y).value()), ""};
}

// An example, which has no kid, in its parts.
Jws example(std::string_view text, const std::string& alg) {
  Jws out;
  const auto second = text.rfind('.');
  const auto first = text.find('.');
  out.alg = alg;
  out.signing_input = text.substr(0, second);
  out.payload = text.substr(first + 1, second - first - 1);
  const Bytes signature = from_base64url(text.substr(second + 1)).value();
  std::copy(signature.begin(), signature.end(), out.signature.begin());
  return out;
}

template <class T>
std::string problem(const Result<T>& r) {
  return r ? "ok" : r.error().problem != nullptr ? r.error().problem : "none";
}

// A text with that header, and a signature of nothing.
std::string with_header(std::string_view header, std::string_view payload = "eyJ9") {
  return to_base64url(as_bytes(header)) + "." + std::string(payload) + "." + to_base64url(Bytes(64, 7));
}
constexpr std::string_view kGood = R"({"alg":"EdDSA","kid":"camera/1"})";

std::string signed_by(EVP_PKEY* key, std::string_view payload, std::string_view kid = "camera/1") {
  const auto text = sign_jws(key, kid, as_bytes(payload));
  REQUIRE(text);
  return std::string(as_chars(text->view()));
}

}  // namespace

TEST_CASE("the EdDSA example of RFC 8037 verifies") {
  const auto payload = open_jws(example(kEdDsa, "EdDSA"), ed25519());
  REQUIRE(payload);
  CHECK(as_chars(payload->view()) == "Example of Ed25519 signing");
}

TEST_CASE("the ES256 example of RFC 7515 verifies") {
  const auto payload = open_jws(example(kEs256, "ES256"), p256());
  REQUIRE(payload);
  CHECK(as_chars(payload->view()).find("\"iss\":\"joe\"") != std::string_view::npos);
}

TEST_CASE("a signature with any bit changed does not verify") {
  for (std::size_t bit = 0; bit < 512; bit += 7) {
    Jws ed = example(kEdDsa, "EdDSA");
    ed.signature[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    CHECK(problem(open_jws(ed, ed25519())) == "bad-probe-signature");
    Jws es = example(kEs256, "ES256");
    es.signature[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    CHECK(problem(open_jws(es, p256())) == "bad-probe-signature");
  }
  Jws zero = example(kEs256, "ES256");
  zero.signature = {};
  CHECK(problem(open_jws(zero, p256())) == "bad-probe-signature");
}

TEST_CASE("the key fixes the algorithm, whatever the header says") {
  for (const char* alg : {"ES256", "none", "HS256", "RS256", "eddsa", ""}) {
    CHECK(problem(open_jws(example(kEdDsa, alg), ed25519())) == "bad-probe-signature");
  }
  CHECK(problem(open_jws(example(kEs256, "EdDSA"), p256())) == "bad-probe-signature");
  auto other = ledger::test::approval_key("somebody else");
  CHECK(problem(open_jws(example(kEdDsa, "EdDSA"), ledger::ssh_key_from_evp(other.get()).value())) ==
        "bad-probe-signature");
  // A key of a security key signs other bytes than these.
  CHECK_FALSE(open_jws(example(kEdDsa, "EdDSA"), {ledger::SshKeyType::kSkEd25519, ed25519().point, "ssh:"}));
}

TEST_CASE("what is signed here verifies here, with both kinds of key") {
  const auto ed = ledger::test::approval_key("camera");
  using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
  const Key ec(EVP_EC_gen("P-256"), EVP_PKEY_free);
  for (EVP_PKEY* key : {ed.get(), ec.get()}) {
    const std::string text = signed_by(key, "what a camera saw", "camera/12");
    const auto jws = parse_jws(text);
    REQUIRE(jws);
    CHECK(jws->kid == "camera/12");
    const auto payload = open_jws(*jws, ledger::ssh_key_from_evp(key).value());
    REQUIRE(payload);
    CHECK(as_chars(payload->view()) == "what a camera saw");
  }
}

TEST_CASE("a signature does not pass to another payload or header") {
  const auto key = ledger::test::approval_key("camera");
  const auto line = ledger::ssh_key_from_evp(key.get()).value();
  const std::string one = signed_by(key.get(), "one", "camera/1");
  const std::string two = signed_by(key.get(), "two", "camera/1");
  const std::string three = signed_by(key.get(), "one", "camera/2");
  const auto signature = [](const std::string& text) { return text.substr(text.rfind('.')); };
  const auto body = [](const std::string& text) { return text.substr(0, text.rfind('.')); };
  const std::string payload_moved = body(one) + signature(two);
  const std::string header_moved = body(three) + signature(one);
  CHECK(problem(open_jws(parse_jws(payload_moved).value(), line)) == "bad-probe-signature");
  CHECK(problem(open_jws(parse_jws(header_moved).value(), line)) == "bad-probe-signature");
}

TEST_CASE("a header is alg and kid, and typ if it is facekeep-probe") {
  CHECK(parse_jws(with_header(kGood)));
  CHECK(parse_jws(with_header(R"({"kid":"camera/1","typ":"facekeep-probe","alg":"ES256"})")));
  for (const char* header : {
           R"({"alg":"EdDSA"})",                                                // no kid
           R"({"kid":"camera/1"})",                                             // no alg
           R"({"alg":"EdDSA","kid":"camera/1","typ":"JWT"})",                   // made for something else
           R"({"alg":"EdDSA","kid":"camera/1","crit":["b64"],"b64":false})",    // RFC 7797
           R"({"alg":"EdDSA","kid":"camera/1","jwk":{"kty":"OKP"}})",           // a key of its own
           R"({"alg":"EdDSA","kid":"camera/1","jku":"https://example.org/"})",  // or from there
           R"({"alg":"EdDSA","kid":"camera/1","kid":"camera/2"})",              // twice
           R"({"alg":["EdDSA"],"kid":"camera/1"})",
           R"({"alg":"EdDSA","kid":1})",
           R"(["EdDSA","camera/1"])",
           R"({"alg":"EdDSA","kid":"camera/1"} )"
           R"(x)",
           "",
       }) {
    INFO(header);
    CHECK(problem(parse_jws(with_header(header))) == "bad-jws");
  }
  CHECK(problem(parse_jws(with_header(R"({"alg":"EdDSA","kid":")" + std::string(73, 'c') + R"("})"))) == "bad-jws");
}

TEST_CASE("only three parts of strict base64url are a JWS") {
  const std::string good = with_header(kGood);
  REQUIRE(parse_jws(good));
  for (const std::string& text : std::vector<std::string>{
           "", ".", "..", "...", good + ".", "." + good, good + "=", good + " ", " " + good, good + "\n",
           good.substr(0, good.size() - 1), good + "A", good.substr(0, good.rfind('.')),
           good.substr(0, good.rfind('.') + 1), "+" + good.substr(1), "/" + good.substr(1)}) {
    INFO(text);
    CHECK(problem(parse_jws(text)) == "bad-jws");
  }
  // The last character's spare bits are zero: one signature has one text.
  std::string spare = good;
  REQUIRE(spare.back() != 'B');
  spare.back() = static_cast<char>(spare.back() + 1);
  CHECK(problem(parse_jws(spare)) == "bad-jws");
}

TEST_CASE("a payload that is not base64url is refused even under a signature that holds") {
  const auto key = ledger::test::approval_key("camera");
  const auto line = ledger::ssh_key_from_evp(key.get()).value();
  for (const std::string payload : {"A", "a+b=", "QQ==", "QR"}) {
    const std::string input = to_base64url(as_bytes(kGood)) + "." + payload;
    Bytes signature(64);
    std::size_t size = signature.size();
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> ctx(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    REQUIRE(EVP_DigestSignInit(ctx.get(), nullptr, nullptr, nullptr, key.get()) == 1);
    REQUIRE(EVP_DigestSign(ctx.get(), signature.data(), &size, as_bytes(input).data(), input.size()) == 1);
    const std::string text = input + "." + to_base64url(signature);
    const auto jws = parse_jws(text);
    REQUIRE(jws);
    CHECK(problem(open_jws(*jws, line)) == "bad-jws");
  }
}

TEST_CASE("sizes are bounded: a header of 256 bytes, a payload of 6,144, a text of 8,622") {
  const auto header_of = [](std::size_t size) {
    std::string h(kGood);
    return h + std::string(size - h.size(), ' ');
  };
  CHECK(parse_jws(with_header(header_of(256))));
  CHECK(problem(parse_jws(with_header(header_of(257)))) == "bad-jws");
  CHECK(parse_jws(with_header(kGood, std::string(8192, 'A'))));
  CHECK(problem(parse_jws(with_header(kGood, std::string(8193, 'A')))) == "bad-jws");
  CHECK(kMaxJws == 8622);
  CHECK(parse_jws(std::string(kMaxJws + 1, 'A')).error().code == Errc::kTooLarge);
  const auto key = ledger::test::approval_key("camera");
  CHECK(sign_jws(key.get(), "camera/1", Bytes(6144)));
  CHECK_FALSE(sign_jws(key.get(), "camera/1", Bytes(6145)));
}

TEST_CASE("no refusal quotes what it refused") {
  const std::string secret = "c2VjcmV0c2VjcmV0";
  for (const std::string& text :
       {secret + "." + secret + "." + secret, with_header(R"({"alg":"c2VjcmV0","kid":"x"})") + "!",
        with_header(R"({"c2VjcmV0":1})")}) {
    const auto r = parse_jws(text);
    REQUIRE_FALSE(r);
    CHECK(r.error().message.find("c2Vj") == std::string::npos);
    CHECK(r.error().hint.find("c2Vj") == std::string::npos);
  }
}
