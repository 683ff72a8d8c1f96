#include "tools/common/say.h"

namespace facekeep::tools {
namespace {

Lang run_lang = Lang::kEnglish;

}  // namespace

void set_error_lang(Lang lang) {
  run_lang = lang;
}

Lang error_lang() {
  return run_lang;
}

Error say_error(Errc code, const char* problem, Msg message, Msg hint, std::initializer_list<std::string_view> args) {
  return make_problem(code, problem, format_message(run_lang, message, args), format_message(run_lang, hint, args));
}

}  // namespace facekeep::tools
