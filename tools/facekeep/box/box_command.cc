// facekeep box new, serve, status, confirm: the box of restart tickets, and its people.
#include <csignal>
#include <ctime>
#include <mutex>

#include "tools/common/dir_lock.h"
#include "tools/common/escape.h"
#include "tools/facekeep/approval_signer.h"
#include "tools/facekeep/box/box_client.h"
#include "tools/facekeep/box/box_server.h"
#include "tools/facekeep/commands.h"

namespace facekeep::tools {
namespace {

constexpr http::Millis kGrace{2'000};

// ---- new

struct NewOptions {
  std::string dir;
  std::string name;
  std::string group;
  std::string url;
};

Status make_new(const NewOptions& o, Reporter& report) {
  FK_TRY(const BoxIdentity made, make_box(o.dir, o.name, o.group, o.url));
  report.say(Msg::kBoxMade, {o.dir});
  report.warn(Msg::kCliKeyUnprotected, {o.dir + "/box.key"});
  report.field("key", made.box.key);
  report.field("server_key", to_hex(ledger::box_pin(made.box)));
  return {};
}

// ---- serve

struct ServeOptions {
  std::string dir;
  std::string listen;
  std::int64_t interval = 10;
};

// A line at a time, from whichever thread.
class Voice {
 public:
  explicit Voice(Context& context) : context_(context) {}
  void say(Msg id, std::initializer_list<std::string_view> args) {
    const std::lock_guard lock(mutex_);
    context_.out << format_time(clock_.now().wall) << " " << escape_untrusted(context_.text(id, args)) << "\n"
                 << std::flush;
  }
  // Once for each trouble, and when it is over.
  void look_ended(const Status& seen) {
    const std::string now = seen ? "" : seen.error().message;
    if (now == trouble_) return;
    trouble_ = now;
    seen ? say(Msg::kBoxWellAgain, {}) : say(Msg::kBoxTrouble, {now});
  }

 private:
  Context& context_;
  SystemClock clock_;
  std::mutex mutex_;
  std::string trouble_;  // the main thread's
};

Status serve(Context& context, const ServeOptions& o, Reporter& report) {
  FK_TRY(Notice notice, context.notice());
  FK_TRY(const ListenAddress at, parse_listen(o.listen));
  FK_TRY(BoxIdentity identity, load_box(o.dir));
  FK_TRY(const BoxIdentity own, load_box(o.dir));  // the box signs, the server serves
  FK_TRY(const http::UniqueFd lock, lock_folder(o.dir));
  const SystemClock clock;
  Voice voice(context);
  // The server's threads start with them blocked.
  sigset_t stops;
  sigemptyset(&stops);
  for (const int s : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&stops, s);
  pthread_sigmask(SIG_BLOCK, &stops, nullptr);
  const Box::Tell tell = [&voice](Msg what, std::initializer_list<std::string_view> args) { voice.say(what, args); };
  FK_TRY(const auto box, Box::open(context, std::move(notice), o.dir, std::move(identity), clock, tell));
  voice.look_ended(box->look());
  FK_TRY(const auto server, serve_box(*box, own, at));
  voice.say(Msg::kBoxServes, {url_at(at, server->port(0))});
  const timespec wait{static_cast<time_t>(o.interval), 0};
  while (sigtimedwait(&stops, nullptr, &wait) < 0) voice.look_ended(box->look());
  server->stop(kGrace);
  report.field("state", "stopped");
  return {};
}

// ---- status, confirm

struct PersonOptions {
  std::string box;
  std::string yes_to;
  ApprovalSigner signer;
};

void show(const Json& box, const std::optional<WaitingStart>& waiting, Reporter& report) {
  report.say(Msg::kBoxIs, {box.value("name", ""), box.value("group", ""), box.value("vault", "")});
  const Json ticket = box.value("ticket", Json::object());
  if (ticket.contains("number")) {
    report.say(Msg::kBoxHas, {ticket["number"].dump(), ticket.value("received", "")});
  } else {
    report.say(Msg::kBoxHasNone);
  }
  if (!waiting) {
    report.say(Msg::kBoxNobodyWaits);
  } else {
    const ledger::Restart& r = waiting->restart;
    report.say(Msg::kBoxStartWaits,
               {std::to_string(r.start), waiting->since, waiting->version, to_hex(r.program), to_hex(r.unseal_to)});
    if (waiting->confirmed) report.say(Msg::kBoxIsConfirmed);
  }
  for (const char* key : {"ticket", "restart", "log_size"}) report.field(key, box.value(key, Json()));
}

Status status(Context& context, const PersonOptions& o, Reporter& report) {
  FK_TRY(const ledger::TicketBox at, load_box_file(o.box));
  FK_TRY(const Identity identity, load_identity(context));
  FK_TRY(const Json box, ask_box(at, identity, "/v1/box"));
  FK_TRY(const auto waiting, parse_waiting(box));
  show(box, waiting, report);
  return {};
}

// A person looks at what waits, and says yes to exactly that.
Status ask_person(Context& context, const PersonOptions& o, const WaitingStart& waiting) {
  const std::string start = std::to_string(waiting.restart.start);
  if (!o.yes_to.empty()) {
    if (o.yes_to == start) return {};
    return say_error(Errc::kConflict, "other-start", Msg::kBoxNothingWaits, Msg::kBoxOtherStartHint);
  }
  auto person = context.terminal();
  if (!person) return say_error(Errc::kInvalidArgument, "no-terminal", Msg::kBoxAskConfirm, Msg::kBoxAskHint, {start});
  FK_TRY(const bool go, (*person)->confirm(context.lang, context.text(Msg::kBoxAskConfirm, {start})));
  return go ? Status() : Status(say_error(Errc::kInvalidArgument, "cancelled", Msg::kCancelled, Msg::kBoxUseCards));
}

Status confirm(Context& context, const PersonOptions& o, Reporter& report) {
  FK_TRY(const ledger::TicketBox at, load_box_file(o.box));
  FK_TRY(const Identity identity, load_identity(context));
  FK_TRY(const Json box, ask_box(at, identity, "/v1/box"));
  FK_TRY(const auto waiting, parse_waiting(box));
  show(box, waiting, report);
  if (!waiting) return say_error(Errc::kFailedPrecondition, "no-ticket", Msg::kBoxNobodyWaits, Msg::kBoxOtherStartHint);
  FK_CHECK(ask_person(context, o, *waiting));
  ledger::Restart restart = waiting->restart;
  restart.time = SystemClock().now().wall;
  FK_TRY(const std::string statement, ledger::restart_statement(restart));
  FK_TRY(const std::string signature,
         sign_as_custodian(context, o.signer, identity.key.get(), ledger::kRestartNamespace, statement));
  const Json body = {{"number", restart.number},
                     {"signature", signature},
                     {"start", restart.start},
                     {"time", format_time(restart.time)}};
  FK_TRY(const Json answer, ask_box(at, identity, "/v1/confirmations", body));
  report.say(Msg::kBoxYouConfirmed, {std::to_string(restart.start), answer.value("by", "")});
  report.field("by", answer.value("by", Json()));
  report.field("start", restart.start);
  return {};
}

CLI::App* add_person_command(CLI::App& box, Context& context, const char* name, Msg help, PersonOptions& o) {
  CLI::App* c = box.add_subcommand(name, context.text(help));
  c->add_option("BOX", o.box, context.text(Msg::kHelpBoxFile))->required();
  return c;
}

}  // namespace

void add_box(CLI::App& app, Context& context) {
  CLI::App* box = app.add_subcommand("box", context.text(Msg::kHelpBox));
  box->require_subcommand(1);
  auto made = std::make_shared<NewOptions>();
  CLI::App* n = box->add_subcommand("new", context.text(Msg::kHelpBoxNew));
  n->add_option("DIR", made->dir, context.text(Msg::kHelpBoxDir))->required();
  n->add_option("--name", made->name, context.text(Msg::kHelpBoxName))->required();
  n->add_option("--group", made->group, context.text(Msg::kHelpBoxGroup))->required();
  n->add_option("--url", made->url, context.text(Msg::kHelpBoxUrl))->required();
  n->callback([made, &context] { context.run([made](Reporter& r) { return make_new(*made, r); }); });

  auto served = std::make_shared<ServeOptions>();
  CLI::App* s = box->add_subcommand("serve", context.text(Msg::kHelpBoxServe));
  s->add_option("DIR", served->dir, context.text(Msg::kHelpBoxDir))->required();
  s->add_option("--listen", served->listen, context.text(Msg::kHelpBoxListen))->required();
  s->add_option("--interval", served->interval, context.text(Msg::kHelpBoxInterval))->check(CLI::Range(1, 3600));
  s->callback(
      [served, &context] { context.run([served, &context](Reporter& r) { return serve(context, *served, r); }); });

  auto looks = std::make_shared<PersonOptions>();
  add_person_command(*box, context, "status", Msg::kHelpBoxStatus, *looks)->callback([looks, &context] {
    context.run([looks, &context](Reporter& r) { return status(context, *looks, r); });
  });

  auto says = std::make_shared<PersonOptions>();
  CLI::App* c = add_person_command(*box, context, "confirm", Msg::kHelpBoxConfirm, *says);
  c->add_option("--yes-to", says->yes_to, context.text(Msg::kHelpBoxYesTo));
  add_signer_options(*c, context, says->signer);
  c->callback([says, &context] { context.run([says, &context](Reporter& r) { return confirm(context, *says, r); }); });
}

}  // namespace facekeep::tools
