#include "api/http/connection.h"

#include <openssl/err.h>
#include <sys/socket.h>

#include <algorithm>

#include "vault/base/secret_bytes.h"

namespace facekeep::http {
namespace {

constexpr int kReadsAtOnce = 16;                    // then others have their turn
constexpr std::size_t kReserve = 64 * 1024;         // a promised length is believed this far
constexpr std::size_t kBytesPerSecond = 64 * 1024;  // what a peer must take of a long answer
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace

Connection::Connection(std::uint64_t id, Established&& from, Shared& shared, Moment now)
    : id_(id),
      link_(std::move(from)),
      shared_(shared),
      deadline_(now + shared.config.timeouts.idle),
      idle_since_(now) {}

Connection::~Connection() {
  shared_.buffered -= accounted_;
  // Tells a peer that is still there that this is the end, not an accident. Not after an error: then OpenSSL refuses.
  if (state_ != State::kLingering) SSL_shutdown(link_.ssl.get());
  ERR_clear_error();
}

bool Connection::account() {
  const std::size_t size = in_.size() + job_.request.body.size() + out_.size();
  shared_.buffered = shared_.buffered - accounted_ + size;
  accounted_ = size;
  return shared_.buffered <= shared_.max_buffered;
}

Act Connection::on_io(Moment now) {
  switch (state_) {
    case State::kIdle:
    case State::kHead: return read_on(now);
    case State::kBody: {
      if (!out_.empty()) {
        const Act act = write_on(now);
        if (act == Act::kClose || !out_.empty()) return act;
      }
      return read_on(now);
    }
    case State::kAnswering: return Act::kWait;
    case State::kWriting: return write_on(now);
    case State::kLingering: return discard_input(fd()) ? Act::kWait : Act::kClose;
  }
  return Act::kClose;
}

Act Connection::read_on(Moment now) {
  if (!in_.empty() && state_ == State::kIdle) {
    // What came behind the last request is already here.
    CleansedBytes waiting;
    waiting.swap(in_);
    if (const auto act = consume(as_chars(waiting), now)) return *act;
  }
  for (int i = 0; i < kReadsAtOnce; ++i) {
    ERR_clear_error();
    std::size_t n = 0;
    const int rc = SSL_read_ex(link_.ssl.get(), shared_.scratch.data(), shared_.scratch.size(), &n);
    if (rc != 1) {
      const int error = SSL_get_error(link_.ssl.get(), rc);
      return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? Act::kWait : Act::kClose;
    }
    const auto act = consume(as_chars(shared_.scratch.first(n)), now);
    cleanse(shared_.scratch.first(n));
    if (act) return *act;
  }
  return Act::kAgain;
}

std::optional<Act> Connection::consume(std::string_view bytes, Moment now) {
  if (state_ == State::kBody) return take_body(bytes, now);
  if (state_ == State::kIdle) {
    state_ = State::kHead;
    started_ = now;
    deadline_ = now + shared_.config.timeouts.head;
  }
  append(in_, as_bytes(bytes));
  return take_head(now);
}

std::optional<Act> Connection::take_head(Moment now) {
  HeadResult result = scan_head(as_chars(in_), shared_.config.max_head);
  if (std::holds_alternative<NeedMore>(result)) return std::nullopt;
  if (const auto* error = std::get_if<FramingError>(&result)) return refuse(framing_problem(*error), now);
  job_ = Job();
  job_.head = std::get<Head>(std::move(result));
  const std::size_t size = job_.head.size;
  CleansedBytes rest(in_.begin() + static_cast<std::ptrdiff_t>(size), in_.end());
  // The head's views point into this storage, which moves with its owner but keeps its address.
  job_.head_bytes.swap(in_);
  job_.head_bytes.resize(size);
  if (const auto act = begin_body(now)) return act;
  return take_body(as_chars(rest), now);
}

std::optional<Act> Connection::begin_body(Moment now) {
  const Head& head = job_.head;
  const Timeouts& t = shared_.config.timeouts;
  limits_ = {config().max_body, t.body, t.total};
  if (shared_.config.limits_for) {
    const std::string_view path = head.target.substr(0, head.target.find('?'));
    limits_ = shared_.config.limits_for(limits_, head.method, path);
  }
  if (head.body == BodyKind::kLength && head.content_length > limits_.max_body) {
    return refuse(framing_problem(FramingError::kBodyTooLarge), now);
  }
  state_ = State::kBody;
  deadline_ = std::min(now + limits_.body, started_ + limits_.total);
  chunks_.reset();
  if (head.body == BodyKind::kChunked) chunks_.emplace(limits_.max_body);
  if (head.body == BodyKind::kLength) {
    job_.request.body.reserve(std::min<std::size_t>(static_cast<std::size_t>(head.content_length), kReserve));
  }
  if (head.expect_continue) {
    out_.assign(kContinue.begin(), kContinue.end());
    written_ = 0;
    if (write_on(now) == Act::kClose) return Act::kClose;
  }
  return std::nullopt;
}

std::optional<Act> Connection::take_body(std::string_view bytes, Moment now) {
  CleansedBytes& body = job_.request.body;
  std::size_t used = 0;
  bool done = false;
  switch (job_.head.body) {
    case BodyKind::kNone: done = true; break;
    case BodyKind::kLength: {
      const auto left = static_cast<std::size_t>(job_.head.content_length) - body.size();
      used = std::min(left, bytes.size());
      append(body, as_bytes(bytes.substr(0, used)));
      done = used == left;
      break;
    }
    case BodyKind::kChunked: {
      const ChunkDecoder::Step step = chunks_->feed(bytes, body);
      if (step.state == ChunkDecoder::State::kError) return refuse(framing_problem(step.error), now);
      used = step.used;
      done = step.state == ChunkDecoder::State::kDone;
      break;
    }
  }
  if (!account()) {
    ++shared_.counters.overloads;
    return refuse(overload_problem(), now);
  }
  if (!done) return std::nullopt;
  return request_complete(bytes.substr(used));
}

Act Connection::request_complete(std::string_view rest) {
  in_.assign(rest.begin(), rest.end());
  job_.connection = id_;
  job_.number = ++number_;
  job_.close = !job_.head.keep_alive || shared_.stopping;
  job_.request.listener = config().kind;
  job_.request.peer_spki = link_.peer->spki;
  job_.request.peer_address = link_.address;
  close_after_ = job_.close;
  state_ = State::kAnswering;
  deadline_ = job_.deadline = started_ + limits_.total;
  ++shared_.counters.requests;
  return Act::kDispatch;
}

Job Connection::take_job() {
  // accounted_ stays: the worker holds the bytes until it answers.
  return std::exchange(job_, Job());
}

Act Connection::on_answer(Answer&& a, Moment now) {
  if (state_ != State::kAnswering || a.number != number_) return Act::kWait;
  return start_writing(std::move(a.bytes), close_after_ || shared_.stopping, now);
}

Act Connection::on_overload(Moment now) {
  ++shared_.counters.overloads;
  const std::string text = raw_response(overload_problem(), close_after_);
  // The request was framed, so the connection can go on: a new handshake would cost more than this answer.
  return start_writing(Bytes(text.begin(), text.end()), close_after_, now);
}

Act Connection::on_time(Moment now) {
  if (now < deadline_) return Act::kWait;
  switch (state_) {
    case State::kHead:
    case State::kBody: ++shared_.counters.timeouts; return refuse(timeout_problem(), now);
    case State::kAnswering: ++shared_.counters.timeouts; return refuse(slow_answer_problem(), now);
    case State::kWriting: ++shared_.counters.timeouts; return Act::kClose;
    case State::kIdle:
    case State::kLingering: break;
  }
  return Act::kClose;
}

Act Connection::on_stop(Moment /*now*/) {
  if (answering()) {
    close_after_ = true;
    return Act::kWait;
  }
  return Act::kClose;
}

Act Connection::on_revoked() {
  close_after_ = true;
  return answering() ? Act::kWait : Act::kClose;
}

Act Connection::refuse(const Problem& problem, Moment now) {
  if (problem.status != 503 && problem.status != 408) ++shared_.counters.bad_requests;
  const std::string text = raw_response(problem, true);
  release(in_);
  job_ = Job();
  ++number_;  // an answer that is still being made finds no taker
  return start_writing(Bytes(text.begin(), text.end()), true, now);
}

Act Connection::start_writing(Bytes&& bytes, bool then_close, Moment now) {
  // An unfinished "100 Continue" goes first: OpenSSL wants a write that it began repeated.
  out_.erase(out_.begin(), out_.begin() + static_cast<std::ptrdiff_t>(written_));
  if (out_.empty()) {
    out_ = std::move(bytes);
  } else {
    out_.insert(out_.end(), bytes.begin(), bytes.end());
  }
  written_ = 0;
  close_after_ = then_close;
  state_ = State::kWriting;
  if (!account()) {
    ++shared_.counters.overloads;
    return Act::kClose;
  }
  deadline_ = now + shared_.config.timeouts.write + std::chrono::seconds(out_.size() / kBytesPerSecond);
  return write_on(now);
}

Act Connection::write_on(Moment now) {
  while (written_ < out_.size()) {
    ERR_clear_error();
    std::size_t n = 0;
    const int rc = SSL_write_ex(link_.ssl.get(), out_.data() + written_, out_.size() - written_, &n);
    if (rc != 1) {
      const int error = SSL_get_error(link_.ssl.get(), rc);
      return error == SSL_ERROR_WANT_WRITE || error == SSL_ERROR_WANT_READ ? Act::kWait : Act::kClose;
    }
    written_ += n;
  }
  Bytes().swap(out_);
  written_ = 0;
  return state_ == State::kWriting ? after_answer(now) : Act::kWait;
}

Act Connection::after_answer(Moment now) {
  if (close_after_) return linger(now);
  state_ = State::kIdle;
  idle_since_ = now;
  deadline_ = now + shared_.config.timeouts.idle;
  account();
  // Edge-triggered: what arrived meanwhile gives no new event.
  return Act::kAgain;
}

Act Connection::linger(Moment now) {
  ERR_clear_error();
  SSL_shutdown(link_.ssl.get());
  ::shutdown(fd(), SHUT_WR);
  release(in_);
  account();
  state_ = State::kLingering;
  deadline_ = now + shared_.config.timeouts.linger;
  return discard_input(fd()) ? Act::kWait : Act::kClose;
}

}  // namespace facekeep::http
