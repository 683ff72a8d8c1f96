// The fold of log keys: how one hands over to the next, and how the custodians put one in its place.
#include <algorithm>

#include "vault/ledger/proposal_decide.h"
#include "vault/ledger/sshsig.h"

namespace facekeep::ledger {
namespace {

Error bad(std::string message, std::string hint = {}) {
  return make_problem(Errc::kFailedPrecondition, "bad-recovery", std::move(message), std::move(hint));
}

Error broken(const std::string& why) {
  return make_error(Errc::kIntegrity, "the log has an event that its rules do not allow: " + why);
}

bool is_hex8(std::string_view text) {
  return text.size() == 8 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// The key of "name+key id+key", under whatever name. A name has no '+', a key may.
std::string_view key_of(std::string_view vkey) {
  return vkey.substr(vkey.find('+', vkey.find('+') + 1) + 1);
}

bool was_log_key(const State& state, std::string_view vkey) {
  const auto& past = state.handovers();
  return key_of(vkey) == key_of(state.genesis().log_key) ||
         std::any_of(past.begin(), past.end(), [&](const auto& h) { return key_of(h.to) == key_of(vkey); });
}

bool was_origin(const State& state, const std::string& origin) {
  const auto named = [&](const std::string& vkey) { return vkey.starts_with(origin + "+"); };
  const auto& past = state.handovers();
  return origin == state.genesis().origin || named(state.genesis().log_key) ||
         std::any_of(past.begin(), past.end(), [&](const auto& h) { return named(h.to); });
}

// As many custodians of each group as it takes cards of it to open the vault, each with the registered approval key.
Status check_signers(const State& state, const Recovered& e, const Moment& now) {
  FK_TRY(const std::string statement, recovery_statement(e, state.genesis().vault));
  std::set<std::string> signers;
  for (const auto& s : e.signatures) {
    if (!counts(state, s.by, now)) return bad("signed by \"" + s.by + "\", who is no custodian or is suspended");
    if (!signers.insert(s.by).second) return bad("signed twice by \"" + s.by + "\"");
    const auto& key = state.principal(s.by)->approval_key;
    if (auto ok = verify_sshsig(s.signature, key, kRecoveryNamespace, as_bytes(statement)); !ok) {
      return bad("the signature of \"" + s.by + "\" does not verify: " + ok.error().message,
                 "`facekeep sign-recovery` signs exactly the statement that was handed out");
    }
  }
  for (const Group& g : state.current().groups) {
    const auto of_group =
        std::count_if(signers.begin(), signers.end(), [&](const auto& by) { return by.starts_with(g.id + "/"); });
    if (static_cast<std::uint32_t>(of_group) >= g.threshold) continue;
    return bad("signed by " + std::to_string(of_group) + " of the group \"" + g.id + "\", and it takes " +
               std::to_string(g.threshold));
  }
  return {};
}

Status check_loss(const State& state, const Recovered& e) {
  if (!e.loss) return loses_token(e) ? Status() : bad("a restore without a loss needs no recovery");
  const auto printable = [](unsigned char c) { return c > 0x20 && c < 0x7f && c != '+'; };
  if (e.loss->origin.empty() || !std::all_of(e.loss->origin.begin(), e.loss->origin.end(), printable)) {
    return bad("the new origin is not printable ASCII without spaces or '+'");
  }
  if (was_origin(state, e.loss->origin)) return bad("the new origin is one that this log had");
  return e.loss->newest.size > e.at.size ? Status() : bad("nothing is lost: the newest tree is in this log");
}

}  // namespace

const std::array<std::string_view, 4>& recovery_kinds() {
  static constexpr std::array<std::string_view, 4> kinds = {"lost", "stolen", "broken", "restored"};
  return kinds;
}

bool loses_token(const Recovered& e) {
  return e.kind != "restored";
}

Status check_log_key(std::string_view vkey, std::string_view name) {
  const bool named = vkey.starts_with(name) && vkey.substr(name.size()).starts_with('+');
  const std::string_view rest = named ? vkey.substr(name.size() + 1) : std::string_view();
  const bool formed = rest.size() > 9 && is_hex8(rest.substr(0, 8)) && rest[8] == '+' && vkey.size() <= kMaxVkey;
  const auto key = formed ? from_base64(rest.substr(9)) : Result<Bytes>(bad("no key"));
  // Type byte and key: signed-note, "Signature types".
  const bool typed = key && key->size() >= 33 && ((*key)[0] == 0x01 || (*key)[0] == 0x02);
  if (typed) return {};
  return make_error(Errc::kInvalidArgument,
                    "a log key is not the vkey of a key that is named \"" + std::string(name) + "\"");
}

Status decide_recovered(const State& state, const Recovered& e, const Moment& now, bool with_signatures) {
  if (e.at.size != state.size()) {
    return bad("it is about a log of " + std::to_string(e.at.size) + " entries, this one has " +
               std::to_string(state.size()));
  }
  if (e.made > now.wall || now.wall - e.made > kRecoveryStatementLife) {
    return bad("its statement is from the future, or older than seven days", "make a new one, and sign that");
  }
  FK_CHECK(check_loss(state, e));
  const std::string& origin = e.loss ? e.loss->origin : state.current().origin;
  if (auto ok = check_log_key(e.log_key, origin); !ok) return bad(ok.error().message);
  if (was_log_key(state, e.log_key)) return bad("the log had this key before");
  if (loses_token(e) != e.spare.has_value() || (e.spare && e.spare != state.current().spare_key)) {
    return bad("the spare key is not the registered one", "without the spare of the present epoch nothing opens");
  }
  const KeyEvidence& key = e.token.log_sign;
  if (!key.local || !key.sensitive || !key.always_sensitive || key.extractable || !key.never_extractable) {
    return bad("the log-signing key was not made inside the token, or could leave it");
  }
  if (e.token.token_class != "software" && e.token.token_class != "hardware") return bad("unknown class of token");
  return with_signatures ? check_signers(state, e, now) : Status();
}

// Precondition: `key` has the form of a vkey of the origin behind this entry.
void State::note_log_key(const std::string& key, bool recovered, const std::optional<Loss>& loss) {
  handovers_.push_back({size_, current_->log_key, key, recovered, loss});
}

Status State::check_new_log_key(const Action& action, const std::optional<std::string>& key) const {
  if (std::holds_alternative<RotateLogKey>(action) != key.has_value()) {
    return broken("a new log key comes with its rotation alone");
  }
  if (!key) return {};
  if (auto ok = check_log_key(*key, current_->origin); !ok) return broken(ok.error().message);
  return was_log_key(*this, *key) ? Status(broken("the log had this key before")) : Status();
}

void State::confirm_subjects(const Action& action) {
  const auto* confirm = std::get_if<ConfirmSubjects>(&action);
  if (confirm == nullptr) return;
  for (auto& [ref, s] : subjects_) {
    if (current_->sites[s.site].id != confirm->site || !s.in_doubt) continue;
    s.in_doubt = false;
    --in_doubt_;
  }
}

Status State::apply_body(const Recovered& e) {
  if (auto ok = decide_recovered(*this, e, moment()); !ok) return broken(ok.error().message);
  Genesis next = *current_;
  next.log_key = e.log_key;
  const KeyEvidence root = next.token.root;
  next.token = e.token;
  next.token.root = root;  // the one in force, until the next re-share draws another
  if (e.loss) next.origin = e.loss->origin;
  note_log_key(e.log_key, true, e.loss);
  if (loses_token(e)) {
    lost_roots_.emplace(root_epoch(), 0);
    if (rotation_) lost_roots_.emplace(rotation_->from, 0);
    recovery_ = Recovery{size_, e.kind, {}};
  }
  set_current(std::move(next));
  changed_ = true;
  clear_shares();
  end_ticket("keys");  // its key was in a token that is lost, or in entries that are
  if (!e.loss) return {};
  // What was signed may have been vetoed, and who is enrolled erased, in the entries that are lost.
  for (auto& [ref, s] : subjects_) s.in_doubt = true;
  in_doubt_ = subjects_.size();
  rule_version_ = size_;
  unsettle_proposals(nullptr);
  return {};
}

}  // namespace facekeep::ledger
