#include "vault/ledger/horizon.h"

#include "vault/ledger/json_reader.h"

namespace facekeep::ledger {

Json to_json(const Horizon& h) {
  Json j = {{"epoch", h.epoch}, {"spare", h.spare}};
  if (h.by) j["by"] = *h.by;
  return j;
}

Result<Horizon> horizon_from_json(const Json& value) {
  ObjectReader r(value, "horizon of an erased event");
  Horizon h;
  h.epoch = static_cast<std::uint32_t>(r.integer("epoch", 1, kMaxHorizonEpoch));
  h.spare = r.boolean("spare");
  if (r.has("by")) h.by = r.day("by");
  FK_CHECK(r.finish());
  return h;
}

}  // namespace facekeep::ledger
