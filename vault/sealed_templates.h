// Templates opened from the store, one at a time: for the galleries when the vault opens, and for the few that the
// match engine must look at exactly.
#pragma once

#include <functional>
#include <memory>

#include "vault/log/sequencer/sequencer.h"
#include "vault/match/exact_source.h"
#include "vault/open_vault.h"
#include "vault/seal/function_ref.h"
#include "vault/store/store.h"

namespace facekeep {

// A template of a subject, and what opens it. `key`: the subject's K.
struct SealedTemplate {
  const SiteSession& site;
  const Id128& ref;
  const Digest& consent;
  const seal::AeadKey& key;
  const ledger::TemplateState& state;
};

class SealedTemplates {
 public:
  // Calls `use` with the values, cleansed after it, if the stored blob is the one that the log names and opens; what
  // `use` returns. kIntegrity if it is missing or another. Thread safe.
  static Status open(const OpenVault& vault, const store::Store& store, const SealedTemplate& t,
                     seal::FunctionRef<Status(std::span<const float>)> use);
};

// What the match engine asks. Thread safe.
class SealedSource final : public match::ExactSource {
 public:
  // `vault`: the open one, or an error if it is sealed. All must outlive it.
  using Vault = std::function<Result<std::shared_ptr<OpenVault>>()>;
  SealedSource(const log::Sequencer& sequencer, const store::Store& store, Vault vault)
      : sequencer_(sequencer), store_(store), vault_(std::move(vault)) {}

  // kNotFound when the state does not know the template; also if what is stored no longer opens because it was erased
  // meanwhile.
  Status open(const match::TemplateName& name, std::span<float> out) override;

 private:
  const log::Sequencer& sequencer_;
  const store::Store& store_;
  const Vault vault_;
};

}  // namespace facekeep
