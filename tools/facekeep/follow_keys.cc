#include "tools/facekeep/follow_keys.h"

#include "tools/facekeep/folded_log.h"
#include "tools/facekeep/log_entries.h"
#include "vault/base/problem.h"
#include "vault/log/handovers.h"

namespace facekeep::tools {
namespace {

bool opens(const std::string& note, const log::LogKeys& keys) {
  const auto opened = log::open_checkpoint(note, keys);
  return opened || !is_problem(opened.error(), "unknown-log-key");
}

// The public listener has them for certain; whoever has a connection already asks there first.
class HandoverNotes {
 public:
  HandoverNotes(const Notice& notice, VaultApi& api) : notice_(notice), api_(api) {}

  Result<std::string> get(std::uint64_t n) {
    const std::string target = "/log/handover/" + std::to_string(n);
    auto bytes = (public_ ? *public_ : api_).bytes("GET", target);
    if (n == 1 && !bytes && bytes.error().code == Errc::kNotFound) {
      FK_TRY(VaultApi other, VaultApi::connect_public(notice_));
      public_.emplace(std::move(other));
      auto asked = public_->bytes("GET", target);
      if (asked) bytes = std::move(asked);
    }
    if (!bytes) return std::move(bytes).error();
    return std::string(as_chars(*bytes));
  }

 private:
  const Notice& notice_;
  VaultApi& api_;
  std::optional<VaultApi> public_;
};

void tell(const Context& context, const log::LogKey& key) {
  const Msg what = key.recovered ? Msg::kCliRecovered : Msg::kCliNewKey;
  context.err << context.text(what, {std::to_string(key.from - 1)}) << "\n";
}

}  // namespace

Status use_remembered_keys(const ClientMemory& memory, const Notice& notice) {
  FK_TRY(const auto text, memory.log_keys(notice.vault));
  if (!text) return {};
  auto keys = log::LogKeys::parse(*text);
  if (!keys) {
    return say_error(Errc::kIntegrity, "bad-memory", Msg::kCliBadMemory, Msg::kCliBadMemoryHint, {memory.directory()});
  }
  notice.keys() = std::move(*keys);
  return {};
}

Status remember_keys(const ClientMemory& memory, const Notice& notice) {
  FK_TRY(const auto before, memory.log_keys(notice.vault));
  const std::string now = notice.keys().format();
  return before == now ? Status() : memory.put_log_keys(notice.vault, now);
}

Status follow_keys(const Context& context, const Notice& notice, VaultApi& api, const std::string& served) {
  const auto checked = [&]() -> Status {
    if (notice.keys().has(notice.log_key)) return {};
    return say_error(Errc::kIntegrity, "other-log-key", Msg::kLogKeyUnproven, Msg::kCliTellHint,
                     {log::format_vkey(notice.log_key)});
  };
  if (opens(served, notice.keys())) return checked();
  FK_TRY(const log::Note note, log::parse_note(served));
  FK_TRY(const log::Checkpoint stated, log::parse_checkpoint_text(note.text));
  log::HandoverSource source;
  HandoverNotes notes(notice, api);
  source.note = [&notes](std::uint64_t n) { return notes.get(n); };
  source.last = [&](const log::Checkpoint& tree) -> Result<log::HandoverSource::Last> {
    log::HandoverSource::Last out;
    FK_TRY(out.entry, fetch_entry(api, stated.size, tree.size - 1));
    FK_TRY(out.proof, fetch_inclusion(api, tree, tree.size - 1));
    return out;
  };
  source.fold = [&](const log::Checkpoint& tree) { return fold_unproven(context, notice, api, tree); };
  source.goes_on = [&](const log::Checkpoint& seen, const log::Checkpoint& tree) {
    return check_same_log(api, seen, tree);
  };
  auto followed = log::follow_handovers(notice.keys(), source);
  // What is no note leads nowhere, and the checkpoint stays closed.
  if (!followed && followed.error().code == Errc::kMalformed) return checked();
  if (!followed) return std::move(followed).error();
  for (std::size_t i = notice.keys().chain().size(); i < followed->keys.chain().size(); ++i) {
    tell(context, followed->keys.chain()[i]);
  }
  notice.keys() = std::move(followed->keys);
  return checked();
}

}  // namespace facekeep::tools
