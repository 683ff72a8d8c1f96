// One enrolment from the checked input to what the sequencer writes: the key K drawn, the record and the
// templates sealed. Holds the only right beside the gallery loader to touch a plain template.
#pragma once

#include <string>
#include <vector>

#include "vault/base/secret_bytes.h"
#include "vault/log/sequencer/sequencer.h"
#include "vault/match/engine.h"
#include "vault/open_vault.h"
#include "vault/probe/signed_probe.h"
#include "vault/subject/consent.h"

namespace facekeep {

struct PreparedTemplate {
  Id128 id{};
  std::string model;
  std::uint32_t version = 0;
  Bytes blob;
  SecretBytes unit;  // the unit vector, float32, until the gallery has it
  // Of the camera that signed it, and what the log says of that.
  std::optional<probe::Proof> proof = {};
  std::optional<ledger::SignedBy> camera = {};
};

struct PreparedEnrolment {
  std::string by;
  std::string site;
  Id128 ref{};
  Digest consent_digest{};
  subject::Consent consent;
  std::optional<seal::AeadKey> key;
  std::vector<PreparedTemplate> templates;
  // A new subject only (empty for further templates of one that exists):
  std::string record_subject;
  Bytes record;
};

class Enrolment {
 public:
  // A new subject: draws ref, K, log key and blinding; seals the record.
  static Result<PreparedEnrolment> prepare(const OpenVault& vault, const SiteSession& site, std::string by,
                                           std::string subject_id, const subject::Consent& consent);
  // A subject that exists.
  static PreparedEnrolment continue_with(std::string by, std::string site, const Id128& ref, const Digest& consent,
                                         OpenSubject subject);
  // Checks, normalises and seals one template. The caller cleanses `values`.
  static Status add_template(const OpenVault& vault, const SiteSession& site, PreparedEnrolment& e,
                             const ledger::Model& model, std::span<const float> values,
                             std::optional<probe::Proof> proof = {});
  // What the sequencer writes; K and the index row are under the keys of the epoch that the state says in this turn.
  // `e` and `engine` must live until the submission has returned; the gallery gets the templates once they are durable.
  static Result<log::Write> write(const OpenVault& vault, PreparedEnrolment& e, const log::Turn& turn,
                                  match::Engine& engine);
};

}  // namespace facekeep
