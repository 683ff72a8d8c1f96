#include "tools/common/output.h"

#include <vector>

#include "tools/common/escape.h"

namespace facekeep::tools {

int exit_code(Errc code) noexcept {
  switch (code) {
    case Errc::kInvalidArgument:
    case Errc::kMalformed:
    case Errc::kTooLarge:
    case Errc::kNotFound:
    case Errc::kAlreadyExists: return kExitCallersMistake;
    default: return kExitFailed;
  }
}

Reporter::Reporter(Lang lang, bool json, std::ostream& out, std::ostream& err)
    : lang_(lang), json_(json), out_(out), err_(err) {}

std::string Reporter::text_of(Msg id, std::initializer_list<std::string_view> args) const {
  std::vector<std::string> safe;
  for (const std::string_view arg : args) safe.push_back(escape_untrusted(arg));
  const std::vector<std::string_view> views(safe.begin(), safe.end());
  return format_message(lang_, id, views);
}

void Reporter::say(Msg id, std::initializer_list<std::string_view> args) {
  if (!json_) out_ << text_of(id, args) << '\n';
}

void Reporter::line(std::string_view text) {
  if (!json_) out_ << escape_untrusted(text) << '\n';
}

void Reporter::field(std::string_view key, Json value) {
  if (json_) object_[std::string(key)] = std::move(value);
}

void Reporter::warn(Msg id, std::initializer_list<std::string_view> args) {
  err_ << "warning: " << text_of(id, args) << '\n';
}

void Reporter::print_object() {
  // ASCII alone, and bytes that are not UTF-8 replaced: any consumer can read it, none can be fooled.
  if (json_) out_ << object_.dump(-1, ' ', true, Json::error_handler_t::replace) << '\n';
  out_.flush();
}

int Reporter::done() {
  print_object();
  return kExitDone;
}

int Reporter::fail(const Error& error) {
  err_ << "error: ";
  if (lang_ == Lang::kChinese) err_ << format_message(lang_, message_of(error.code)) << "：";
  err_ << escape_untrusted(error.message) << '\n';
  if (!error.hint.empty()) err_ << "hint: " << escape_untrusted(error.hint) << '\n';
  err_.flush();
  if (json_) {
    Json problem = {{"code", std::string(to_string(error.code))}, {"message", error.message}};
    if (!error.hint.empty()) problem["hint"] = error.hint;
    object_["error"] = std::move(problem);
  }
  print_object();
  return exit_code(error.code);
}

}  // namespace facekeep::tools
