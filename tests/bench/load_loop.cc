#include "tests/bench/load_loop.h"

#include <sys/epoll.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <queue>

#include "tests/bench/load_beside.h"

namespace facekeep::bench {
namespace {

constexpr std::size_t kHandshakesAtOnce = 32;
constexpr auto kSettle = std::chrono::milliseconds(500);
constexpr auto kTick = std::chrono::milliseconds(20);
constexpr std::uint64_t kMaxFailures = 2000;  // of connections, before the run is given up

Clock::duration seconds(double s) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(s));
}

struct Door {
  Link link;
  bool opening = false;
  bool busy = false;
  Moment since{};  // of the handshake or of the request
  Moment due{};
  std::size_t sent = 0;
  std::size_t counted = 0;
};

class Load {
 public:
  explicit Load(const LoadPlan& plan) : plan_(plan), doors_(plan.connections) {}
  ~Load() {
    beside_.reset();
    if (epoll_ >= 0) ::close(epoll_);
  }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  Status prepare();
  Result<LoadResult> run();

 private:
  void make_requests();
  Status connect_all();
  void open(std::size_t i, Moment now);
  void open_more(Moment now);
  void poll(Moment until);
  void on_event(std::size_t i, Moment now);
  void on_answer(std::size_t i, Moment now);
  void on_broken(std::size_t i, const std::string& why, Moment now);
  void ask(std::size_t i, Moment due, Moment now);
  void look_at_clock(Moment now);
  void watch(std::size_t i, bool add);

  const LoadPlan& plan_;
  int epoll_ = -1;
  std::vector<CtxPtr> contexts_;
  std::vector<std::vector<std::string>> requests_;  // by identity
  std::vector<Door> doors_;
  std::unique_ptr<Beside> beside_;
  std::priority_queue<std::pair<Moment, std::size_t>, std::vector<std::pair<Moment, std::size_t>>, std::greater<>> due_;
  std::size_t opening_ = 0, connected_ = 0;
  std::uint64_t failures_ = 0, busy_ = 0;
  bool running_ = false;
  Moment count_from_{}, count_to_{}, next_tick_{};
  LoadResult result_;
};

Status Load::prepare() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  if (epoll_ < 0) return make_error(Errc::kIo, "no event queue");
  for (const Identity& identity : plan_.identities) {
    FK_TRY(auto ctx, make_context(&identity, plan_.pin));
    contexts_.push_back(std::move(ctx));
  }
  if (contexts_.empty()) {
    FK_TRY(auto ctx, make_context(nullptr, plan_.pin));
    contexts_.push_back(std::move(ctx));
  }
  make_requests();
  beside_ = std::make_unique<Beside>(plan_, contexts_.front().get(), epoll_, doors_.size());
  return {};
}

void Load::make_requests() {
  std::string head = plan_.method + " " + plan_.path + " HTTP/1.1\r\nHost: " + plan_.host + "\r\n";
  for (const std::string& h : plan_.headers) head += h + "\r\n";
  requests_.resize(contexts_.size());
  for (std::size_t k = 0; k < contexts_.size(); ++k) {
    if (k < plan_.identities.size()) {
      for (const std::string& body : plan_.identities[k].bodies) {
        requests_[k].push_back(head + "Content-Type: application/json\r\nContent-Length: " +
                               std::to_string(body.size()) + "\r\n\r\n" + body);
      }
    }
    if (requests_[k].empty()) requests_[k].push_back(head + "\r\n");
  }
}

void Load::watch(std::size_t i, bool add) {
  epoll_event ev{.events = EPOLLIN | (doors_[i].link.wants_write() ? EPOLLOUT : 0U), .data = {.u64 = i}};
  ::epoll_ctl(epoll_, add ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, doors_[i].link.fd(), &ev);
}

void Load::open(std::size_t i, Moment now) {
  Door& d = doors_[i];
  d.since = now;
  if (!d.link.open(plan_, contexts_[i % contexts_.size()].get(), 0)) return on_broken(i, "connect", now);
  d.opening = true;
  ++opening_;
  watch(i, true);
}

void Load::open_more(Moment now) {
  for (std::size_t i = 0; i < doors_.size() && opening_ < kHandshakesAtOnce && failures_ < kMaxFailures; ++i) {
    if (!doors_[i].opening && !doors_[i].link.connected()) open(i, now);
  }
}

void Load::on_broken(std::size_t i, const std::string& why, Moment now) {
  Door& d = doors_[i];
  if (d.opening) --opening_;
  if (d.link.connected()) --connected_;
  if (d.busy) --busy_;
  // A server may end an idle connection; an unanswered request or a failed handshake is an error.
  if (d.busy || d.opening || !d.link.connected()) ++result_.errors[why];
  ++failures_;
  const bool again = d.busy;
  d.opening = d.busy = false;
  d.link.close();
  if (running_ && again && now < count_to_) due_.emplace(now + kTick, i);
}

void Load::ask(std::size_t i, Moment due, Moment now) {
  Door& d = doors_[i];
  if (!d.link.connected()) {  // comes back when the connection is there
    due_.emplace(now + kTick, i);
    return;
  }
  const auto& requests = requests_[i % requests_.size()];
  // Doors start at different bodies, so that not all ask about the same one.
  const std::string& request = requests[(i / requests_.size() + d.sent++) % requests.size()];
  d.busy = true;
  ++busy_;
  d.due = due;
  d.since = now;
  if (d.link.send(request) == Link::Step::kBroken) return on_broken(i, d.link.why_broken(), now);
  if (d.link.wants_write()) watch(i, false);
}

void Load::on_answer(std::size_t i, Moment now) {
  Door& d = doors_[i];
  if (!d.busy) return on_broken(i, "an answer to nothing", now);
  d.busy = false;
  --busy_;
  if (d.due >= count_from_ && d.due < count_to_) {
    const HttpAnswer& a = d.link.answer();
    ++result_.answers;
    ++d.counted;
    ++result_.statuses[a.status];
    result_.latency.add(now - d.due);
    if (a.status == 503 && a.head.find("\r\nRetry-After:") == std::string::npos) ++result_.without_retry_after;
    if (!plan_.count_field.empty()) {
      const std::string key = "\"" + plan_.count_field + "\":\"";
      const std::size_t at = a.body.find(key);
      if (at != std::string::npos) {
        const std::size_t from = at + key.size();
        ++result_.fields[a.body.substr(from, a.body.find('"', from) - from)];
      }
    }
    if (plan_.requests != 0 && result_.answers >= plan_.requests) count_to_ = now;
  }
  if (plan_.rate <= 0) {
    if (now < count_to_) ask(i, now, now);
    return;
  }
  const Moment next = d.due + seconds(static_cast<double>(doors_.size()) / plan_.rate);
  if (next >= count_to_) return;
  if (next <= now) return ask(i, next, now);
  due_.emplace(next, i);
}

void Load::on_event(std::size_t i, Moment now) {
  Door& d = doors_[i];
  if (d.link.fd() < 0) return;
  const bool wanted = d.link.wants_write();
  switch (d.link.advance()) {
    case Link::Step::kConnected:
      d.opening = false;
      --opening_;
      ++connected_;
      result_.handshake.add(now - d.since);
      watch(i, false);
      break;
    case Link::Step::kAnswer: on_answer(i, now); break;
    case Link::Step::kBroken: on_broken(i, d.link.why_broken(), now); break;
    case Link::Step::kWait:
      if (wanted && d.link.connected() && !d.link.wants_write()) watch(i, false);
      break;
  }
}

void Load::look_at_clock(Moment now) {
  while (!due_.empty() && due_.top().first <= now) {
    const auto [due, i] = due_.top();
    due_.pop();
    if (!doors_[i].busy && (due < count_to_)) ask(i, due, now);
  }
  if (now < next_tick_) return;
  next_tick_ = now + kTick;
  beside_->on_time(now);
  open_more(now);
  for (std::size_t i = 0; i < doors_.size(); ++i) {
    if ((doors_[i].busy || doors_[i].opening) && now - doors_[i].since > seconds(plan_.patience)) {
      on_broken(i, "no answer in time", now);
    }
  }
}

void Load::poll(Moment until) {
  std::array<epoll_event, 256> events{};
  Moment now = Clock::now();
  Moment wake = std::min(until, next_tick_);
  if (!due_.empty()) wake = std::min(wake, due_.top().first);
  const auto wait = std::max<std::int64_t>(0, std::chrono::nanoseconds(wake - now).count());
  const timespec timeout{wait / 1'000'000'000, wait % 1'000'000'000};
  const int n = ::epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()), &timeout, nullptr);
  for (int e = 0; e < n; ++e) {
    const std::uint64_t number = events[static_cast<std::size_t>(e)].data.u64;
    now = Clock::now();
    if (number < doors_.size()) {
      on_event(number, now);
    } else {
      beside_->on_event(number, now);
    }
  }
  look_at_clock(Clock::now());
}

Status Load::connect_all() {
  const Moment start = Clock::now();
  beside_->open_all(start);
  if (plan_.silent + plan_.drip > 0) {
    while (Clock::now() < start + kSettle) poll(start + kSettle);
  }
  while (connected_ < doors_.size()) {
    open_more(Clock::now());
    if (failures_ >= kMaxFailures || Clock::now() > start + seconds(4 * plan_.patience)) {
      std::string why;
      for (const auto& [what, count] : result_.errors) why += ", " + what + " " + std::to_string(count) + " times";
      return make_error(Errc::kUnavailable, "the connections can't be made: " + std::to_string(connected_) + " of " +
                                                std::to_string(doors_.size()) + " stand" + why);
    }
    poll(Clock::now() + kTick);
  }
  return {};
}

Result<LoadResult> Load::run() {
  FK_CHECK(connect_all());
  running_ = true;
  const Moment start = Clock::now();
  count_from_ = start + seconds(plan_.warm_up);
  count_to_ = count_from_ + seconds(plan_.duration);
  for (std::size_t i = 0; i < doors_.size(); ++i) {
    const double turn = plan_.rate > 0 ? static_cast<double>(i) / plan_.rate : 0;
    due_.emplace(start + seconds(turn), i);
  }
  while (Clock::now() < count_to_) {
    if (plan_.stop != nullptr && *plan_.stop) count_to_ = Clock::now();
    poll(count_to_);
  }
  // What was asked in time is waited for.
  const Moment last = Clock::now() + seconds(plan_.patience);
  while (busy_ > 0 && Clock::now() < last) poll(last);
  result_.seconds = std::chrono::duration<double>(count_to_ - count_from_).count();
  if (!doors_.empty()) result_.least_answers = std::ranges::min_element(doors_, {}, &Door::counted)->counted;
  result_.latency.sort();
  result_.handshake.sort();
  beside_->report(result_);
  return std::move(result_);
}

}  // namespace

void Latencies::add(Clock::duration d) {
  values.push_back(static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::microseconds>(d).count()));
}
void Latencies::sort() {
  std::ranges::sort(values);
}
std::uint32_t Latencies::at(double quantile) const {
  if (values.empty()) return 0;
  const auto rank = static_cast<std::size_t>(std::ceil(quantile * static_cast<double>(values.size())));
  return values[std::clamp<std::size_t>(rank, 1, values.size()) - 1];
}

Result<LoadResult> run_load(const LoadPlan& plan) {
  Load load(plan);
  FK_CHECK(load.prepare());
  return load.run();
}

}  // namespace facekeep::bench
