#include "vault/backup/witnesses.h"

#include "vault/log/checkpoint.h"

namespace facekeep::backup {
namespace {

Error unknown(const std::string& name, const std::string& why) {
  return make_error(Errc::kUnavailable, "the witness " + name + " does not say what it has seen of the log: " + why,
                    "ask again when it answers. To go on without it: --without-witness " + name +
                        "; if it has seen more than the mirror has, it stops the restored vault");
}

Error other_history(const std::string& name, std::uint64_t size) {
  return make_error(
      Errc::kIntegrity,
      "the witness " + name + " has seen another history than the mirror's, of " + std::to_string(size) + " entries",
      "the vault has signed two: keep both, they are the proof, and find out who did it");
}

Status reached(const std::string& name, std::uint64_t size, const log::WitnessAnswer& answer) {
  if (answer.status == 200) return {};
  if (answer.status == 422) return other_history(name, size);
  if (answer.status != 409) return unknown(name, "it answered " + std::to_string(answer.status));
  const auto seen = log::parse_witness_size(answer.body);
  // To another root at its own size a witness answers 409 as well, with or without that size.
  if (!seen || *seen == size) return other_history(name, size);
  if (*seen < size) return {};
  return make_error(Errc::kIntegrity,
                    "backup and mirror end at " + std::to_string(size) + " entries, but the witness " + name +
                        " has seen " + std::to_string(*seen) +
                        ": a vault that goes on from there would be stopped as rolled back",
                    "take the newest mirror that anyone has; who runs the witness may have one. To go on without these "
                    "entries is a loss that a quorum accepts (--accept-loss)");
}

}  // namespace

Status witnesses_reached(const ledger::Witnesses& named, const std::string& checkpoint, const AskWitness& ask,
                         const std::set<std::string>& without) {
  FK_TRY(const log::Note note, log::parse_note(checkpoint));
  FK_TRY(const log::Checkpoint head, log::parse_checkpoint_text(note.text));
  FK_TRY(const std::string body, log::format_witness_request({head.size, {}, checkpoint}));
  std::set<std::string> not_named = without;
  for (const ledger::Witness& w : named.list) {
    FK_TRY(const ledger::WitnessKey key, ledger::parse_witness_key(w.vkey));
    if (not_named.erase(key.name) > 0) continue;
    if (!ask) return unknown(key.name, "nobody can ask it");
    const auto answer = ask(w, body);
    if (!answer) return unknown(key.name, answer.error().message);
    FK_CHECK(reached(key.name, head.size, *answer));
  }
  if (not_named.empty()) return {};
  return make_error(Errc::kInvalidArgument, "the log names no witness " + *not_named.begin());
}

}  // namespace facekeep::backup
