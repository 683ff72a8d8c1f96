#include "api/http/client.h"

#include <arpa/inet.h>

#include <array>

#include "api/http/client_link.h"
#include "api/http/httplib_bridge.h"

namespace facekeep::http {

Result<Origin> parse_origin(std::string_view url) {
  const auto bad = [](const char* why) {
    return make_error(Errc::kInvalidArgument, std::string("the address of the vault ") + why,
                      "write it as https://host:port");
  };
  constexpr std::string_view kScheme = "https://";
  if (!url.starts_with(kScheme)) return bad("does not start with https://");
  url.remove_prefix(kScheme.size());
  if (url.ends_with('/')) url.remove_suffix(1);
  if (url.find_first_of("/?#@ \t\r\n") != std::string_view::npos) return bad("has more than a host and a port");
  Origin out;
  out.authority = url;
  std::string_view port;
  if (url.starts_with('[')) {
    const std::size_t end = url.find(']');
    if (end == std::string_view::npos) return bad("has an open bracket");
    out.host = url.substr(1, end - 1);
    port = url.substr(end + 1);
  } else {
    const std::size_t colon = url.find(':');
    out.host = url.substr(0, colon);
    port = colon == std::string_view::npos ? std::string_view() : url.substr(colon);
  }
  if (out.host.empty()) return bad("has no host");
  if (!port.empty() && port.front() != ':') return bad("has no ':' before the port");
  out.port = port.empty() ? "8443" : std::string(port.substr(1));
  if (out.port.empty() || out.port.size() > 5 || out.port.find_first_not_of("0123456789") != std::string::npos) {
    return bad("has no port number behind the ':'");
  }
  return out;
}

namespace {

constexpr std::string_view kPlain = "http://";

// kInvalidArgument unless it is a loopback address: nothing goes over a network in the clear.
Result<Origin> parse_plain_origin(std::string_view url) {
  FK_TRY(Origin out, parse_origin("https://" + std::string(url.substr(kPlain.size()))));
  std::array<std::uint8_t, 16> a{};
  const bool v4 = inet_pton(AF_INET, out.host.c_str(), a.data()) == 1 && a[0] == 127;
  if (!v4 && out.host != "::1") {
    return make_error(Errc::kInvalidArgument, "http:// is for the loopback addresses alone",
                      "use https:// with a pinned key");
  }
  out.plain = true;
  return out;
}

}  // namespace

struct Client::Impl {
  ClientConfig config;
  Origin origin;
  SslCtxPtr ctx;
  std::unique_ptr<ClientLink> link;
  bool worth_retrying = false;  // the last request died before a byte of its answer

  Status ensure_link() {
    if (link && !link->quiet()) link.reset();
    if (link) return {};
    FK_TRY(link, ClientLink::connect(ctx.get(), origin, config.pins,
                                     std::chrono::steady_clock::now() + config.connect_timeout));
    return {};
  }

  Result<ClientResponse> once(const ClientExchange& what) {
    link->begin(std::chrono::steady_clock::now() + config.timeout);
    worth_retrying = false;
    const ByteChannel channel{[this](char* to, std::size_t n) { return link->read(to, n); },
                              [this](const char* from, std::size_t n) { return link->write(from, n); }};
    Response got;
    bool server_closes = false;
    const ExchangeOutcome outcome = exchange(what, channel, got, server_closes);
    if (outcome != ExchangeOutcome::kOk) {
      Error error = link->error().value_or(make_error(
          Errc::kUnavailable, "the vault at " + origin.authority + " closed the connection without an answer",
          "the request may or may not have taken effect"));
      if (outcome == ExchangeOutcome::kTooLarge) error = make_error(Errc::kTooLarge, "the response is over the limit");
      worth_retrying = outcome == ExchangeOutcome::kFailed && !link->timed_out() && !link->received_any();
      link.reset();
      return error;
    }
    if (server_closes) link.reset();
    ClientResponse out;
    out.status = got.status;
    out.content_type = std::move(got.content_type);
    for (const auto& [name, value] : got.headers) out.headers.add(name, value);
    out.body = std::move(got.body);
    return out;
  }
};

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::~Client() = default;
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;

Result<Client> Client::create(const ClientConfig& config) {
  auto impl = std::make_unique<Impl>();
  const bool plain = config.plain_loopback && config.url.starts_with(kPlain);
  FK_TRY(impl->origin, plain ? parse_plain_origin(config.url) : parse_origin(config.url));
  if (config.any_server && (config.certificate != nullptr || !config.pins.empty())) {
    return make_error(Errc::kInvalidArgument, "a client with a key of its own names the server's");
  }
  if (config.pins.empty() && !config.any_server && !plain) {
    return make_error(Errc::kInvalidArgument, "no key of the server is pinned",
                      "the pin is the SHA-256 of the vault's public key, in its public notice");
  }
  FK_TRY(impl->ctx, client_context(config.certificate, config.key, config.allow_tls12));
  ignore_sigpipe();
  impl->config = config;
  // The context holds its own references; these may die before the client.
  impl->config.certificate = nullptr;
  impl->config.key = nullptr;
  return Client(std::move(impl));
}

void Client::disconnect() {
  impl_->link.reset();
}

Result<ClientResponse> Client::request(std::string_view method, std::string_view target,
                                       const std::vector<std::pair<std::string, std::string>>& headers, ByteView body) {
  if (target.empty() || target.front() != '/' || target.find_first_of(" \r\n") != std::string_view::npos) {
    return make_error(Errc::kInvalidArgument, "the target of a request is a percent-encoded path");
  }
  for (const auto& [name, value] : headers) {
    if (name.empty() || (name + value).find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) {
      return make_error(Errc::kInvalidArgument, "a header field has a line end in it");
    }
  }
  const ClientExchange what{std::string(method),     std::string(target),        headers, body,
                            impl_->origin.authority, impl_->config.max_response, false};
  const bool kept = impl_->link != nullptr;
  FK_CHECK(impl_->ensure_link());
  auto result = impl_->once(what);
  const bool safe = method == "GET" || method == "HEAD";
  if (result || !kept || !safe || !impl_->worth_retrying) return result;
  FK_CHECK(impl_->ensure_link());
  return impl_->once(what);
}

}  // namespace facekeep::http
