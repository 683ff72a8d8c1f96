#include "vault/ledger/witness.h"

#include "tests/support/catch.h"
#include "tests/unit/ledger/genesis_maker.h"

using namespace facekeep;
using namespace facekeep::ledger;
using namespace facekeep::ledger::test;

namespace {

std::string refusal(const Witnesses& w) {
  const auto back = witnesses_from_json(to_json(w), "witnesses");
  return back ? "(accepted)" : back.error().message;
}
bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("a witness's key has the id of its type, and reads back from its text") {
  // RFC 8032 section 7.1, test 1.
  const auto raw = from_hex_exact<32>("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a").value();
  const WitnessKey key = make_witness_key("witness.example/w1", raw).value();
  Bytes typed = {0x04};
  typed.insert(typed.end(), raw.begin(), raw.end());
  const Digest d = sha256({as_bytes("witness.example/w1\n"), typed});
  CHECK(key.id == load_be32(d.data()));
  const std::string vkey = format_witness_key(key);
  CHECK(vkey == "witness.example/w1+" + to_hex(ByteView(d).first(4)) + "+" + to_base64(typed));
  CHECK(parse_witness_key(vkey).value() == key);
}

TEST_CASE("a text that is not exactly a witness's key is refused") {
  const std::string vkey = witness_vkey("w1");
  const std::size_t id = vkey.find('+') + 1;
  std::string other_id = vkey;
  other_id[id] = other_id[id] == '0' ? '1' : '0';
  std::string upper = vkey;
  for (std::size_t i = id; i < id + 8; ++i) upper[i] = static_cast<char>(std::toupper(upper[i]));
  CHECK_FALSE(parse_witness_key(other_id));
  if (upper != vkey) CHECK_FALSE(parse_witness_key(upper));
  // A log's key (type 0x01) is no witness's.
  CHECK_FALSE(parse_witness_key("vault.example/test+2e074323+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"));
  for (const std::string& bad : {std::string(), std::string("+"), vkey.substr(1), vkey + "A", vkey + "\n", " " + vkey,
                                 vkey.substr(0, vkey.size() - 1), vkey.substr(0, id + 8)}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_witness_key(bad));
  }
  for (const std::string& name : {std::string(), std::string("a b"), std::string("a+b"), std::string("a\n"),
                                  std::string(129, 'a'), std::string("w\xc3\xa9")}) {
    CHECK_FALSE(make_witness_key(name, {}));
  }
  CHECK(make_witness_key(std::string(128, 'a'), {}));
}

TEST_CASE("witnesses read back, and their limits hold") {
  const Witnesses good = sample_witnesses();
  CHECK(to_json(witnesses_from_json(to_json(good), "w").value()) == to_json(good));
  Witnesses w = good;
  w.quorum = 0;
  CHECK(has(refusal(w), "quorum is not between"));
  w.quorum = 3;
  CHECK(has(refusal(w), "the quorum is not between 1 and their number"));
  w = good;
  w.list.clear();
  CHECK(has(refusal(w), "1 to 16"));
  w = good;
  for (int i = 3; i <= 16; ++i)
    w.list.push_back({witness_vkey("w" + std::to_string(i)), "https://10.0.0." + std::to_string(i),
                      digest_of("server " + std::to_string(i))});
  w.quorum = 16;
  CHECK(refusal(w) == "(accepted)");
  w.list.push_back({witness_vkey("w17"), "https://10.0.0.17", {}});
  CHECK(has(refusal(w), "more than 16"));
}

TEST_CASE("one key, name, URL or machine counts as one witness") {
  Witnesses w = sample_witnesses();
  w.list[1].vkey = w.list[0].vkey;
  CHECK(has(refusal(w), "same name or key"));
  w = sample_witnesses();
  const WitnessKey first = parse_witness_key(w.list[0].vkey).value();
  w.list[1].vkey = format_witness_key(make_witness_key("witness.example/other", first.public_key).value());
  CHECK(has(refusal(w), "same name or key"));
  w = sample_witnesses();
  w.list[1].url = w.list[0].url;
  CHECK(has(refusal(w), "same URL"));
  w = sample_witnesses();
  w.list[1].key = w.list[0].key;
  CHECK(has(refusal(w), "same TLS key"));
}

TEST_CASE("a witness's URL is an https prefix of a numeric address and nothing else") {
  for (const char* url : {"https://192.0.2.7", "https://192.0.2.7:8443", "https://[::1]:9/a/b", "https://10.0.0.1/w1",
                          "https://[fd00::1]", "https://10.0.0.1:65535"}) {
    Witnesses w = sample_witnesses();
    w.list[0].url = url;
    CAPTURE(url);
    CHECK(refusal(w) == "(accepted)");
  }
  for (const char* url : {"", "http://w.example", "w.example", "https://", "https:///a", "https://w.example/",
                          "https://u@w.example", "https://w.example/?a", "https://w.example/#a", "https://w example",
                          "https://w.example/%41", "HTTPS://w.example", "https://10.0.0.1/", "https://10.0.0.1/?a",
                          "HTTPS://10.0.0.1", "https://10.0.0.1/%41", "https://u@10.0.0.1"}) {
    Witnesses w = sample_witnesses();
    w.list[0].url = url;
    CAPTURE(url);
    CHECK(has(refusal(w), "URL"));
  }
}

TEST_CASE("a witness is not found by a name, nor by what merely looks like an address") {
  for (const char* authority : {"w.example", "localhost", "w.example:8443", "10.0.0", "10.0.0.256", "010.0.0.1",
                                "0x7f.1", "10.0.0.1:", "10.0.0.1:0", "10.0.0.1:08", "10.0.0.1:65536", "10.0.0.1:x",
                                "::1", "[::1", "[10.0.0.1]", "[::1]9", "[fe80::1%25e]", "[]", ":8443"}) {
    Witnesses w = sample_witnesses();
    w.list[0].url = std::string("https://") + authority + "/w1";
    CAPTURE(authority);
    CHECK(has(refusal(w), "URL"));
  }
}

TEST_CASE("what to do without witnesses is one of two") {
  Json j = to_json(sample_witnesses());
  CHECK(witnesses_from_json(j, "w")->on_missing == OnMissing::kClosed);
  j["on_missing"] = "open";
  CHECK(witnesses_from_json(j, "w")->on_missing == OnMissing::kOpen);
  j["on_missing"] = "maybe";
  CHECK_FALSE(witnesses_from_json(j, "w"));
}

}  // namespace
