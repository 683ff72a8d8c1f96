#include "tools/common/cards.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "tests/support/catch.h"
#include "tests/unit/tools/scratch.h"
#include "tools/common/qr.h"

using namespace facekeep;
using namespace facekeep::tools;

namespace {

seal::SecretWords some_words(std::size_t count) {
  seal::SecretWords words(count);
  for (std::size_t i = 0; i < count; ++i) words.set(i, static_cast<std::uint16_t>((i * 337 + 5) % 1024));
  return words;
}

CardInfo some_card() {
  return {"Tower <A> & \"B\"\x1b[31m",
          "00112233445566778899aabbccddeeff",
          "residents",
          "residents/2",
          "2026-11-22",
          2,
          3,
          2,
          2,
          true};
}

std::string text_of(const Result<SecretBytes>& card) {
  REQUIRE(card);
  return std::string(as_chars(card->view()));
}

// What a scanner reads from the code, drawn as an image.
std::string scan(const QrModules& qr) {
  constexpr std::size_t kScale = 4;
  constexpr std::size_t kQuiet = 4;
  const std::size_t side = (qr.width + 2 * kQuiet) * kScale;
  std::string image = "P5\n" + std::to_string(side) + " " + std::to_string(side) + "\n255\n";
  for (std::size_t y = 0; y < side; ++y) {
    for (std::size_t x = 0; x < side; ++x) {
      const std::size_t mx = x / kScale - kQuiet;  // wraps to a large number in the quiet zone
      const std::size_t my = y / kScale - kQuiet;
      image += mx < qr.width && my < qr.width && qr.at(mx, my) ? '\0' : '\xff';
    }
  }
  const Scratch dir;
  const std::string path = dir.write("qr.pgm", image);
  REQUIRE(std::system(("zbarimg -q --raw " + path + " >" + path + ".txt 2>/dev/null").c_str()) == 0);
  std::string text = dir.read("qr.pgm.txt");
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

}  // namespace

TEST_CASE("a card shows every word with its position and number, in both forms") {
  for (const std::size_t count : {20U, 33U, 59U}) {
    const seal::SecretWords words = some_words(count);
    const std::string text = text_of(card_text(Lang::kEnglish, some_card(), words));
    const std::string html = text_of(card_html(Lang::kEnglish, some_card(), words));
    for (std::size_t i = 0; i < count; ++i) {
      char number[8];
      std::snprintf(number, sizeof(number), "%04u", words.at(i) + 1U);
      const std::string position = std::to_string(i + 1);
      const std::string word(seal::slip39_word(words.at(i)));
      INFO(position);
      CHECK(text.find(" " + position + ". " + word + " ") != std::string::npos);
      CHECK(html.find("<li><span>" + position + "</span> <b>" + word + "</b> <i>" + number + "</i></li>") !=
            std::string::npos);
      CHECK(text.find(number) != std::string::npos);
    }
  }
}

TEST_CASE("no line of the text card is wider than a terminal") {
  const std::string text = text_of(card_text(Lang::kEnglish, some_card(), some_words(33)));
  std::size_t start = 0;
  for (std::size_t end = text.find('\n'); end != std::string::npos; start = end + 1, end = text.find('\n', start)) {
    INFO(text.substr(start, end - start));
    CHECK(end - start <= 100);
  }
}

TEST_CASE("names on a card are escaped for the terminal and for HTML") {
  const std::string text = text_of(card_text(Lang::kEnglish, some_card(), some_words(20)));
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(text.find("Tower <A> & \"B\"\\u{1b}[31m") != std::string::npos);
  const std::string html = text_of(card_html(Lang::kEnglish, some_card(), some_words(20)));
  CHECK(html.find("Tower &lt;A&gt; &amp; &quot;B&quot;\\u{1b}[31m") != std::string::npos);
}

TEST_CASE("an HTML card fetches nothing, runs nothing and fits its page") {
  const std::string html = text_of(card_html(Lang::kEnglish, some_card(), some_words(20), CardPage::kA5));
  for (const char* none : {"<script", "src=", "href=", "@import", "url("}) CHECK(html.find(none) == std::string::npos);
  CHECK(html.find("default-src 'none'") != std::string::npos);
  CHECK(html.find("@page{size:A5 portrait") != std::string::npos);
  CHECK(text_of(card_html(Lang::kEnglish, some_card(), some_words(20))).find("@page{size:A6") != std::string::npos);
}

TEST_CASE("a rehearsal's card says so, a real one does not") {
  CardInfo info = some_card();
  CHECK(text_of(card_text(Lang::kEnglish, info, some_words(20))).find("REHEARSAL") != std::string::npos);
  info.rehearsal = false;
  CHECK(text_of(card_text(Lang::kEnglish, info, some_words(20))).find("REHEARSAL") == std::string::npos);
  CHECK(text_of(card_html(Lang::kEnglish, info, some_words(20))).find("REHEARSAL") == std::string::npos);
}

TEST_CASE("a Chinese card is Chinese") {
  const std::string html = text_of(card_html(Lang::kChinese, some_card(), some_words(20)));
  CHECK(html.find("lang=\"zh\"") != std::string::npos);
  CHECK(html.find("第 2 张，共 3 张；其中 2 张可还原本组部分") != std::string::npos);
  CHECK(html.find("切勿拍照") != std::string::npos);
}

TEST_CASE("a card without words is refused") {
  CHECK(card_text(Lang::kEnglish, some_card(), seal::SecretWords()).error().code == Errc::kInvalidArgument);
  CHECK(card_html(Lang::kEnglish, some_card(), some_words(65)).error().code == Errc::kInvalidArgument);
}

TEST_CASE("a scanner reads the share's numbers from the card's code") {
  if (std::system("command -v zbarimg >/dev/null 2>&1") != 0) {
    WARN("skipped: zbarimg (zbar-tools) is not installed");
    return;
  }
  const seal::SecretWords words = some_words(33);
  const SecretBytes numbers = seal::share_numbers_text(words);
  const auto qr = qr_modules(numbers.view());
  REQUIRE(qr);
  const std::string scanned = scan(*qr);
  CHECK(scanned == as_chars(numbers.view()));
  const auto back = seal::parse_share_text(scanned);
  REQUIRE(back);
  CHECK(constant_time_equal(back->view(), words.view()));
}

TEST_CASE("a QR code has its three finders and its size") {
  const auto qr = qr_modules(as_bytes("0001 0002"));
  REQUIRE(qr);
  CHECK(qr->width == 21);
  const auto finder = [&](std::size_t x, std::size_t y) {
    return qr->at(x, y) && qr->at(x + 6, y + 6) && !qr->at(x + 1, y + 1) && qr->at(x + 3, y + 3);
  };
  CHECK(finder(0, 0));
  CHECK(finder(qr->width - 7, 0));
  CHECK(finder(0, qr->width - 7));
  CHECK_FALSE(finder(qr->width - 7, qr->width - 7));
}

TEST_CASE("texts that a QR code does not take are refused") {
  CHECK_FALSE(qr_modules({}));
  CHECK_FALSE(qr_modules(as_bytes(std::string(1001, '1'))));
  CHECK_FALSE(qr_modules(as_bytes("a\nb")));
  CHECK_FALSE(qr_modules(as_bytes("\xe4")));
}

TEST_CASE("a secret is written to a descriptor whole, or an error says why not") {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  CHECK(write_secret_fd(ends[1], as_bytes("abc")));
  char got[4] = {};
  CHECK(::read(ends[0], got, 3) == 3);
  CHECK(std::string(got) == "abc");
  ::close(ends[0]);
  ::close(ends[1]);
  CHECK(write_secret_fd(-1, as_bytes("abc")).error().code == Errc::kIo);
  const int full = ::open("/dev/full", O_WRONLY);
  if (full >= 0) {
    CHECK(write_secret_fd(full, as_bytes("abc")).error().code == Errc::kOutOfSpace);
    ::close(full);
  }
}
