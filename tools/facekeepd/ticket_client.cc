#include "tools/facekeepd/ticket_client.h"

#include "api/http/url.h"
#include "tools/facekeepd/journal.h"

namespace facekeep::daemon {
namespace {

constexpr http::Millis kConnectTimeout{2'000};
constexpr http::Millis kTimeout{20'000};  // the box reads the log before it answers
constexpr std::chrono::milliseconds kInterval{1'000};
constexpr std::size_t kMaxAnswer = 64 * 1024;

void report(const std::string& box, const Status& now) {
  if (now) {
    journal(Level::kInfo, "ticket-box-well-again", {{Field::kAddress, box}});
  } else {
    journal(Level::kWarning, "ticket-box-trouble",
            {{Field::kAddress, box}, {Field::kReason, now.error().message}, {Field::kHint, now.error().hint}});
  }
}

// The title of a problem document, or the status alone.
Error refusal(const http::ClientResponse& answer) {
  const auto json = parse_json(as_chars(answer.body));
  const bool says = json && json->is_object() && json->contains("title") && (*json)["title"].is_string();
  return make_error(Errc::kUnavailable, "the box answered " + std::to_string(answer.status) +
                                            (says ? ": " + (*json)["title"].get<std::string>() : ""));
}

}  // namespace

TicketClient::TicketClient(Service& service, const Clock& clock, EVP_PKEY* key, X509* certificate)
    : ticketing_(
          service, clock,
          [this](const ledger::TicketBox& box, const std::string& path, const std::optional<Json>& body) {
            return send(box, path, body);
          },
          [this](const std::string& box, const Status& now) {
            if (!stopping_) report(box, now);
          }) {
  EVP_PKEY_up_ref(key);
  key_.reset(key);
  X509_up_ref(certificate);
  certificate_.reset(certificate);
  thread_ = std::thread([this] { run(); });
}

TicketClient::~TicketClient() {
  stopping_ = true;
  {
    const std::lock_guard lock(mutex_);
    stops_ = true;
  }
  wakes_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Status TicketClient::connect(const ledger::TicketBox& box) {
  if (client_ && box_ == box) return {};
  const http::UrlParts url = http::split_url(box.url);
  http::ClientConfig c;
  c.url = url.origin;
  c.pins = {ledger::box_pin(box)};
  c.key = key_.get();
  c.certificate = certificate_.get();
  c.connect_timeout = kConnectTimeout;
  c.timeout = kTimeout;
  c.max_response = kMaxAnswer;
  FK_TRY(http::Client client, http::Client::create(c));
  client_.emplace(std::move(client));
  prefix_ = url.prefix;
  box_ = box;
  return {};
}

Result<Json> TicketClient::send(const ledger::TicketBox& box, const std::string& path,
                                const std::optional<Json>& body) {
  if (stopping_) return make_error(Errc::kUnavailable, "the vault is stopping");
  FK_CHECK(connect(box));
  const std::string text = body ? body->dump() : "";
  FK_TRY(const http::ClientResponse answer, client_->request(body ? "POST" : "GET", prefix_ + path,
                                                             {{"Content-Type", "application/json"}}, as_bytes(text)));
  if (answer.status / 100 != 2) return refusal(answer);
  FK_TRY(Json json, parse_json(as_chars(answer.body)));
  if (!json.is_object()) return make_error(Errc::kMalformed, "the box answered no JSON object");
  return json;
}

void TicketClient::run() {
  std::unique_lock lock(mutex_);
  while (!wakes_.wait_for(lock, kInterval, [&] { return stops_; })) {
    lock.unlock();
    ticketing_.round();
    lock.lock();
  }
}

}  // namespace facekeep::daemon
