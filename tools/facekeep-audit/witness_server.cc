#include "tools/facekeep-audit/witness_server.h"

namespace facekeep::tools {
namespace {

// A vault calls every few seconds over one connection; everything above that is a stranger's.
http::ServerConfig front_config(const ListenAddress& at) {
  http::ServerConfig c;
  http::ListenerConfig l;
  l.kind = http::ListenerKind::kPublic;
  l.address = at.address;
  l.port = at.port;
  l.max_connections = 128;
  l.max_handshakes = 64;
  l.max_handshakes_per_address = 16;
  l.max_per_peer = 16;
  l.max_body = kMaxAddCheckpoint;
  c.listeners.push_back(l);
  c.timeouts.body = http::Millis(5'000);
  c.timeouts.total = http::Millis(10'000);
  c.timeouts.write = http::Millis(5'000);
  c.max_buffered = 8U << 20;
  c.workers = 2;
  c.queue = 64;
  c.reserved_workers = 1;
  c.reserved_queue = 1;
  return c;
}

http::Response plain(int status, std::string_view text) {
  http::Response out;
  out.status = status;
  out.content_type = "text/plain; charset=utf-8";
  out.body = to_bytes(text);
  return out;
}

}  // namespace

http::Response answer_witness_request(Witness& witness, const http::Request& request) {
  if (request.path != "/add-checkpoint") return plain(404, "a witness answers POST /add-checkpoint\n");
  if (request.method != "POST") {
    http::Response out = plain(405, "a witness answers POST /add-checkpoint\n");
    out.headers.emplace_back("Allow", "POST");
    return out;
  }
  const log::WitnessAnswer answer = witness.add_checkpoint(as_chars({request.body.data(), request.body.size()}));
  http::Response out;
  out.status = answer.status;
  out.content_type = answer.content_type;
  out.body = to_bytes(answer.body);
  return out;
}

Result<std::unique_ptr<http::Server>> serve_witness(Witness& witness, const WitnessIdentity& identity,
                                                    const ListenAddress& at) {
  http::ServerConfig config = front_config(at);
  EVP_PKEY_up_ref(identity.tls.get());
  config.key.reset(identity.tls.get());
  X509_up_ref(identity.certificate.get());
  config.certificate.reset(identity.certificate.get());
  config.handler = [&witness](http::Request&& request) { return answer_witness_request(witness, request); };
  return http::Server::start(std::move(config));
}

}  // namespace facekeep::tools
