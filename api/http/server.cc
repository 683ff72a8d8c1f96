#include "api/http/server.h"

#include <sys/resource.h>

#include "api/http/loop.h"

namespace facekeep::http {
namespace {

Status check(const ServerConfig& c) {
  if (c.listeners.empty()) return make_error(Errc::kInvalidArgument, "no listener is configured");
  if (!c.certificate || !c.key) return make_error(Errc::kInvalidArgument, "the server has no certificate or no key");
  if (!c.handler) return make_error(Errc::kInvalidArgument, "no handler is set");
  for (const std::size_t n : {std::size_t{c.workers}, std::size_t{c.public_workers}, std::size_t{c.reserved_workers},
                              c.queue, c.public_queue, c.reserved_queue}) {
    if (n == 0) return make_error(Errc::kInvalidArgument, "at least one worker and one place");
  }
  if (c.is_reserved && !c.may_reserve) {
    return make_error(Errc::kInvalidArgument, "reserved workers need a check of who may use them");
  }
  for (const ListenerConfig& l : c.listeners) {
    if (l.kind == ListenerKind::kMain && !c.peer_check) {
      return make_error(Errc::kInvalidArgument, "a main listener needs a check of the peers' keys");
    }
  }
  return {};
}

// Every connection is a descriptor; the usual soft limit of 1,024 would be the real cap.
Status make_room_for_files(const ServerConfig& c) {
  std::size_t need = 256;
  for (const ListenerConfig& l : c.listeners) need += l.max_connections + 2 * l.max_handshakes;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return make_error(Errc::kIo, "getrlimit: " + errno_text());
  if (limit.rlim_cur >= need) return {};
  if (limit.rlim_max < need) {
    return make_error(Errc::kInvalidArgument,
                      "the limit of open files is " + std::to_string(limit.rlim_max) + ", " + std::to_string(need) +
                          " are needed for the configured connections",
                      "raise LimitNOFILE or lower the connection caps");
  }
  limit.rlim_cur = need;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return make_error(Errc::kIo, "setrlimit: " + errno_text());
  return {};
}

}  // namespace

// Order matters: the gate feeds the loop, the loop feeds the pool, the pool answers to the loop.
struct Server::Impl {
  explicit Impl(ServerConfig c)
      : config(std::move(c)),
        loop(config, counters),
        gate(config, counters, [this](Established&& e) { loop.admit(std::move(e)); }) {}

  ServerConfig config;
  Counters counters;
  Loop loop;
  Gate gate;
  std::unique_ptr<WorkerPool> main, open, reserved;
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<Server>> Server::start(ServerConfig config) {
  FK_CHECK(check(config));
  FK_CHECK(make_room_for_files(config));
  ignore_sigpipe();
  auto impl = std::make_unique<Impl>(std::move(config));
  FK_CHECK(impl->loop.open());
  FK_CHECK(impl->gate.open());
  Loop& loop = impl->loop;
  const ServerConfig& c = impl->config;
  const auto answer = [&loop](Answer&& a) { loop.answer(std::move(a)); };
  const auto pool = [&](unsigned workers, std::size_t queue) {
    return std::make_unique<WorkerPool>(workers, queue, c.handler, answer);
  };
  impl->main = pool(c.workers, c.queue);
  impl->open = pool(c.public_workers, c.public_queue);
  impl->reserved = pool(c.reserved_workers, c.reserved_queue);
  loop.set_pools({impl->main.get(), impl->open.get(), impl->reserved.get()});
  loop.start();
  impl->gate.start();
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Server::~Server() {
  stop(Millis(0));
}

std::uint16_t Server::port(std::size_t listener) const {
  return impl_->gate.port(listener);
}
void Server::close_peer(const Digest& spki) {
  impl_->loop.close_peer(spki);
}
Stats Server::stats() const {
  return impl_->counters.snapshot();
}

void Server::stop(Millis grace) {
  impl_->gate.stop();
  impl_->loop.stop(grace);
  for (WorkerPool* pool : {impl_->main.get(), impl_->open.get(), impl_->reserved.get()}) pool->stop();
}

}  // namespace facekeep::http
