// facekeep-audit fetch: a mirror of the log, and with an auditor's key of its openings.
#include <filesystem>
#include <memory>
#include <optional>

#include "api/http/cert.h"
#include "tools/common/progress.h"
#include "tools/common/say.h"
#include "tools/common/terminal.h"
#include "tools/facekeep-audit/audit_run.h"
#include "tools/facekeep-audit/commands.h"
#include "tools/facekeep-audit/fetcher.h"
#include "tools/facekeep-audit/finding_text.h"
#include "tools/facekeep-audit/polite_client.h"
#include "vault/audit/witnesses.h"
#include "vault/base/clock.h"
#include "vault/ledger/event.h"

namespace facekeep::tools {
namespace {

struct Options {
  std::string url;
  std::string vkey;
  std::string out;
  std::string api;
  std::string key;
  std::string cert;
  std::string server_key;
  int passphrase_fd = -1;
  unsigned rate = 50;
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

Result<std::vector<Digest>> pins_of(const std::string& server_key) {
  if (server_key.empty()) return std::vector<Digest>();
  FK_TRY(const Digest pin, from_hex_exact<32>(server_key));
  return std::vector<Digest>{pin};
}

Result<PoliteClient> public_client(const Options& o) {
  http::ClientConfig config;
  config.url = o.url;
  FK_TRY(config.pins, pins_of(o.server_key));
  // The log proves itself: what another server gives is found out by its signature.
  config.any_server = config.pins.empty();
  config.max_response = kMaxServedFile;
  FK_TRY(http::Client client, http::Client::create(config));
  return PoliteClient(std::move(client), o.rate);
}

Result<ledger::Genesis> genesis_of(const Mirror& mirror, std::uint64_t size) {
  FK_TRY(const Bytes bundle, mirror.read(format_path(log::BundleId{0, log::tile_width_at(size, 0, 0)})));
  FK_TRY(const auto entries, log::decode_bundle(bundle, log::tile_width_at(size, 0, 0)));
  FK_TRY(ledger::Event event, ledger::decode_event(as_chars(entries.front())));
  auto* genesis = std::get_if<ledger::Genesis>(&event.body);
  if (genesis == nullptr) return make_error(Errc::kIntegrity, "the log does not begin with a genesis");
  return std::move(*genesis);
}

Result<PoliteClient> auditors_client(Frame& frame, const Options& o, const Mirror& mirror, std::uint64_t size) {
  if (o.key.empty()) {
    return say_error(Errc::kInvalidArgument, "no-key", Msg::kAuditNeedsKey, Msg::kAuditNeedsKeyHint);
  }
  const auto passphrase = [&]() -> Result<SecretBytes> {
    if (o.passphrase_fd >= 0) return read_secret_fd(o.passphrase_fd);
    FK_TRY(const auto person, open_terminal());
    return person->read_secret(frame.text(Msg::kCliPassphraseFor, {o.key}) + " ");
  };
  const std::string cert_path =
      o.cert.empty() ? std::filesystem::path(o.key).replace_extension(".crt").string() : o.cert;
  FK_TRY(const http::CertPtr cert, http::load_cert(cert_path));
  FK_TRY(const http::KeyPtr key, http::load_private_key(o.key, passphrase));
  http::ClientConfig config;
  config.url = o.api;
  config.certificate = cert.get();
  config.key = key.get();
  FK_TRY(config.pins, pins_of(o.server_key));
  if (config.pins.empty()) {
    FK_TRY(const ledger::Genesis genesis, genesis_of(mirror, size));
    config.pins.push_back(genesis.server_key);
  }
  config.max_response = kMaxServedFile;
  FK_TRY(http::Client client, http::Client::create(config));
  return PoliteClient(std::move(client), o.rate);
}

Status read_openings(Frame& frame, Reporter& report, const Options& o, const Mirror& mirror,
                     const log::Checkpoint& checkpoint, Bars& bars) {
  FK_TRY(PoliteClient client, auditors_client(frame, o, mirror, checkpoint.size));
  const Get get = [&](const std::string& target) { return client.get(target); };
  const auto read = fetch_openings(mirror, checkpoint, get, std::ref(bars));
  if (!read && read.error().code == Errc::kNotFound) {
    report.warn(Msg::kAuditNoOpenings, {read.error().message});
    return {};
  }
  if (!read) return read.error();
  report.field("openings_read", read->bundles);
  report.field("openings_sealed", read->sealed);
  report.say(Msg::kAuditOpeningsRead, {std::to_string(read->bundles)});
  if (read->sealed) report.warn(Msg::kAuditSealedNow);
  const auto people = client.get("/v1/log/register");
  report.field("register", people.has_value());
  if (!people) {
    report.warn(Msg::kAuditNoRegister);
    return {};
  }
  return mirror.write("register.json", *people);
}

// Whether the witnesses of genesis stand behind what was fetched. Lines for what is only shown, an error for the rest.
Status check_witnesses(Frame& frame, Reporter& report, const Mirror& mirror, const log::VerifierKey& key,
                       const log::Checkpoint& head, const std::string& note) {
  if (head.size == 0) return {};
  FK_TRY(const ledger::Genesis genesis, genesis_of(mirror, head.size));
  if (!genesis.witnesses) return {};
  audit::Findings findings;
  check_mirrors_witnesses(mirror, key, genesis, head, SystemClock().now().wall, findings);
  Json list = Json::array();
  for (const audit::Finding& f : findings.sorted()) {
    report.line(line_of(frame.lang, f));
    list.push_back(to_json(frame.lang, f));
  }
  report.field("witnesses", std::move(list));
  const auto cosigned = log::open_cosigned(note, key, *genesis.witnesses);
  if (cosigned && findings.clean()) {
    report.say(Msg::kAuditCosigned,
               {std::to_string(cosigned->witnesses), std::to_string(genesis.witnesses->list.size()),
                std::to_string(cosigned->checkpoint.size), format_time(cosigned->time)});
  }
  if (findings.clean()) return {};
  // What contradicts the log that is served now is evidence, and later fetches write over the file `cosigned`.
  if (cosigned) FK_CHECK(mirror.keep_checkpoint(cosigned->checkpoint, note));
  return say_error(Errc::kIntegrity, "witnesses", Msg::kAuditWitnessErrors, Msg::kAuditWitnessHint);
}

Status fetch(Frame& frame, Reporter& report, const Options& o) {
  FK_TRY(const log::VerifierKey key, log::parse_vkey(o.vkey));
  const Mirror mirror(o.out);
  FK_TRY(PoliteClient client, public_client(o));
  const Get get = [&](const std::string& target) { return client.get(target); };
  FK_TRY(const std::string cosigned, fetch_cosigned(mirror, get));
  Fetched done;
  {
    Bars bars(frame);
    FK_TRY(done, fetch_log(mirror, key, get, std::ref(bars)));
  }
  report.field("size", done.checkpoint.size);
  report.field("root", to_base64(done.checkpoint.root));
  report.field("new_entries", done.new_entries);
  report.field("first", !done.before.has_value());
  report.say(Msg::kAuditFetched, {std::to_string(done.checkpoint.size), std::to_string(done.new_entries)});
  if (done.before) {
    report.say(Msg::kAuditConsistent, {std::to_string(*done.before)});
  } else {
    report.say(Msg::kAuditFirstFetch);
  }
  const Status witnessed = check_witnesses(frame, report, mirror, key, done.checkpoint, cosigned);
  if (o.api.empty()) return witnessed;
  Bars bars(frame);
  FK_CHECK(read_openings(frame, report, o, mirror, done.checkpoint, bars));
  return witnessed;
}

}  // namespace

void add_fetch(CLI::App& app, Frame& frame) {
  auto o = std::make_shared<Options>();
  CLI::App* c = app.add_subcommand("fetch", frame.text(Msg::kAuditHelpFetch));
  c->add_option("--url", o->url, frame.text(Msg::kAuditHelpUrl))->required();
  c->add_option("--vkey", o->vkey, frame.text(Msg::kAuditHelpVkey))->required();
  c->add_option("--out", o->out, frame.text(Msg::kAuditHelpOut))->required();
  c->add_option("--api", o->api, frame.text(Msg::kAuditHelpApi));
  c->add_option("--key", o->key, frame.text(Msg::kAuditHelpKey));
  c->add_option("--cert", o->cert, frame.text(Msg::kAuditHelpCert));
  c->add_option("--passphrase-fd", o->passphrase_fd, frame.text(Msg::kAuditHelpPassphraseFd));
  c->add_option("--server-key", o->server_key, frame.text(Msg::kAuditHelpServerKey));
  c->add_option("--rate", o->rate, frame.text(Msg::kAuditHelpRate))->check(CLI::Range(1, 100000));
  c->callback([&frame, o] { frame.run([&frame, o](Reporter& r) { return fetch(frame, r, *o); }); });
}

}  // namespace facekeep::tools
