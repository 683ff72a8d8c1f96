#include "tools/facekeep-audit/act_text.h"

#include <algorithm>

#include "tools/common/action_words.h"
#include "vault/base/clock.h"

namespace facekeep::tools {

std::string act_name(Lang lang, const std::string& type) {
  for (const auto& [name, id] : {std::pair("genesis", Msg::kRepActGenesis),
                                 {"start", Msg::kRepActStart},
                                 {"unseal-share", Msg::kRepActShare},
                                 {"unsealed", Msg::kRepActUnsealed},
                                 {"unseal-ended", Msg::kRepActEnded},
                                 {"sealed", Msg::kRepActSealed},
                                 {"proposal", Msg::kRepActProposal},
                                 {"approval", Msg::kRepActApproval},
                                 {"veto", Msg::kRepActVeto},
                                 {"proposal-withdrawn", Msg::kRepActWithdrawn},
                                 {"proposal-done", Msg::kRepActDone},
                                 {"revoked", Msg::kRepActRevoked},
                                 {"tightened", Msg::kRepActTightened},
                                 {"custodian-suspended", Msg::kRepActSuspended},
                                 {"alarms-acknowledged", Msg::kRepActAcknowledged},
                                 {"export-sealed", Msg::kRepActExportSealed},
                                 {"export-ended", Msg::kRepActExportEnded},
                                 {"export-given", Msg::kRepActExportGiven},
                                 {"rewrapped", Msg::kRepActRewrapped},
                                 {"keys-retired", Msg::kRepActKeysRetired},
                                 {"backup-made", Msg::kRepActBackupMade},
                                 {"restored", Msg::kRepActRestored},
                                 {"recovered", Msg::kRepActRecovered},
                                 {"ticket-made", Msg::kRepActTicketMade},
                                 {"ticket-used", Msg::kRepActTicketUsed},
                                 {"ticket-ended", Msg::kRepActTicketEnded}}) {
    if (type == name) return format_message(lang, id);
  }
  return type;
}

std::string refusal_name(Lang lang, const std::string& kind) {
  for (const auto& [name, id] : {std::pair("handshake-unknown-key", Msg::kRepRefKey),
                                 {"handshake-no-certificate", Msg::kRepRefNoCertificate},
                                 {"handshake-tls", Msg::kRepRefTls},
                                 {"handshake-timeout", Msg::kRepRefTimeout},
                                 {"bad-request", Msg::kRepRefRequest},
                                 {"refused-role", Msg::kRepRefRole},
                                 {"refused-scope", Msg::kRepRefScope},
                                 {"refused-sealed", Msg::kRepRefSealed},
                                 {"overload", Msg::kRepRefOverload},
                                 {"bad-share", Msg::kRepRefShare},
                                 {"refused-governance", Msg::kRepRefGovernance},
                                 {"bad-probe", Msg::kRepRefProbe},
                                 {"over-budget", Msg::kRepRefBudget}}) {
    if (kind == name) return format_message(lang, id);
  }
  return kind;
}

std::string act_line(Lang lang, const audit::Act& act) {
  std::string more;
  const auto add = [&](const std::string& text) { more += (more.empty() ? "" : "; ") + text; };
  std::string people;
  for (const auto& p : act.people) people += (people.empty() ? "" : ", ") + p;
  if (!people.empty()) add(people);
  for (const auto& [key, id] : {std::pair("card", Msg::kRepCard),
                                {"proposal_entry", Msg::kRepOfProposal},
                                {"principals", Msg::kRepNamed},
                                {"custodian", Msg::kRepNamed},
                                {"alarms_to", Msg::kRepAlarmsTo},
                                {"subjects", Msg::kRepExportPeople},
                                {"templates", Msg::kRepExportTemplates},
                                {"epoch", Msg::kRepEpoch},
                                {"batches", Msg::kRepBatches},
                                {"backup_size", Msg::kRepBackupSize},
                                {"backup_since", Msg::kRepBackupSince},
                                {"backup_digest", Msg::kRepBackupDigest},
                                {"entries_from_mirror", Msg::kRepFromMirror},
                                {"subjects_lost", Msg::kRepSubjectsLost},
                                {"log_key", Msg::kRepLogKey},
                                {"entries_lost", Msg::kRepEntriesLost},
                                {"ticket", Msg::kRepTicket},
                                {"ticket_until", Msg::kRepTicketUntil},
                                {"reason", Msg::kRepReason},
                                {"version", Msg::kRepVersion},
                                {"program", Msg::kRepProgram},
                                {"config", Msg::kRepConfig}}) {
    const auto it = act.facts.find(key);
    if (it != act.facts.end() && !it->second.empty()) add(format_message(lang, id, {it->second}));
  }
  if (act.action) {
    for (const auto& line : action_words(lang, *act.action))
      add(line.substr(std::min(line.find_first_not_of(' '), line.size())));
  }
  if (act.facts.contains("lost")) add(format_message(lang, Msg::kRepLost));
  if (act.facts.contains("after_crash")) add(format_message(lang, Msg::kRepAfterCrash));
  const std::string what = act_name(lang, act.type) + (more.empty() ? "" : " (" + more + ")");
  return format_time(act.time) + "  " + format_message(lang, Msg::kAuditAtEntry, {std::to_string(act.entry), what});
}

Json to_json(Lang lang, const audit::Act& act) {
  Json out = {{"entry", act.entry}, {"time", format_time(act.time)}, {"type", act.type}, {"people", act.people},
              {"facts", act.facts}, {"text", act_line(lang, act)}};
  if (act.action) out["action"] = ledger::to_json(*act.action);
  return out;
}

}  // namespace facekeep::tools
