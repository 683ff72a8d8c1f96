#include "tools/common/output.h"

#include <sstream>

#include "tests/support/catch.h"
#include "tools/common/escape.h"
#include "tools/common/progress.h"

using namespace facekeep;
using namespace facekeep::tools;

TEST_CASE("control, bidirectional and invisible characters are shown as code points") {
  CHECK(escape_untrusted("plain 你好 \xF0\x9F\x98\x80") == "plain 你好 \xF0\x9F\x98\x80");
  CHECK(escape_untrusted("a\nb\x1b[2J\x7f") == "a\\u{a}b\\u{1b}[2J\\u{7f}");
  CHECK(escape_untrusted("\xC2\x9B") == "\\u{9b}");            // C1 CSI
  CHECK(escape_untrusted("x\xE2\x80\xAEy") == "x\\u{202e}y");  // right-to-left override
  CHECK(escape_untrusted("\xE2\x81\xA6\xE2\x81\xA9\xE2\x80\x8F\xD8\x9C") == "\\u{2066}\\u{2069}\\u{200f}\\u{61c}");
  CHECK(escape_untrusted("\xE2\x80\x8B\xEF\xBB\xBF") == "\\u{200b}\\u{feff}");
  CHECK(escape_untrusted("\xF3\xA0\x81\x81") == "\\u{e0041}");  // tag letter
  CHECK(escape_untrusted(std::string_view("\0", 1)) == "\\u{0}");
}

TEST_CASE("a text that spells an escape is not mistaken for one") {
  CHECK(escape_untrusted("\\u{202e}") == "\\u{5c}u{202e}");
}

TEST_CASE("bytes that are not UTF-8 are shown one by one") {
  CHECK(escape_untrusted("a\xff\xfe"
                         "b") == "a\\x{ff}\\x{fe}b");
  CHECK(escape_untrusted("\xE4\xBD") == "\\x{e4}\\x{bd}");
  CHECK(escape_untrusted("\xC0\x80") == "\\x{c0}\\x{80}");
  CHECK(escape_untrusted("\xED\xA0\x80x") == "\\x{ed}\\x{a0}\\x{80}x");
}

TEST_CASE("exit codes tell the caller's mistakes from the vault's refusals") {
  for (const Errc code :
       {Errc::kInvalidArgument, Errc::kMalformed, Errc::kTooLarge, Errc::kNotFound, Errc::kAlreadyExists}) {
    CHECK(exit_code(code) == 1);
  }
  for (const Errc code : {Errc::kPermissionDenied, Errc::kSealed, Errc::kHalted, Errc::kCrypto, Errc::kIo,
                          Errc::kHsmPin, Errc::kInternal}) {
    CHECK(exit_code(code) == 2);
  }
}

TEST_CASE("people get lines, and arguments are escaped") {
  std::ostringstream out, err;
  Reporter reporter(Lang::kEnglish, false, out, err);
  reporter.say(Msg::kStateHalted, {"bad\x1b[31m"});
  reporter.field("state", "halted");
  reporter.line("n\t1");
  CHECK(reporter.done() == 0);
  CHECK(out.str() == "halted: bad\\u{1b}[31m\nn\\u{9}1\n");
  CHECK(err.str().empty());
}

TEST_CASE("with JSON, stdout is one ASCII object and nothing else") {
  std::ostringstream out, err;
  Reporter reporter(Lang::kChinese, true, out, err);
  reporter.say(Msg::kStateOpen);
  reporter.field("state", "open");
  reporter.field("name", "\xE4\xBD\xA0\xE2\x80\xAE\xff");
  reporter.warn(Msg::kCalibrateTooFew);
  CHECK(reporter.done() == 0);
  CHECK(out.str() == "{\"name\":\"\\u4f60\\u202e\\ufffd\",\"state\":\"open\"}\n");
  CHECK(err.str().starts_with("warning: 比对数量不足"));
}

TEST_CASE("failures go to stderr with a hint, and into the object") {
  std::ostringstream out, err;
  Reporter reporter(Lang::kEnglish, true, out, err);
  CHECK(reporter.fail(make_error(Errc::kSealed, "the vault \"a\nb\" is sealed", "unseal it")) == 2);
  CHECK(err.str() == "error: the vault \"a\\u{a}b\" is sealed\nhint: unseal it\n");
  const Json object = Json::parse(out.str());
  CHECK(object["error"]["code"] == "sealed");
  CHECK(object["error"]["hint"] == "unseal it");
}

TEST_CASE("in Chinese the kind of failure comes first") {
  std::ostringstream out, err;
  Reporter reporter(Lang::kChinese, false, out, err);
  CHECK(reporter.fail(make_error(Errc::kMalformed, "row 3 is short")) == 1);
  CHECK(err.str() == "error: 格式错误：row 3 is short\n");
  CHECK(out.str().empty());
}

TEST_CASE("durations are short") {
  CHECK(format_duration(0) == "0s");
  CHECK(format_duration(59) == "59s");
  CHECK(format_duration(187) == "3m07s");
  CHECK(format_duration(7500) == "2h05m");
}

TEST_CASE("off a terminal there is a line at every tenth") {
  std::ostringstream err;
  std::uint64_t now = 1000;
  Progress progress(err, false, Lang::kEnglish, "import", 1000, [&now] { return now; });
  for (std::uint64_t i = 1; i <= 1000; ++i) {
    now += 2;
    progress.update(i);
  }
  progress.finish();
  const std::string text = err.str();
  CHECK(std::count(text.begin(), text.end(), '\n') == 11);
  CHECK(text.starts_with("import 10% 100/1000, 500/s, 2s left\n"));
  CHECK(text.ends_with("import 1000 done in 2s\n"));
  CHECK(text.find('\r') == std::string::npos);
}

TEST_CASE("on a terminal one line is redrawn, at most ten times a second") {
  std::ostringstream err;
  std::uint64_t now = 0;
  Progress progress(err, true, Lang::kEnglish, "import", 1000, [&now] { return now; });
  for (std::uint64_t i = 1; i <= 1000; ++i) {
    now += 1;
    progress.update(i);
  }
  progress.finish();
  const std::string text = err.str();
  CHECK(std::count(text.begin(), text.end(), '\r') <= 12);
  CHECK(std::count(text.begin(), text.end(), '\n') == 1);
  CHECK(text.find("[####") != std::string::npos);
}

TEST_CASE("progress without a total counts") {
  std::ostringstream err;
  std::uint64_t now = 0;
  Progress progress(err, true, Lang::kChinese, "导入", 0, [&now] { return now; });
  now = 1000;
  progress.update(50);
  CHECK(err.str() == "\r导入 50/?，每秒 50，剩余 ?\x1b[K");
}
