#include "api/http/httplib_bridge.h"

#include <httplib.h>

#include <algorithm>
#include <cstring>

#include "api/http/problem.h"

namespace facekeep::http {
namespace {

// What the library asks of a stream and nothing here decides. Newer releases ask for more functions than the one of
// 2023, hence no `override`.
// NOLINTBEGIN(modernize-use-override)
class QuietStream : public httplib::Stream {
 public:
  bool is_readable() const { return true; }
  bool wait_readable() const { return true; }
  bool is_writable() const { return true; }
  bool wait_writable() const { return true; }
  time_t duration() const { return 0; }
  void get_remote_ip_and_port(std::string& ip, int& port) const { static_cast<void>(ip), port = 0; }
  void get_local_ip_and_port(std::string& ip, int& port) const { static_cast<void>(ip), port = 0; }
  socket_t socket() const { return 0; }  // compared with FD_SETSIZE, else unused
};
// NOLINTEND(modernize-use-override)

// Reads from memory, writes to a byte string.
class MemoryStream final : public QuietStream {
 public:
  MemoryStream(std::string_view in, Bytes& out) : in_(in), out_(out) {}
  ssize_t read(char* to, size_t size) override {
    const std::size_t n = std::min(size, in_.size());
    std::memcpy(to, in_.data(), n);
    in_.remove_prefix(n);
    return static_cast<ssize_t>(n);
  }
  ssize_t write(const char* from, size_t size) override {
    const auto* p = reinterpret_cast<const std::uint8_t*>(from);
    out_.insert(out_.end(), p, p + size);
    return static_cast<ssize_t>(size);
  }

 private:
  std::string_view in_;
  Bytes& out_;
};

class ChannelStream final : public QuietStream {
 public:
  explicit ChannelStream(const ByteChannel& channel) : channel_(channel) {}
  // The library reads heads byte by byte.
  ssize_t read(char* to, size_t size) override {
    if (at_ == buffer_.size()) {
      buffer_.resize(16 * 1024);
      at_ = 0;
      const long n = channel_.read(buffer_.data(), buffer_.size());
      buffer_.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
      if (n <= 0) return n;
    }
    const std::size_t n = std::min(size, buffer_.size() - at_);
    std::memcpy(to, buffer_.data() + at_, n);
    at_ += n;
    return static_cast<ssize_t>(n);
  }
  ssize_t write(const char* from, size_t size) override { return channel_.write(from, size); }

 private:
  const ByteChannel& channel_;
  std::string buffer_;
  std::size_t at_ = 0;
};

bool is_one_of(std::string_view name, std::initializer_list<const char*> list) {
  return std::any_of(list.begin(), list.end(), [&](const char* other) {
    return name.size() == std::strlen(other) && strncasecmp(name.data(), other, name.size()) == 0;
  });
}

// What the library sees: the request line and the fields that it may know about.
std::string shown_head(const Head& head) {
  std::string out;
  out.reserve(head.size);
  out.append(head.method).append(" ").append(head.target).append(" HTTP/1.1\r\n");
  for (const Field& f : head.fields) {
    if (is_one_of(f.name, {"host", "accept", "content-type"}))
      out.append(f.name).append(": ").append(f.value).append("\r\n");
  }
  return out + "\r\n";
}

bool is_safe_value(std::string_view s) {
  return s.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

void put(const Response& from, httplib::Response& to) {
  to.status = from.status;
  for (const auto& [name, value] : from.headers) {
    if (!is_safe_value(name) || !is_safe_value(value)) return put(problem_response(internal_problem()), to);
  }
  to.headers.clear();
  for (const auto& [name, value] : from.headers) to.headers.emplace(name, value);
  to.body.assign(as_chars(from.body));
  if (!from.content_type.empty()) to.set_header("Content-Type", from.content_type);
}

Problem bad_target(const std::string& detail) {
  return {"bad-request", "The request target is not well-formed", 400, detail, ""};
}

}  // namespace

struct ServerBridge::Impl final : httplib::Server {
  explicit Impl(const http::Handler& h) : handler(h) {
    set_keep_alive_max_count(1000000);  // only printed, in the Keep-Alive field
    set_keep_alive_timeout(600);
    // Runs before any body is read, for every method and path: the library's own routing is unused.
    set_pre_routing_handler([this](const httplib::Request& req, httplib::Response& res) {
      put(answer(req), res);
      return HandlerResponse::Handled;
    });
    // The library's own refusals (unknown method, a field beyond 8 KiB) come without a body.
    set_error_handler(httplib::Server::Handler([](const httplib::Request&, httplib::Response& res) {
      if (!res.body.empty()) return;
      Problem p = framing_problem(FramingError::kBadRequest);
      if (res.status >= 500) p = internal_problem();
      if (res.status == 414) p = {"target-too-long", "The request target is too long", 414, "", ""};
      p.status = res.status;
      put(problem_response(p), res);
    }));
  }

  Response answer(const httplib::Request& req) {
    Request& r = *current;
    r.method = req.method;
    r.target = req.target;
    r.path = r.target.substr(0, r.target.find('?'));
    auto segments = split_path(r.path);
    if (!segments) return problem_response(bad_target(segments.error().message));
    r.segments = std::move(*segments);
    for (const auto& [key, value] : req.params) {
      if (!is_valid_utf8(key) || !is_valid_utf8(value)) return problem_response(bad_target("the query is not UTF-8"));
      if (!r.query.emplace(key, value).second) return problem_response(bad_target("the query has a key twice"));
    }
    for (const Field& f : current_head->fields) r.headers.add(f.name, f.value);
    try {
      return handler(std::move(r));
    } catch (...) {
      return problem_response(internal_problem());
    }
  }

  template <class Self>
  static bool run(Self& self, MemoryStream& stream, bool close, bool& closed) {
    // Later releases pass the addresses as arguments.
    if constexpr (requires { self.process_request(stream, close, closed, nullptr); }) {
      return self.process_request(stream, close, closed, nullptr);
    } else {
      return self.process_request(stream, std::string(), 0, std::string(), 0, close, closed, nullptr);
    }
  }

  const http::Handler& handler;
  Request* current = nullptr;
  const Head* current_head = nullptr;
};

ServerBridge::ServerBridge(const Handler& handler) : impl_(std::make_unique<Impl>(handler)) {}
ServerBridge::~ServerBridge() = default;

Bytes ServerBridge::serve(const Head& head, Request&& request, bool close) {
  Bytes out;
  try {
    Request mine = std::move(request);
    impl_->current = &mine;
    impl_->current_head = &head;
    const std::string shown = shown_head(head);
    MemoryStream stream(shown, out);
    bool closed = false;
    if (Impl::run(*impl_, stream, close, closed) && !out.empty()) return out;
  } catch (...) {
    // Out of memory, or a defect of the library: answered below.
  }
  const std::string text = raw_response(internal_problem(), close);
  out.assign(text.begin(), text.end());
  return out;
}

namespace {

class ClientParser final : public httplib::ClientImpl {
 public:
  explicit ClientParser(const std::string& host) : httplib::ClientImpl(host, 443) { set_decompress(false); }
  bool run(httplib::Stream& stream, httplib::Request& req, httplib::Response& res, bool close) {
    httplib::Error error = httplib::Error::Success;
    return process_request(stream, req, res, close, error);
  }
};

}  // namespace

ExchangeOutcome exchange(const ClientExchange& in, const ByteChannel& channel, Response& out, bool& server_closes) {
  try {
    httplib::Request req;
    httplib::Response res;
    req.method = in.method;
    req.path = in.target;
    req.set_header("Host", in.host);
    for (const auto& [name, value] : in.headers) {
      if (!is_safe_value(name) || !is_safe_value(value)) return ExchangeOutcome::kFailed;
      req.set_header(name, value);
    }
    if (!in.body.empty()) {
      // A provider sends from our memory; `req.body` would be a copy in an ordinary string.
      req.content_length_ = in.body.size();
      req.content_provider_ = [&](size_t offset, size_t length, httplib::DataSink& sink) {
        return sink.write(reinterpret_cast<const char*>(in.body.data()) + offset, length);
      };
    }
    bool too_large = false;
    req.content_receiver = [&](const char* data, size_t size, uint64_t, uint64_t) {
      too_large = size > in.max_response - out.body.size();
      if (too_large) return false;
      out.body.insert(out.body.end(), data, data + size);
      return true;
    };
    ClientParser parser("localhost");
    ChannelStream stream(channel);
    const bool ok = parser.run(stream, req, res, in.close);
    if (too_large) return ExchangeOutcome::kTooLarge;
    if (!ok || res.status < 100) return ExchangeOutcome::kFailed;
    out.status = res.status;
    out.content_type = res.get_header_value("Content-Type");
    for (const auto& [name, value] : res.headers) out.headers.emplace_back(name, value);
    const std::string connection = res.get_header_value("Connection");
    server_closes =
        is_one_of(connection, {"close"}) || (res.version == "HTTP/1.0" && !is_one_of(connection, {"keep-alive"}));
    return ExchangeOutcome::kOk;
  } catch (...) {
    return ExchangeOutcome::kFailed;
  }
}

}  // namespace facekeep::http
