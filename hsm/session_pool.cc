#include "hsm/session_pool.h"

#include <algorithm>

namespace facekeep::hsm {

Result<std::shared_ptr<SessionPool>> SessionPool::open(std::shared_ptr<Token> token, PoolOptions options) {
  std::shared_ptr<SessionPool> pool(new SessionPool(std::move(token), options));
  const std::lock_guard lock(pool->recovery_);
  FK_CHECK(pool->connect(false));
  return pool;
}

SessionPool::~SessionPool() {
  Calls calls = token_->module().enter();
  close_all(calls);
}

void SessionPool::close_all(Calls& calls) {
  const std::lock_guard lock(mutex_);
  if (keeper_) idle_.push_back(*keeper_);  // last: the login ends with it
  keeper_.reset();
  for (const Open& open : idle_) {
    if (open.generation == calls.generation()) calls.close_session(open.handle);
  }
  idle_.clear();
}

void SessionPool::Lease::end() {
  if (pool_ == nullptr) return;
  const bool live = open_.generation == calls_->generation();
  if (live && !keep_) calls_->close_session(open_.handle);
  // give_back() may ask for the permission again.
  calls_.reset();
  std::exchange(pool_, nullptr)->give_back(keep_ && live ? std::optional(open_) : std::nullopt);
}

void SessionPool::give_back(std::optional<Open> open) {
  bool stale = false;
  {
    const std::lock_guard lock(mutex_);
    --leased_;
    stale = open && open->epoch != epoch_;
    if (open && !stale) idle_.push_back(*open);
  }
  returned_.notify_one();
  if (!stale) return;
  Calls calls = token_->module().enter();
  if (open->generation == calls.generation()) calls.close_session(open->handle);
}

// Waits until a session may be leased, and counts it as leased.
Status SessionPool::await_turn(std::uint64_t& epoch, std::optional<Open>& idle) {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (down_) {
      if (down_->code == Errc::kHsmPin || std::chrono::steady_clock::now() < next_attempt_) return *down_;
      const std::uint64_t seen = epoch_;
      lock.unlock();
      FK_CHECK(bring_back(seen, {CKR_DEVICE_REMOVED, "the token"}));
      lock.lock();
      continue;
    }
    if (leased_ < limit_) break;
    returned_.wait(lock);
  }
  ++leased_;
  epoch = epoch_;
  if (!idle_.empty()) {
    idle = idle_.back();
    idle_.pop_back();
  }
  return {};
}

// Nothing: the token has no room for another session now, and others are leased.
Result<std::optional<SessionPool::Lease>> SessionPool::open_lease(std::uint64_t epoch, std::optional<Open> idle) {
  Calls calls = token_->module().enter();
  ck_slot_id_t slot = 0;
  {
    const std::lock_guard lock(mutex_);
    slot = slot_;
  }
  if (idle && idle->generation == calls.generation()) {
    return std::optional<Lease>(Lease(this, std::move(calls), *idle, slot));
  }
  auto opened = calls.open_session(slot);
  if (opened) {
    const Open open{*opened, calls.generation(), epoch};
    return std::optional<Lease>(Lease(this, std::move(calls), open, slot));
  }
  const Rv failure = calls.failure();
  {
    const Calls released(std::move(calls));  // bring_back() may need to initialise anew
  }
  bool full = false;
  {
    const std::lock_guard lock(mutex_);
    --leased_;
    // Another's session may have come back meanwhile: it is idle then, and this caller's.
    const std::size_t others = leased_ + idle_.size();
    full = failure.code == CKR_SESSION_COUNT && others > 0;
    if (full) limit_ = others;
  }
  returned_.notify_one();
  if (full) return std::optional<Lease>();
  if (!failure.session_lost()) return std::move(opened).error();
  FK_CHECK(bring_back(epoch, failure));
  return std::optional<Lease>();
}

Result<SessionPool::Lease> SessionPool::acquire() {
  constexpr int kAttempts = 100;  // each waits for a session, or brought the token back
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    std::uint64_t epoch = 0;
    std::optional<Open> idle;
    FK_CHECK(await_turn(epoch, idle));
    FK_TRY(auto lease, open_lease(epoch, idle));
    if (lease) return std::move(*lease);
  }
  return make_error(Errc::kHsmGone, "the token keeps losing its sessions", "look at the token and its service");
}

// True if the keeper still answers, logged in.
bool SessionPool::keeper_well() {
  Calls calls = token_->module().enter();
  std::optional<Open> keeper;
  {
    const std::lock_guard lock(mutex_);
    keeper = keeper_;
  }
  if (!keeper || keeper->generation != calls.generation()) return false;
  auto info = calls.session_info(keeper->handle);
  return info && info->state == CKS_RW_USER_FUNCTIONS;
}

Status SessionPool::bring_back(std::uint64_t seen_epoch, const Rv& why) {
  const std::lock_guard recovering(recovery_);
  {
    const std::lock_guard lock(mutex_);
    if (epoch_ != seen_epoch && !down_) return {};  // another thread did
    if (down_ && (down_->code == Errc::kHsmPin || std::chrono::steady_clock::now() < next_attempt_)) return *down_;
  }
  if (why.one_session_lost() && keeper_well()) return {};
  auto connected = connect(why.code == CKR_CRYPTOKI_NOT_INITIALIZED);
  if (connected) return {};
  Error error = std::move(connected).error();
  if (error.code != Errc::kHsmPin) error.code = Errc::kHsmGone;
  const std::lock_guard lock(mutex_);
  down_ = error;
  next_attempt_ = std::chrono::steady_clock::now() + options_.retry_after;
  returned_.notify_all();
  return error;
}

// Precondition: recovery_ is held, and no Calls by this thread.
Status SessionPool::connect(bool module_too) {
  std::uint64_t generation = 0;
  Status done = connect_once(generation);
  if ((done && !module_too) || token_->pin_refusal()) return done;
  // Some modules see a token that came back, or a service that was restarted, only when new.
  FK_CHECK(token_->module().reinitialise(generation));
  return connect_once(generation);
}

Status SessionPool::connect_once(std::uint64_t& generation) {
  Calls calls = token_->module().enter();
  generation = calls.generation();
  close_all(calls);
  if (auto refused = token_->pin_refusal()) return *refused;
  FK_TRY(const ck_slot_id_t slot, token_->locate(calls));
  FK_TRY(const ck_token_info info, calls.token_info(slot));
  FK_TRY(const ck_session_handle_t session, calls.open_session(slot));
  if (auto in = token_->login(calls, slot, session); !in) {
    calls.close_session(session);
    return in;
  }
  const std::lock_guard lock(mutex_);
  slot_ = slot;
  ++epoch_;
  keeper_ = Open{session, generation, epoch_};
  down_.reset();
  // 0 is "no limit", all ones "not known" (PKCS#11 2.40, CK_TOKEN_INFO); the keeper takes one.
  const unsigned long most = info.max_rw_session_count;
  const bool limited = most != CK_EFFECTIVELY_INFINITE && most != CK_UNAVAILABLE_INFORMATION;
  limit_ = std::max<std::size_t>(
      1, limited ? std::min<std::size_t>(options_.max_sessions, most - 1) : options_.max_sessions);
  returned_.notify_all();
  return {};
}

Status SessionPool::check() {
  return run(Repeat::kSafe, [&](Session& s) -> Status {
    FK_CHECK(token_->verify_present(s.calls, s.slot));
    FK_TRY(const ck_session_info info, s.calls.session_info(s.handle));
    if (info.state == CKS_RW_USER_FUNCTIONS) return {};
    return s.calls.lost(CKR_USER_NOT_LOGGED_IN, "C_GetSessionInfo");
  });
}

std::optional<Error> SessionPool::down() const {
  const std::lock_guard lock(mutex_);
  return down_;
}

}  // namespace facekeep::hsm
