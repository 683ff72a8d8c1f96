#include "api/http/gate.h"

#include <openssl/err.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "api/http/problem.h"
#include "api/http/socket.h"

namespace facekeep::http {
namespace {

constexpr Millis kTick{50};
constexpr Millis kPatience{1000};    // a peer that spoke is not crowded out before
constexpr std::size_t kLookAt = 64;  // candidates looked at when a cap is full
constexpr int kAcceptAtOnce = 64;

}  // namespace

struct Gate::Pending {
  UniqueFd fd;
  Listener* listener = nullptr;
  SslPtr ssl;
  std::unique_ptr<PeerKey> peer;
  std::string address;
  std::string group;  // what counts as one address
  Moment since;
  bool spoke = false;
  bool lingers = false;
  bool dead = false;
  PendingList::iterator at, at_address;
};

Gate::Gate(const ServerConfig& config, Counters& counters, std::function<void(Established&&)> admit)
    : config_(config), counters_(counters), admit_(std::move(admit)) {}

Gate::~Gate() {
  stop();
}

Status Gate::open() {
  epoll_ = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
  wake_ = UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (epoll_.get() < 0 || wake_.get() < 0) return make_error(Errc::kIo, "no event queue: " + errno_text());
  epoll_event ev{.events = EPOLLIN, .data = {.ptr = nullptr}};
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &ev);
  for (std::size_t i = 0; i < config_.listeners.size(); ++i) {
    auto l = std::make_unique<Listener>();
    l->config = &config_.listeners[i];
    l->index = i;
    FK_CHECK(open_one(*l));
    listeners_.push_back(std::move(l));
  }
  return {};
}

Status Gate::open_one(Listener& l) {
  FK_TRY(l.ctx, server_context(l.config->kind, config_.certificate.get(), config_.key.get(), config_.allow_tls12,
                               &config_.peer_check));
  FK_TRY(const Listening bound, listen_on(l.config->address, l.config->port));
  l.fd = UniqueFd(bound.fd);
  l.port = bound.port;
  return {};
}

void Gate::start() {
  thread_ = std::thread([this] { run(); });
}

void Gate::stop() {
  if (!thread_.joinable()) return;
  stopping_ = true;
  const std::uint64_t one = 1;
  static_cast<void>(!::write(wake_.get(), &one, sizeof one));
  thread_.join();
}

void Gate::run() {
  std::array<epoll_event, 256> events{};
  bool accepting = false;
  while (!stopping_) {
    Moment now = std::chrono::steady_clock::now();
    if (!accepting && now >= accept_again_) {
      for (const auto& l : listeners_) {
        epoll_event ev{.events = EPOLLIN, .data = {.ptr = l.get()}};
        ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, l->fd.get(), &ev);
      }
      accepting = true;
    }
    const int wait = all_.empty() && accepting ? 1000 : static_cast<int>(kTick.count());
    const int n = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), wait);
    now = std::chrono::steady_clock::now();
    for (int i = 0; i < n; ++i) {
      void* p = events[static_cast<std::size_t>(i)].data.ptr;
      const auto it = std::find_if(listeners_.begin(), listeners_.end(), [&](const auto& l) { return l.get() == p; });
      if (it != listeners_.end()) {
        accept_some(**it, now);
      } else if (p != nullptr && !static_cast<Pending*>(p)->dead) {
        advance(*static_cast<Pending*>(p), now);
      }
    }
    check_deadlines(now);
    dead_.clear();
    if (accepting && accept_again_ > now) {
      // Out of descriptors: a listener that stays readable would spin.
      for (const auto& l : listeners_) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, l->fd.get(), nullptr);
      accepting = false;
    }
  }
  for (const auto& l : listeners_) l->fd.reset();
  all_.clear();
  counters_.handshaking = 0;
}

void Gate::accept_some(Listener& l, Moment now) {
  for (int i = 0; i < kAcceptAtOnce; ++i) {
    std::string address;
    const int fd = accept_from(l.fd.get(), address);
    if (fd < 0) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) accept_again_ = now + Millis(100);
      return;
    }
    accept_one(l, UniqueFd(fd), address, now);
  }
}

void Gate::accept_one(Listener& l, UniqueFd fd, const std::string& address, Moment now) {
  const std::string group = address_group(address);
  if (!make_room(l, group, now)) {
    return count_refusal(Refusal::kTooMany, address, nullptr);
  }
  auto p = std::make_unique<Pending>();
  p->fd = std::move(fd);
  p->listener = &l;
  p->address = address;
  p->group = group;
  p->since = now;
  p->peer = std::make_unique<PeerKey>();
  p->ssl.reset(SSL_new(l.ctx.get()));
  if (!p->ssl || SSL_set_fd(p->ssl.get(), p->fd.get()) != 1) return count_refusal(Refusal::kTooMany, address, nullptr);
  SSL_set_app_data(p->ssl.get(), p->peer.get());
  SSL_set_accept_state(p->ssl.get());
  epoll_event ev{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data = {.ptr = p.get()}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, p->fd.get(), &ev) != 0)
    return count_refusal(Refusal::kTooMany, address, nullptr);
  p->at = l.waiting.insert(l.waiting.end(), p.get());
  PendingList& mine = l.by_address[group];
  p->at_address = mine.insert(mine.end(), p.get());
  ++counters_.handshaking;
  all_.emplace(p.get(), std::move(p));
}

bool Gate::make_room(Listener& l, const std::string& group, Moment now) {
  const auto it = l.by_address.find(group);
  if (it != l.by_address.end() && it->second.size() >= l.config->max_handshakes_per_address) {
    Pending* p = victim(it->second, now);
    if (p == nullptr) return false;
    refuse(*p, Refusal::kCrowdedOut, now, false);
  }
  if (l.waiting.size() >= l.config->max_handshakes) {
    Pending* p = victim(l.waiting, now);
    if (p == nullptr) return false;
    refuse(*p, Refusal::kCrowdedOut, now, false);
  }
  return true;
}

Gate::Pending* Gate::victim(const PendingList& list, Moment now) const {
  std::size_t looked = 0;
  Pending* slow = nullptr;
  for (Pending* p : list) {
    if (++looked > kLookAt) break;
    // A word that still waits in the kernel counts: under a storm we are the slow ones.
    if (!p->spoke && !has_input(p->fd.get())) return p;
    if (slow == nullptr && now - p->since >= kPatience) slow = p;
  }
  return slow;
}

void Gate::advance(Pending& p, Moment now) {
  if (p.lingers) {
    if (!discard_input(p.fd.get())) drop(p);
    return;
  }
  if (!p.spoke) {
    const int first = peek_byte(p.fd.get());
    if (first == kNothingYet) return;
    if (first == kPeerGone) return refuse(p, Refusal::kClosed, now, false);
    p.spoke = true;
    // A TLS handshake record starts with 22 (RFC 8446 section 5.1), a request with a letter.
    if ((first >= 'A' && first <= 'Z') || (first >= 'a' && first <= 'z')) {
      const std::string text = raw_response(not_tls_problem(), true);
      static_cast<void>(::send(p.fd.get(), text.data(), text.size(), MSG_NOSIGNAL));
      return refuse(p, Refusal::kPlainHttp, now, true);
    }
  }
  ERR_clear_error();
  const int rc = SSL_do_handshake(p.ssl.get());
  if (rc != 1) {
    const int error = SSL_get_error(p.ssl.get(), rc);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return;
    return fail(p, now);
  }
  ++counters_.handshakes;
  leave_queues(p);
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, p.fd.get(), nullptr);
  Established e{std::move(p.fd), std::move(p.ssl), std::move(p.peer), p.listener->index, p.address};
  drop(p);
  admit_(std::move(e));
}

void Gate::fail(Pending& p, Moment now) {
  const unsigned long code = ERR_peek_error();
  ERR_clear_error();
  Refusal reason = Refusal::kProtocol;
  if (p.peer->refused) {
    reason = Refusal::kUnknownKey;
  } else if (ERR_GET_REASON(code) == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) {
    reason = Refusal::kNoCertificate;
  } else if (code == 0 || ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
    reason = Refusal::kClosed;
  }
  // OpenSSL has sent its alert; closing at once could make the peer's kernel throw it away.
  refuse(p, reason, now, reason != Refusal::kClosed);
}

void Gate::refuse(Pending& p, Refusal reason, Moment now, bool last_word) {
  count_refusal(reason, p.address, p.peer->shown ? &p.peer->spki : nullptr);
  leave_queues(p);
  if (!last_word || lingering_.size() >= p.listener->config->max_handshakes) return drop(p);
  p.lingers = true;
  p.since = now;
  p.at = lingering_.insert(lingering_.end(), &p);
  ::shutdown(p.fd.get(), SHUT_WR);
  if (!discard_input(p.fd.get())) drop(p);
}

void Gate::count_refusal(Refusal reason, const std::string& address, const Digest* spki) {
  ++counters_.refused[static_cast<std::size_t>(reason)];
  if (config_.refused) config_.refused(reason, address, spki);
}

void Gate::leave_queues(Pending& p) {
  Listener& l = *p.listener;
  l.waiting.erase(p.at);
  const auto it = l.by_address.find(p.group);
  it->second.erase(p.at_address);
  if (it->second.empty()) l.by_address.erase(it);
  --counters_.handshaking;
}

void Gate::drop(Pending& p) {
  if (p.lingers) lingering_.erase(p.at);
  p.dead = true;
  const auto it = all_.find(&p);
  // Events for it may still be in hand.
  dead_.push_back(std::move(it->second));
  all_.erase(it);
}

void Gate::check_deadlines(Moment now) {
  for (const auto& l : listeners_) {
    while (!l->waiting.empty() && now - l->waiting.front()->since >= config_.timeouts.handshake) {
      refuse(*l->waiting.front(), Refusal::kTimeout, now, false);
    }
  }
  while (!lingering_.empty() && now - lingering_.front()->since >= config_.timeouts.linger) drop(*lingering_.front());
}

}  // namespace facekeep::http
