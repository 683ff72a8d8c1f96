#include "tools/facekeepd/journal.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <memory>

#include "vault/base/clock.h"
#include "vault/base/json.h"

namespace facekeep::daemon {
namespace {

std::atomic<bool> as_json{false};
std::shared_ptr<spdlog::logger> logger;  // set once, before threads

const char* name_of(Field field) {
  switch (field) {
    case Field::kAddress: return "address";
    case Field::kBytes: return "bytes";
    case Field::kConfig: return "config";
    case Field::kEntry: return "entry";
    case Field::kHint: return "hint";
    case Field::kListener: return "listener";
    case Field::kProblem: return "problem";
    case Field::kProgram: return "program";
    case Field::kProposal: return "proposal";
    case Field::kReason: return "reason";
    case Field::kRoute: return "route";
    case Field::kState: return "state";
    case Field::kToken: return "token";
    case Field::kType: return "type";
    case Field::kVersion: return "version";
  }
  return "unknown";
}

const char* name_of(Level level) {
  switch (level) {
    case Level::kDebug: return "debug";
    case Level::kInfo: return "info";
    case Level::kWarning: return "warning";
    case Level::kError: return "error";
  }
  return "error";
}

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::kDebug: return spdlog::level::debug;
    case Level::kInfo: return spdlog::level::info;
    case Level::kWarning: return spdlog::level::warn;
    case Level::kError: return spdlog::level::err;
  }
  return spdlog::level::err;
}

std::string in_quotes(std::string_view value) {
  return Json(value).dump(-1, ' ', true, Json::error_handler_t::replace);
}

void write(Level level, const std::string& line) noexcept {
  try {
    if (logger) logger->log(to_spdlog(level), line);
  } catch (...) {
    // A journal that can't be written must not stop the vault.
  }
}

}  // namespace

void open_journal(std::string_view level, std::string_view format) {
  as_json = format == "json";
  logger = std::make_shared<spdlog::logger>("facekeepd", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  // The time is the line's own in JSON, so that every line is one object.
  logger->set_pattern(as_json ? "%v" : "%Y-%m-%dT%H:%M:%S.%eZ %v", spdlog::pattern_time_type::utc);
  logger->set_level(spdlog::level::from_str(std::string(level)));
  logger->flush_on(spdlog::level::debug);
}

std::string journal_line(bool json, Level level, std::string_view event, std::initializer_list<Entry> fields) {
  if (json) {
    nlohmann::ordered_json out = {{"level", name_of(level)}, {"event", event}};
    for (const Entry& e : fields) out[name_of(e.field)] = e.value;
    return out.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace);
  }
  std::string out = std::string(name_of(level)) + " " + std::string(event);
  for (const Entry& e : fields) out += std::string(" ") + name_of(e.field) + "=" + in_quotes(e.value);
  return out;
}

void journal(Level level, std::string_view event, std::initializer_list<Entry> fields) noexcept {
  try {
    std::string line = journal_line(as_json, level, event, fields);
    if (as_json) line = "{\"time\":\"" + format_time(SystemClock().now().wall) + "\"," + line.substr(1);
    write(level, line);
  } catch (...) {
    write(level, "a line of the journal could not be made");
  }
}

void journal(Level level, std::string_view event, const Error& error) noexcept {
  journal(level, event,
          {{Field::kProblem, error.problem != nullptr ? error.problem : std::string(to_string(error.code))},
           {Field::kReason, error.message},
           {Field::kHint, error.hint}});
}

}  // namespace facekeep::daemon
