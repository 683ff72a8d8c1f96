// facekeep-audit fetch: a mirror of the log, and with an auditor's key of its openings.
#include <memory>
#include <optional>

#include "tools/common/dir_lock.h"
#include "tools/common/progress.h"
#include "tools/common/say.h"
#include "tools/facekeep-audit/audit_run.h"
#include "tools/facekeep-audit/commands.h"
#include "tools/facekeep-audit/fetch_keys.h"
#include "tools/facekeep-audit/finding_text.h"
#include "tools/facekeep-audit/vault_clients.h"
#include "vault/audit/witnesses.h"
#include "vault/base/clock.h"
#include "vault/ledger/event.h"

namespace facekeep::tools {
namespace {

struct Options {
  ClientOptions vault;
  std::string vkey;
  std::string checkpoint;
  std::string out;
};

// One bar a step.
class Bars {
 public:
  explicit Bars(Frame& frame) : frame_(frame) {}
  ~Bars() {
    if (bar_) bar_->finish();
  }
  void operator()(FetchStep step, std::uint64_t done, std::uint64_t total) {
    if (frame_.json) return;
    if (!bar_ || step != step_) {
      if (bar_) bar_->finish();
      const Msg label = step == FetchStep::kEntries ? Msg::kAuditFetching : Msg::kAuditFetchingOpenings;
      bar_ = std::make_unique<Progress>(frame_.err, frame_.err_is_tty, frame_.lang, frame_.text(label), total);
      step_ = step;
    }
    bar_->update(done);
  }

 private:
  Frame& frame_;
  std::unique_ptr<Progress> bar_;
  FetchStep step_ = FetchStep::kEntries;
};

Status read_openings(Frame& frame, Reporter& report, const Options& o, const Mirror& mirror,
                     const log::VerifierKey& key, Fetched& log, const Get& get_public) {
  FK_TRY(PoliteClient client, auditors_client(frame, o.vault, mirror, log.checkpoint.size));
  const Get get = [&](const std::string& target) { return client.get(target); };
  Bars bars(frame);
  const auto read = fetch_openings_and_ends(mirror, key, log, get_public, get, std::ref(bars));
  if (!read && read.error().code == Errc::kNotFound) {
    report.warn(Msg::kAuditNoOpenings, {read.error().message});
    return {};
  }
  if (!read) return read.error();
  report.field("openings_read", read->bundles);
  report.field("openings_sealed", read->sealed);
  report.say(Msg::kAuditOpeningsRead, {std::to_string(read->bundles)});
  if (read->sealed) report.warn(Msg::kAuditSealedNow);
  const auto people = fetch_register(get);
  report.field("register", people.has_value());
  if (people) {
    FK_CHECK(mirror.write("register.json", *people));
  } else {
    report.warn(Msg::kAuditNoRegister);
  }
  if (read->bundles == 0 && !people) return {};
  FK_TRY(const FetchedOpenings rest, fetch_to_the_end(mirror, key, log, get_public, get, std::ref(bars)));
  static_cast<void>(rest);
  return {};
}

// Whether the log's witnesses, by the policy in force, stand behind what was fetched. Lines for what is only shown, an
// error for the rest.
Status check_witnesses(Frame& frame, Reporter& report, const Mirror& mirror, const log::LogKeys& key,
                       const log::Checkpoint& head, const std::string& note) {
  if (head.size == 0) return {};
  FK_TRY(const audit::WitnessPolicies policies, policies_of(mirror, head.size));
  if (!policies.at(head.size)) return {};
  audit::Findings findings;
  check_mirrors_witnesses(mirror, key, policies, head, SystemClock().now().wall, findings);
  Json list = Json::array();
  for (const audit::Finding& f : findings.sorted()) {
    report.line(line_of(frame.lang, f));
    list.push_back(to_json(frame.lang, f));
  }
  report.field("witnesses", std::move(list));
  const auto signed_by = log::open_checkpoint(note, key);
  const auto policy = signed_by ? policies.at(signed_by->size) : std::nullopt;
  const auto cosigned = policy ? log::open_cosigned(note, key, *policy)
                               : Result<log::Cosigned>(make_error(Errc::kNotFound, "nobody cosigned"));
  if (cosigned && findings.clean()) {
    report.say(Msg::kAuditCosigned, {std::to_string(cosigned->witnesses), std::to_string(policy->list.size()),
                                     std::to_string(cosigned->checkpoint.size), format_time(cosigned->time)});
  }
  if (findings.clean()) return {};
  // What contradicts the log that is served now is evidence, and later fetches write over the file `cosigned`.
  if (cosigned) FK_CHECK(mirror.keep_checkpoint(cosigned->checkpoint, note));
  return say_error(Errc::kIntegrity, "witnesses", Msg::kAuditWitnessErrors, Msg::kAuditWitnessHint);
}

// What happened to the log's key since the fetch before; at the first one, everything that did.
void report_keys(Reporter& report, const Fetched& done) {
  const auto& chain = done.keys.chain();
  for (std::size_t i = chain.size() - done.new_handovers; i < chain.size(); ++i) {
    report.say(chain[i].recovered ? Msg::kLogKeyToldRecovered : Msg::kLogKeyTold,
               {std::to_string(i), std::to_string(chain[i].from), format_vkey(chain[i].key)});
  }
  report.field("vkey", format_vkey(done.keys.newest()));
  report.field("new_handovers", done.new_handovers);
  if (!done.kept) return;
  const log::LogKey* lost = nullptr;
  for (const log::LogKey& k : chain) lost = k.lost_upto > 0 ? &k : lost;
  if (lost != nullptr) {
    report.warn(Msg::kCliEntriesLost, {std::to_string(*done.kept), std::to_string(lost->lost_upto - 1)});
  }
}

Status fetch(Frame& frame, Reporter& report, const Options& o) {
  FK_TRY(const log::VerifierKey key, log::parse_vkey(o.vkey));
  const Mirror mirror(o.out);
  FK_TRY(const http::UniqueFd lock, lock_folder(o.out));
  FK_CHECK(keep_given_checkpoint(mirror, key, o.checkpoint));
  FK_TRY(PoliteClient client, public_client(o.vault));
  const Get get = [&](const std::string& target) { return client.get(target); };
  FK_TRY(const std::string cosigned, fetch_cosigned(mirror, get));
  Fetched done;
  {
    Bars bars(frame);
    FK_TRY(done, fetch_log(mirror, key, get, std::ref(bars)));
  }
  report.field("first", !done.before.has_value());
  report.say(Msg::kAuditFetched, {std::to_string(done.checkpoint.size), std::to_string(done.new_entries)});
  if (done.before) {
    report.say(Msg::kAuditConsistent, {std::to_string(*done.before)});
  } else {
    report.say(Msg::kAuditFirstFetch);
  }
  report_keys(report, done);
  const Status witnessed = check_witnesses(frame, report, mirror, done.keys, done.checkpoint, cosigned);
  const Status read = o.vault.api.empty() ? Status() : read_openings(frame, report, o, mirror, key, done, get);
  report.field("size", done.checkpoint.size);
  report.field("root", to_base64(done.checkpoint.root));
  report.field("new_entries", done.new_entries);
  return read ? witnessed : read;
}

}  // namespace

void add_fetch(CLI::App& app, Frame& frame) {
  auto o = std::make_shared<Options>();
  CLI::App* c = app.add_subcommand("fetch", frame.text(Msg::kAuditHelpFetch));
  c->add_option("--vkey", o->vkey, frame.text(Msg::kAuditHelpVkey))->required();
  c->add_option("--checkpoint", o->checkpoint, frame.text(Msg::kAuditHelpCheckpoint));
  c->add_option("--out", o->out, frame.text(Msg::kAuditHelpOut))->required();
  add_client_options(*c, frame, o->vault);
  c->callback([&frame, o] { frame.run([&frame, o](Reporter& r) { return fetch(frame, r, *o); }); });
}

}  // namespace facekeep::tools
