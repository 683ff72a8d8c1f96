// The fold of exports. What may stand in the log is decided in export_decide.h; here is what it changes.
#include "vault/ledger/export_decide.h"

namespace facekeep::ledger {
namespace {

Status in_log(const Status& decision) {
  if (decision) return {};
  return make_error(Errc::kIntegrity, "the log has an event that its rules do not allow: " + decision.error().message);
}

}  // namespace

Status State::apply_body(const ExportSubjects& e) {
  FK_CHECK(in_log(decide_export_subjects(*this, e)));
  exports_[e.proposal].refs = e.refs;
  return {};
}

Status State::apply_body(const Exported& e) {
  FK_CHECK(in_log(decide_exported(*this, e)));
  ExportState& s = exports_.at(e.proposal);
  s.recorded += e.refs.size();
  s.last = e.refs.back();
  return {};
}

Status State::apply_body(const ExportSealed& e) {
  FK_CHECK(in_log(decide_export_sealed(*this, e)));
  ExportState& s = exports_.at(e.proposal);
  s.sealed = e;
  s.sealed_entry = size_;
  s.refs.clear();
  s.last.reset();
  return {};
}

Status State::apply_body(const ExportEnded& e) {
  FK_CHECK(in_log(decide_export_ended(*this, e)));
  ExportState& s = exports_.at(e.proposal);
  s.ended = e.reason;
  s.refs.clear();
  s.last.reset();
  return {};
}

Status State::apply_body(const ExportGiven& e) {
  FK_CHECK(in_log(decide_export_given(*this, e, moment())));
  ++exports_.at(e.proposal).given[e.by];
  return {};
}

}  // namespace facekeep::ledger
