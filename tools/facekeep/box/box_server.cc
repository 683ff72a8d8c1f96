#include "tools/facekeep/box/box_server.h"

#include "api/problems.h"

namespace facekeep::tools {
namespace {

constexpr std::size_t kMaxRequest = 32 * 1024;

// One vault and a few people: everything above that is a stranger's.
http::ServerConfig front_config(const ListenAddress& at) {
  http::ServerConfig c;
  http::ListenerConfig l;
  l.kind = http::ListenerKind::kMain;
  l.address = at.address;
  l.port = at.port;
  l.max_connections = 64;
  l.max_handshakes = 64;
  l.max_handshakes_per_address = 16;
  l.max_per_peer = 8;
  l.max_body = kMaxRequest;
  c.listeners.push_back(l);
  c.timeouts.body = http::Millis(5'000);
  c.max_buffered = 4U << 20;
  c.workers = 4;
  c.queue = 32;
  c.reserved_workers = 1;
  c.reserved_queue = 1;
  return c;
}

http::Response refused(int status) {
  http::Response out;
  out.status = status;
  out.content_type = "text/plain; charset=utf-8";
  out.body = to_bytes(std::string_view("a box of restart tickets has no such call\n"));
  return out;
}

Result<Json> call(Box& box, const http::Request& request) {
  FK_TRY(const Json body, parse_json(as_chars({request.body.data(), request.body.size()})));
  if (!body.is_object()) return make_error(Errc::kMalformed, "the request is no JSON object");
  if (request.path == "/v1/tickets") return box.deposit(body);
  if (request.path == "/v1/restarts") return box.restart(body);
  if (request.path == "/v1/endings") return box.end(body);
  return box.confirm(request.peer_spki, body);
}

}  // namespace

http::Response answer_box_request(Box& box, const http::Request& request) {
  const bool posts = request.path == "/v1/tickets" || request.path == "/v1/restarts" || request.path == "/v1/endings" ||
                     request.path == "/v1/confirmations";
  if (!posts && request.path != "/v1/box") return refused(404);
  if (request.method != (posts ? "POST" : "GET")) return refused(405);
  const Result<Json> answer = posts ? call(box, request) : Result<Json>(box.describe());
  if (!answer) return api::to_response(answer.error());
  http::Response out;
  out.content_type = "application/json";
  out.body = to_bytes(answer->dump() + "\n");
  return out;
}

Result<std::unique_ptr<http::Server>> serve_box(Box& box, const BoxIdentity& identity, const ListenAddress& at) {
  http::ServerConfig config = front_config(at);
  EVP_PKEY_up_ref(identity.key.get());
  config.key.reset(identity.key.get());
  X509_up_ref(identity.certificate.get());
  config.certificate.reset(identity.certificate.get());
  config.peer_check = [&box](const Digest& spki) { return box.may_connect(spki); };
  config.handler = [&box](http::Request&& request) { return answer_box_request(box, request); };
  return http::Server::start(std::move(config));
}

}  // namespace facekeep::tools
