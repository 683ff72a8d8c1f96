#include "tools/common/catalogue.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>

namespace facekeep::tools {
namespace {

constexpr auto kMessages = std::to_array<Message>({
#define X(id, en, zh) {Msg::id, #id, en, zh},
#include "tools/common/messages.def"
#undef X
});

static_assert(static_cast<int>(Msg::kErrInternal) - static_cast<int>(Msg::kErrInvalidArgument) ==
                  static_cast<int>(Errc::kInternal),
              "messages.def has one line per Errc, in its order");

}  // namespace

std::span<const Message> all_messages() noexcept {
  return kMessages;
}

std::string format_message(Lang lang, Msg id, std::span<const std::string_view> args) {
  const Message& message = kMessages[static_cast<std::size_t>(id)];
  const std::string_view text = lang == Lang::kChinese ? message.chinese : message.english;
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_argument = text[i] == '{' && i + 2 < text.size() && text[i + 1] >= '0' && text[i + 1] <= '9' &&
                             text[i + 2] == '}' && static_cast<std::size_t>(text[i + 1] - '0') < args.size();
    if (is_argument) {
      out += args[static_cast<std::size_t>(text[i + 1] - '0')];
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

Msg message_of(Errc code) noexcept {
  return static_cast<Msg>(static_cast<int>(Msg::kErrInvalidArgument) + static_cast<int>(code));
}

Result<Lang> parse_lang(std::string_view text) {
  if (text == "en") return Lang::kEnglish;
  if (text == "zh") return Lang::kChinese;
  return make_error(Errc::kInvalidArgument, "there is no such language here", "--lang en or --lang zh");
}

Lang default_lang(const GetEnv& get) {
  for (const char* name : {"LC_ALL", "LC_MESSAGES", "LANG"}) {
    const char* value = get(name);
    if (value == nullptr || *value == '\0') continue;
    std::string locale(value);
    std::transform(locale.begin(), locale.end(), locale.begin(), [](unsigned char c) { return std::tolower(c); });
    const bool chinese = locale == "zh" || locale.starts_with("zh_") || locale.starts_with("zh.");
    const auto dot = locale.find('.');
    const bool utf8 =
        dot == std::string::npos || locale.compare(dot, 6, ".utf-8") == 0 || locale.compare(dot, 5, ".utf8") == 0;
    return chinese && utf8 ? Lang::kChinese : Lang::kEnglish;
  }
  return Lang::kEnglish;
}

Lang default_lang() {
  return default_lang([](const char* name) { return std::getenv(name); });
}

}  // namespace facekeep::tools
