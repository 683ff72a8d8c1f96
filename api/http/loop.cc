#include "api/http/loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <iterator>

namespace facekeep::http {
namespace {

constexpr std::size_t kScratch = 16 * 1024;  // one TLS record

// Deadlines are looked at this often: an eighth of the shortest of them.
Millis tick_of(const Timeouts& t) {
  const Millis shortest = std::min({t.head, t.body, t.total, t.write, t.idle, t.linger});
  return std::clamp(shortest / 8, Millis(5), Millis(100));
}

}  // namespace

Loop::Loop(const ServerConfig& config, Counters& counters)
    : config_(config),
      counters_(counters),
      scratch_(kScratch),
      main_{config, counters, scratch_, config.max_buffered},
      open_{config, counters, scratch_, config.public_max_buffered},
      tick_(tick_of(config.timeouts)),
      per_listener_(config.listeners.size()) {}

Loop::~Loop() {
  stop(Millis(0));
}

Status Loop::open() {
  epoll_ = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
  wake_ = UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (epoll_.get() < 0 || wake_.get() < 0) return make_error(Errc::kIo, "no event queue: " + errno_text());
  epoll_event ev{.events = EPOLLIN | EPOLLET, .data = {.u64 = 0}};
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &ev);
  return {};
}

void Loop::start() {
  thread_ = std::thread([this] { run(); });
}

void Loop::post(Command&& c) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = commands_.empty();
    commands_.push_back(std::move(c));
  }
  const std::uint64_t one = 1;
  // One wake for all that are posted before the loop looks.
  if (first) static_cast<void>(!::write(wake_.get(), &one, sizeof one));
}

void Loop::admit(Established&& e) {
  post({std::move(e), std::nullopt, std::nullopt});
}
void Loop::answer(Answer&& a) {
  post({std::nullopt, std::move(a), std::nullopt});
}
void Loop::close_peer(const Digest& spki) {
  post({std::nullopt, std::nullopt, spki});
}

void Loop::stop(Millis grace) {
  if (!thread_.joinable()) return;
  grace_ = grace;
  stop_asked_ = true;
  const std::uint64_t one = 1;
  static_cast<void>(!::write(wake_.get(), &one, sizeof one));
  thread_.join();
}

void Loop::run() {
  std::array<epoll_event, 256> events{};
  while (true) {
    const int wait = !again_.empty() ? 0 : connections_.empty() ? 1000 : static_cast<int>(tick_.count());
    const int n = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), wait);
    const Moment now = std::chrono::steady_clock::now();
    if (stop_asked_ && !stopping_) begin_stop(now);
    for (int i = 0; i < n; ++i) {
      const std::uint64_t id = events[static_cast<std::size_t>(i)].data.u64;
      if (id == 0) {
        std::uint64_t count = 0;
        static_cast<void>(!::read(wake_.get(), &count, sizeof count));
      } else if (const auto it = connections_.find(id); it != connections_.end()) {
        act(*it->second, it->second->on_io(now), now);
      }
    }
    run_commands(now);
    const std::vector<std::uint64_t> again = std::exchange(again_, {});
    for (const std::uint64_t id : again) {
      if (const auto it = connections_.find(id); it != connections_.end())
        act(*it->second, it->second->on_io(now), now);
    }
    if (now >= next_tick_) tick(now);
    if (stopping_ && (connections_.empty() || now >= stop_at_)) break;
  }
  while (!connections_.empty()) drop(*connections_.begin()->second);
}

void Loop::run_commands(Moment now) {
  std::vector<Command> batch;
  {
    const std::lock_guard lock(mutex_);
    batch.swap(commands_);
  }
  for (Command& c : batch) {
    if (c.admitted) take_in(std::move(*c.admitted), now);
    if (c.revoked) revoke(*c.revoked, now);
    if (!c.answer) continue;
    const auto it = connections_.find(c.answer->connection);
    if (it != connections_.end()) act(*it->second, it->second->on_answer(std::move(*c.answer), now), now);
  }
}

std::string Loop::group_of(std::size_t listener, const Digest& spki, const std::string& address) const {
  return std::to_string(listener) +
         (is_main(listener) ? "k" + std::string(as_chars(spki)) : "a" + address_group(address));
}

bool Loop::room_for(const Established& e, const std::string& group) {
  const ListenerConfig& l = config_.listeners[e.listener];
  if (per_listener_[e.listener] >= l.max_connections) return false;
  const auto it = groups_.find(group);
  if (it == groups_.end() || it->second.size() < l.max_per_peer) return true;
  Connection* oldest = nullptr;
  for (const std::uint64_t id : it->second) {
    Connection& c = *connections_.at(id);
    if (c.idle() && (oldest == nullptr || c.idle_since() < oldest->idle_since())) oldest = &c;
  }
  if (oldest == nullptr) return false;
  drop(*oldest);
  return true;
}

void Loop::take_in(Established&& e, Moment now) {
  const bool main = is_main(e.listener);
  // A revocation may have come between the handshake and now; its close_peer ran before us.
  if (stopping_ || (main && !config_.peer_check(e.peer->spki))) return;
  const std::string group = group_of(e.listener, e.peer->spki, e.address);
  if (!room_for(e, group)) {
    ++counters_.refused[static_cast<std::size_t>(Refusal::kTooMany)];
    if (config_.refused) config_.refused(Refusal::kTooMany, e.address, main ? &e.peer->spki : nullptr);
    const std::string text = raw_response(too_many_connections_problem(), true);
    SSL_write(e.ssl.get(), text.data(), static_cast<int>(text.size()));
    SSL_shutdown(e.ssl.get());
    return;
  }
  const std::uint64_t id = next_id_++;
  const std::size_t listener = e.listener;
  const int fd = e.fd.get();
  e.may_reserve = main && config_.may_reserve && config_.may_reserve(e.peer->spki);
  auto owned = std::make_unique<Connection>(id, std::move(e), main ? main_ : open_, now);
  Connection& c = *owned;
  connections_.emplace(id, std::move(owned));
  groups_[group].push_back(id);
  ++per_listener_[listener];
  ++counters_.open;
  epoll_event ev{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data = {.u64 = id}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &ev) != 0) return drop(c);
  // The first request may have come with the last handshake message.
  act(c, c.on_io(now), now);
}

void Loop::revoke(const Digest& spki, Moment now) {
  std::vector<std::uint64_t> hit;
  for (std::size_t l = 0; l < config_.listeners.size(); ++l) {
    if (!is_main(l)) continue;
    const auto it = groups_.find(group_of(l, spki, ""));
    if (it != groups_.end()) hit.insert(hit.end(), it->second.begin(), it->second.end());
  }
  for (const std::uint64_t id : hit) {
    Connection& c = *connections_.at(id);
    ++counters_.revoked;
    act(c, c.on_revoked(), now);
  }
}

WorkerPool& Loop::pool_of(const Connection& c, const Job& job) const {
  if (!is_main(c.listener())) return *pools_.open;
  if (!c.may_reserve() || !config_.is_reserved) return *pools_.main;
  const std::string_view path = job.head.target.substr(0, job.head.target.find('?'));
  return config_.is_reserved(job.head.method, path) ? *pools_.reserved : *pools_.main;
}

void Loop::act(Connection& c, Act what, Moment now) {
  while (true) {
    switch (what) {
      case Act::kWait: return;
      case Act::kAgain: again_.push_back(c.id()); return;
      case Act::kClose: return drop(c);
      case Act::kDispatch: {
        Job job = c.take_job();
        if (pool_of(c, job).submit(job)) return;
        what = c.on_overload(now);
        break;
      }
    }
  }
}

void Loop::drop(Connection& c) {
  const auto it = groups_.find(group_of(c.listener(), c.spki(), c.address()));
  if (it != groups_.end()) {
    std::erase(it->second, c.id());
    if (it->second.empty()) groups_.erase(it);
  }
  --per_listener_[c.listener()];
  --counters_.open;
  connections_.erase(c.id());
}

void Loop::tick(Moment now) {
  next_tick_ = now + tick_;
  std::vector<std::pair<std::uint64_t, Act>> due;
  for (const auto& [id, c] : connections_) {
    if (const Act what = c->on_time(now); what != Act::kWait) due.emplace_back(id, what);
  }
  for (const auto& [id, what] : due) act(*connections_.at(id), what, now);
}

void Loop::begin_stop(Moment now) {
  stopping_ = main_.stopping = open_.stopping = true;
  stop_at_ = now + grace_;
  std::vector<std::uint64_t> gone;
  for (const auto& [id, c] : connections_) {
    if (c->on_stop(now) == Act::kClose) gone.push_back(id);
  }
  for (const std::uint64_t id : gone) drop(*connections_.at(id));
}

}  // namespace facekeep::http
