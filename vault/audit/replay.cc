#include "vault/audit/replay.h"

#include "vault/ledger/opening.h"

namespace facekeep::audit {

using ledger::EventClass;

Replay::Replay(Level level, Findings& findings, Observer observer)
    : level_(level),
      findings_(findings),
      observer_(std::move(observer)),
      clocks_(findings),
      decisions_(findings),
      budgets_(findings),
      proposals_(findings),
      rotations_(findings),
      claims_(findings) {}

Replay::Replay(Level level, ledger::State from, Findings& findings, Observer observer)
    : Replay(level, findings, std::move(observer)) {
  state_ = std::move(from);
  next_ = state_.size();
  budgets_.unknown();
  rotations_.from(state_);
}

void Replay::entry(ByteView bytes, const Opening& opening) {
  const auto leaf = ledger::decode_leaf(as_chars(bytes));
  if (!leaf) {
    findings_.add(Code::kEntryMalformed, next_, {leaf.error().message});
    skip(1);
    return;
  }
  if (const auto* event = std::get_if<ledger::Event>(&*leaf)) {
    if (opening.state == OpeningState::kThere) findings_.add(Code::kOpeningOfGovernance, next_);
    governance(*event);
  } else {
    hidden(std::get<ledger::PrivateLeaf>(*leaf), opening);
  }
  ++next_;
}

void Replay::skip(std::uint64_t count) {
  if (folding_) findings_.add(Code::kRulesUnchecked, next_);
  folding_ = false;
  next_ += count;
}

void Replay::fold(const std::function<Status()>& apply, std::optional<Code> refused) {
  if (!folding_) return;
  if (auto ok = apply(); !ok) {
    if (refused) findings_.add(*refused, next_, {ok.error().message});
    findings_.add(Code::kRulesUnchecked, next_);
    folding_ = false;
  }
}

void Replay::observe(EventClass c, const ledger::Event* event, OpeningState opening) {
  if (observer_) observer_(Seen{next_, c, event, opening, state_});
}

bool Replay::check(const ledger::Event& event) {
  clocks_.event(next_, event);
  proposals_.root(next_, event, root_at_);
  recovery(event);
  if (!folding_) return false;
  decisions_.event(next_, event, state_, custody_);
  budgets_.event(next_, event, state_);
  claims_.event(event, state_);
  rotations_.event(event, state_);
  return state_.phase() != ledger::Phase::kNew && proposals_.event(next_, event, state_);
}

// A recovery names the tree that it stands on, as a vote does.
void Replay::recovery(const ledger::Event& event) {
  const auto* e = std::get_if<ledger::Recovered>(&event.body);
  if (e == nullptr) return;
  const auto root = root_at_ ? root_at_(next_) : std::nullopt;
  if (e->at.size != next_ || (root && *root != e->at.root)) {
    findings_.add(Code::kWrongRecovery, next_, {std::to_string(e->at.size)});
  }
  if (!e->loss) return;
  const std::string last = std::to_string(e->loss->newest.size - 1);
  findings_.add(Code::kEntriesLost, next_, {std::to_string(e->at.size), last, e->loss->origin});
}

void Replay::governance(const ledger::Event& event) {
  const bool told = check(event);
  const auto refused = told ? std::nullopt : std::optional(RotationCheck::refused(event).value_or(Code::kRuleBroken));
  fold([&] { return apply(state_, event); }, refused);
  observe(EventClass::kGovernance, &event, OpeningState::kAbsent);
}

std::optional<ledger::Event> Replay::open(const ledger::PrivateLeaf& leaf, const Opening& opening) {
  const auto clear = ledger::parse_clear_opening(opening.bytes);
  if (!clear) {
    findings_.add(Code::kOpeningMalformed, next_, {clear.error().message});
    return std::nullopt;
  }
  if (ledger::commit(clear->salt, clear->event) != leaf.commitment) {
    findings_.add(Code::kOpeningMismatch, next_);
    return std::nullopt;
  }
  auto event = ledger::decode_event(clear->event);
  if (!event) {
    findings_.add(Code::kOpeningMalformed, next_, {event.error().message});
    return std::nullopt;
  }
  if (class_of(event->body) != leaf.event_class) {
    findings_.add(Code::kOpeningClass, next_);
    return std::nullopt;
  }
  return std::move(*event);
}

void Replay::hidden(const ledger::PrivateLeaf& leaf, const Opening& opening) {
  if (opening.state != OpeningState::kThere) {
    unopened(leaf, opening.state);
    return;
  }
  const auto event = open(leaf, opening);
  if (!event) {
    unopened(leaf, OpeningState::kThere);
    return;
  }
  check(*event);
  const bool custody = leaf.event_class == EventClass::kCustody;
  if (!custody) claims_.access(next_, OpeningState::kThere);
  // A subject whose enrolment nobody could open would look like a broken rule.
  fold([&] { return custody && !custody_ ? apply_unopened_custody(state_) : apply(state_, *event); });
  observe(leaf.event_class, &*event, OpeningState::kThere);
}

// `why` is kThere for an opening that was there and wrong, which is a finding already.
void Replay::unopened(const ledger::PrivateLeaf& leaf, OpeningState why) {
  const bool custody = leaf.event_class == EventClass::kCustody;
  if (level_ == Level::kAuditor && why != OpeningState::kThere) {
    // Custody's openings lie in clear for ever: no reason excuses their absence.
    if (custody) {
      findings_.add(Code::kCustodyMissing, next_);
    } else {
      claims_.access(next_, why);
    }
  }
  if (folding_) decisions_.unopened(next_);
  if (custody) {
    custody_ = false;
  } else {
    budgets_.unknown();
  }
  fold([&] { return custody ? apply_unopened_custody(state_) : apply_access(state_); });
  observe(leaf.event_class, nullptr, why);
}

void Replay::cards_due() {
  const auto& r = state_.recovery();
  if (!r || cards_told_ == r->entry) return;
  cards_told_ = r->entry;
  findings_.add(Code::kCardsDue, r->entry, {r->kind});
}

void Replay::finish() {
  if (folding_) {
    decisions_.finish();
    if (state_.phase() != ledger::Phase::kNew) {
      proposals_.finish(state_);
      rotations_.finish(state_);
      cards_due();
    }
  }
  if (level_ == Level::kPublic) findings_.add(Code::kPublicOnly, 0);
  claims_.finish(state_, complete());
}

}  // namespace facekeep::audit
