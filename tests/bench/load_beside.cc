#include "tests/bench/load_beside.h"

#include <sys/epoll.h>
#include <unistd.h>

namespace facekeep::bench {
namespace {

constexpr auto kDripEvery = std::chrono::seconds(1);

// Not all in the same moment: a second, and up to half a second more.
std::chrono::milliseconds reopen_after(std::size_t i) {
  return std::chrono::milliseconds(1000 + i * 7 % 500);
}

}  // namespace

Beside::Beside(const LoadPlan& plan, SSL_CTX* drip_ctx, int epoll, std::uint64_t base)
    : plan_(plan),
      ctx_(drip_ctx),
      epoll_(epoll),
      base_(base),
      request_(plan.method + " " + plan.path + " HTTP/1.1\r\nHost: " + plan.host + "\r\nContent-Length: 4096\r\n\r\n"),
      ones_(plan.silent + plan.drip) {
  // A body that never ends its drip.
  request_.append(4096, ' ');
}

Beside::~Beside() {
  for (One& one : ones_) {
    if (!one.link && one.fd >= 0) ::close(one.fd);
  }
}

unsigned Beside::source_of(std::size_t i) const {
  return plan_.sources <= 1 ? 0 : 1 + static_cast<unsigned>(i % plan_.sources);
}

void Beside::watch(std::size_t i, std::uint32_t events, bool add) {
  epoll_event ev{.events = events, .data = {.u64 = base_ + i}};
  ::epoll_ctl(epoll_, add ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, ones_[i].fd, &ev);
}

void Beside::open(std::size_t i, Moment now) {
  One& one = ones_[i];
  one.next = now + reopen_after(i);
  if (i < plan_.silent) {
    one.fd = start_connect(plan_, source_of(i));
  } else {
    if (!one.link) one.link = std::make_unique<Link>();
    one.fd = one.link->open(plan_, ctx_, source_of(i)) ? one.link->fd() : -1;
    one.sent = 0;
  }
  if (one.fd < 0) return;
  ++opened_;
  watch(i, one.link ? EPOLLIN | EPOLLOUT : EPOLLIN, true);
}

void Beside::end(std::size_t i, Moment now) {
  One& one = ones_[i];
  ++ended_;
  if (one.link) {
    one.link->close();
  } else {
    ::close(one.fd);
  }
  one.fd = -1;
  one.next = now + reopen_after(i);
}

void Beside::open_all(Moment now) {
  for (std::size_t i = 0; i < ones_.size(); ++i) open(i, now);
}

void Beside::on_event(std::uint64_t number, Moment now) {
  const std::size_t i = number - base_;
  One& one = ones_[i];
  if (one.fd < 0) return;
  if (!one.link) return end(i, now);  // it has nothing to read but its end
  switch (one.link->advance()) {
    case Link::Step::kConnected:
      one.next = now;
      watch(i, EPOLLIN, false);
      break;
    case Link::Step::kWait:
      watch(i, one.link->wants_write() && !one.link->connected() ? EPOLLIN | EPOLLOUT : EPOLLIN, false);
      break;
    case Link::Step::kAnswer:  // the server lost patience and says so
    case Link::Step::kBroken: return end(i, now);
  }
}

void Beside::on_time(Moment now) {
  for (std::size_t i = 0; i < ones_.size(); ++i) {
    One& one = ones_[i];
    if (now < one.next) continue;
    if (one.fd < 0) {
      open(i, now);
    } else if (one.link && one.link->connected() && one.sent < request_.size()) {
      one.next = now + kDripEvery;
      if (one.link->send(request_.substr(one.sent++, 1)) == Link::Step::kBroken) end(i, now);
    }
  }
}

void Beside::report(LoadResult& result) const {
  result.beside_opened = opened_;
  result.beside_ended = ended_;
  for (const One& one : ones_) result.beside_open_at_end += one.fd >= 0 ? 1 : 0;
}

}  // namespace facekeep::bench
