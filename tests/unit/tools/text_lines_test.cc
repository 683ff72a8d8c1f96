#include "tools/common/text_lines.h"

#include <sstream>

#include "tests/support/catch.h"

using namespace facekeep;
using namespace facekeep::tools;

namespace {

// Records as "a|b", errors as "!message", joined by line feeds.
std::string records(const std::string& text, std::size_t limit = kMaxLine) {
  std::istringstream in(text);
  CsvReader reader(in, limit);
  std::string out;
  for (;;) {
    const auto record = reader.next();
    if (!record) return out + "broken";
    if (!*record) return out;
    if ((*record)->error) out += "!" + (*record)->error->message;
    for (std::size_t i = 0; i < (*record)->fields.size(); ++i) out += (i > 0 ? "|" : "") + (*record)->fields[i];
    out += "\n";
  }
}

}  // namespace

TEST_CASE("CSV records are read as RFC 4180 says") {
  const std::pair<std::string, std::string> cases[] = {
      {"", ""},
      {"a,b\r\nc,d\r\n", "a|b\nc|d\n"},
      {"a,b\nc,d", "a|b\nc|d\n"},
      {",\n", "|\n"},
      {"a,,\n", "a||\n"},
      {"\"a,b\",\"c\"\"d\"\n", "a,b|c\"d\n"},
      {"\"a\nb\",c\n", "a\nb|c\n"},
      {"\"\",x\n", "|x\n"},
      {"\n\na\n\r\n\nb\n", "a\nb\n"},
      {"\xEF\xBB\xBF"
       "a,b\n",
       "a|b\n"},
      {"a\rb,c\r", "a\rb|c\n"},
  };
  for (const auto& [text, expected] : cases) {
    INFO(text);
    CHECK(records(text) == expected);
  }
}

TEST_CASE("a bad CSV record is reported and the next one is read") {
  CHECK(records("a\"b,c\nd,e\n") == "!a quote stands inside a field\nd|e\n");
  CHECK(records("\"a\"b,c\nd,e\n") == "!a quote stands inside a field\nd|e\n");
  CHECK(records("x\n\"a,b\nc") == "x\n!a quoted field has no closing quote\n");
  CHECK(records("aaaaaaaaa,b\nd,e\n", 8) == "!the record is too long\nd|e\n");
  CHECK(records("\"aaaaaaaaa\",b\nd,e\n", 8) == "!the record is too long\nd|e\n");
}

TEST_CASE("CSV records know their line") {
  std::istringstream in("a\n\"b\nb\"\nc\n");
  CsvReader reader(in);
  CHECK((*reader.next())->line == 1);
  CHECK((*reader.next())->line == 2);
  CHECK((*reader.next())->line == 4);
}

TEST_CASE("lines over the limit are skipped and reported") {
  std::istringstream in("ab\r\n\nabcdef\nabcde");
  LineReader reader(in, 5);
  CHECK((*reader.next())->text == "ab");
  CHECK((*reader.next())->text.empty());
  const auto bad = *reader.next();
  CHECK(bad->number == 3);
  CHECK(bad->error->code == Errc::kTooLarge);
  CHECK(bad->text.empty());
  CHECK((*reader.next())->text == "abcde");
  CHECK_FALSE(*reader.next());
}
