// The vault's service: every call of the API as one function, without HTTP types.
//
// Each goes the one way of design section 4: decide on the state, perform (the only code that holds a
// plain template), commit through the sequencer (which decides again in log order), answer. Errors
// carry the problem's stable name. All functions are thread safe and may block for one group commit.
//
// A principal is given by the SHA-256 of the key that the TLS handshake proved.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "vault/backup_run.h"
#include "vault/base/clock.h"
#include "vault/base/retry.h"
#include "vault/export/folder.h"
#include "vault/ledger/decide.h"
#include "vault/ledger/proposal_decide.h"
#include "vault/ledger/state.h"
#include "vault/log/sequencer/sequencer.h"
#include "vault/match/engine.h"
#include "vault/match/repetition.h"
#include "vault/match_budgets.h"
#include "vault/probe/challenges.h"
#include "vault/probe/nonces.h"
#include "vault/probe/signed_probe.h"
#include "vault/read_answers.h"
#include "vault/read_budget.h"
#include "vault/request_marks.h"
#include "vault/seal/custody.h"
#include "vault/seal/share_set.h"
#include "vault/seal/slot_generations.h"
#include "vault/seal/ticket_key.h"
#include "vault/service_answers.h"
#include "vault/site_rows.h"
#include "vault/store/store.h"
#include "vault/sums.h"

namespace facekeep {

class OpenVault;
struct MatchFinding;
struct PreparedEnrolment;
struct Rewrap;

struct ServiceOptions {
  std::string version;
  Digest program{};  // SHA-256 of the running binary
  Digest config{};   // SHA-256 of the configuration file
  bool allow_unlocked_memory = false;
  std::int64_t unseal_timeout_ms = 15LL * 60 * 1000;
  std::int64_t sums_interval_ms = 60LL * 1000;
  // Beyond it a wall clock that was set stops all destruction that comes with time, until the next start.
  std::int64_t max_clock_jump_ms = 6LL * 3600 * 1000;
  // Of witnesses with on_missing "closed": how old the newest checkpoint with their quorum may be.
  std::int64_t witness_max_age_ms = 10LL * 60 * 1000;
  // Bundles of openings (or the register) that one auditor reads at once, and a second after that: each is an entry.
  std::uint32_t reads_at_once = 4096;  // a million entries
  std::uint32_t reads_per_second = 16;
  // Entries behind the last start from which sealing what is sealed writes a new one.
  std::uint64_t old_start_entries = ledger::kMaxReadsBehindStart / 2;
  // Sealed exports wait here for those who fetch them; empty: exports are refused. Parts have at most that many bytes.
  std::string export_dir;
  std::uint64_t export_part_size = exporter::kMaxPartSize;
  // Backups are written here; empty: they are refused.
  std::string backup_dir;
  // An approved export that failed and is tried again later: for the journal. Any thread.
  std::function<void(const Id128& proposal, const Error& why)> on_export_failed;
  std::size_t rewrap_batch = 2048;  // subjects whose keys a rotation rewraps at once: doors wait some milliseconds
  // A step of a rotation that failed and is tried again at the next tick: for the journal. Any thread.
  std::function<void(const Error& why)> on_rotation_failed;
  // A restart ticket that could not be made or ended and is tried again: for the journal. Any thread.
  std::function<void(const Error& why)> on_ticket_failed;
  log::SequencerOptions sequencer;
};

class Service {
 public:
  struct Parts {
    store::Store& store;
    Custody& custody;
    seal::SlotGenerations& slots;
    const Clock& clock;
  };
  // Recovers the log, writes the `start` event. The vault is sealed.
  static Result<std::unique_ptr<Service>> start(Parts parts, ServiceOptions options);
  ~Service();  // shut()
  // Seals if open (reason "shutdown"), flushes the sums, ends the housekeeping. What runs on alone is the log. For when
  // no request is under way any more; idempotent.
  void shut();

  // In the TLS handshake: is this key registered and in date?
  [[nodiscard]] bool is_registered(const Digest& spki) const;
  [[nodiscard]] bool is_custodian(const Digest& spki) const;
  [[nodiscard]] std::optional<log::Sequencer::Halt> halted() const { return sequencer_->halted(); }
  Result<SealStatus> seal_status() const;
  [[nodiscard]] const log::Sequencer& sequencer() const { return *sequencer_; }
  [[nodiscard]] log::Sequencer& sequencer() { return *sequencer_; }
  // Counts what is logged as sums (ledger::sum_kinds()).
  void count(std::string_view kind, std::uint64_t n = 1) { sums_.add(kind, n); }

  Result<Me> me(const Digest& spki) const;
  // `sealed_share`: HPKE (share_envelope.h) to the start event's key.
  Result<UnsealProgress> unseal(const Digest& spki, ByteView sealed_share);
  // The entry. Of a vault that was sealed already: its last start, or a new one if that is old_start_entries behind.
  Result<std::uint64_t> seal(const Digest& spki);

  Result<MatchAnswer> match(const Digest& spki, const std::string& site, MatchCall call);
  // For doors and cameras of the site: a nonce for a camera without a clock. Leaves nothing in the log.
  Result<Challenge> challenge(const Digest& spki, const std::string& site);

  Result<EnrolAnswer> put_subject(const Digest& spki, const std::string& site, EnrolInput input);
  Result<EnrolAnswer> add_template(const Digest& spki, const std::string& site, const std::string& subject,
                                   TemplateInput input);
  // One result a row, in order; rows stand alone. At most kMaxBulkRows.
  std::vector<Result<EnrolAnswer>> enrol(const Digest& spki, const std::string& site, std::vector<EnrolInput> rows);
  Result<EraseAnswer> erase(const Digest& spki, const std::string& site, const std::string& subject);

  Result<SubjectPage> list_subjects(const Digest& spki, const std::string& site, const std::string& cursor,
                                    std::size_t limit);
  Result<SubjectPage> get_subject(const Digest& spki, const std::string& site, const std::string& subject);
  Result<ChangePage> changes(const Digest& spki, const std::string& site, std::uint64_t after);

  // For auditors. Each is in the log (openings-read) before it answers. "not-found" for a bundle that begins behind
  // the published checkpoint; openings of later entries are left out. "too-many-reads": see ServiceOptions, and while
  // the vault is not open, ledger::decide_openings_read.
  Result<std::vector<Opening>> openings(const Digest& spki, std::uint64_t bundle);
  // The sealed register of people from that entry on, a page: one part for genesis (entry 0) and one for each proposal
  // that brought names (its entry). A part is never split; the first is given whatever its size. "sealed" unless open.
  struct RegisterPage {
    std::map<std::uint64_t, ledger::PeopleNames> parts;
    std::vector<std::uint64_t> damaged;  // parts that are stored and do not open; genesis' if it is missing
    std::optional<std::uint64_t> next;   // pass as `from`; unset at the end
  };
  static constexpr std::size_t kRegisterPage = std::size_t{1} << 20;  // bytes of sealed parts
  Result<RegisterPage> people(const Digest& spki, std::uint64_t from = 0);

  // Dual control, for custodians (service_propose.cc). What each may is in ledger/proposal_decide.h; problems are
  // named there. `by` and `id` of the proposal are set here.
  // `names` go into the sealed register, so they need an open vault ("sealed"); "bad-names"; "too-many-names" beyond
  // kMaxNamesOfProposer, over all proposals of this person that the state has and that were not carried out.
  // `subjects`: ids of the people of an export that names them; its commitment is set here, and the vault must be open.
  static constexpr std::size_t kMaxNamesOfProposer = std::size_t{1} << 20;  // bytes of sealed parts
  Result<VoteAnswer> propose(const Digest& spki, ledger::ProposalMade made, const ledger::PeopleNames& names = {},
                             const std::vector<std::string>& subjects = {});
  Result<ProposalPage> proposals(const Digest& spki) const;
  Result<ProposalView> proposal(const Digest& spki, const Id128& id) const;
  // `by` of the vote is set here. "not-in-log" too if the root is not that of this log at that size.
  Result<VoteAnswer> vote(const Digest& spki, ledger::Vote vote, ledger::Verb verb);
  Result<VoteAnswer> withdraw(const Digest& spki, const Id128& proposal);
  Result<RevokeAnswer> revoke(const Digest& spki, std::vector<std::string> principals, const std::string& reason);
  Result<std::uint64_t> suspend_custodian(const Digest& spki, const std::string& custodian);  // each gives its entry
  Result<std::uint64_t> tighten(const Digest& spki, ledger::Action action);
  Result<std::uint64_t> acknowledge_alarms(const Digest& spki, std::uint64_t entry);  // all up to it were looked at
  // For custodians: everybody who is registered, by id.
  Result<std::vector<Registered>> principals(const Digest& spki) const;

  // The result of an export (service_export.cc), in the log before it answers; problems of
  // ledger::decide_export_given, and kIntegrity if the stored manifest is not the one in the log.
  Result<ExportAnswer> export_result(const Digest& spki, const Id128& proposal);
  // At most kExportChunk bytes of a part (from 1), from byte `from` on, for a custodian to whom the result was handed
  // out ("not-ready" for others); none at the end. "not-found".
  Result<Bytes> export_part(const Digest& spki, const Id128& proposal, std::size_t part, std::uint64_t from) const;
  static constexpr std::size_t kExportChunk = std::size_t{1} << 20;
  // Whom a proposed export names, by the access system's ids, in the log (a metadata read) before it answers. For
  // custodians until it is made or its proposal is over: "unknown-proposal", "proposal-ended"; "not-found" if it names
  // nobody; kIntegrity with their number if records don't open: nobody is left out in silence.
  struct ExportNames {
    std::uint64_t entry = 0;
    std::vector<std::string> subjects;
    std::size_t erased = 0;  // of the list, since it was made: no export has them
  };
  Result<ExportNames> export_subjects(const Digest& spki, const Id128& proposal);

  // Backups (service_backup.cc), for custodians. One at a time, in the background; "bad-backup", and what backup_run.h
  // says. The digest is told once the log has it (backup-made).
  Result<BackupStatus> begin_backup(const Digest& spki, const std::optional<backup::Since>& since);
  Result<BackupStatus> backup_status(const Digest& spki, const Id128& id) const;
  // At most kExportChunk bytes from byte `from` on; none at the end.
  Result<Bytes> backup_piece(const Digest& spki, const Id128& id, std::uint64_t from) const;

  // Restart tickets (service_ticket.cc), for the thread that talks to the box. Its half waits here from the entry that
  // says that the ticket was made until the box has it, or the process ends.
  struct TicketDeposit {
    ledger::TicketBox box;
    seal::HalfPlace place;
  };
  [[nodiscard]] std::optional<TicketDeposit> ticket_to_deposit() const;
  // The half, sealed to the box's key of the moment. kNotFound if it waits no more.
  Result<Bytes> seal_deposit(std::uint32_t number, const Digest& box_key) const;
  void deposited(std::uint32_t number);
  // While sealed, with a ticket that may open this start.
  struct TicketAsk {
    ledger::TicketBox box;
    std::uint32_t number = 0;
    std::uint64_t start_entry = 0;
  };
  [[nodiscard]] std::optional<TicketAsk> ticket_to_ask() const;
  // Opens the vault with the box's half, sealed to this start's key, and what its person signed; the entry. Problems of
  // ledger::decide_ticket_used; kIntegrity: another half, or what is stored opens to other keys than the log names.
  Result<std::uint64_t> open_with_ticket(const ledger::TicketUsed& used, ByteView sealed_half);

  // A quorum of the witnesses has cosigned a checkpoint that was the newest at that uptime.
  void witnessed(std::uint64_t uptime_ms) { witnessed_at_ms_ = uptime_ms + 1; }

  struct Metrics {
    std::map<std::string, std::uint64_t> decisions;  // by decision
    std::uint64_t log_size = 0;
    std::uint64_t templates = 0;
    std::uint64_t arena_bytes = 0;
    bool open = false;
    bool halted = false;
    bool clock_jumped = false;
    std::size_t exports_failing = 0;  // approved, and waiting to be tried again
    std::optional<SealStatus::Rotation> rotation = {};
    std::optional<std::int64_t> rotation_due_ms = {};  // until the schedule's next; negative: overdue
    bool reshare_due = false;                          // since a recovery from the loss of the token
    std::uint64_t in_doubt = 0;                        // subjects that a restore left so, and nobody has confirmed
    std::uint64_t rotation_left_behind = 0;            // stored keys that do not open and wait for somebody
    std::map<ledger::Stage, std::uint64_t> proposals;  // at this moment
    MatchBudgets::Alarms alarms;
  };
  [[nodiscard]] Metrics metrics() const;
  [[nodiscard]] bool clock_jumped() const { return clock_jumped_; }
  // Of the part of the state that budgets are, at this moment, while open (ledger::Budgets::digest).
  [[nodiscard]] Digest budgets_digest() const { return budgets_.digest(parts_.clock.now().uptime_ms); }

  // What the vault does by itself, about once a second, in this order. The entries of a job are durable before what it
  // does has an effect that anybody sees. `by_time`: it destroys what time has ended, and rests after the clock was
  // set.
  struct Job {
    std::string_view name;
    std::string_view entries;  // types of events that it writes, blank between them; empty: reviewed, and none
    bool by_time;
    void (Service::*run)();
  };
  static const std::vector<Job>& jobs();
  // Every job once. Runs by itself; tests call it.
  void housekeeping();

  static constexpr std::size_t kMaxBulkRows = 1000;
  static constexpr std::size_t kMaxPage = 200;

 private:
  struct Prepared;  // an enrolment before its commit (service_enrol.cc)

  Service(Parts parts, ServiceOptions options);
  log::Draft new_start(bool after_crash);
  Result<std::uint64_t> write_start();
  Status make_collectors();
  Status settle_collectors();  // made anew once the log has other cards
  // What holds the cards of a set: that in force, or while it is untried the one before.
  seal::ShareCollector& collector_of(bool before) { return before ? *before_collector_ : *collector_; }
  void clear_shares();
  void keep();  // the keeper's thread
  void take_back(bool before, std::uint8_t group, std::uint8_t member);
  void take_vault();          // no lock: requests find none from here on
  void detach_vault();        // under phase_mutex_
  void finish_closing();      // returns once the keys of every vault that was taken are gone
  Status settle_log() const;  // what the state has by now is on disk when it returns
  Error no_such_subject_durably();
  void start_loading(const std::shared_ptr<OpenVault>& vault, std::uint64_t upto);
  // The open vault, or kSealed. Holders keep its keys alive until they let go; seal() waits for them.
  Result<std::shared_ptr<OpenVault>> open_vault() const;
  // The vault as a key opens it that the stored keys are sealed to: the custodians' U, or a ticket's.
  Status open_keys(const SecretBytes& key, const StoredKeys& stored, bool before, std::shared_ptr<OpenVault>& out);
  Status finish_unseal(const SecretBytes& unseal_key, bool before, std::shared_ptr<OpenVault>& out);
  void end_unsealing(const std::shared_ptr<OpenVault>& opened, std::uint64_t entry);  // under phase_mutex_
  void close_vault();
  Result<std::uint64_t> write_sealed(const std::string& by, const std::string& reason);
  // The entry. `found` becomes what is answered: who was erased meanwhile does not match.
  Result<std::uint64_t> log_match(OpenVault& vault, const Digest& spki, const std::string& site, const MatchCall& call,
                                  const std::optional<probe::Proof>& proof,
                                  const std::optional<ledger::RequestMark>& mark, MatchFinding& found);
  // Signed probes (service_probe.cc). open_probe: nothing for a call without one, where the site allows it; else what
  // was proven, and the probe in `values`. use_probe, in log order: the camera still may, and the nonce is used now.
  Result<std::optional<probe::Proof>> open_probe(const probe::About& about, std::string_view jws, Vector& values) const;
  Status check_probe(const OpenVault& vault, const std::string& site, const std::optional<probe::Proof>& proof);
  Status use_probe(const OpenVault& vault, const log::Turn& turn, const probe::About& about,
                   const std::optional<probe::Proof>& proof);
  Result<log::Draft> access_draft(OpenVault& vault, const std::string& site, ledger::Body body);
  Status ensure_period_key(OpenVault& vault, const ledger::State::PeriodId& id);
  log::Write erasure(const Id128& ref, const ledger::SubjectState& s, ledger::Erased event,
                     const std::vector<Digest>& tags, const std::optional<std::pair<Bytes, Bytes>>& changes_entry);
  Result<std::pair<Bytes, Bytes>> changes_entry(OpenVault& vault, const std::string& site,
                                                const std::string& subject_id, const log::Turn& turn);
  // "witnesses-missing" if the witness policy wants fresh cosignatures and has none.
  Status require_witnesses() const;
  Status log_openings_read(const Digest& spki, ledger::OpeningsRead event);
  Result<Opening> opening_of(std::uint64_t entry, OpenVault* vault) const;
  Result<Opening> open_access_entry(std::uint64_t entry, const Digest& commitment, ByteView stored,
                                    OpenVault* vault) const;
  Result<ledger::PrincipalRecord> reader(const Digest& spki, const std::string& site, bool doors_too) const;
  std::optional<std::string> erased_id(OpenVault& vault, const std::string& site, UnixMillis day, std::uint64_t entry);
  std::optional<Change> change_of(OpenVault& vault, const std::string& site, std::uint64_t entry,
                                  const ledger::Event& e);
  Result<std::optional<probe::Proof>> open_template(const OpenVault& vault, const std::string& site,
                                                    TemplateInput& input);
  Status use_templates(const OpenVault& vault, const log::Turn& turn, const PreparedEnrolment& e);
  Result<Prepared> prepare_enrolment(OpenVault& vault, const ledger::PrincipalRecord& by, const std::string& site,
                                     EnrolInput& input);
  Result<std::uint64_t> log_read(OpenVault& vault, const ledger::PrincipalRecord& by, const std::string& site,
                                 const std::string& what, std::optional<Id128> subject);
  void carry_out_ready();
  Result<std::optional<ledger::ExportSubjects>> prepare_export(ledger::ProposalMade& made,
                                                               const std::vector<std::string>& subjects) const;
  void run_exports();
  Result<std::string> backing_up(const Digest& spki) const;
  Status check_restored() const;
  void add_restored(const log::Turn& turn, log::Write& w) const;
  Status finish_export(OpenVault& vault, const Id128& proposal);
  void note_export(const Id128& proposal, const Status& done);
  void join_exporter();
  // Entries of names that nobody has a use for any more: of proposals that lapsed or were withdrawn, and of those that
  // the state is about to forget.
  enum class Drop : std::uint8_t { kEnded, kForgotten };  // the second: before an event makes the state forget some
  std::vector<std::uint64_t> names_to_drop(const ledger::State& state, const Instant& now, Drop which) const;
  [[nodiscard]] bool time_is_doubtful(const Instant& now) const;  // max_clock_jump_ms
  void drop_names();
  Status check_names_room(const ledger::State& state, const std::string& by, std::size_t more) const;
  Status carry_out(const Id128& proposal);
  Status open_site(const Id128& proposal);
  Status change_log_key(const Id128& proposal);  // service_log_key.cc
  // Rotation and re-share (service_rotate.cc), and what follows in the background (service_rewrap.cc).
  Status change_keys(const Id128& proposal);
  Status renew_cards(const Id128& proposal);               // service_reshare.cc
  void note_key_change(const Status& done, bool durable);  // under key_change_mutex_
  Status reseal_names(OpenVault& vault, std::uint32_t epoch, std::vector<store::Batch::Put>& puts) const;
  void run_rotation();
  void join_rotator();
  void note_rotation(const Error& why);  // told once, until it is another one
  Status rewrap_subjects(const OpenVault& vault);
  struct RewrapAhead {
    bool open = false;                 // a rotation is, and has somebody left
    Id128 reaches = ledger::kAllRefs;  // the batch's last subject; kAllRefs: nobody is left
    std::vector<Rewrap> batch;
  };
  Result<RewrapAhead> rewrap_ahead(const OpenVault& vault, const std::optional<Id128>& after) const;
  Result<std::size_t> rewrap_left_behind(OpenVault& vault);  // how many keys still are
  Status end_rotation(std::shared_ptr<OpenVault> vault, std::uint32_t from);
  Status retire_keys(const std::weak_ptr<OpenVault>& vault, std::uint32_t from);
  [[nodiscard]] std::optional<SealStatus::Rotation> rotation_progress(const ledger::State& state) const;
  // One custodian's act that narrows: decided, authorised and written in log order.
  using NarrowingAct = std::function<Result<ledger::Body>(const log::Turn& turn, const std::string& by)>;
  Result<std::uint64_t> narrow(const Digest& spki, const NarrowingAct& act);
  Result<Bytes> seal_names(OpenVault& vault, std::uint32_t epoch, std::uint64_t entry,
                           const ledger::PeopleNames& names) const;
  Result<ledger::PeopleNames> open_names(const OpenVault& vault, std::uint64_t entry, ByteView blob) const;
  Result<ProposalView> view_of(const Id128& proposal) const;
  Result<std::string> custodian(const Digest& spki) const;
  Status check_root(std::uint64_t size, const Digest& root) const;
  void erase_due_subjects();
  void destroy_old_period_keys();
  void suspend_ended_consents();
  void flush_sums();
  void stop_tickets();  // none opens the vault from here on
  void make_ticket();
  Status draw_ticket(ledger::TicketMade made);
  void end_ticket();
  Status destroy_ticket(std::uint32_t number, const std::string& reason);
  void note_ticket(const Status& done);
  void settle();
  void flush_due_sums();
  Status settle_phase();      // under phase_mutex_
  Status end_stale_unseal();  // under phase_mutex_

  Parts parts_;
  const ServiceOptions options_;
  std::unique_ptr<log::Sequencer> sequencer_;
  SecretBytes unseal_private_;                  // HPKE private key of this start
  std::unique_ptr<match::ExactSource> source_;  // of engine_
  std::unique_ptr<match::Engine> engine_;
  RequestMarks marks_;
  MatchBudgets budgets_;
  match::Repetition repetition_;
  probe::Nonces nonces_;
  probe::Challenges challenges_;
  ReadBudget reads_;
  Sums sums_;
  std::atomic<std::uint64_t> witnessed_at_ms_{0};  // uptime + 1; 0: not since the start

  std::mutex phase_mutex_;  // unsealing and sealing, one at a time: the collectors, unseal_since_ms_, loader_
  std::optional<seal::ShareCollector> collector_;
  std::optional<seal::ShareCollector> before_collector_;
  bool collectors_stale_ = false;
  std::uint64_t unseal_since_ms_ = 0;
  const exporter::ExportFolder exports_;
  std::mutex exporter_mutex_;  // exporter_, last_export_
  std::thread exporter_;
  Id128 last_export_{};  // they take turns
  std::atomic<bool> exporting_{false};
  std::unique_ptr<BackupRun> backups_;
  mutable std::mutex retries_mutex_;  // export_retries_
  std::map<Id128, Retry> export_retries_;
  std::mutex key_change_mutex_;  // one carries out a rotation; the next two
  Retry key_change_retry_;
  std::mutex names_mutex_;    // whoever writes rows of names, while new keys seal them anew
  std::mutex rotator_mutex_;  // rotator_, rotation_seen_
  std::thread rotator_;
  // The epoch to which this process saw a rotation open first, and the uptime then.
  std::optional<std::pair<std::uint32_t, std::uint64_t>> rotation_seen_;
  std::string rotation_failure_;                          // rotator's thread
  std::atomic<std::uint64_t> rotation_not_before_ms_{0};  // uptime
  std::set<Id128> unindexed_;                             // rotator's thread: whose index row was not moved
  std::atomic<std::uint64_t> left_behind_{0};             // Metrics::rotation_left_behind
  std::atomic<bool> rotating_{false};
  std::optional<std::uint64_t> all_moved_at_ms_;  // uptime: every key was moved, or had its time
  // How long the vault has been open since somebody was found left behind: time in which it is sealed does not count.
  // Rotator's thread, and the keeper's while there is none.
  class LeftWait {
   public:
    void run(const std::shared_ptr<OpenVault>& vault, std::uint64_t now);
    [[nodiscard]] bool is_over() const;

   private:
    std::weak_ptr<OpenVault> with_;
    std::uint64_t seen_ms_ = 0;
    std::uint64_t ran_ms_ = 0;
  };
  LeftWait left_wait_;
  std::atomic<std::uint64_t> rotation_done_{0};
  mutable std::mutex deposit_mutex_;  // deposit_
  struct Deposit {
    seal::HalfPlace place;
    SecretBytes half;
  };
  std::optional<Deposit> deposit_;  // until the box has it
  Retry ticket_retry_;              // keeper's thread
  bool tickets_stopped_ = false;    // under phase_mutex_
  std::string seal_owed_by_;        // closed, but the log could not be told yet
  std::thread loader_;

  mutable std::mutex open_mutex_;  // open_, closing_
  std::shared_ptr<OpenVault> open_;
  std::vector<std::shared_ptr<OpenVault>> closing_;  // taken; requests in flight still hold them

  std::mutex reserved_mutex_;  // of enrolments in flight: subject_name()
  std::set<Digest> reserved_;

  mutable std::mutex decisions_mutex_;
  std::map<std::string, std::uint64_t> decisions_;

  std::mutex housekeeping_mutex_;  // outermost
  std::mutex keeper_mutex_;
  std::condition_variable keeper_wakes_;
  bool keeper_stops_ = false;
  std::thread keeper_;
  std::uint64_t last_sums_ms_ = 0;  // keeper's thread, and the end
  std::mutex sums_mutex_;           // one flush at a time
  UnixMillis sums_since_ = 0;
  std::string consents_checked_on_;  // day
  Instant started_;
  std::atomic<bool> clock_jumped_{false};  // once set, until the next start
};

}  // namespace facekeep
