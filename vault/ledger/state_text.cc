#include "vault/ledger/state_text.h"

#include <charconv>

#include "vault/base/newer.h"

namespace facekeep::ledger {
namespace {

constexpr std::string_view kMagic = "facekeep/snapshot/v1";

Error bad_line(std::size_t number) {
  return make_error(Errc::kMalformed, "line " + std::to_string(number) + " of the snapshot can't be read",
                    "it was altered, or written by another version; replay from the first entry");
}

template <class T>
bool number(std::string_view text, T& out) {
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), out);
  return ec == std::errc() && end == text.data() + text.size();
}

template <std::size_t N>
bool hex(std::string_view text, std::array<std::uint8_t, N>& out) {
  const auto bytes = from_hex_exact<N>(text);
  if (bytes) out = *bytes;
  return bytes.has_value();
}

std::vector<std::string_view> split(std::string_view line) {
  std::vector<std::string_view> out;
  for (;;) {
    const std::size_t at = line.find(' ');
    out.push_back(line.substr(0, at));
    if (at == std::string_view::npos) return out;
    line.remove_prefix(at + 1);
  }
}

// The number at the end counts: a newer program's states are not read as damaged ones.
Status magic(std::string_view line) {
  static constexpr std::string_view kStem = "facekeep/snapshot/v";
  std::uint64_t version = 0;
  if (line == kMagic) return {};
  const bool newer = line.starts_with(kStem) && number(line.substr(kStem.size()), version) && version > 1;
  return newer ? newer_format("the snapshot", version, 1) : bad_line(1);
}

std::string event_text(Body body) {
  return encode_event(Event{0, 0, std::move(body)}).value_or("");
}

std::string cards_line(const State& s) {
  const CardSet* before = s.cards_before();
  return before == nullptr ? "" : "cards-before " + canonical_json(to_json(*before)).value_or("") + "\n";
}

}  // namespace

std::string write_state_head(const State& s) {
  std::string out = std::string(kMagic) + "\ntime " + std::to_string(s.last_time_) + "\nbase " +
                    std::to_string(s.clock_base_) + "\nstart-event " + event_text(s.start_) + "\ngenesis-event " +
                    event_text(*s.genesis_) + "\ndigest " + to_hex(s.digest()) + "\n" + s.digest_head() + cards_line(s);
  if (!s.all_custody_) out += "custody unopened\n";
  if (s.public_clock_ != s.log_clock_) out += "public-clock " + std::to_string(s.public_clock_) + "\n";
  if (s.public_time_ != s.last_time_) out += "public-time " + std::to_string(s.public_time_) + "\n";
  if (s.cards_since_) out += "cards-since " + format_time(*s.cards_since_) + "\n";
  for (const auto& [ref, subject] : s.subjects_) {
    if (subject.erase_due) out += "suspended " + to_hex(ref) + " " + std::to_string(subject.suspended_at) + "\n";
  }
  return out;
}

Status StateTextReader::line(std::string_view line) {
  ++lines_;
  if (lines_ == 1) return magic(line);
  const std::size_t space = line.find(' ');
  if (lines_ <= 6 && space != std::string_view::npos) return head(line.substr(0, space), line.substr(space + 1));
  if (lines_ == 7) return line == "facekeep/state/v1" ? Status() : bad_line(7);
  if (lines_ < 7 || !digest_ || !state_.genesis_) return bad_line(lines_);
  // Five kinds of lines hold JSON.
  if (line.starts_with("current ")) return current(line.substr(8));
  if (line.starts_with("proposal ")) return proposal(line.substr(9));
  if (line.starts_with("export ")) return export_of(line.substr(7));
  if (line.starts_with("agreed-rule ")) return agreed_rule(line.substr(12));
  if (line.starts_with("ticket ")) return ticket(line.substr(7));
  if (line.starts_with("cards-before ")) return cards_before(line.substr(13));
  return state_line(split(line));
}

Status StateTextReader::ticket(std::string_view json) {
  FK_TRY(const Json value, parse_canonical_json(json));
  FK_TRY(state_.ticket_, ticket_from_json(value));
  return {};
}

Status StateTextReader::current(std::string_view json) {
  FK_TRY(const Json value, parse_canonical_json(json));
  FK_TRY(Genesis genesis, genesis_from_json(value));
  state_.set_current(std::move(genesis));
  state_.changed_ = true;
  return {};
}

Status StateTextReader::proposal(std::string_view json) {
  FK_TRY(const Json value, parse_canonical_json(json));
  FK_TRY(Proposal p, proposal_from_json(value));
  const Id128 id = p.made.id;
  return state_.proposals_.emplace(id, std::move(p)).second ? Status() : bad_line(lines_);
}

Status StateTextReader::export_of(std::string_view rest) {
  const std::size_t space = rest.find(' ');
  Id128 id{};
  if (space == std::string_view::npos || !hex(rest.substr(0, space), id)) return bad_line(lines_);
  FK_TRY(const Json value, parse_canonical_json(rest.substr(space + 1)));
  FK_TRY(state_.exports_[id], export_state_from_json(value));
  return {};
}

Status StateTextReader::cards_before(std::string_view json) {
  if (!state_.rotation_) return bad_line(lines_);
  FK_TRY(const Json value, parse_canonical_json(json));
  FK_TRY(state_.rotation_->before, card_set_from_json(value));
  return {};
}

Status StateTextReader::agreed_rule(std::string_view rest) {
  const std::size_t space = rest.find(' ');
  if (space == std::string_view::npos) return bad_line(lines_);
  FK_TRY(const Json value, parse_canonical_json(rest.substr(space + 1)));
  FK_TRY(state_.agreed_rules_[std::string(rest.substr(0, space))], rule_from_json(value, "agreed rule of a state"));
  return {};
}

Status StateTextReader::head(std::string_view key, std::string_view rest) {
  State& s = state_;
  bool ok = false;
  if (key == "time") {
    ok = number(rest, s.last_time_);
    s.public_time_ = s.last_time_;
  }
  if (key == "base") ok = number(rest, s.clock_base_);
  if (key == "digest") ok = hex(rest, digest_.emplace());
  if (key == "start-event") {
    FK_TRY(Event e, decode_event(rest));
    auto* start = std::get_if<Start>(&e.body);
    ok = start != nullptr;
    if (ok) s.start_ = std::move(*start);
  }
  if (key == "genesis-event") {
    FK_TRY(Event e, decode_event(rest));
    auto* genesis = std::get_if<Genesis>(&e.body);
    ok = genesis != nullptr;
    if (ok) {
      s.set_current(*genesis);
      s.genesis_ = std::move(*genesis);
    }
  }
  return ok ? Status() : bad_line(lines_);
}

Status StateTextReader::state_line(const Words& w) {
  State& s = state_;
  bool ok = false;
  if (w[0] == "subject") return subject(w);
  if (w[0] == "template") return template_line(w);
  if (w[0] == "handover" || w[0] == "lost-root" || w[0] == "recovery") return log_key_line(w);
  if (w[0] == "custody" && w.size() == 2 && w[1] == "unopened") {
    s.all_custody_ = false;
    ok = true;
  }
  if (w[0] == "size" && w.size() == 2) ok = number(w[1], s.size_);
  if (w[0] == "clock" && w.size() == 2) {
    ok = number(w[1], s.log_clock_);
    s.public_clock_ = s.log_clock_;
  }
  if (w[0] == "suspended" && w.size() == 3) {
    Id128 ref{};
    ok = hex(w[1], ref) && number(w[2], suspended_[ref]);
  }
  if (w[0] == "public-clock" && w.size() == 2) ok = number(w[1], s.public_clock_);
  if (w[0] == "public-time" && w.size() == 2) ok = number(w[1], s.public_time_);
  if (w[0] == "start" && w.size() == 2) ok = number(w[1], s.start_entry_);
  if (w[0] == "genesis" && w.size() == 2) ok = true;  // the digest covers it
  if (w[0] == "phase" && w.size() == 2) {
    for (std::size_t i = 0; i < kPhases; ++i) {
      if (to_string(static_cast<Phase>(i)) != w[1]) continue;
      s.phase_ = static_cast<Phase>(i);
      ok = true;
    }
  }
  if ((w[0] == "share" || w[0] == "share-before") && w.size() == 3) {
    std::uint32_t n = 0;
    ok = number(w[2], n);
    (w[0] == "share" ? s.shares_in_ : s.shares_in_before_)[std::string(w[1])].insert(n);
  }
  if (w[0] == "period-key" && w.size() == 7) {
    State::PeriodKeyState key;
    ok = number(w[4], key.slot) && number(w[5], key.entry) && number(w[6], key.clock);
    s.period_keys_[{std::string(w[1]), std::string(w[2]), std::string(w[3])}] = key;
    s.slots_.insert(key.slot);
  }
  if (w[0] == "wraps" && w.size() == 3) ok = number(w[2], s.wraps_[std::string(w[1])]);
  if (w[0] == "backup" && w.size() == 2) {
    std::uint64_t size = 0;
    ok = number(w[1], size) && size > 0 && s.backups_.insert(size).second;
  }
  if (w[0] == "rotation-since" && w.size() == 3) {
    auto& since = s.scheduled_since_.emplace();
    FK_TRY(since.wall, parse_time(w[1]));
    ok = number(w[2], since.clock);
  }
  if (w[0] == "cards-since" && w.size() == 2) {
    FK_TRY(s.cards_since_, parse_time(w[1]));
    ok = true;
  }
  if (w[0] == "tickets" && w.size() == 2) ok = number(w[1], s.tickets_) && s.tickets_ > 0;
  if (w[0] == "opened-by-cards" && w.size() == 4) {
    auto& opened = s.opened_by_cards_.emplace();
    FK_TRY(opened.at.wall, parse_time(w[2]));
    ok = number(w[1], opened.entry) && number(w[3], opened.at.clock);
  }
  if (w[0] == "rule-version" && w.size() == 2) ok = number(w[1], s.rule_version_);
  if (w[0] == "tightening" && w.size() == 3) ok = number(w[2], s.tightenings_[std::string(w[1])]);
  if (w[0] == "shortened" && w.size() == 5) {
    auto& shortened = s.shortened_[std::string(w[1])];
    FK_TRY(shortened.at.wall, parse_time(w[3]));
    ok = number(w[2], shortened.agreed_days) && number(w[4], shortened.at.clock);
  }
  if (w[0] == "suspension" && w.size() == 4) {
    auto& suspension = s.suspensions_[std::string(w[1])];
    suspension.custodian = w[2];
    ok = number(w[3], suspension.clock);
  }
  if (w[0] == "ceremony-ended" && w.size() == 3) ok = number(w[2], s.ended_ceremonies_[std::string(w[1])]);
  if (w[0] == "site-proof" && w.size() == 4) {
    auto& p = s.site_proofs_[std::string(w[1])];
    ok = hex(w[2], p.proposal) && hex(w[3], p.proof);
  }
  if (w[0] == "retired" && w.size() == 2) {
    Digest digest{};
    ok = hex(w[1], digest) && s.retired_cards_.insert(digest).second;
  }
  if (w[0] == "rotation" && w.size() == 5) {
    auto& r = s.rotation_.emplace(State::Rotation{});
    ok = number(w[1], r.from) && number(w[2], r.to) && hex(w[3], r.upto) && number(w[4], r.entry);
  }
  if (w[0] == "keys-proof" && w.size() == 3) {
    ok = s.rotation_ && hex(w[1], s.rotation_->proof.proposal) && hex(w[2], s.rotation_->proof.proof);
  }
  if (w[0] == "cards" && w.size() == 2 && w[1] == "untried") {
    ok = s.rotation_.has_value();
    if (ok) s.rotation_->cards_untried = true;
  }
  if (w[0] == "old-register-check" && w.size() == 2) ok = s.rotation_ && hex(w[1], s.rotation_->old_register_check);
  if (w[0] == "old-check" && w.size() == 3) {
    ok = s.rotation_ && hex(w[2], s.rotation_->old_checks[std::string(w[1])]);
  }
  if (w[0] == "erased" && w.size() == 4) {
    auto& day = s.erased_[std::string(w[1])];
    day.first = w[2];
    ok = number(w[3], day.second);
  }
  return ok ? Status() : bad_line(lines_);
}

Status StateTextReader::log_key_line(const Words& w) {
  State& s = state_;
  bool ok = false;
  if (w[0] == "handover" && (w.size() == 4 || w.size() == 5 || w.size() == 7)) {
    State::Handover h{0, std::string(w[2]), std::string(w[3]), w.size() > 4, {}};
    ok = number(w[1], h.entry) && (!h.recovered || w[4] == "recovered");
    if (w.size() == 7) {
      // The origin is the name of the key.
      auto& loss = h.loss.emplace(Loss{h.to.substr(0, h.to.find('+')), {}});
      ok = ok && number(w[5], loss.newest.size) && hex(w[6], loss.newest.root);
    }
    s.handovers_.push_back(std::move(h));
  }
  if (w[0] == "lost-root" && (w.size() == 2 || w.size() == 3)) {
    std::uint32_t epoch = 0;
    std::uint64_t retired = 0;
    ok =
        number(w[1], epoch) && (w.size() == 2 || number(w[2], retired)) && s.lost_roots_.emplace(epoch, retired).second;
  }
  if (w[0] == "recovery" && (w.size() == 3 || w.size() == 4)) {
    auto& r = s.recovery_.emplace(State::Recovery{0, std::string(w[2]), {}});
    ok = number(w[1], r.entry) && (w.size() == 3 || number(w[3], r.renewed.emplace()));
  }
  return ok ? Status() : bad_line(lines_);
}

Status StateTextReader::subject(const Words& line) {
  Words w = line;
  Id128 ref{};
  SubjectState s;
  s.in_doubt = w.back() == "in-doubt";
  if (s.in_doubt) {
    w.pop_back();
    ++state_.in_doubt_;
  }
  if (w.size() != 9 && w.size() != 10) return bad_line(lines_);
  const auto& sites = state_.current_->sites;
  while (s.site < sites.size() && sites[s.site].id != w[2]) ++s.site;
  if (!hex(w[1], ref) || s.site == sites.size() || !number(w[3], s.slot) || !hex(w[4], s.consent) ||
      !hex(w[5], s.record) || !number(w[7], s.entry)) {
    return bad_line(lines_);
  }
  s.until = w[6];
  if (w.size() == 10) {
    FK_TRY(s.erase_due, parse_time(w[8]));
    const auto at = suspended_.extract(ref);
    if (!number(w[9], s.suspended_at_clock) || !at) return bad_line(lines_);
    s.suspended_at = at.mapped();
    ++state_.suspended_;
  } else if (w[8] != "-") {
    return bad_line(lines_);
  }
  state_.slots_.insert(s.slot);
  ++state_.persons_[s.site];
  const auto [it, fresh] = state_.subjects_.emplace(ref, std::move(s));
  last_ = &it->second;
  return fresh ? Status() : bad_line(lines_);
}

Status StateTextReader::template_line(const Words& w) {
  TemplateState t;
  if (w.size() != 6 || last_ == nullptr || !hex(w[1], t.id) || !number(w[3], t.model_version) || !hex(w[4], t.blob) ||
      !number(w[5], t.entry)) {
    return bad_line(lines_);
  }
  t.model = w[2];
  last_->templates.push_back(std::move(t));
  return {};
}

Result<State> StateTextReader::finish() && {
  if (!digest_ || !state_.genesis_ || !suspended_.empty()) return bad_line(lines_ + 1);
  if (state_.digest() != *digest_) {
    return make_error(Errc::kIntegrity, "the snapshot is not the state whose digest it names",
                      "it was altered, or written by another version; replay from the first entry");
  }
  // What bound earlier entries is not in a text; what binds the next one is.
  state_.budget_policies_ = {};
  for (const Site& s : state_.current_->sites) {
    state_.budget_policies_.set(s.id, 0, s.budgets.value_or(SiteBudgets()));
  }
  return std::move(state_);
}

}  // namespace facekeep::ledger
