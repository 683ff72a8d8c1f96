#include "tools/facekeepd/witness_client.h"

#include <algorithm>

#include "api/http/url.h"
#include "tools/facekeepd/journal.h"

namespace facekeep::daemon {
namespace {

constexpr http::Millis kConnectTimeout{2'000};
constexpr http::Millis kTimeout{5'000};
constexpr std::chrono::milliseconds kPolicyLook{1'000};
constexpr std::size_t kMaxAnswer = 64 * 1024;  // a few signature lines

void report(const std::string& name, const Status& now) {
  if (now) {
    journal(Level::kInfo, "witness-well-again", {{Field::kAddress, name}});
  } else {
    journal(Level::kWarning, "witness-trouble", {{Field::kAddress, name}, {Field::kReason, now.error().message}});
  }
}

}  // namespace

Result<WitnessLine> WitnessLine::open(const ledger::Witness& witness) {
  const http::UrlParts url = http::split_url(witness.url);
  http::ClientConfig c;
  c.url = url.origin;
  c.pins = {witness.key};
  c.connect_timeout = kConnectTimeout;
  c.timeout = kTimeout;
  c.max_response = kMaxAnswer;
  FK_TRY(http::Client client, http::Client::create(c));
  return WitnessLine(std::move(client), url.prefix + "/add-checkpoint");
}

Result<WitnessAnswer> WitnessLine::add_checkpoint(const std::string& body) {
  FK_TRY(http::ClientResponse response,
         client_.request("POST", target_, {{"Content-Type", "text/plain; charset=utf-8"}}, as_bytes(body)));
  return WitnessAnswer{response.status, response.content_type, std::string(as_chars(response.body))};
}

struct WitnessClient::Lines {
  ledger::Witnesses named;
  std::vector<WitnessLine> lines;
  std::optional<Witnessing> witnessing;
};

WitnessClient::WitnessClient(const Config& config, Service& service, const Clock& clock)
    : config_(config), service_(service), clock_(clock), thread_([this] { run(); }) {}

Result<std::unique_ptr<WitnessClient::Lines>> WitnessClient::connect(const ledger::Witnesses& named) {
  auto out = std::make_unique<Lines>();
  out->named = named;
  for (const ledger::Witness& w : named.list) {
    FK_TRY(WitnessLine line, WitnessLine::open(w));
    out->lines.push_back(std::move(line));
  }
  Witnessing::Options options;
  options.refresh_ms = config_.witness_max_age_ms / 4;
  options.max_backoff_ms = config_.witness_max_age_ms / 4;
  const auto send = [this, lines = out.get()](std::size_t witness, const std::string& body) -> Result<WitnessAnswer> {
    if (stopping_) return make_error(Errc::kUnavailable, "the vault is stopping");
    return lines->lines[witness].add_checkpoint(body);
  };
  const auto tell = [this](const std::string& name, const Status& now) {
    if (!stopping_) report(name, now);
  };
  FK_TRY(out->witnessing, Witnessing::create(service_, clock_, send, tell, options));
  return out;
}

WitnessClient::~WitnessClient() {
  stopping_ = true;
  {
    const std::lock_guard lock(mutex_);
    stops_ = true;
  }
  wakes_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void WitnessClient::follow_policy() {
  const auto named = service_.sequencer().read([](const ledger::State& st) { return st.current().witnesses; });
  if (!named) {
    lines_.reset();
    return;
  }
  if (lines_ && lines_->named == *named) return;
  auto made = connect(*named);
  // A policy that changed between the two reads is seen in a second.
  if (made && (*made)->witnessing) lines_ = std::move(*made);
  if (!made) report("witness policy", made.error());
}

void WitnessClient::run() {
  const auto interval = std::chrono::milliseconds(config_.witness_interval_ms);
  auto next_round = std::chrono::steady_clock::now();
  std::unique_lock lock(mutex_);
  while (!stops_) {
    lock.unlock();
    const Lines* before = lines_.get();
    follow_policy();
    if (lines_ && (lines_.get() != before || std::chrono::steady_clock::now() >= next_round)) {
      lines_->witnessing->round();
      next_round = std::chrono::steady_clock::now() + interval;
    }
    lock.lock();
    wakes_.wait_for(lock, std::min<std::chrono::milliseconds>(interval, kPolicyLook), [&] { return stops_; });
  }
}

}  // namespace facekeep::daemon
