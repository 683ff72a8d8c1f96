// How every command prints (design section 8): people's lines or one JSON object, `error:` and
// `hint:` on stderr, exit codes.
#pragma once

#include <initializer_list>
#include <ostream>
#include <string>
#include <string_view>

#include "tools/common/catalogue.h"
#include "vault/base/json.h"
#include "vault/base/result.h"

namespace facekeep::tools {

inline constexpr int kExitDone = 0;
inline constexpr int kExitCallersMistake = 1;
inline constexpr int kExitFailed = 2;  // the vault refused or failed

// 1 for kInvalidArgument, kMalformed, kTooLarge, kNotFound and kAlreadyExists; else 2.
int exit_code(Errc code) noexcept;

// A command's voice. With `json`, nothing goes to `out` but one object, at done() or fail(): a
// program reads stdout whole, and people's lines are dropped. Arguments are escaped
// (escape_untrusted) before they are shown to people; JSON is pure ASCII, so it needs none. Not
// thread safe; the streams must outlive it. No secret may be given to it.
class Reporter {
 public:
  Reporter(Lang lang, bool json, std::ostream& out, std::ostream& err);

  [[nodiscard]] Lang lang() const noexcept { return lang_; }
  [[nodiscard]] bool json() const noexcept { return json_; }

  // A line for people on stdout.
  void say(Msg id, std::initializer_list<std::string_view> args = {});
  // A line for people whose text needs no catalogue (numbers, ids, tables); escaped.
  void line(std::string_view text);
  // A field of the JSON object; dropped when printing for people. A later value replaces an earlier one.
  void field(std::string_view key, Json value);
  // "warning: ..." on stderr, in both modes.
  void warn(Msg id, std::initializer_list<std::string_view> args = {});

  // Ends well: prints the object, returns kExitDone.
  int done();
  // Ends badly: `error:` and `hint:` on stderr, with JSON also {"error":{"code","message","hint"}}
  // beside the fields so far, and returns the exit code. In Chinese the kind of failure is localised
  // and the message follows.
  int fail(const Error& error);

 private:
  [[nodiscard]] std::string text_of(Msg id, std::initializer_list<std::string_view> args) const;
  void print_object();

  Lang lang_;
  bool json_;
  std::ostream& out_;
  std::ostream& err_;
  Json object_ = Json::object();
};

}  // namespace facekeep::tools
