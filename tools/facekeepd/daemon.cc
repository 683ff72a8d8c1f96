#include "tools/facekeepd/daemon.h"

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <thread>

#include "api/dispatch.h"
#include "api/http/server.h"
#include "api/problems.h"
#include "tools/facekeepd/files.h"
#include "tools/facekeepd/hardening.h"
#include "tools/facekeepd/journal.h"
#include "tools/facekeepd/notices.h"
#include "tools/facekeepd/notify.h"
#include "tools/facekeepd/seccomp_filter.h"
#include "tools/facekeepd/start.h"
#include "tools/facekeepd/ticket_client.h"
#include "tools/facekeepd/witness_client.h"
#include "vault/backup/mark.h"
#include "vault/base/digest.h"

namespace facekeep::daemon {
namespace {

constexpr std::size_t kSecretHeap = std::size_t{1} << 20;
constexpr std::uint64_t kMiB = 1024 * 1024;
constexpr http::Millis kGrace{5'000};
constexpr std::chrono::seconds kLastWords{2};  // a halted vault says so to whoever asks, then ends
constexpr int kTicksBetweenChecks = 40;        // of kTick
constexpr timespec kTick{0, 250'000'000};

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif
#else
constexpr bool kSanitized = false;
#endif

// Everything that serves, in the order of its construction; destroyed in the opposite one.
struct Running {
  Digest program{};
  SystemClock clock;
  VaultFiles files;
  std::unique_ptr<hsm::TokenCustody> custody;
  std::unique_ptr<Service> service;
  std::unique_ptr<api::Metrics> metrics;
  std::unique_ptr<api::ApiContext> context;
  std::unique_ptr<http::Server> server;
  std::unique_ptr<WitnessClient> witnesses;
  std::unique_ptr<Notices> notices;
  std::unique_ptr<TicketClient> tickets;
  std::atomic<http::Server*> serving{nullptr};  // set once the filter is in place; requests wait for it
};

Status harden(const Config& config, const RunOptions& options) {
  HardeningOptions h;
  h.locked_bytes = kSecretHeap + static_cast<std::uint64_t>(config.template_memory_mib) * kMiB;
  h.allow_unlocked = config.allow_unlocked_memory;
  if (!config.user.empty()) h.user = config.user;
  if (options.pin_fd) h.keep_descriptors.push_back(*options.pin_fd);
  for (const auto& fd : {config.pin_fd, config.spare_pin_fd}) {
    if (fd) h.keep_descriptors.push_back(static_cast<int>(*fd));
  }
  if (options.ready_fd) h.keep_descriptors.push_back(*options.ready_fd);
  FK_TRY(const HardeningReport report, harden_process(h));
  for (const std::string& w : report.warnings) journal(Level::kWarning, "hardening", {{Field::kReason, w}});
  if (!init_secret_heap(kSecretHeap)) {
    journal(Level::kWarning, "hardening", {{Field::kReason, "the secret heap could not be locked into memory"}});
  }
  return {};
}

// Stops and fatal ends are waited for by the main thread alone; every other thread starts with them blocked.
sigset_t block_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  return set;
}

std::string_view sum_kind(http::Refusal reason) {
  switch (reason) {
    case http::Refusal::kUnknownKey: return "handshake-unknown-key";
    case http::Refusal::kNoCertificate: return "handshake-no-certificate";
    case http::Refusal::kTimeout:
    case http::Refusal::kCrowdedOut: return "handshake-timeout";
    case http::Refusal::kTooMany: return "overload";
    default: return "handshake-tls";
  }
}

// One that is away keeps nobody from starting: an unseal that needs it says why it is not there.
void attach_spare(const Config& config, hsm::TokenCustody& custody) {
  auto spare = open_spare(config);
  if (spare) {
    const auto& token = (*spare)->token().identity();
    journal(Level::kInfo, "spare-opened", {{Field::kToken, token.manufacturer + " " + token.serial}});
  } else {
    journal(Level::kWarning, "spare-trouble", spare.error());
  }
  custody.attach_spare(std::move(spare));
}

Status open_vault(const Config& config, const RunOptions& options, Running& r) {
  FK_TRY(r.files, open_vault_files(config));
  FK_TRY(SecretBytes pin, read_pin(config, options));
  FK_TRY(r.custody, open_custody(config, r.files.genesis.vault, r.files.token, std::move(pin)));
  const auto& token = r.custody->token_identity();
  journal(Level::kInfo, "token-opened", {{Field::kToken, token.manufacturer + " " + token.serial}});
  if (!config.spare_uri.empty()) attach_spare(config, *r.custody);

  ServiceOptions service;
  service.version = FACEKEEP_VERSION;
  service.program = r.program;
  service.config = config.digest;
  service.allow_unlocked_memory = config.allow_unlocked_memory;
  service.unseal_timeout_ms = config.unseal_ms;
  service.max_clock_jump_ms = config.max_clock_jump_hours * 3'600'000;
  service.witness_max_age_ms = config.witness_max_age_ms;
  service.export_dir = config.data_dir + "/exports";
  service.backup_dir = config.backup_dir;
  FK_TRY(service.sequencer.restored, backup::read_mark(config.data_dir));
  service.on_export_failed = [](const Id128& proposal, const Error& why) {
    journal(Level::kError, "export-failed",
            {{Field::kProposal, to_hex(proposal)}, {Field::kReason, why.message}, {Field::kHint, why.hint}});
  };
  service.on_rotation_failed = [](const Error& why) {
    journal(Level::kError, "rotation-failed", {{Field::kReason, why.message}, {Field::kHint, why.hint}});
  };
  service.sequencer.on_old_log_key = [](const Error& why) { journal(Level::kError, "old-log-key-left", why); };
  service.on_ticket_failed = [](const Error& why) {
    journal(Level::kError, "ticket-failed", {{Field::kReason, why.message}, {Field::kHint, why.hint}});
  };
  service.sequencer.checkpoint_interval_ms = config.checkpoint_ms;
  service.sequencer.anchor_interval_ms = config.anchor_ms;
  FK_TRY(r.service, Service::start({*r.files.store, *r.custody, *r.files.slots, r.clock}, service));
  // Behind the entry that says so, it has no more to say.
  if (service.sequencer.restored) FK_CHECK(backup::remove_mark(config.data_dir));
  journal(Level::kInfo, "vault-started",
          {{Field::kVersion, FACEKEEP_VERSION},
           {Field::kProgram, to_hex(service.program)},
           {Field::kConfig, to_hex(config.digest)},
           {Field::kEntry,
            std::to_string(r.service->sequencer().read([](const ledger::State& st) { return st.start_entry(); }))},
           {Field::kState, "sealed"}});
  const auto due = r.service->sequencer().read([](const ledger::State& st) { return st.recovery(); });
  if (due) {
    journal(Level::kWarning, "new-cards-due",
            {{Field::kEntry, std::to_string(due->entry)},
             {Field::kReason, "the main token was replaced (" + due->kind + "), and the old cards have not ended"},
             {Field::kHint, "hold the ceremony for new cards: facekeep reshare"}});
  }
  return {};
}

void make_context(const Config& config, Running& r) {
  std::vector<std::string_view> names;
  for (const auto& route : api::routes()) names.push_back(route.name);
  r.metrics = std::make_unique<api::Metrics>(names);
  r.context.reset(new api::ApiContext{*r.service, r.clock, *r.metrics, std::nullopt, {}, {}});
  if (config.metrics_listener == "main") r.context->metrics_at = http::ListenerKind::kMain;
  if (config.metrics_listener == "public") r.context->metrics_at = http::ListenerKind::kPublic;
  r.context->close_peer = [&r](const Digest& spki) {
    if (auto* server = r.serving.load()) server->close_peer(spki);
  };
  r.context->report = [](std::string_view route, const Error& e) {
    journal(Level::kError, "request-failed",
            {{Field::kRoute, std::string(route)},
             {Field::kProblem, std::string(api::kind_of(e).name)},
             {Field::kReason, e.message},
             {Field::kHint, e.hint}});
  };
}

Status open_front(const Config& config, Running& r) {
  FK_TRY(const ServerIdentity identity, load_identity(config, r.files.genesis));
  http::ServerConfig front = front_config(config);
  X509_up_ref(identity.certificate.get());
  front.certificate.reset(identity.certificate.get());
  EVP_PKEY_up_ref(identity.key.get());
  front.key.reset(identity.key.get());
  front.handler = [&r](http::Request&& request) {
    if (r.serving.load() == nullptr) {
      return api::to_response(make_error(Errc::kUnavailable, "the vault is starting", "try again in a moment"));
    }
    return api::dispatch(*r.context, request);
  };
  front.peer_check = [&r](const Digest& spki) { return r.service->is_registered(spki); };
  front.may_reserve = [&r](const Digest& spki) { return r.service->is_custodian(spki); };
  front.refused = [&r](http::Refusal reason, const std::string& address, const Digest*) {
    r.service->count(sum_kind(reason));
    journal(Level::kDebug, "handshake-refused",
            {{Field::kReason, std::string(http::to_string(reason))}, {Field::kAddress, address}});
  };
  FK_TRY(r.server, http::Server::start(std::move(front)));
  if (kSanitized) {
    journal(Level::kWarning, "hardening", {{Field::kReason, "a build with a sanitizer runs without the call filter"}});
  } else {
    FK_CHECK(install_seccomp_filter());
  }
  r.metrics->set_front([server = r.server.get()] { return server->stats(); });
  r.serving = r.server.get();
  FK_TRY(r.notices, Notices::start(config, *r.service, r.clock));
  r.witnesses = std::make_unique<WitnessClient>(config, *r.service, r.clock);
  r.tickets = std::make_unique<TicketClient>(*r.service, r.clock, identity.key.get(), identity.certificate.get());
  return {};
}

Status tell_ready(const Config& config, const RunOptions& options, const Running& r) {
  Endpoints at{url_of(config.main_address, r.server->port(0)), std::nullopt};
  journal(Level::kInfo, "serving", {{Field::kListener, "main"}, {Field::kAddress, at.main}});
  if (config.public_enabled) {
    at.open = url_of(config.public_address, r.server->port(1));
    journal(Level::kInfo, "serving", {{Field::kListener, "public"}, {Field::kAddress, *at.open}});
  }
  const std::string line = ready_line(at);
  if (options.ready_fd) FK_CHECK(write_ready_fd(*options.ready_fd, line));
  if (!options.ready_file.empty()) FK_CHECK(write_ready_file(options.ready_file, line));
  return notify_manager("READY=1\nSTATUS=sealed: custodians open it\n");
}

// A halted vault can't be mended from within: what is on the disk is unknown until a new process has read it.
// No destructor runs, because closing an engine after a failed write can abort.
[[noreturn]] void end_halted(Running& r, const Error& reason) {
  journal(Level::kError, "halted", reason);
  std::this_thread::sleep_for(kLastWords);
  r.server->stop(http::Millis(0));
  std::_Exit(kExitHalted);
}

// Early warnings, and the one finding that ends the process: files that are not those that were opened.
class Watch {
 public:
  void look(Running& r) {
    const Status stored = r.files.store->check();
    if (!stored && stored.error().code == Errc::kIntegrity) end_halted(r, stored.error());
    say(stored, store_, "store");
    say(r.custody->ping(), token_, "token");
    say(r.service->clock_jumped() ? Status(clock_jumped()) : Status(), clock_, "clock");
  }

 private:
  // Once when it goes wrong and once when it is right again.
  static void say(const Status& now, bool& was_well, const char* what) {
    if (!now && was_well) journal(Level::kError, std::string(what) + "-trouble", now.error());
    if (now && !was_well) journal(Level::kInfo, std::string(what) + "-well-again");
    was_well = now.has_value();
  }
  static Error clock_jumped() {
    return make_error(Errc::kFailedPrecondition,
                      "the wall clock was set by more than time.max_clock_jump_hours: nothing is destroyed by time now",
                      "find out who or what set it; when it is right, restart the daemon");
  }
  bool store_ = true;
  bool token_ = true;
  bool clock_ = true;
};

void serve_until_told(Running& r, const sigset_t& signals) {
  Watch watch;
  std::string halted;
  for (int tick = 1;; ++tick) {
    const int signal = sigtimedwait(&signals, nullptr, &kTick);
    if (signal == SIGTERM || signal == SIGINT) return;
    if (const auto halt = r.service->halted()) {
      if (halt->fatal) end_halted(r, halt->reason);
      // The token may come back; until then every answer is 503.
      if (halted != halt->reason.message) journal(Level::kError, "halted", halt->reason);
      halted = halt->reason.message;
    } else if (!halted.empty()) {
      journal(Level::kInfo, "answering-again");
      halted.clear();
    }
    if (tick % kTicksBetweenChecks == 0) watch.look(r);
  }
}

void stop(Running& r) {
  journal(Level::kInfo, "stopping");
  static_cast<void>(notify_manager("STOPPING=1\n"));
  r.serving = nullptr;
  r.metrics->set_front({});
  r.server->stop(kGrace);
  // The keys go before anything is waited for that a network can hold up.
  r.service->shut();
  r.tickets.reset();
  r.witnesses.reset();
  r.notices.reset();
  r.server.reset();
  r.service.reset();
  journal(Level::kInfo, "stopped", {{Field::kState, "sealed"}});
}

}  // namespace

int exit_code(const Error& error) {
  switch (error.code) {
    case Errc::kInvalidArgument:
    case Errc::kMalformed:
    case Errc::kNotFound:
    case Errc::kFailedPrecondition:
    case Errc::kPermissionDenied:
    case Errc::kHsmPin: return kExitMistake;
    default: return kExitFailed;
  }
}

Result<std::vector<LoadedFile>> what_runs(const Config& config) {
  FK_CHECK(check_loader_environment());
  FK_TRY(const std::string module, module_of(config, config.token_uri));
  std::vector<std::string> modules = {module};
  if (!config.spare_uri.empty()) {
    FK_TRY(std::string of_spare, module_of(config, config.spare_uri));
    modules.push_back(std::move(of_spare));
  }
  return loaded_files(modules);
}

int run_daemon(const Config& config, const RunOptions& options) {
  const sigset_t signals = block_signals();
  open_journal(config.log_level, config.log_format);
  const auto fail = [](const char* step, const Error& e) {
    journal(Level::kError, step, e);
    return exit_code(e);
  };
  Running r;
  // Before anything is loaded that the same program elsewhere would not have: `facekeepd digest` finds the same.
  auto program = what_runs(config);
  if (!program) return fail("start-failed", program.error());
  r.program = sha256(as_bytes(loaded_text(*program)));
  if (auto ok = harden(config, options); !ok) return fail("hardening-failed", ok.error());
  if (auto ok = open_vault(config, options, r); !ok) return fail("start-failed", ok.error());
  make_context(config, r);
  if (auto ok = open_front(config, r); !ok) return fail("start-failed", ok.error());
  if (auto ok = tell_ready(config, options, r); !ok) return fail("start-failed", ok.error());
  serve_until_told(r, signals);
  stop(r);
  return kExitStopped;
}

}  // namespace facekeep::daemon
