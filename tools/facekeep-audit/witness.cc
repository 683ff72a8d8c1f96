#include "tools/facekeep-audit/witness.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "tools/common/files.h"
#include "tools/common/say.h"
#include "vault/base/digest.h"
#include "vault/log/cosign.h"
#include "vault/log/merkle.h"

namespace facekeep::tools {
namespace {

constexpr std::string_view kText = "text/plain; charset=utf-8";

bool is_there(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(std::filesystem::symlink_status(path, error));
}

}  // namespace

Result<std::unique_ptr<Witness>> Witness::open(const std::string& dir, const std::vector<log::VerifierKey>& logs,
                                               const WitnessIdentity& identity, const Clock& clock) {
  std::unique_ptr<Witness> out(new Witness(dir, identity, clock));
  FK_TRY(out->lock_, lock_folder(dir));
  for (const log::VerifierKey& key : logs) FK_CHECK(out->load(key));
  return out;
}

std::string Witness::path_of(const std::string& origin) const {
  return dir_ + "/" + to_hex(sha256(as_bytes(origin)));
}

Status Witness::load(const log::VerifierKey& key) {
  const std::string path = path_of(key.name);
  const auto altered = [](const std::string& file, const std::string& why) {
    return say_error(Errc::kIntegrity, "witness-memory", Msg::kAuditWitnessMemory, Msg::kAuditWitnessMemoryHint,
                     {file, why});
  };
  log::LogKeys keys(key);
  if (is_there(path + ".keys")) {
    FK_TRY(const std::string text, load_text(path + ".keys"));
    auto kept = log::LogKeys::parse(text);
    if (!kept) return altered(path + ".keys", kept.error().message);
    keys = std::move(*kept);
  }
  if (is_there(path)) {
    FK_TRY(const std::string note, load_text(path, log::kMaxNoteSize));
    const auto checkpoint = log::open_checkpoint(note, keys, log::Extensions::kTolerate);
    if (!checkpoint) return altered(path, checkpoint.error().message);
    latest_[key.name] = *checkpoint;
  }
  if (!keys.has(key)) FK_CHECK(keys.given(key, latest_of(key.name).size));
  // Another key of the same log may have been given before.
  std::erase_if(logs_, [&](const log::LogKeys& other) { return other.first() == keys.first(); });
  logs_.push_back(std::move(keys));
  return replace_file(path + ".keys", logs_.back().format(), 0600);
}

Status Witness::learn(const log::LogKeys& keys) {
  const std::lock_guard lock(mutex_);
  for (log::LogKeys& known : logs_) {
    if (!keys.has(known.newest()) || keys.newest() == known.newest()) continue;
    // Behind an accepted loss the log has another name, under which nothing was cosigned yet: its person gives that
    // key.
    if (keys.newest().name != known.newest().name) continue;
    FK_CHECK(replace_file(path_of(known.newest().name) + ".keys", keys.format(), 0600));
    known = keys;
  }
  return {};
}

log::Checkpoint Witness::latest(const std::string& origin) const {
  const std::lock_guard lock(mutex_);
  return latest_of(origin);
}

log::Checkpoint Witness::latest_of(const std::string& origin) const {
  const auto it = latest_.find(origin);
  return it == latest_.end() ? log::Checkpoint{origin, 0, log::empty_root(), {}} : it->second;
}

std::vector<std::string> Witness::take_doubtful() {
  const std::lock_guard lock(mutex_);
  return std::exchange(doubtful_, {});
}

Result<log::WitnessAnswer> Witness::cosign(const log::WitnessJudgement& judged) {
  const std::string& origin = judged.checkpoint.origin;
  FK_CHECK(replace_file(path_of(origin), judged.note, 0600));
  latest_[origin] = judged.checkpoint;
  FK_TRY(const log::Note note, log::parse_note(judged.note));
  const auto seconds = static_cast<log::CosignTime>(std::max<UnixMillis>(0, clock_.now().wall) / 1000);
  FK_TRY(const log::NoteSignature line, log::cosign(identity_.key, note.text, seconds, identity_.sign()));
  return log::WitnessAnswer{200, std::string(kText), log::format_signature_line(line)};
}

log::WitnessAnswer Witness::add_checkpoint(std::string_view body) {
  const std::lock_guard lock(mutex_);
  const auto before = [this](const std::string& origin) { return latest_of(origin); };
  const log::WitnessJudgement judged = log::judge_checkpoint(body, logs_, before);
  if (judged.verdict == log::WitnessVerdict::kCosign) {
    auto answer = cosign(judged);
    if (answer) return std::move(*answer);
    return {500, std::string(kText), "the witness could not remember the checkpoint, or not sign it\n"};
  }
  using Verdict = log::WitnessVerdict;
  const bool doubtful = judged.verdict == Verdict::kOtherRoot || judged.verdict == Verdict::kNoProof;
  if (doubtful && doubtful_.size() < kMaxDoubtful) doubtful_.push_back(judged.note);
  return log::refusal_of(judged, latest_of(judged.checkpoint.origin).size);
}

}  // namespace facekeep::tools
