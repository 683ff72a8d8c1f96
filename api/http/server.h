// The HTTPS front: one gate thread (accept, handshake), one event loop (everything behind the handshake)
// and a small pool of workers (handlers). Design section 7.
#pragma once

#include <memory>

#include "api/http/config.h"

namespace facekeep::http {

class Server {
 public:
  // Binds, then serves until stop(). Raises the soft limit of open files towards the hard one, and ignores
  // SIGPIPE, for the process. kInvalidArgument (configuration), kIo (address in use), kCrypto (key, certificate).
  static Result<std::unique_ptr<Server>> start(ServerConfig config);
  ~Server();  // stop() without grace
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // The bound port of the n-th listener.
  [[nodiscard]] std::uint16_t port(std::size_t listener) const;

  // Ends every open connection of this key; answers that are already being made still go out, and end
  // their connections. Call after the PeerCheck has begun to refuse the key. Thread safe, returns at once.
  void close_peer(const Digest& spki);

  [[nodiscard]] Stats stats() const;  // thread safe

  // No new connections; idle ones end; requests in hand are answered for at most `grace`; then the rest is cut.
  // Waits for running handlers even beyond that. Idempotent; not from a handler.
  void stop(Millis grace);

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace facekeep::http
