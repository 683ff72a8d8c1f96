#include "hsm/trial_steps.h"

#include <condition_variable>
#include <mutex>
#include <thread>

#include "hsm/spare.h"
#include "hsm/wrap.h"
#include "vault/base/digest.h"

namespace facekeep::hsm {
namespace {

const ByteView kContext = as_bytes("trial context");
const ByteView kNote = as_bytes("trial\n1\nroot\n");

Outcome refused(const Error& error) {
  return {Finding::kRefused, error.message};
}

Outcome refused(std::string why) {
  return {Finding::kRefused, std::move(why)};
}

Outcome of(const Status& status) {
  return status ? Outcome{Finding::kWorks, {}} : refused(status.error());
}

Error wrong(std::string what) {
  return make_error(Errc::kIntegrity, std::move(what));
}

Status opens_again(Custody& custody, std::uint32_t epoch, ByteView secret) {
  FK_TRY(const Bytes blob, custody.wrap(epoch, secret, kContext));
  FK_TRY(const SecretBytes back, custody.unwrap(epoch, blob, kContext));
  if (constant_time_equal(back.view(), secret)) return {};
  return wrong("what was wrapped opens to something else");
}

// `attempt` must fail with this code.
template <class T>
Status must_refuse(const Result<T>& attempt, Errc code, const std::string& what) {
  if (attempt) return wrong("the token opens a secret " + what);
  if (attempt.error().code == code) return {};
  return wrong("a secret " + what + " is not refused as such, but: " + attempt.error().message);
}

Status refuses_wrong(Trial& t) {
  const SecretBytes secret = random_secret(32);
  FK_TRY(const Bytes blob, t.custody->wrap(t.epoch, secret.view(), kContext));
  FK_CHECK(must_refuse(t.custody->unwrap(t.epoch, blob, as_bytes("another context")), Errc::kCrypto,
                       "with a wrong context"));
  FK_CHECK(must_refuse(t.custody->unwrap(t.epoch + 1, blob, kContext), Errc::kCrypto, "of another epoch"));
  for (const std::size_t at : {blob.size() - 1, blob.size() / 2, kBlobHeaderSize}) {
    Bytes altered = blob;
    altered[at] ^= 1;
    FK_CHECK(must_refuse(t.custody->unwrap(t.epoch, altered, kContext), Errc::kCrypto, "with a bit flipped"));
  }
  // A refusal must not have cost more than the one operation.
  FK_TRY(const SecretBytes back, t.custody->unwrap(t.epoch, blob, kContext));
  if (constant_time_equal(back.view(), secret.view())) return {};
  return wrong("what was wrapped opens to something else");
}

Status anchor_is(Trial& t, const std::optional<Anchor>& wanted) {
  FK_TRY(const auto is, t.custody->read_anchor());
  if (is == wanted) return {};
  return wrong("the anchor that is read is not the one that was written");
}

Status keeps_anchor(Trial& t) {
  FK_CHECK(anchor_is(t, std::nullopt));
  Anchor anchor;
  for (const std::uint64_t size : {1, 2, 3}) {
    anchor = {size, {}, static_cast<UnixMillis>(1'000 * size)};
    anchor.root.fill(static_cast<std::uint8_t>(size));
    FK_CHECK(t.custody->write_anchor(anchor));
    FK_CHECK(anchor_is(t, anchor));
  }
  FK_TRY(const auto objects,
         t.pool->run(Repeat::kSafe, [&](Session& s) { return find_prefixed(s, object_prefix(t.vault) + "anchor-"); }));
  if (objects.size() != 1) return wrong(std::to_string(objects.size()) + " anchors are left where one should be");
  const Status back = t.custody->write_anchor({2, {}, 9'000});
  if (back || back.error().code != Errc::kFailedPrecondition) return wrong("the anchor went back");
  return anchor_is(t, anchor);
}

Status rotates(Trial& t) {
  const SecretBytes secret = random_secret(32);
  FK_TRY(const auto made, provision_root(*t.pool, t.vault, 2, t.root->mechanism == WrapMechanism::kRsaOaep));
  (void)made;
  FK_TRY(const Bytes first, t.custody->wrap(1, secret.view(), kContext));
  FK_CHECK(t.custody->destroy_root(1));
  t.epoch = 2;
  FK_CHECK(must_refuse(t.custody->unwrap(1, first, kContext), Errc::kNotFound, "whose root was destroyed"));
  return opens_again(*t.custody, 2, secret.view());
}

// True if an operation ran on a second session while the first was held; false if it had to wait for it.
Result<bool> both_at_once(Trial& t) {
  std::mutex mutex;
  std::condition_variable changed;
  bool held = false;
  bool over = false;
  Status second;
  std::jthread other([&] {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return held; });
    lock.unlock();
    Status done = opens_again(*t.custody, t.epoch, random_secret(32).view());
    lock.lock();
    second = std::move(done);
    over = true;
    changed.notify_all();
  });
  auto at_once = t.pool->run(Repeat::kOnce, [&](Session& s) -> Result<bool> {
    FK_TRY(const auto key, find_wrap_key(s, root_label(t.vault, t.epoch)));
    std::unique_lock lock(mutex);
    held = true;
    changed.notify_all();
    const bool both = changed.wait_for(lock, std::chrono::seconds(5), [&] { return over; });
    lock.unlock();
    FK_TRY(const Bytes blob, wrap_secret(s, key, t.epoch, random_secret(32).view(), kContext));
    FK_TRY(const SecretBytes opened, unwrap_secret(s, key, t.epoch, blob, kContext));
    (void)opened;
    return both;
  });
  {
    const std::lock_guard lock(mutex);
    held = true;  // it may have failed before
    changed.notify_all();
  }
  other.join();
  FK_TRY(const bool both, std::move(at_once));
  FK_CHECK(second);
  return both;
}

// Both log keys of a handover, side by side; each signature is verified before it is returned.
Status hands_over(Trial& t) {
  FK_CHECK(t.custody->sign_checkpoint(t.log_key->public_key, kNote));
  FK_TRY(const LogPublicKey next, t.custody->make_log_key());
  FK_CHECK(t.custody->sign_checkpoint(t.log_key->public_key, kNote));
  FK_CHECK(t.custody->sign_checkpoint(next.bytes, kNote));
  FK_CHECK(t.custody->destroy_log_key(next.bytes));
  FK_TRY(const auto left, t.custody->log_keys());
  return left.size() == 1 ? Status() : Status(wrong("a log key is there after it was destroyed"));
}

Status opens_from_spare(Trial& t) {
  const SecretBytes secret = random_secret(32);
  FK_TRY(const Bytes blob, wrap_to_spare(t.spare->key, 1, secret.view(), kContext));
  FK_TRY(const SecretBytes back, unwrap_with_spare(*t.pool, 1, blob, kContext));
  if (!constant_time_equal(back.view(), secret.view())) return wrong("what was wrapped opens to something else");
  return must_refuse(unwrap_with_spare(*t.pool, 1, blob, as_bytes("another context")), Errc::kCrypto,
                     "with a wrong context");
}

}  // namespace

Outcome try_root(Trial& t) {
  auto made = create_wrap_key(*t.pool, root_label(t.vault, 1), false);
  if (!made) return refused(made.error());
  t.root = std::move(*made);
  const bool gcm = t.root->mechanism == WrapMechanism::kAesGcm;
  return {gcm ? Finding::kWorks : Finding::kFallback, t.root->evidence.mechanism};
}

Outcome try_log_key(Trial& t) {
  auto made = create_log_key(*t.pool, t.vault, false);
  if (!made) return refused(made.error());
  auto custody = TokenCustody::open(t.pool, t.vault);
  if (!custody) return refused(custody.error());
  t.log_key = std::move(*made);
  t.custody = std::move(*custody);
  const bool ed25519 = t.log_key->type == NoteKeyType::kEd25519;
  return {ed25519 ? Finding::kWorks : Finding::kFallback, t.log_key->evidence.mechanism};
}

// Read anew: what the token says of a key must stay what it said when it made it.
Outcome try_evidence(Trial& t) {
  auto now = t.custody->root_evidence(1);
  if (!now) return refused(now.error());
  return {Finding::kWorks,
          "CKA_LOCAL, CKA_SENSITIVE, CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE set, CKA_EXTRACTABLE not"};
}

Outcome try_hidden(Trial& t) {
  struct Asked {
    std::string label;
    ck_object_class_t object_class;
    ck_attribute_type_t value;
    const char* name;
  };
  const bool aes = t.root->mechanism == WrapMechanism::kAesGcm;
  const Asked all[] = {
      {root_label(t.vault, 1), aes ? CKO_SECRET_KEY : CKO_PRIVATE_KEY,
       aes ? ck_attribute_type_t{CKA_VALUE} : ck_attribute_type_t{CKA_PRIVATE_EXPONENT}, "root key"},
      {log_label(t.vault), CKO_PRIVATE_KEY, CKA_VALUE, "log key"},
  };
  for (const Asked& a : all) {
    const auto shown = t.pool->run(Repeat::kSafe, [&](Session& s) -> Result<bool> {
      FK_TRY(const auto key, find_one(s, a.object_class, a.label));
      const auto value = s.calls.attribute(s.handle, key, a.value);
      return value && !value->empty();
    });
    if (!shown) return refused(shown.error());
    if (*shown) return refused("the token shows the value of the " + std::string(a.name));
  }
  return {Finding::kWorks, {}};
}

Outcome try_wrap(Trial& t) {
  for (const std::size_t size : {std::size_t{1}, std::size_t{32}, kMaxWrappedSecret}) {
    if (auto done = opens_again(*t.custody, t.epoch, random_secret(size).view()); !done) return refused(done.error());
  }
  return {Finding::kWorks, {}};
}

Outcome try_context(Trial& t) {
  return of(refuses_wrong(t));
}

Outcome try_sign(Trial& t) {
  return of(hands_over(t));
}

Outcome try_anchor(Trial& t) {
  return of(keeps_anchor(t));
}

Outcome try_rotate(Trial& t) {
  return of(rotates(t));
}

Outcome try_sessions(Trial& t) {
  const auto both = both_at_once(t);
  if (!both) return refused(both.error());
  return {*both ? Finding::kWorks : Finding::kFallback, {}};
}

Outcome try_oaep(Trial& t) {
  if (t.root && t.root->mechanism == WrapMechanism::kRsaOaep) return {Finding::kWorks, t.root->evidence.mechanism};
  auto made = provision_spare(*t.pool, t.vault, 1);
  if (!made) return {Finding::kMissing, made.error().message};
  t.spare = std::move(*made);
  if (auto opened = opens_from_spare(t); !opened) {
    t.spare.reset();
    return {Finding::kMissing, opened.error().message};
  }
  return {Finding::kWorks, t.spare->evidence.mechanism};
}

Outcome try_p256(Trial& t) {
  if (t.log_key && t.log_key->type == NoteKeyType::kEcdsaP256) return {Finding::kWorks, t.log_key->evidence.mechanism};
  auto made = create_log_key(*t.pool, t.second, true);
  if (!made) return {Finding::kMissing, made.error().message};
  auto custody = TokenCustody::open(t.pool, t.second);
  if (!custody) return {Finding::kMissing, custody.error().message};
  const auto signature = (*custody)->sign_checkpoint(made->public_key, kNote);
  if (!signature) return {Finding::kMissing, signature.error().message};
  return {Finding::kWorks, made->evidence.mechanism};
}

std::vector<SpeedOperation> speed_operations(Trial& t) {
  const auto outcome = [](const auto& result) { return result ? Status() : Status(result.error()); };
  const auto secret = std::make_shared<SecretBytes>(random_secret(32));
  const auto blob = std::make_shared<Bytes>();
  const auto size = std::make_shared<std::uint64_t>(10);
  std::vector<SpeedOperation> out;
  if (t.custody) {
    out.push_back({"wrap", [&t, secret, blob]() -> Status {
                     FK_TRY(*blob, t.custody->wrap(t.epoch, secret->view(), kContext));
                     return {};
                   }});
    out.push_back({"unwrap", [=, &t] { return outcome(t.custody->unwrap(t.epoch, *blob, kContext)); }});
    out.push_back({"sign", [=, &t] { return outcome(t.custody->sign_checkpoint(t.log_key->public_key, kNote)); }});
    out.push_back({"anchor-write", [&t, size] { return t.custody->write_anchor({++*size, {}, 0}); }});
    out.push_back({"anchor-read", [=, &t] { return outcome(t.custody->read_anchor()); }});
  }
  if (t.spare) {
    const auto sealed = wrap_to_spare(t.spare->key, 1, secret->view(), kContext);
    if (!sealed) return out;
    out.push_back(
        {"oaep-unwrap", [=, &t, b = *sealed] { return outcome(unwrap_with_spare(*t.pool, 1, b, kContext)); }});
  }
  return out;
}

}  // namespace facekeep::hsm
