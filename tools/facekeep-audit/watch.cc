// facekeep-audit watch: follows a log live and alarms; with --cosign it is a witness too.
#include <csignal>
#include <ctime>
#include <memory>

#include "tools/common/progress.h"
#include "tools/common/say.h"
#include "tools/facekeep-audit/commands.h"
#include "tools/facekeep-audit/fetch_keys.h"
#include "tools/facekeep-audit/vault_clients.h"
#include "tools/facekeep-audit/watch_voice.h"
#include "tools/facekeep-audit/witness_server.h"

namespace facekeep::tools {
namespace {

constexpr std::int64_t kInterval = 10;
constexpr std::int64_t kIntervalOfAuditors = 300;  // each reading of openings is an entry of the log
constexpr http::Millis kGrace{2'000};

struct Options {
  ClientOptions vault;
  std::string vkey;
  std::string checkpoint;
  std::string dir;
  std::string snapshot;
  std::int64_t interval = 0;
  std::int64_t stale = 86400;
  bool keep_going = false;
  bool once = false;
  std::string cosign;
  std::string listen;
  std::vector<std::string> also;
};

// The witness of this process, if it is one.
struct CosignSide {
  SystemClock clock;
  WitnessIdentity identity;
  std::unique_ptr<Witness> witness;
  std::unique_ptr<http::Server> server;
  std::vector<std::string> doubtful;  // notes that the mirror does not reach yet
};

// The signals that end the watch, waited for by this thread alone: the server's threads start with them blocked.
class StopSignals {
 public:
  StopSignals() {
    sigemptyset(&set_);
    for (const int s : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set_, s);
    pthread_sigmask(SIG_BLOCK, &set_, &before_);
  }
  ~StopSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
  // True if one came within the time.
  [[nodiscard]] bool within(std::int64_t seconds) const {
    const timespec wait{static_cast<time_t>(seconds), 0};
    return sigtimedwait(&set_, nullptr, &wait) > 0;
  }

 private:
  sigset_t set_{};
  sigset_t before_{};
};

// What a vault, or somebody between, must not answer. Anything else is this machine's trouble or the network's.
bool is_alarming(Errc code) {
  return code == Errc::kIntegrity || code == Errc::kCrypto || code == Errc::kMalformed || code == Errc::kTooLarge;
}
bool is_fatal(Errc code) {
  return code == Errc::kInvalidArgument || code == Errc::kIo || code == Errc::kOutOfSpace;
}

class Watch {
 public:
  Watch(Frame& frame, const Options& o) : frame_(frame), o_(o), voice_(frame) {}
  Status run(Reporter& report);

 private:
  Status open();
  Status open_witness(const std::vector<log::VerifierKey>& logs);
  Status look();
  Status compare(const log::Checkpoint& cosigned);
  Status compare_doubtful();
  void check_growth(bool grew);
  Result<Bytes> get_openings(const std::string& target);
  Error split(std::uint64_t given) const;

  Frame& frame_;
  const Options& o_;
  WatchVoice voice_;
  log::VerifierKey key_;
  http::UniqueFd lock_;
  std::unique_ptr<Follower> follower_;
  std::optional<PoliteClient> public_;
  std::optional<PoliteClient> auditors_;
  CosignSide cosign_;
  bool first_ = true;
  std::chrono::steady_clock::time_point grew_ = std::chrono::steady_clock::now();
};

Status Watch::open_witness(const std::vector<log::VerifierKey>& logs) {
  FK_TRY(const ListenAddress at, parse_listen(o_.listen));
  FK_TRY(cosign_.identity, load_witness_identity(o_.cosign));
  FK_TRY(cosign_.witness, Witness::open(o_.dir + "/witness", logs, cosign_.identity, cosign_.clock));
  FK_TRY(cosign_.server, serve_witness(*cosign_.witness, cosign_.identity, at));
  FK_TRY(const ledger::Witness self, cosign_.identity.at(url_at(at, cosign_.server->port(0))));
  voice_.cosigning(self);
  return {};
}

Status Watch::open() {
  FK_TRY(key_, log::parse_vkey(o_.vkey));
  std::vector<log::VerifierKey> logs = {key_};
  for (const std::string& vkey : o_.also) {
    FK_TRY(log::VerifierKey key, log::parse_vkey(vkey));
    logs.push_back(std::move(key));
  }
  std::optional<Snapshot> from;
  if (!o_.snapshot.empty()) {
    FK_TRY(from, load_snapshot(o_.snapshot));
  }
  FK_TRY(lock_, lock_folder(o_.dir));
  FK_CHECK(keep_given_checkpoint(Mirror(o_.dir), key_, o_.checkpoint));
  const audit::Level level = o_.vault.api.empty() ? audit::Level::kPublic : audit::Level::kAuditor;
  follower_ = std::make_unique<Follower>(o_.dir, key_, level, std::move(from));
  ClientOptions once = o_.vault;
  once.tries = 1;  // the next look is the next try
  FK_TRY(public_, public_client(once));
  return o_.cosign.empty() ? Status() : open_witness(logs);
}

// Made when the mirror has the genesis that names the server's key.
Result<Bytes> Watch::get_openings(const std::string& target) {
  if (!auditors_) {
    FK_TRY(auditors_, auditors_client(frame_, o_.vault, follower_->mirror(), follower_->head().size));
  }
  return auditors_->get(target);
}

Error Watch::split(std::uint64_t given) const {
  return say_error(Errc::kIntegrity, "forked", Msg::kAuditSplit, Msg::kAuditAlarmsHint,
                   {std::to_string(given), std::to_string(follower_->head().size)});
}

// What was cosigned before a look is published by then, and is a part of what is published.
Status Watch::compare(const log::Checkpoint& cosigned) {
  const std::uint64_t published = follower_->head().size;
  if (cosigned.size > published) {
    return say_error(Errc::kIntegrity, "rolled-back", Msg::kAuditWithheld, Msg::kAuditAlarmsHint,
                     {std::to_string(cosigned.size), std::to_string(published)});
  }
  FK_TRY(const bool same, follower_->contains(cosigned.size, cosigned.root));
  return same ? Status() : Status(split(cosigned.size));
}

// Refused checkpoints that the log did sign: genuine ones are in the mirror.
Status Watch::compare_doubtful() {
  for (std::string& note : cosign_.witness->take_doubtful()) cosign_.doubtful.push_back(std::move(note));
  if (cosign_.doubtful.size() > 2 * Witness::kMaxDoubtful) cosign_.doubtful.resize(2 * Witness::kMaxDoubtful);
  std::vector<std::string> later;
  Status out;
  for (std::string& note : cosign_.doubtful) {
    const auto given = log::open_checkpoint(note, follower_->keys(), log::Extensions::kTolerate);
    if (!given) continue;  // of another log
    if (given->size > follower_->head().size) {
      later.push_back(std::move(note));
      continue;
    }
    FK_TRY(const bool same, follower_->contains(given->size, given->root));
    if (same) continue;
    FK_CHECK(follower_->mirror().keep_checkpoint(*given, note));
    out = split(given->size);
  }
  cosign_.doubtful = std::move(later);
  return out;
}

void Watch::check_growth(bool grew) {
  const auto now = std::chrono::steady_clock::now();
  if (grew) grew_ = now;
  if (o_.stale == 0 || now - grew_ < std::chrono::seconds(o_.stale)) return;
  voice_.alarm(
      say_error(Errc::kUnavailable, "stalled", Msg::kAuditStalled, Msg::kAuditStalledHint,
                {format_duration(static_cast<std::uint64_t>(o_.stale)), std::to_string(follower_->head().size)}));
}

Status Watch::look() {
  const log::Checkpoint cosigned =
      cosign_.witness ? cosign_.witness->latest(follower_->keys().newest().name) : log::Checkpoint{};
  const Get get = [this](const std::string& target) { return public_->get(target); };
  const Get openings = [this](const std::string& target) { return get_openings(target); };
  FK_TRY(const News news, follower_->look(get, openings));
  check_growth(news.new_entries > 0);
  voice_.well();
  voice_.news(news.checkpoint.origin, news, first_);
  first_ = false;
  if (!cosign_.witness) return {};
  FK_CHECK(cosign_.witness->learn(follower_->keys()));
  FK_CHECK(compare(cosigned));
  return compare_doubtful();
}

Status Watch::run(Reporter& report) {
  const StopSignals signals;
  FK_CHECK(open());
  const std::int64_t chosen = o_.vault.api.empty() ? kInterval : kIntervalOfAuditors;
  do {
    const Status seen = look();
    if (!seen && is_alarming(seen.error().code)) {
      voice_.alarm(seen.error());
    } else if (!seen) {
      if (o_.once || is_fatal(seen.error().code)) return seen.error();
      voice_.trouble(seen.error());
    }
    if (!seen) check_growth(false);
  } while (!o_.once && (voice_.alarms() == 0 || o_.keep_going) &&
           !signals.within(o_.interval > 0 ? o_.interval : chosen));
  if (cosign_.server) cosign_.server->stop(kGrace);
  report.field("size", follower_->head().size);
  report.field("alarms", voice_.alarms());
  if (voice_.alarms() == 0) {
    report.say(Msg::kAuditWatched, {std::to_string(follower_->head().size)});
    return {};
  }
  return say_error(Errc::kIntegrity, "alarms", Msg::kAuditAlarms, Msg::kAuditAlarmsHint,
                   {std::to_string(voice_.alarms())});
}

}  // namespace

void add_watch(CLI::App& app, Frame& frame) {
  auto o = std::make_shared<Options>();
  CLI::App* c = app.add_subcommand("watch", frame.text(Msg::kAuditHelpWatch));
  c->add_option("--vkey", o->vkey, frame.text(Msg::kAuditHelpVkey))->required();
  c->add_option("--checkpoint", o->checkpoint, frame.text(Msg::kAuditHelpCheckpoint));
  c->add_option("--out", o->dir, frame.text(Msg::kAuditHelpOut))->required();
  add_client_options(*c, frame, o->vault);
  c->add_option("--snapshot", o->snapshot, frame.text(Msg::kAuditHelpSnapshot));
  c->add_option("--interval", o->interval, frame.text(Msg::kAuditHelpInterval))->check(CLI::Range(1, 86400));
  c->add_option("--stale", o->stale, frame.text(Msg::kAuditHelpStale))->check(CLI::Range(0, 31536000));
  c->add_flag("--keep-going", o->keep_going, frame.text(Msg::kAuditHelpKeepGoing));
  c->add_flag("--once", o->once, frame.text(Msg::kAuditHelpOnce));
  CLI::Option* cosign = c->add_option("--cosign", o->cosign, frame.text(Msg::kAuditHelpCosign));
  CLI::Option* listen = c->add_option("--listen", o->listen, frame.text(Msg::kAuditHelpListen))->needs(cosign);
  cosign->needs(listen);
  c->add_option("--also-cosign", o->also, frame.text(Msg::kAuditHelpAlsoCosign))->needs(cosign);
  c->callback([&frame, o] { frame.run([&frame, o](Reporter& r) { return Watch(frame, *o).run(r); }); });
}

}  // namespace facekeep::tools
