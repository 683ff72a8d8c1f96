#include "tools/common/action_words.h"

#include "tools/common/words.h"
#include "vault/base/digest.h"
#include "vault/ledger/sshsig.h"

namespace facekeep::tools {
namespace {

std::string fingerprint(const std::string& approval_key) {
  const auto key = ledger::parse_public_key_line(approval_key);
  return key ? ledger::ssh_fingerprint(key->key) : approval_key;
}

struct Describe {
  Lang lang;
  std::vector<std::string>& out;

  void say(Msg id, const std::vector<std::string>& args) const { out.push_back(words(lang, id, args)); }

  void rest_of(const ledger::PrincipalRecord& p) const {
    if (p.deputy) say(Msg::kPropDeputy, {});
    if (p.approval_held) say(Msg::kPropHeld, {*p.approval_held});
    if (p.approval_evidence) say(Msg::kPropEvidence, {to_hex(*p.approval_evidence)});
    say(Msg::kPropNameSealed, {to_hex(p.name)});
    say(Msg::kPropScope, {list_of(lang, p.sites, Msg::kPropAll), list_of(lang, p.doors, Msg::kPropAll),
                          p.until ? *p.until : words(lang, Msg::kPropNoLimit)});
  }

  // What is not set stays as it is.
  void probes(std::optional<bool> required, std::optional<std::uint32_t> min_pad) const {
    if (required) say(*required ? Msg::kPropProbesRequired : Msg::kPropProbesOptional, {});
    if (min_pad) say(Msg::kPropMinPad, {std::to_string(*min_pad)});
  }
  void operator()(const ledger::RegisterPrincipals& a) const {
    for (const auto& d : a.doors) say(Msg::kPropDoor, {d.door.id, d.door.location_class, d.site});
    for (const auto& p : a.principals) {
      say(Msg::kPropPrincipal, {p.id, std::string(to_string(p.role)), to_hex(p.key)});
      if (!p.approval_key.empty()) say(Msg::kPropApprovalKey, {fingerprint(p.approval_key)});
      if (!p.signing_key.empty()) say(Msg::kPropSigns, {fingerprint(p.signing_key)});
      rest_of(p);
    }
  }
  void operator()(const ledger::ChangeCustodian& a) const {
    const auto& p = a.custodian;
    say(Msg::kPropCustodian, {p.id, std::string(to_string(p.role)), to_hex(p.key), fingerprint(p.approval_key)});
    rest_of(p);
  }
  void operator()(const ledger::ChangeRules& a) const {
    for (const auto& [name, rule] : a.rules) {
      say(Msg::kPropNewRule,
          {name, people_needed(rule), std::to_string(rule.delay_s), std::to_string(rule.lifetime_s)});
      if (rule.uses > 1) say(Msg::kPropUses, {std::to_string(rule.uses)});
    }
  }
  void operator()(const ledger::ChangeThresholds& a) const {
    say(Msg::kPropThreshold, {a.model, std::to_string(a.verify_threshold), std::to_string(a.identify_threshold)});
  }
  void operator()(const ledger::AddModel& a) const {
    const auto& m = a.model;
    say(Msg::kPropModel, {m.id, std::to_string(m.version), std::to_string(m.dimension),
                          std::to_string(m.verify_threshold), std::to_string(m.identify_threshold)});
  }
  void operator()(const ledger::ChangeReveal& a) const {
    say(a.hide_subject ? Msg::kPropHide : Msg::kPropReveal, {a.site});
  }
  void say_budgets(const std::string& site, const ledger::SiteBudgets& b) const {
    const auto words = [](const ledger::Budget& x) {
      return std::to_string(x.burst) + "/" + std::to_string(x.refill_ms);
    };
    say(Msg::kPropBudgets, {site, words(b.door), words(b.camera), words(b.subject), words(b.subject_door),
                            std::to_string(b.unsigned_cost), std::to_string(b.repeat_cost)});
  }
  void operator()(const ledger::CancelErasures& a) const { say(Msg::kPropCancel, {a.site}); }
  void operator()(const ledger::ExportTemplates& a) const {
    say(Msg::kPropExport, {a.site, std::to_string(a.max_subjects), std::string(to_string(a.basis))});
    a.subjects ? say(Msg::kPropExportList, {to_hex(*a.subjects)}) : say(Msg::kPropExportSite, {});
    if (a.legal_order) say(Msg::kPropExportOrder, {to_hex(*a.legal_order)});
    for (const auto& r : a.recipients) {
      say(Msg::kPropExportKey, {to_hex(r.spki)});
      say(Msg::kPropCertificate, {to_hex(sha256(r.certificate))});
    }
  }
  void operator()(const ledger::OpenSite& a) const {
    say(Msg::kPropSite, {a.site.id, a.site.purpose, a.site.alternative, std::to_string(a.site.access_log_days),
                         std::to_string(a.site.erase_daily)});
    say(Msg::kPropAssessment, {to_hex(a.site.assessment), a.site.assessment_date});
    if (a.site.budgets) say_budgets(a.site.id, *a.site.budgets);
    say(a.site.hide_subject ? Msg::kPropHide : Msg::kPropReveal, {a.site.id});
    probes(a.site.signed_probes_required, a.site.min_pad);
    for (const auto& d : a.site.doors) say(Msg::kPropDoor, {d.id, d.location_class, a.site.id});
  }
  void operator()(const ledger::ChangePolicy& a) const {
    say(Msg::kPropPolicy, {a.site, std::to_string(a.access_log_days), std::to_string(a.erase_daily)});
    probes(a.signed_probes_required, a.min_pad);
    if (a.budgets) say_budgets(a.site, *a.budgets);
  }
  // A PEM that the reader takes; whether it is a key is for whoever checks the action.
  void say_spare(const std::optional<std::string>& pem) const {
    if (!pem) return;
    const auto digest = ledger::spare_digest(*pem);
    say(Msg::kPropSpare, {digest ? to_hex(*digest) : *pem});
  }
  void operator()(const ledger::RotateKeys& a) const {
    say(Msg::kPropRotate, {});
    say_spare(a.spare);
  }
  void operator()(const ledger::Reshare& a) const {
    say(Msg::kPropReshare, {std::to_string(a.share_set)});
    for (const auto& g : a.groups) {
      say(Msg::kPropReshareGroup, {g.id, std::to_string(g.threshold), std::to_string(g.shares.size())});
      for (const auto& card : g.shares) {
        std::vector<std::string> holders;
        for (const auto h : card.holders) holders.push_back(g.id + "/" + std::to_string(h));
        say(Msg::kPropReshareCard,
            {std::to_string(card.number), list_of(lang, holders, Msg::kPropAll), to_hex(card.commitment)});
      }
    }
    for (const auto& p : a.custodians) {
      say(Msg::kPropReshareCustodian,
          {p.id, std::string(to_string(p.role)), to_hex(p.key), fingerprint(p.approval_key)});
      rest_of(p);
    }
    operator()(ledger::ChangeRules{a.rules});
    say(Msg::kPropUnsealKey, {to_hex(a.unseal_key)});
    say(Msg::kPropTranscript, {to_hex(a.transcript)});
    std::vector<std::string> signers;
    for (const auto& s : a.signatures) signers.push_back(s.by);
    say(Msg::kPropReshareSigned, {list_of(lang, signers, Msg::kPropAll)});
    say_spare(a.spare);
  }
  void operator()(const ledger::SetRotation& a) const {
    say(a.days == 0 ? Msg::kPropNoRotationPolicy : Msg::kPropRotationPolicy, {std::to_string(a.days)});
  }
  void operator()(const ledger::RotateLogKey& /*a*/) const { say(Msg::kPropLogKey, {}); }
  void operator()(const ledger::ConfirmSubjects& a) const { say(Msg::kPropConfirm, {a.site}); }
  void operator()(const ledger::SetTicket& a) const {
    if (!a.ticket) return say(Msg::kPropNoTicket, {});
    const ledger::TicketBox& box = a.ticket->box;
    say(Msg::kPropTicket, {std::to_string(a.ticket->hours)});
    say(Msg::kPropTicketBox, {box.name, box.group, box.url});
    say(Msg::kPropTicketKey, {fingerprint(box.key)});
    say(Msg::kPropTicketGives, {box.group});
    if (a.ticket->unattended) say(Msg::kPropTicketUnattended, {});
  }
  void operator()(const ledger::ChangeWitnesses& a) const {
    if (!a.witnesses) return say(Msg::kPropNoWitnesses, {});
    say(a.witnesses->on_missing == ledger::OnMissing::kClosed ? Msg::kPropWitnessesClosed : Msg::kPropWitnessesOpen,
        {std::to_string(a.witnesses->quorum)});
    for (const auto& w : a.witnesses->list) say(Msg::kPropWitness, {w.vkey, w.url, to_hex(w.key)});
  }
};

}  // namespace

std::vector<std::string> action_words(Lang lang, const ledger::Action& action) {
  std::vector<std::string> out;
  std::visit(Describe{lang, out}, action);
  return out;
}

std::vector<std::string> changes_of(Lang lang, const ledger::PrincipalRecord& before,
                                    const ledger::PrincipalRecord& after) {
  const Json old = to_json(before);
  const Json now = to_json(after);
  Json keys = old;
  keys.update(now);
  const auto text = [&](const Json& record, const std::string& field) {
    if (!record.contains(field)) return words(lang, Msg::kPropUnset);
    const Json& value = record[field];
    if (field == "approval_key") return fingerprint(value.get<std::string>());
    return value.is_string() ? value.get<std::string>() : value.dump();
  };
  std::vector<std::string> out;
  for (const auto& [field, unused] : keys.items()) {
    if (old.value(field, Json()) == now.value(field, Json())) continue;
    out.push_back(words(lang, Msg::kPropChanges, {field, text(old, field), text(now, field)}));
  }
  if (out.empty()) out.push_back(words(lang, Msg::kPropChangesNothing));
  return out;
}

std::string people_needed(const ledger::Rule& rule) {
  std::string out;
  for (const auto& [group, n] : rule.groups) out += (out.empty() ? "" : " + ") + std::to_string(n) + " " + group;
  return out;
}

}  // namespace facekeep::tools
