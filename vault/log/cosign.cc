#include "vault/log/cosign.h"

#include <algorithm>
#include <vector>

namespace facekeep::log {
namespace {

constexpr std::size_t kTimeSize = 8;
constexpr std::size_t kSignatureSize = kTimeSize + 64;
constexpr CosignTime kMaxTime = (CosignTime{1} << 63) - 1;

VerifierKey verifier(const ledger::WitnessKey& key) {
  return {key.name, key.id, SignatureType::kEd25519, to_bytes(key.public_key)};
}

bool is_by(const NoteSignature& s, const ledger::WitnessKey& key) {
  return s.name == key.name && s.id == key.id;
}

}  // namespace

std::string cosigned_message(std::string_view note_text, CosignTime time) {
  return "cosignature/v1\ntime " + std::to_string(time) + "\n" + std::string(note_text);
}

Result<NoteSignature> cosign(const ledger::WitnessKey& key, std::string_view note_text, CosignTime time,
                             const Sign& sign) {
  if (time > kMaxTime || !note_text.ends_with('\n')) {
    return make_error(Errc::kInvalidArgument, "a cosignature is over the text of a note, at a time before 2^63");
  }
  FK_TRY(const Bytes raw, sign(as_bytes(cosigned_message(note_text, time))));
  NoteSignature out{key.name, key.id, {}};
  append_be64(out.signature, time);
  out.signature.insert(out.signature.end(), raw.begin(), raw.end());
  FK_CHECK(verify_cosignature(key, note_text, out));
  return out;
}

Result<CosignTime> verify_cosignature(const ledger::WitnessKey& key, std::string_view note_text,
                                      const NoteSignature& signature) {
  if (!is_by(signature, key) || signature.signature.size() != kSignatureSize) {
    return make_error(Errc::kMalformed, "not a cosignature of " + key.name);
  }
  const CosignTime time = load_be64(signature.signature.data());
  if (time > kMaxTime)
    return make_error(Errc::kMalformed, "the time of a cosignature of " + key.name + " is too large");
  FK_CHECK(verify_signature(verifier(key), as_bytes(cosigned_message(note_text, time)),
                            ByteView(signature.signature).subspan(kTimeSize)));
  return time;
}

Result<std::vector<Cosignature>> find_cosignatures(const Note& note, std::span<const ledger::WitnessKey> known) {
  std::vector<Cosignature> out;
  for (std::size_t i = 0; i < known.size(); ++i) {
    std::optional<Cosignature> latest;
    for (const NoteSignature& s : note.signatures) {
      if (!is_by(s, known[i])) continue;
      FK_TRY(const CosignTime time, verify_cosignature(known[i], note.text, s));
      if (!latest || time > latest->time) latest = Cosignature{i, time, s};
    }
    if (latest) out.push_back(std::move(*latest));
  }
  return out;
}

Result<Cosigned> open_cosigned(std::string_view text, const LogKeys& log_keys, const ledger::Witnesses& witnesses) {
  std::vector<ledger::WitnessKey> keys;
  for (const auto& w : witnesses.list) {
    FK_TRY(ledger::WitnessKey key, ledger::parse_witness_key(w.vkey));
    keys.push_back(std::move(key));
  }
  Cosigned out;
  FK_TRY(out.checkpoint, open_checkpoint(text, log_keys, Extensions::kTolerate));
  FK_TRY(const Note note, parse_note(text));
  FK_TRY(const auto found, find_cosignatures(note, keys));
  if (witnesses.quorum == 0 || found.size() < witnesses.quorum) {
    return make_error(Errc::kIntegrity, std::to_string(found.size()) + " of the " + std::to_string(witnesses.quorum) +
                                            " witnesses that it takes have cosigned it");
  }
  std::vector<CosignTime> times;
  for (const auto& c : found) times.push_back(c.time);
  std::sort(times.rbegin(), times.rend());
  // A time that no clock reads is as good as none.
  constexpr CosignTime kLatest = 253'402'300'799;  // 9999-12-31
  out.time = static_cast<UnixMillis>(std::min(times[witnesses.quorum - 1], kLatest)) * 1000;
  out.witnesses = static_cast<std::uint32_t>(found.size());
  return out;
}

}  // namespace facekeep::log
