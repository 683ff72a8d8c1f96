// What people are told because of a date: that a rotation of the keys is due (once a day from 30 days before), and that
// a year of the cards is over (once a year). No entry of the log stands behind it, so what was told is in a file.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "vault/ledger/schedule.h"

namespace facekeep::daemon {

struct Reminder {
  std::string_view type;  // "rotation-due", "check-your-cards"
  UnixMillis due = 0;     // of the rotation; the anniversary
  bool operator==(const Reminder&) const = default;
};
// Type -> the day on which it was told last.
using ToldDays = std::map<std::string, std::string, std::less<>>;

// What has to be told at that moment. Pure.
std::vector<Reminder> reminders_due(const ledger::State& state, const ledger::Moment& now, const ToldDays& told);

// Canonical JSON {"due","time","type","v":1,"vault"}: as a notice of an entry, without one.
Result<std::string> reminder_body(const Id128& vault, UnixMillis time, const Reminder& reminder);

// The file of what a receiver was told: a line "TYPE DAY" each. No file is nothing told, and so is one that is damaged.
ToldDays load_told(const std::string& path);
// Replaces it whole. kIo.
Status save_told(const std::string& path, const ToldDays& told);

}  // namespace facekeep::daemon
