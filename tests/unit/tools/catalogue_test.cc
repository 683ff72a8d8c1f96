#include "tools/common/catalogue.h"

#include <map>
#include <set>

#include "tests/support/catch.h"
#include "vault/base/bytes.h"

using namespace facekeep;
using namespace facekeep::tools;

namespace {

std::multiset<char> placeholders(std::string_view text) {
  std::multiset<char> out;
  for (std::size_t i = 0; i + 2 < text.size(); ++i) {
    if (text[i] == '{' && text[i + 2] == '}') out.insert(text[i + 1]);
  }
  return out;
}

// Whether the text has a CJK ideograph (UTF-8 lead bytes E4 to E9).
bool has_chinese(std::string_view text) {
  for (const char c : text) {
    const auto b = static_cast<unsigned char>(c);
    if (b >= 0xe4 && b <= 0xe9) return true;
  }
  return false;
}

Lang lang_for(std::map<std::string, std::string> env) {
  return default_lang([&env](const char* name) {
    const auto it = env.find(name);
    return it == env.end() ? nullptr : it->second.c_str();
  });
}

}  // namespace

TEST_CASE("every message has both languages with the same placeholders") {
  for (const Message& m : all_messages()) {
    INFO(m.name);
    CHECK_FALSE(m.english.empty());
    CHECK_FALSE(has_chinese(m.english));
    CHECK(is_valid_utf8(m.chinese));
    if (m.english.find_first_of("abcdefghijklmnopqrstuvwxyz") != std::string_view::npos && m.id != Msg::kProgress &&
        m.id != Msg::kConfirmSuffix) {
      const bool is_command = m.english.starts_with("--") && m.chinese == m.english;
      CHECK((has_chinese(m.chinese) || is_command));
    }
    CHECK(placeholders(m.english) == placeholders(m.chinese));
  }
}

TEST_CASE("placeholders are numbered from 0 without gaps") {
  for (const Message& m : all_messages()) {
    const auto all = placeholders(m.english);
    const std::set<char> distinct(all.begin(), all.end());
    char next = '0';
    for (const char c : distinct) {
      INFO(m.name);
      CHECK(c == next++);
    }
  }
}

TEST_CASE("ids index their own message") {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < all_messages().size(); ++i) {
    CHECK(static_cast<std::size_t>(all_messages()[i].id) == i);
    CHECK(names.insert(all_messages()[i].name).second);
  }
}

TEST_CASE("arguments are put in once and never read as placeholders") {
  CHECK(format_message(Lang::kEnglish, Msg::kStateUnsealing, {"{1}", "3"}) == "unsealing: {1} of 3 shares");
  CHECK(format_message(Lang::kChinese, Msg::kStateUnsealing, {"1", "3"}) == "解封中：1/3 个份额");
  CHECK(format_message(Lang::kEnglish, Msg::kStateUnsealing, {"1"}) == "unsealing: 1 of {1} shares");
}

TEST_CASE("each kind of failure has its own message") {
  CHECK(message_of(Errc::kInvalidArgument) == Msg::kErrInvalidArgument);
  CHECK(message_of(Errc::kSealed) == Msg::kErrSealed);
  CHECK(message_of(Errc::kHsmPin) == Msg::kErrHsmPin);
  CHECK(message_of(Errc::kInternal) == Msg::kErrInternal);
}

TEST_CASE("the language comes from the locale, the first variable that is set") {
  CHECK(lang_for({}) == Lang::kEnglish);
  CHECK(lang_for({{"LANG", "zh_CN.UTF-8"}}) == Lang::kChinese);
  CHECK(lang_for({{"LANG", "zh_TW.utf8"}}) == Lang::kChinese);
  CHECK(lang_for({{"LANG", "zh"}}) == Lang::kChinese);
  CHECK(lang_for({{"LANG", "zha_XX"}}) == Lang::kEnglish);
  CHECK(lang_for({{"LANG", "zh_CN.GBK"}}) == Lang::kEnglish);
  CHECK(lang_for({{"LC_ALL", "C"}, {"LANG", "zh_CN.UTF-8"}}) == Lang::kEnglish);
  CHECK(lang_for({{"LC_ALL", ""}, {"LC_MESSAGES", "zh_CN.UTF-8"}, {"LANG", "C"}}) == Lang::kChinese);
}

TEST_CASE("--lang takes en and zh") {
  CHECK(*parse_lang("en") == Lang::kEnglish);
  CHECK(*parse_lang("zh") == Lang::kChinese);
  for (const char* bad : {"", "EN", "zh_CN", "de"}) CHECK_FALSE(parse_lang(bad));
}
