#include "vault/audit/public_fold.h"

namespace facekeep::audit {

Status PublicFold::entry(ByteView bytes) {
  FK_TRY(const ledger::Leaf leaf, ledger::decode_leaf(as_chars(bytes)));
  if (const auto* hidden = std::get_if<ledger::PrivateLeaf>(&leaf)) {
    const bool custody = hidden->event_class == ledger::EventClass::kCustody;
    FK_CHECK(custody ? apply_unopened_custody(state_) : apply_access(state_));
  } else {
    const auto& event = std::get<ledger::Event>(leaf);
    const auto* recovered = std::get_if<ledger::Recovered>(&event.body);
    if (recovered != nullptr && recovered->at.root != tree_.root()) {
      return make_error(Errc::kIntegrity, "the recovery is about another log than the one before it");
    }
    FK_CHECK(apply(state_, event));
  }
  tree_.append(log::leaf_hash(bytes));
  return {};
}

}  // namespace facekeep::audit
