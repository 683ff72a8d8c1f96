#include "tools/facekeep-audit/watch_voice.h"

#include "tools/common/escape.h"
#include "tools/facekeep-audit/act_text.h"
#include "tools/facekeep-audit/finding_text.h"

namespace facekeep::tools {
namespace {

constexpr std::size_t kMaxSaid = 1000;

}  // namespace

void WatchVoice::event(const char* kind, Json fields) {
  if (!frame_.json) return;
  fields["event"] = kind;
  frame_.out << fields.dump(-1, ' ', true, Json::error_handler_t::replace) << '\n';
  frame_.out.flush();
}

void WatchVoice::line(const std::string& text) {
  if (frame_.json) return;
  frame_.out << escape_untrusted(text) << '\n';
  frame_.out.flush();
}

void WatchVoice::cosigning(const ledger::Witness& witness) {
  event("cosigning", {{"vkey", witness.vkey}, {"url", witness.url}, {"key", to_hex(witness.key)}});
  line(frame_.text(Msg::kAuditServing, {witness.vkey, witness.url, to_hex(witness.key)}));
}

void WatchVoice::news(const std::string& origin, const News& news, bool first) {
  if (first || news.new_entries > 0) {
    event("checkpoint", {{"size", news.checkpoint.size}, {"root", to_base64(news.checkpoint.root)}});
  }
  if (first) line(frame_.text(Msg::kAuditWatching, {origin, std::to_string(news.checkpoint.size)}));
  for (const audit::Act& act : news.acts) {
    event("act", to_json(frame_.lang, act));
    line(act_line(frame_.lang, act));
  }
  for (const audit::Finding& f : news.findings) {
    event("finding", to_json(frame_.lang, f));
    const audit::Severity severity = audit::row_of(f.code).severity;
    const std::string text = frame_.text(Msg::kAuditAtEntry, {std::to_string(f.entry), sentence(frame_.lang, f)});
    line(severity_text(frame_.lang, severity) + ": " + text);
    if (severity == audit::Severity::kError) {
      alarm(make_error(Errc::kIntegrity, text, frame_.text(Msg::kAuditAlarmsHint)));
    }
  }
}

void WatchVoice::trouble(const Error& why) {
  if (std::exchange(in_trouble_, true)) return;
  event("trouble", {{"message", why.message}});
  frame_.err << "warning: " << escape_untrusted(frame_.text(Msg::kAuditTrouble, {why.message})) << std::endl;
}

void WatchVoice::well() {
  if (!std::exchange(in_trouble_, false)) return;
  event("well", Json::object());
  line(frame_.text(Msg::kAuditReadAgain));
}

void WatchVoice::alarm(const Error& what) {
  if (said_.size() >= kMaxSaid) said_.clear();
  if (!said_.insert(what.message).second) return;
  ++alarms_;
  event("alarm", {{"problem", what.problem != nullptr ? what.problem : std::string(to_string(what.code))},
                  {"message", what.message},
                  {"hint", what.hint}});
  frame_.err << escape_untrusted(frame_.text(Msg::kAuditAlarm, {what.message})) << '\n';
  if (!what.hint.empty()) frame_.err << "hint: " << escape_untrusted(what.hint) << '\n';
  frame_.err.flush();
}

}  // namespace facekeep::tools
