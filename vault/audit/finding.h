// What an audit found: a code, the entry that it is about, and the facts for its sentence. The sentences are the
// program's (tools/facekeep-audit), in its languages.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace facekeep::audit {

enum class Severity : std::uint8_t {
  kError,    // the log, or what the vault gave out about it, is not what it must be
  kWarning,  // allowed, and somebody should ask why
  kNote,     // limits what this audit could check
};
std::string_view to_string(Severity s) noexcept;

// X(name, stable text, severity): the list of everything that an audit can find, in the order of its reports.
#define FK_AUDIT_FINDINGS(X)                                                                                     \
  X(kBadCheckpoint, "bad-checkpoint", kError)                 /* {0} why */                                      \
  X(kTilesNotOfCheckpoint, "tiles-not-of-checkpoint", kError) /* {0} size */                                     \
  X(kRootDiffers, "root-differs", kError)                     /* {0} first, {1} last that it may be */           \
  X(kHistoryDiffers, "history-differs", kError)               /* {0} size, {1} file */                           \
  X(kCheckpointBeyond, "checkpoint-beyond", kError)           /* {0} size of the log, {1} size seen, {2} file */ \
  X(kEntryAltered, "entry-altered", kError)                                                                      \
  X(kEntriesAltered, "entries-altered", kError)   /* {0} first, {1} last */                                      \
  X(kTileAltered, "tile-altered", kError)         /* {0} path, {1} first entry, {2} last entry */                \
  X(kTileMissing, "tile-missing", kError)         /* {0} path */                                                 \
  X(kBundleMissing, "bundle-missing", kError)     /* {0} path, {1} last entry */                                 \
  X(kBundleMalformed, "bundle-malformed", kError) /* {0} path, {1} why */                                        \
  X(kOlderDiffers, "older-tile-differs", kError)  /* {0} path */                                                 \
  X(kTileTooLong, "tile-too-long", kWarning)      /* {0} path */                                                 \
  X(kStrayFile, "stray-file", kWarning)           /* {0} path */                                                 \
  X(kEntryMalformed, "entry-malformed", kError)   /* {0} why */                                                  \
  X(kRuleBroken, "rule-broken", kError)           /* {0} what the fold says */                                   \
  X(kRulesUnchecked, "rules-unchecked", kNote)                                                                   \
  X(kOpeningMismatch, "opening-mismatch", kError)                                                                \
  X(kOpeningMalformed, "opening-malformed", kError) /* {0} why */                                                \
  X(kOpeningOfGovernance, "opening-of-governance", kError)                                                       \
  X(kOpeningClass, "opening-class", kError)                                                                      \
  X(kCustodyMissing, "custody-opening-missing", kError)                                                          \
  X(kAccessMissing, "access-opening-missing", kError)                                                            \
  X(kAccessDamaged, "access-opening-damaged", kError)                                                            \
  X(kDestroyedUnlogged, "destroyed-without-entry", kError) /* {0} how many */                                    \
  X(kLostUnlogged, "lost-without-entry", kError)           /* {0} how many */                                    \
  X(kSealedBesideOpen, "sealed-beside-opened", kError)                                                           \
  X(kAccessSealed, "access-openings-sealed", kNote)       /* {0} how many */                                     \
  X(kAccessDestroyed, "access-openings-destroyed", kNote) /* {0} how many */                                     \
  X(kAccessLost, "access-openings-lost", kWarning)        /* {0} how many, {1} to {2}, {3} in the backup */      \
  X(kPublicOnly, "public-only", kNote)                                                                           \
  X(kUptimeFell, "uptime-fell", kError)                      /* {0} before, {1} now, in ms */                    \
  X(kWallBack, "clock-set-back", kWarning)                   /* {0} before, {1} now */                           \
  X(kWallJump, "clock-jumped", kWarning)                     /* {0} before, {1} now, {2} seconds run */          \
  X(kPrincipalEnded, "principal-ended", kError)              /* {0} who, {1} last day, {2} day */                \
  X(kConsentEnded, "consent-ended", kError)                  /* {0} last day, {1} day */                         \
  X(kSuspendedEarly, "suspended-within-allowance", kWarning) /* {0} by */                                        \
  X(kDecisionSubject, "decision-subject", kError)            /* {0} decision */                                  \
  X(kOverBudget, "over-budget-answered", kError)             /* {0} budget */                                    \
  X(kBudgetNotOver, "budget-not-over", kError)               /* {0} budget */                                    \
  X(kBudgetsOff, "budgets-not-kept", kWarning)                                                                   \
  X(kNonceTwice, "nonce-twice", kError) /* {0} entry before, {1} camera */                                       \
  X(kCrashUnsaid, "crash-not-said", kError)                                                                      \
  X(kCrashWrong, "crash-said-wrongly", kError)                                                                   \
  X(kUnsealToReused, "unseal-key-reused", kError) /* {0} entry of the earlier start */                           \
  X(kUnsealedAlone, "unsealed-apart", kError)                                                                    \
  X(kNoStartAfterSeal, "no-start-after-seal", kError)                                                            \
  X(kSumsFuture, "sums-from-future", kWarning)                                                                   \
  X(kVoteRoot, "vote-root-differs", kError)         /* {0} who, {1} size */                                      \
  X(kVoteRefused, "vote-not-allowed", kError)       /* {0} who, {1} entry of the proposal, {2} why */            \
  X(kDoneRefused, "carried-out-unapproved", kError) /* {0} its entry, {1} stage, {2} who signed, {3} rule */     \
  X(kDoneLate, "carried-out-late", kNote)           /* {0} its entry, {1} ready since, {2} done at */            \
  X(kNotDone, "ready-not-carried-out", kNote)       /* {0} ready since */                                        \
  X(kRewrapRefused, "rewrapped-wrongly", kError)    /* {0} why */                                                \
  X(kRotationOpen, "rotation-not-ended", kWarning)  /* {0} epoch of the old keys, {1} since */                   \
  X(kRotationMissed, "rotation-missed", kWarning)   /* {0} due on, {1} days of the schedule */                   \
  X(kHorizonMissed, "horizon-missed", kWarning)     /* {0} erasures, {1} promised by, {2} root epoch */          \
  X(kHorizonOnSpare, "horizon-on-spare", kWarning)  /* the same */                                               \
  X(kWrongLogKey, "wrong-log-key", kError)          /* {0} vkey of genesis, {1} the auditor's */                 \
  X(kWrongOrigin, "wrong-origin", kError)           /* {0} origin, {1} name of the key */                        \
  X(kOldLogKey, "old-log-key", kError)              /* {0} size, {1} the last it may sign, {2} file */           \
  X(kHandoverWrong, "handover-wrong", kError)       /* {0} which, {1} why */                                     \
  X(kNoAnchor, "recovery-unproven", kError)                                                                      \
  X(kWrongRecovery, "wrong-recovery", kError)         /* {0} size */                                             \
  X(kEntriesLost, "entries-lost", kWarning)           /* {0} first, {1} last, {2} new origin */                  \
  X(kCardsDue, "new-cards-due", kWarning)             /* {0} kind of the recovery */                             \
  X(kCosignedWrong, "cosigned-wrong", kError)         /* {0} why */                                              \
  X(kWitnessesBehind, "witnesses-behind", kWarning)   /* {0} entries cosigned, {1} of, {2} last time */          \
  X(kWitnessesRequired, "witnesses-required", kError) /* the same */                                             \
  X(kWitnessesUnasked, "witnesses-not-asked", kNote)                                                             \
  X(kNameMismatch, "name-mismatch", kError) /* {0} principal */                                                  \
  X(kNameMissing, "name-missing", kNote)    /* {0} principal */                                                  \
  X(kNamesDamaged, "names-damaged", kError)

enum class Code : std::uint8_t {
#define X(name, text, severity) name,
  FK_AUDIT_FINDINGS(X)
#undef X
};

struct CodeRow {
  Code code;
  std::string_view text;
  Severity severity;
};
inline constexpr std::array kCodes = {
#define X(name, text, severity) CodeRow{Code::name, text, Severity::severity},
    FK_AUDIT_FINDINGS(X)
#undef X
};
inline const CodeRow& row_of(Code code) {
  return kCodes[static_cast<std::size_t>(code)];
}

struct Finding {
  Code code;
  std::uint64_t entry = 0;  // the first entry that it is about
  std::vector<std::string> args;
};

inline constexpr std::size_t kMaxFindingsKept = 1000;  // of each code; more are only counted

// Collects. Bounded memory, whatever the log. One thread.
class Findings {
 public:
  void add(Code code, std::uint64_t entry, std::vector<std::string> args = {});
  [[nodiscard]] std::uint64_t count(Severity s) const { return totals_[static_cast<std::size_t>(s)]; }
  [[nodiscard]] std::uint64_t count(Code code) const { return of_code_[static_cast<std::size_t>(code)]; }
  // Those kept, by entry, then as they came.
  [[nodiscard]] std::vector<Finding> sorted() const;
  // The first of the entries `first` to `end` - 1 that can't be read, or whose opening is not its own: where many
  // entries are in doubt, the one that shows it.
  [[nodiscard]] std::optional<std::uint64_t> first_sign(std::uint64_t first, std::uint64_t end) const;
  // No errors.
  [[nodiscard]] bool clean() const { return count(Severity::kError) == 0; }

 private:
  std::vector<Finding> kept_;
  std::array<std::uint64_t, 3> totals_{};
  std::array<std::uint64_t, kCodes.size()> of_code_{};
};

}  // namespace facekeep::audit
