// The catalogue: every message of the commands in English and in Chinese.
//
// A message is added by one line in messages.def. Nothing here allocates but the text returned, and
// everything is thread safe.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "vault/base/result.h"

namespace facekeep::tools {

enum class Lang : std::uint8_t { kEnglish, kChinese };

enum class Msg : std::uint16_t {
#define X(id, en, zh) id,
#include "tools/common/messages.def"
#undef X
};

struct Message {
  Msg id;
  std::string_view name;  // "kCancelled"
  std::string_view english;
  std::string_view chinese;
};
// All of them, in the order of their ids.
std::span<const Message> all_messages() noexcept;

// The message with {0}, {1}, ... replaced by the arguments, which are inserted as they are: escape
// what strangers wrote (output.h; Reporter does). A number without an argument stays visible.
std::string format_message(Lang lang, Msg id, std::span<const std::string_view> args);
inline std::string format_message(Lang lang, Msg id, std::initializer_list<std::string_view> args = {}) {
  return format_message(lang, id, std::span<const std::string_view>(args.begin(), args.size()));
}

// The localised kind of a failure.
Msg message_of(Errc code) noexcept;

// `--lang en|zh`. kInvalidArgument for anything else.
Result<Lang> parse_lang(std::string_view text);

// The language of the environment (POSIX: the first of LC_ALL, LC_MESSAGES, LANG that is set and not
// empty). Chinese for zh in UTF-8, else English. `get` returns a variable's value, or null.
using GetEnv = std::function<const char*(const char*)>;
Lang default_lang(const GetEnv& get);
Lang default_lang();

}  // namespace facekeep::tools
