#include "tools/facekeepd/witness_client.h"

#include <algorithm>
#include <atomic>

#include "api/http/client.h"
#include "tools/facekeepd/journal.h"
#include "vault/witnessing.h"

namespace facekeep::daemon {
namespace {

constexpr http::Millis kConnectTimeout{2'000};
constexpr http::Millis kTimeout{5'000};
constexpr std::size_t kMaxAnswer = 64 * 1024;  // a few signature lines
constexpr std::string_view kScheme = "https://";

struct Line {
  http::Client client;
  std::string target;
};

Result<WitnessAnswer> post(Line& line, const std::string& body) {
  FK_TRY(http::ClientResponse response,
         line.client.request("POST", line.target, {{"Content-Type", "text/plain; charset=utf-8"}}, as_bytes(body)));
  return WitnessAnswer{response.status, response.content_type, std::string(as_chars(response.body))};
}

void report(const std::string& name, const Status& now) {
  if (now) {
    journal(Level::kInfo, "witness-well-again", {{Field::kAddress, name}});
  } else {
    journal(Level::kWarning, "witness-trouble", {{Field::kAddress, name}, {Field::kReason, now.error().message}});
  }
}

}  // namespace

WitnessUrl split_witness_url(const std::string& url) {
  const std::size_t slash = std::min(url.find('/', kScheme.size()), url.size());
  WitnessUrl out{url.substr(0, slash), url.substr(slash)};
  const std::size_t bracket = out.origin.rfind(']');
  const bool has_port =
      out.origin.find(':', bracket == std::string::npos ? kScheme.size() : bracket) != out.origin.npos;
  if (!has_port) out.origin += ":443";
  return out;
}

struct WitnessClient::Impl {
  std::atomic<bool> stopping{false};
  std::vector<Line> lines;
  std::optional<Witnessing> witnessing;
};

WitnessClient::WitnessClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<WitnessClient>> WitnessClient::start(const Config& config, Service& service,
                                                            const Clock& clock) {
  const auto named = service.sequencer().read([](const ledger::State& st) { return st.genesis().witnesses; });
  if (!named) return std::unique_ptr<WitnessClient>();
  auto impl = std::make_unique<Impl>();
  for (const ledger::Witness& w : named->list) {
    const WitnessUrl url = split_witness_url(w.url);
    http::ClientConfig c;
    c.url = url.origin;
    c.pins = {w.key};
    c.connect_timeout = kConnectTimeout;
    c.timeout = kTimeout;
    c.max_response = kMaxAnswer;
    FK_TRY(http::Client client, http::Client::create(c));
    impl->lines.push_back({std::move(client), url.prefix + "/add-checkpoint"});
  }
  Witnessing::Options options;
  options.refresh_ms = config.witness_max_age_ms / 4;
  options.max_backoff_ms = config.witness_max_age_ms / 4;
  const auto send = [raw = impl.get()](std::size_t witness, const std::string& body) -> Result<WitnessAnswer> {
    if (raw->stopping) return make_error(Errc::kUnavailable, "the vault is stopping");
    return post(raw->lines[witness], body);
  };
  const auto tell = [raw = impl.get()](const std::string& name, const Status& now) {
    if (!raw->stopping) report(name, now);
  };
  FK_TRY(impl->witnessing, Witnessing::create(service, clock, send, tell, options));
  std::unique_ptr<WitnessClient> out(new WitnessClient(std::move(impl)));
  out->thread_ = std::thread([raw = out.get(), interval = config.witness_interval_ms] { raw->run(interval); });
  return out;
}

WitnessClient::~WitnessClient() {
  impl_->stopping = true;
  {
    const std::lock_guard lock(mutex_);
    stops_ = true;
  }
  wakes_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void WitnessClient::run(std::int64_t interval_ms) {
  std::unique_lock lock(mutex_);
  while (!stops_) {
    lock.unlock();
    impl_->witnessing->round();
    lock.lock();
    wakes_.wait_for(lock, std::chrono::milliseconds(interval_ms), [&] { return stops_; });
  }
}

}  // namespace facekeep::daemon
