#include "tools/facekeepd/notices.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "api/http/client.h"
#include "api/http/socket.h"
#include "api/http/url.h"
#include "tools/facekeepd/journal.h"
#include "vault/base/digest.h"
#include "vault/base/retry.h"
#include "vault/ledger/decide.h"

namespace facekeep::daemon {
namespace {

constexpr std::size_t kMinKey = 16;
constexpr std::size_t kMaxKey = 1024;
constexpr std::size_t kMaxAnswer = 64 * 1024;
constexpr int kDigits = 20;                  // of the number in the file, with zeros in front
constexpr std::uint64_t kPassedOver = 4096;  // entries without a notice, until the file says so

struct AboutProposal {
  std::optional<Id128> operator()(const ledger::ProposalMade& e) const { return e.id; }
  std::optional<Id128> operator()(const ledger::Approval& e) const { return e.vote.proposal; }
  std::optional<Id128> operator()(const ledger::Veto& e) const { return e.vote.proposal; }
  std::optional<Id128> operator()(const ledger::ProposalWithdrawn& e) const { return e.proposal; }
  std::optional<Id128> operator()(const ledger::ProposalDone& e) const { return e.proposal; }
  std::optional<Id128> operator()(const ledger::ExportSealed& e) const { return e.proposal; }
  std::optional<Id128> operator()(const ledger::ExportEnded& e) const { return e.proposal; }
  std::optional<Id128> operator()(const ledger::ExportGiven& e) const { return e.proposal; }
  template <class Body>
  std::optional<Id128> operator()(const Body&) const {
    return std::nullopt;
  }
};

Error file_error(const std::string& path) {
  return make_error(Errc::kIo, "the file " + path + " can't be used: " + http::errno_text());
}

Result<SecretBytes> read_key(const Config& config) {
  std::string path = config.webhook_key_file;
  if (path.empty()) {
    const char* dir = std::getenv("CREDENTIALS_DIRECTORY");
    if (dir == nullptr) {
      return make_error(Errc::kFailedPrecondition, "notices.key_credential is set, and there are no credentials",
                        "start it from the unit with LoadCredential=, or set notices.key_file");
    }
    path = std::string(dir) + "/" + config.webhook_key_credential;
  }
  const http::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  SecretBytes buffer(kMaxKey);
  const ssize_t n = fd.get() < 0 ? -1 : ::read(fd.get(), buffer.data(), buffer.size());
  if (n < 0) return file_error(path);
  auto size = static_cast<std::size_t>(n);
  if (size > 0 && buffer.data()[size - 1] == '\n') --size;
  if (size < kMinKey || size == kMaxKey) {
    return make_error(Errc::kInvalidArgument, "the key of notices has not 16 to 1023 bytes",
                      "make one: openssl rand -hex 32");
  }
  return SecretBytes::copy_of(buffer.view().first(size));
}

// The number of the last entry that was delivered, in a file of fixed length.
class Cursor {
 public:
  // `first`: what a file that is new gets.
  static Result<Cursor> open(const std::string& path, std::uint64_t first) {
    Cursor out;
    out.fd_ = http::UniqueFd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (out.fd_.get() < 0) return file_error(path);
    std::array<char, kDigits + 2> text{};
    const ssize_t n = ::pread(out.fd_.get(), text.data(), text.size(), 0);
    if (n < 0) return file_error(path);
    if (n == 0) {
      FK_CHECK(out.put(first));
      return out;
    }
    const auto [end, error] = std::from_chars(text.data(), text.data() + kDigits, out.last_);
    if (n != kDigits + 1 || error != std::errc() || end != text.data() + kDigits) {
      return make_error(Errc::kIntegrity, "the file " + path + " holds no entry's number",
                        "remove it: notices then begin with what comes next");
    }
    return out;
  }
  Status put(std::uint64_t entry) {
    std::array<char, kDigits + 2> text{};
    std::snprintf(text.data(), text.size(), "%020llu\n", static_cast<unsigned long long>(entry));
    if (::pwrite(fd_.get(), text.data(), kDigits + 1, 0) != kDigits + 1 || ::fdatasync(fd_.get()) != 0) {
      return make_error(Errc::kIo, "the file of notices can't be written: " + http::errno_text());
    }
    last_ = entry;
    return {};
  }
  [[nodiscard]] std::uint64_t last() const { return last_; }

 private:
  http::UniqueFd fd_;
  std::uint64_t last_ = 0;
};

struct Told {
  Act act;
  UnixMillis time = 0;
  std::optional<ledger::Stage> stage;
};

// What is told of one entry; nothing of most. An entry that can't be read now may be one that has to be told.
Result<std::optional<Told>> told_of(const Service& service, const Clock& clock, std::uint64_t entry) {
  FK_TRY(const Bytes bytes, service.sequencer().entry(entry));
  FK_TRY(const ledger::Leaf leaf, ledger::decode_leaf(as_chars(bytes)));
  const auto* event = std::get_if<ledger::Event>(&leaf);
  auto act = event == nullptr ? std::nullopt : act_of(*event);
  if (!act) return std::optional<Told>();
  Told out{std::move(*act), event->time, std::nullopt};
  if (!out.act.about) return std::optional(std::move(out));
  const Instant now = clock.now();
  service.sequencer().read([&](const ledger::State& st) {
    const auto it = st.proposals().find(*out.act.about);
    if (it != st.proposals().end()) out.stage = stage_at(st, it->second, st.moment_at(now));
  });
  return std::optional(std::move(out));
}

}  // namespace

struct Notices::Hook {
  SecretBytes key;
  http::Client client;
  std::string target;
  Cursor cursor;
  std::uint64_t next = 0;
  Retry retry = {};
  std::string told_path = {};
  ToldDays told = {};

  Status post(const std::string& body, std::int64_t seconds) {
    FK_TRY(const http::ClientResponse answer,
           client.request("POST", target,
                          {{"Content-Type", "application/json"},
                           {"Facekeep-Signature", notice_signature(key.view(), seconds, body)}},
                          as_bytes(body)));
    if (answer.status / 100 == 2) return {};
    return make_error(Errc::kUnavailable, "the receiver answered " + std::to_string(answer.status));
  }
};

template <class... T>
bool is_one_of(const ledger::Body& body) {
  return (std::holds_alternative<T>(body) || ...);
}

std::optional<Act> act_of(const ledger::Event& event) {
  const bool tells =
      is_one_of<ledger::Revoked, ledger::Tightened, ledger::CustodianSuspended, ledger::AlarmsAcknowledged,
                ledger::KeysRetired, ledger::BackupMade, ledger::Restored, ledger::Recovered, ledger::TicketMade,
                ledger::TicketUsed, ledger::TicketEnded>(event.body);
  const auto about = std::visit(AboutProposal(), event.body);
  if (!tells && !about) return std::nullopt;
  return Act{std::string(type_of(event.body)), about};
}

Result<std::string> notice_body(const Id128& vault, std::uint64_t entry, UnixMillis time, const Act& act,
                                std::optional<ledger::Stage> stage) {
  Json out = {{"v", 1}, {"vault", to_hex(vault)}, {"entry", entry}, {"time", format_time(time)}, {"type", act.type}};
  if (act.about) out["proposal"] = to_hex(*act.about);
  if (stage) out["stage"] = std::string(to_string(*stage));
  return canonical_json(out);
}

std::string notice_signature(ByteView key, std::int64_t unix_seconds, std::string_view body) {
  const std::string t = std::to_string(unix_seconds);
  return "t=" + t + ",v1=" + to_hex(hmac_sha256(key, {as_bytes(t), as_bytes("."), as_bytes(body)}));
}

Notices::Notices(Service& service, const Clock& clock, const NoticeTimes& times)
    : service_(service), clock_(clock), times_(times), journal_next_(service.sequencer().published_size()) {}

Result<std::unique_ptr<Notices>> Notices::start(const Config& config, Service& service, const Clock& clock,
                                                const NoticeTimes& times) {
  std::unique_ptr<Notices> out(new Notices(service, clock, times));
  if (!config.webhook_url.empty()) {
    FK_TRY(SecretBytes key, read_key(config));
    const http::UrlParts url = http::split_url(config.webhook_url);
    http::ClientConfig c;
    c.url = url.origin;
    c.plain_loopback = true;
    if (const auto pin = from_hex_exact<32>(config.webhook_server)) c.pins = {*pin};
    c.connect_timeout = http::Millis(times.timeout_ms);
    c.timeout = http::Millis(times.timeout_ms);
    c.max_response = kMaxAnswer;
    FK_TRY(http::Client client, http::Client::create(c));
    // A log has an entry 0 before there is a daemon.
    FK_TRY(Cursor cursor, Cursor::open(config.data_dir + "/notices", out->journal_next_ - 1));
    if (cursor.last() >= out->journal_next_) {
      // Nothing would be told until the log has grown as far: a restored log, or a file from elsewhere.
      journal(Level::kError, "notices-ahead",
              make_error(Errc::kIntegrity, "the file of notices names an entry beyond the log's end",
                         "it begins again at the end; look into the log for what was not told"));
      FK_CHECK(cursor.put(out->journal_next_ - 1));
    }
    const std::uint64_t next = cursor.last() + 1;
    out->hook_.reset(
        new Hook{std::move(key), std::move(client), url.prefix.empty() ? "/" : url.prefix, std::move(cursor), next});
    out->hook_->told_path = config.data_dir + "/reminders";
    out->hook_->told = load_told(out->hook_->told_path);
  }
  out->thread_ = std::thread([raw = out.get()] { raw->run(); });
  return out;
}

Notices::~Notices() {
  {
    const std::lock_guard lock(mutex_);
    stops_ = true;
  }
  wakes_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Notices::run() {
  std::unique_lock lock(mutex_);
  while (!stops_) {
    lock.unlock();
    write_journal();
    journal_alarms();
    if (hook_) deliver();
    remind();
    lock.lock();
    wakes_.wait_for(lock, std::chrono::milliseconds(times_.look_ms), [&] { return stops_; });
  }
}

// Whose budget it was is in the sealed opening; the journal says that there is something to look at.
void Notices::journal_alarms() {
  const auto alarms = service_.metrics().alarms;
  if (alarms.latest == told_alarm_) return;
  told_alarm_ = alarms.latest;
  journal(Level::kWarning, "budget-alarm", {{Field::kEntry, std::to_string(alarms.latest)}});
}

void Notices::write_journal() {
  for (const std::uint64_t size = service_.sequencer().published_size(); journal_next_ < size; ++journal_next_) {
    const auto read = told_of(service_, clock_, journal_next_);
    if (!read) {
      if (!std::exchange(journal_stuck_, true)) journal(Level::kError, "notices-unreadable", read.error());
      return;  // tried again at the next look
    }
    journal_stuck_ = false;
    const std::optional<Told>& told = *read;
    if (!told) continue;
    journal(Level::kInfo, "governance",
            {{Field::kEntry, std::to_string(journal_next_)},
             {Field::kType, told->act.type},
             {Field::kProposal, told->act.about ? to_hex(*told->act.about) : "-"},
             {Field::kState, told->stage ? std::string(to_string(*told->stage)) : "-"}});
  }
}

bool Notices::settle(const Status& done) {
  Hook& hook = *hook_;
  const bool was_well = !hook.retry.has_failed();
  if (done) {
    if (!was_well) journal(Level::kInfo, "notices-well-again");
    hook.retry.succeeded();
    return true;
  }
  if (was_well) journal(Level::kWarning, "notices-trouble", done.error());
  hook.retry.failed(clock_.now().uptime_ms, times_.first_backoff_ms, times_.max_backoff_ms);
  return false;
}

// The journal says it at each start too, the receiver once.
void Notices::remind() {
  const Instant now = clock_.now();
  const std::string today = format_day(now.wall);
  const auto due = [&](const ToldDays& told) {
    return service_.sequencer().read(
        [&](const ledger::State& st) { return reminders_due(st, st.moment_at(now), told); });
  };
  for (const Reminder& r : due(journal_told_)) {
    journal(Level::kWarning, r.type, {{Field::kReason, "due on " + format_day(r.due)}});
    journal_told_[std::string(r.type)] = today;
  }
  if (!hook_ || !hook_->retry.is_due(now.uptime_ms)) return;
  for (const Reminder& r : due(hook_->told)) {
    const Id128 vault = service_.sequencer().read([](const ledger::State& st) { return st.genesis().vault; });
    const auto body = reminder_body(vault, now.wall, r);
    Status done = body ? hook_->post(*body, now.wall / 1000) : Status(body.error());
    ToldDays told = hook_->told;
    told[std::string(r.type)] = today;
    if (done) done = save_told(hook_->told_path, told);
    if (!settle(done)) return;
    hook_->told = std::move(told);
  }
}

// The journal is looked after between two calls, so that it waits for one at most.
void Notices::deliver() {
  Hook& hook = *hook_;
  if (!hook.retry.is_due(clock_.now().uptime_ms)) return;
  for (const std::uint64_t size = service_.sequencer().published_size(); hook.next < size; ++hook.next) {
    const auto told = told_of(service_, clock_, hook.next);
    if (told && !*told && hook.next - hook.cursor.last() < kPassedOver) continue;
    Status done = told ? Status() : Status(told.error());
    if (told && *told) {
      const Id128 vault = service_.sequencer().read([](const ledger::State& st) { return st.genesis().vault; });
      const auto body = notice_body(vault, hook.next, (*told)->time, (*told)->act, (*told)->stage);
      done = body ? hook.post(*body, clock_.now().wall / 1000) : Status(body.error());
    }
    if (done) done = hook.cursor.put(hook.next);
    if (!settle(done)) return;
    write_journal();
    {
      const std::lock_guard lock(mutex_);
      if (stops_) return;
    }
  }
}

}  // namespace facekeep::daemon
