#include "api/http/framing.h"

#include "tests/support/catch.h"

using namespace facekeep;
using namespace facekeep::http;

namespace {

HeadResult scan(std::string_view text) {
  return scan_head(text, 16 * 1024);
}
bool refuses(std::string_view text, FramingError why) {
  const HeadResult r = scan(text);
  const auto* e = std::get_if<FramingError>(&r);
  return e != nullptr && *e == why;
}

std::string decode(std::string_view in, std::uint64_t limit, ChunkDecoder::State want, std::size_t step = 1 << 20) {
  ChunkDecoder d(limit);
  CleansedBytes out;
  ChunkDecoder::Step last{ChunkDecoder::State::kMore, 0, FramingError::kBadRequest};
  for (std::size_t i = 0; i < in.size() && last.state == ChunkDecoder::State::kMore; i += step) {
    last = d.feed(in.substr(i, step), out);
  }
  CHECK(last.state == want);
  return std::string(as_chars(out));
}

}  // namespace

TEST_CASE("a head is found whole, whatever follows it") {
  const std::string text = "POST /v1/x?a=b HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nX-Y:  v w \t\r\n\r\nabcGET";
  const auto head = std::get<Head>(scan(text));
  CHECK(head.method == "POST");
  CHECK(head.target == "/v1/x?a=b");
  CHECK(head.body == BodyKind::kLength);
  CHECK(head.content_length == 3);
  CHECK(head.keep_alive);
  CHECK(head.size == text.size() - 6);
  REQUIRE(head.fields.size() == 3);
  CHECK(head.fields[2].value == "v w");
}

TEST_CASE("every prefix of a head asks for more") {
  const std::string text = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  for (std::size_t n = 0; n < text.size(); ++n) CHECK(std::holds_alternative<NeedMore>(scan(text.substr(0, n))));
  CHECK(std::holds_alternative<Head>(scan(text)));
  CHECK(std::holds_alternative<Head>(scan("\r\n" + text)));
}

TEST_CASE("keep-alive follows RFC 9112 section 9.3") {
  const std::tuple<std::string, std::string, bool> cases[] = {{"1.1", "", true},
                                                              {"1.1", "Connection: close\r\n", false},
                                                              {"1.1", "Connection: x, CLOSE\r\n", false},
                                                              {"1.0", "", false},
                                                              {"1.0", "Connection: keep-alive\r\n", true},
                                                              {"1.0", "Connection: keep-alive, close\r\n", false}};
  for (const auto& [version, field, want] : cases) {
    const std::string text = "GET / HTTP/" + version + "\r\nHost: a\r\n" + field + "\r\n";
    INFO(text);
    CHECK(std::get<Head>(scan(text)).keep_alive == want);
  }
}

TEST_CASE("the absolute form loses its authority") {
  CHECK(std::get<Head>(scan("GET https://a:1/x?y HTTP/1.1\r\nHost: a\r\n\r\n")).target == "/x?y");
  CHECK(std::get<Head>(scan("GET http://a HTTP/1.1\r\nHost: a\r\n\r\n")).target == "/");
}

TEST_CASE("heads that two readers could read in two ways are refused") {
  const std::string start = "POST / HTTP/1.1\r\nHost: a\r\n";
  for (const std::string bad : {
           "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
           "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
           "Content-Length: 1\r\nContent-Length: 1\r\n\r\n",
           "Content-Length: 1, 1\r\n\r\n",
           "Content-Length: +1\r\n\r\n",
           "Content-Length: 0x1\r\n\r\n",
           "Content-Length: -1\r\n\r\n",
           "Content-Length:\r\n\r\n",
           "Content-Length: 99999999999999999999\r\n\r\n",
           "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
           "Content-Length : 1\r\n\r\n",
           " Content-Length: 1\r\n\r\n",
           "X: a\r\n b\r\n\r\n",
           "X: a\nContent-Length: 1\r\n\r\n",
           "X: a\rContent-Length: 1\r\n\r\n",
           "Host: b\r\n\r\n",
           "novalue\r\n\r\n",
           ": empty\r\n\r\n",
           "X\x01: a\r\n\r\n",
           "X: a\x02\r\n\r\n",
       }) {
    INFO(bad);
    CHECK(refuses(start + bad, FramingError::kBadRequest));
  }
  CHECK(refuses(start + std::string("X: a\0b\r\n\r\n", 10), FramingError::kBadRequest));
  CHECK(refuses("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", FramingError::kBadRequest));
  CHECK(refuses("GET / HTTP/1.1\r\n\r\n", FramingError::kBadRequest));  // no Host
}

TEST_CASE("a bare line feed is refused before the head is whole") {
  CHECK(refuses("GET / HTTP/1.1\nHost: a\n\n", FramingError::kBadRequest));
}

TEST_CASE("bad request lines are refused") {
  for (const std::string bad : {"GET /", "GET  / HTTP/1.1", "GET / HTTP/1.1 ", "G@T / HTTP/1.1x", "GET x HTTP/1.1",
                                "GET * HTTP/1.1", "GET /a b HTTP/1.1", "GET /# HTTP/1.1", "GET /\xff HTTP/1.1",
                                "(GET / HTTP/1.1", " GET / HTTP/1.1", "\r\nGET / HTTP/1.1", "GET / http/1.1"}) {
    INFO(bad);
    CHECK(refuses("\r\n" + bad + "\r\nHost: a\r\n\r\n", FramingError::kBadRequest));
  }
  CHECK(refuses("GET / HTTP/2.0\r\nHost: a\r\n\r\n", FramingError::kUnknownVersion));
  CHECK(refuses("GET / HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n", FramingError::kUnknownExpect));
  CHECK(refuses("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", FramingError::kUnknownCoding));
  CHECK(refuses("GET / HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\n\r\n", FramingError::kContentEncoding));
}

TEST_CASE("a head over the limit is refused, whole or not") {
  const std::string field = "X: " + std::string(16 * 1024, 'a');
  CHECK(refuses("GET / HTTP/1.1\r\nHost: a\r\n" + field, FramingError::kHeadTooLarge));
  CHECK(refuses("GET / HTTP/1.1\r\nHost: a\r\n" + field + "\r\n\r\n", FramingError::kHeadTooLarge));
  std::string many = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (int i = 0; i < 100; ++i) many += "a: b\r\n";
  CHECK(refuses(many + "\r\n", FramingError::kHeadTooLarge));
}

TEST_CASE("chunks decode the same in any pieces") {
  const std::string text = "4\r\nWiki\r\n6;x=\"y\"\r\npedia \r\nE\r\nin \r\n\r\nchunks.\r\n0\r\nT: v\r\n\r\n";
  for (const std::size_t step : {std::size_t{1}, std::size_t{2}, std::size_t{7}, text.size()}) {
    CHECK(decode(text, 100, ChunkDecoder::State::kDone, step) == "Wikipedia in \r\n\r\nchunks.");
  }
}

TEST_CASE("a decoder says where the body ended") {
  ChunkDecoder d(10);
  CleansedBytes out;
  const auto step = d.feed("1\r\na\r\n0\r\n\r\nGET /", out);
  CHECK(step.state == ChunkDecoder::State::kDone);
  CHECK(step.used == 11);
}

TEST_CASE("chunks over the limit are refused before they are stored") {
  ChunkDecoder d(10);
  CleansedBytes out;
  const auto step = d.feed("5\r\nabcde\r\n6\r\nfghijk\r\n", out);
  CHECK(step.state == ChunkDecoder::State::kError);
  CHECK(step.error == FramingError::kBodyTooLarge);
  CHECK(out.size() == 5);
}

TEST_CASE("bad chunks are refused") {
  for (const std::string bad : {"\r\n", "g\r\n", "123456789\r\n", "1\na\r\n", "1\r\nab\r\n", "1\r\na\n", "1 \r\na\r\n",
                                "-1\r\n", "0\r\n\n", "0x1\r\na\r\n", ";x\r\n", "1;\x01\r\n"}) {
    INFO(bad);
    decode(bad, 1 << 20, ChunkDecoder::State::kError);
  }
}

TEST_CASE("chunks may not cost many times what they carry") {
  const std::string waste = "1;" + std::string(8 * 1024, 'x') + "\r\na\r\n";
  decode(waste + waste + waste, 1 << 20, ChunkDecoder::State::kError);
}
