#include "tools/facekeep/start_check.h"

#include <filesystem>

#include "tools/facekeep/follow_keys.h"
#include "vault/base/newer.h"
#include "vault/base/problem.h"
#include "vault/log/merkle.h"

namespace facekeep::tools {
namespace {

Error bad_answer() {
  return say_error(Errc::kMalformed, "bad-answer", Msg::kCliBadAnswer, Msg::kCliBadAnswerHint, {"/v1/seal-status"});
}

bool has_text(const Json& o, const char* key) {
  return o.contains(key) && o[key].is_string();
}
bool has_number(const Json& o, const char* key) {
  return o.contains(key) && o[key].is_number_unsigned();
}

}  // namespace

Result<std::vector<Digest>> parse_hashes(const Json& list) {
  if (!list.is_array() || list.size() > log::kMaxConsistencyHashes) return bad_answer();
  std::vector<Digest> out;
  for (const Json& item : list) {
    if (!item.is_string()) return bad_answer();
    const auto bytes = from_base64(item.get<std::string>());
    Digest hash{};
    if (!bytes || bytes->size() != hash.size()) return bad_answer();
    std::copy(bytes->begin(), bytes->end(), hash.begin());
    out.push_back(hash);
  }
  return out;
}

Result<std::vector<SealStatusView::Group>> parse_groups(const Json& answer) {
  if (!answer.contains("groups") || !answer["groups"].is_array()) return bad_answer();
  std::vector<SealStatusView::Group> out;
  for (const Json& g : answer["groups"]) {
    if (!g.is_object() || !has_text(g, "id") || !has_number(g, "in") || !has_number(g, "threshold"))
      return bad_answer();
    out.push_back({g["id"].get<std::string>(), g["in"].get<std::uint64_t>(), g["threshold"].get<std::uint64_t>()});
  }
  return out;
}

std::string groups_text(const std::vector<SealStatusView::Group>& groups) {
  std::string out;
  for (const auto& g : groups) {
    if (!out.empty()) out += ", ";
    out += g.id + " " + std::to_string(g.in) + "/" + std::to_string(g.threshold);
  }
  return out;
}

namespace {

Status parse_dates(const Json& answer, SealStatusView& s) {
  const auto is_true = [](const Json& object, const char* key) { return object.contains(key) && object[key] == true; };
  if (answer.contains("schedule")) {
    const Json& d = answer["schedule"];
    if (!d.is_object() || !has_text(d, "due")) return bad_answer();
    s.schedule = {d["due"].get<std::string>(), is_true(d, "soon"), is_true(d, "overdue")};
  }
  if (answer.contains("cards")) {
    const Json& c = answer["cards"];
    if (!c.is_object() || !has_text(c, "made") || !has_text(c, "next")) return bad_answer();
    s.cards = {c["made"].get<std::string>(), c["next"].get<std::string>(), is_true(c, "check")};
  }
  return {};
}

}  // namespace

Result<SealStatusView> parse_seal_status(const Json& answer) {
  if (!answer.is_object() || !has_text(answer, "state") || !has_text(answer, "vault") ||
      !has_text(answer, "checkpoint") || !answer.contains("rehearsal") || !answer["rehearsal"].is_boolean()) {
    return bad_answer();
  }
  SealStatusView s;
  s.state = answer["state"].get<std::string>();
  const auto vault = from_hex_exact<16>(answer["vault"].get<std::string>());
  if (!vault) return bad_answer();
  s.vault = *vault;
  s.rehearsal = answer["rehearsal"].get<bool>();
  s.clock_jumped = answer.contains("clock_jumped") && answer["clock_jumped"] == true;
  s.checkpoint = answer["checkpoint"].get<std::string>();
  FK_TRY(s.groups, parse_groups(answer));
  const Json templates = answer.value("templates", Json::object());
  if (!templates.is_object()) return bad_answer();
  if (has_number(templates, "total")) s.templates_total = templates["total"].get<std::uint64_t>();
  if (has_number(templates, "loaded")) s.templates_loaded = templates["loaded"].get<std::uint64_t>();
  if (has_number(templates, "refused")) s.templates_refused = templates["refused"].get<std::uint64_t>();
  if (answer.contains("rotation")) {
    const Json& r = answer["rotation"];
    if (!r.is_object() || !has_number(r, "done") || !has_number(r, "total")) return bad_answer();
    s.rotation = {r["done"].get<std::uint64_t>(), r["total"].get<std::uint64_t>(),
                  r.contains("cards_untried") && r["cards_untried"] == true};
  }
  FK_CHECK(parse_dates(answer, s));
  if (answer.contains("recovered")) {
    const Json& r = answer["recovered"];
    if (!r.is_object() || !has_number(r, "entry") || !has_text(r, "kind")) return bad_answer();
    s.recovered = {r["entry"].get<std::uint64_t>(), r["kind"].get<std::string>()};
  }
  if (answer.contains("ticket")) {
    const Json& t = answer["ticket"];
    if (!t.is_object() || !has_number(t, "number") || !has_text(t, "expires") || !has_text(t, "box") ||
        !has_text(t, "group")) {
      return bad_answer();
    }
    s.ticket = {t["number"].get<std::uint64_t>(),      t["expires"].get<std::string>(),
                t["box"].get<std::string>(),           t["group"].get<std::string>(),
                t.value("unattended", Json()) == true, t.value("delivered", Json()) == true};
  }
  const Json start = answer.value("start", Json::object());
  if (!start.is_object() || !has_number(start, "entry") || !has_text(start, "event") || !start.contains("proof")) {
    return bad_answer();
  }
  s.start_entry = start["entry"].get<std::uint64_t>();
  s.start_event = start["event"].get<std::string>();
  FK_TRY(s.start_proof, parse_hashes(start["proof"]));
  return s;
}

Result<CheckedStart> check_start(const Notice& notice, const SealStatusView& status) {
  if (status.vault != notice.vault) {
    return say_error(Errc::kIntegrity, "other-vault", Msg::kCliOtherVault, Msg::kCliOtherVaultHint,
                     {to_hex(status.vault), to_hex(notice.vault)});
  }
  if (status.rehearsal != notice.rehearsal) {
    return say_error(Errc::kIntegrity, "rehearsal-differs", Msg::kCliRehearsalDiffers, Msg::kCliOtherVaultHint);
  }
  CheckedStart out;
  auto checkpoint = log::open_checkpoint(status.checkpoint, notice.keys());
  if (!checkpoint && is_problem(checkpoint.error(), "old-log-key")) {
    return say_error(Errc::kIntegrity, "old-log-key", Msg::kLogKeyOld, Msg::kCliTellHint, {checkpoint.error().message});
  }
  if (!checkpoint) {
    return say_error(Errc::kCrypto, "bad-checkpoint", Msg::kCliBadCheckpoint, Msg::kCliTellHint,
                     {checkpoint.error().message});
  }
  out.checkpoint = std::move(*checkpoint);
  out.note = status.checkpoint;
  out.entry = status.start_entry;
  const Digest leaf = log::leaf_hash(as_bytes(status.start_event));
  if (!log::verify_inclusion(status.start_entry, out.checkpoint.size, leaf, status.start_proof, out.checkpoint.root)) {
    return say_error(Errc::kIntegrity, "start-not-in-log", Msg::kCliStartNotInLog, Msg::kCliTellHint);
  }
  const auto event = ledger::decode_event(status.start_event);
  // It is in the log that the vault's key signed: what this program can't read there, a newer one wrote.
  if (!event) {
    return say_error(Errc::kFailedPrecondition, "newer-vault", Msg::kCliNewerVault, Msg::kCliNewerVaultHint,
                     {program_version(), event.error().message});
  }
  const auto* start = event ? std::get_if<ledger::Start>(&event->body) : nullptr;
  if (start == nullptr) {
    return say_error(Errc::kIntegrity, "no-start-event", Msg::kCliNoStartEvent, Msg::kCliTellHint);
  }
  out.start = *start;
  out.time = event->time;
  return out;
}

Result<Continuity> check_continuity(const Notice& notice, const log::Checkpoint& now, const ClientMemory& memory,
                                    const FetchConsistency& fetch) {
  FK_TRY(const auto note, memory.get(notice.vault));
  auto before = note ? log::open_checkpoint(*note, notice.keys()) : Result<log::Checkpoint>(log::Checkpoint());
  const bool lost = !before && is_problem(before.error(), "lost-tree");
  // At first contact the notice's own checkpoint stands in, and where what is remembered is lost: another genesis under
  // the same keys does not extend it.
  if (!note || lost) {
    before = log::Checkpoint();
    if (!notice.checkpoint.empty()) before = log::open_checkpoint(notice.checkpoint, notice.keys());
    const bool nothing = before ? before->size == 0 : is_problem(before.error(), "lost-tree");
    if (nothing && notice.keys().recovered_since(notice.log_key)) {
      return say_error(Errc::kIntegrity, "no-anchor", Msg::kCliNoAnchor, Msg::kCliNoAnchorHint);
    }
  }
  if (!before) {
    return say_error(Errc::kIntegrity, "bad-memory", Msg::kCliBadMemory, Msg::kCliBadMemoryHint, {memory.directory()});
  }
  const std::string old_size = std::to_string(before->size);
  const std::string new_size = std::to_string(now.size);
  if (before->size > now.size) {
    return say_error(Errc::kIntegrity, "rolled-back", Msg::kCliRolledBack, Msg::kCliTellHint, {new_size, old_size});
  }
  std::vector<Digest> proof;
  if (before->size < now.size && before->size > 0) {
    FK_TRY(proof, fetch(before->size, now.size));
  }
  if (before->size > 0 && !log::verify_consistency(before->size, before->root, now.size, now.root, proof)) {
    return say_error(Errc::kIntegrity, "forked", Msg::kCliForked, Msg::kCliTellHint, {old_size, new_size});
  }
  if (!note || lost) return lost ? Continuity::kLost : Continuity::kFirstContact;
  return before->size == now.size ? Continuity::kSame : Continuity::kGrown;
}

namespace {

// The custodians signed for it; that nobody reads over it is the least.
void tell_lost(const Context& context, const log::LogKeys& keys) {
  for (const log::LogKey& k : keys.chain()) {
    if (k.lost_upto <= k.upto) continue;
    context.err << context.text(Msg::kCliEntriesLost, {std::to_string(k.upto), std::to_string(k.lost_upto - 1)})
                << "\n";
  }
}

Result<CheckedVault> check_vault_once(const Context& context, const ClientMemory& memory, const Notice& notice,
                                      VaultApi& api) {
  FK_CHECK(use_remembered_keys(memory, notice));
  FK_TRY(const Json answer, api.json("GET", "/v1/seal-status"));
  CheckedVault out;
  FK_TRY(out.status, parse_seal_status(answer));
  FK_CHECK(follow_keys(context, notice, api, out.status.checkpoint));
  FK_TRY(out.start, check_start(notice, out.status));
  const FetchConsistency fetch = [&](std::uint64_t from, std::uint64_t to) -> Result<std::vector<Digest>> {
    const std::string target = "/v1/log/proofs/consistency?from=" + std::to_string(from) + "&to=" + std::to_string(to);
    FK_TRY(const Json proof, api.json("GET", target));
    return parse_hashes(proof.value("proof", Json()));
  };
  FK_TRY(out.continuity, check_continuity(notice, out.start.checkpoint, memory, fetch));
  FK_CHECK(remember_keys(memory, notice));
  if (out.continuity == Continuity::kLost) {
    tell_lost(context, notice.keys());
    // What was folded of the lost entries goes, before it is forgotten that they were there.
    std::error_code error;
    std::filesystem::remove(memory.state_path(notice.vault), error);
    if (error) return make_error(Errc::kIo, "can't remove " + memory.state_path(notice.vault) + ": " + error.message());
    FK_CHECK(memory.put_over_lost(notice.vault, out.start.note));
  } else if (out.continuity != Continuity::kSame) {
    FK_CHECK(memory.put(notice.vault, out.start.note));
  }
  return out;
}

}  // namespace

Msg continuity_text(Continuity continuity) {
  switch (continuity) {
    case Continuity::kFirstContact: return Msg::kCliFirstContact;
    case Continuity::kLost: return Msg::kCliLogLost;
    default: return Msg::kCliLogContinues;
  }
}

Result<CheckedVault> check_vault_now(const Context& context, const Notice& notice, VaultApi& api) {
  FK_TRY(const ClientMemory memory, context.memory());
  for (int attempt = 0;; ++attempt) {
    auto out = check_vault_once(context, memory, notice, api);
    // Another process of this person remembered a later head meanwhile: this one is held against it, too.
    if (out || out.error().code != Errc::kConflict || attempt == 3) return out;
  }
}

}  // namespace facekeep::tools
