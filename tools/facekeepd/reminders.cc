#include "tools/facekeepd/reminders.h"

#include <fstream>

#include "tools/common/files.h"
#include "vault/base/json.h"

namespace facekeep::daemon {
namespace {

std::string_view told_on(const ToldDays& told, std::string_view type) {
  const auto it = told.find(type);
  return it == told.end() ? std::string_view() : std::string_view(it->second);
}

}  // namespace

std::vector<Reminder> reminders_due(const ledger::State& state, const ledger::Moment& now, const ToldDays& told) {
  std::vector<Reminder> out;
  const auto rotation = ledger::rotation_due(state, now);
  if (rotation && rotation->left_ms <= ledger::kDueSoon && told_on(told, "rotation-due") != format_day(now.wall)) {
    out.push_back({"rotation-due", rotation->at});
  }
  if (!state.cards_since()) return out;
  const ledger::CardYear year = ledger::card_year(*state.cards_since(), now.wall);
  if (year.anniversary > year.since && told_on(told, "check-your-cards") < format_day(year.anniversary)) {
    out.push_back({"check-your-cards", year.anniversary});
  }
  return out;
}

Result<std::string> reminder_body(const Id128& vault, UnixMillis time, const Reminder& reminder) {
  return canonical_json({{"v", 1},
                         {"vault", to_hex(vault)},
                         {"time", format_time(time)},
                         {"type", std::string(reminder.type)},
                         {"due", format_time(reminder.due)}});
}

ToldDays load_told(const std::string& path) {
  ToldDays out;
  std::ifstream in(path);
  for (std::string type, day; in >> type >> day;) {
    if (parse_day(day)) out[type] = day;
  }
  return out;
}

Status save_told(const std::string& path, const ToldDays& told) {
  std::string text;
  for (const auto& [type, day] : told) text += type + " " + day + "\n";
  return tools::replace_file(path, text, 0600);
}

}  // namespace facekeep::daemon
