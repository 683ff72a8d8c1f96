#include "tools/common/words.h"

namespace facekeep::tools {

std::string words(Lang lang, Msg id, const std::vector<std::string>& args) {
  const std::vector<std::string_view> views(args.begin(), args.end());
  return format_message(lang, id, std::span<const std::string_view>(views));
}

std::string list_of(Lang lang, const std::vector<std::string>& items, Msg none) {
  if (items.empty()) return words(lang, none);
  std::string out;
  for (const auto& item : items) out += (out.empty() ? "" : ", ") + item;
  return out;
}

}  // namespace facekeep::tools
