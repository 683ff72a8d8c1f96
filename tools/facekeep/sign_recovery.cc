// facekeep sign-recovery: a custodian signs that a new token, and a new log key, take the place of a lost one. Offline:
// the vault does not run, so what there is to check is the statement itself, the notice, and the newest checkpoint that
// this machine has seen.
#include "tools/common/escape.h"
#include "tools/facekeep/approval_signer.h"
#include "tools/facekeep/commands.h"
#include "vault/base/digest.h"
#include "vault/ledger/recovery.h"
#include "vault/log/checkpoint.h"

namespace facekeep::tools {
namespace {

struct Options {
  std::string statement;
  std::string out;
  std::string yes_to;
  ApprovalSigner signer;
};

std::vector<std::string> words(Context& context, const Notice& notice, const ledger::Recovered& e,
                               std::optional<std::uint64_t> seen, const std::string& digest) {
  const ledger::TokenEvidence& t = e.token;
  std::vector<std::string> out = {context.text(e.kind == "stolen"   ? Msg::kRecStolen
                                               : e.kind == "broken" ? Msg::kRecBroken
                                               : e.kind == "lost"   ? Msg::kRecLost
                                                                    : Msg::kRecRestored,
                                               {notice.name, to_hex(notice.vault)}),
                                  context.text(Msg::kRecToken, {t.manufacturer, t.model, t.serial, t.token_class}),
                                  context.text(Msg::kRecLog, {std::to_string(e.at.size), to_hex(e.at.root)}),
                                  context.text(Msg::kRecKey, {e.log_key})};
  if (e.spare) out.push_back(context.text(Msg::kRecSpare, {to_hex(*e.spare)}));
  if (e.loss) {
    out.push_back(context.text(Msg::kRecLoss,
                               {std::to_string(e.at.size), std::to_string(e.loss->newest.size - 1), e.loss->origin}));
  }
  out.push_back(seen ? context.text(Msg::kRecSeen, {std::to_string(*seen)}) : context.text(Msg::kRecNeverSeen));
  out.push_back(context.text(Msg::kRecMade, {format_time(e.made)}));
  out.push_back(context.text(Msg::kRecDigest, {digest}));
  return out;
}

// The newest checkpoint that this machine remembers: a log that ends before it is an old copy, unless the statement
// says itself how much is lost; one of the same size with another root is another log.
// Its size; nothing if it remembers none.
Result<std::optional<std::uint64_t>> check_memory(const Context& context, const Notice& notice,
                                                  const ledger::Recovered& e) {
  FK_TRY(const ClientMemory memory, context.memory());
  FK_TRY(const auto note, memory.get(notice.vault));
  if (!note) return std::optional<std::uint64_t>();
  FK_TRY(const log::Note parsed, log::parse_note(*note));
  FK_TRY(const log::Checkpoint seen, log::parse_checkpoint_text(parsed.text));
  for (const ledger::TreeAt& head : {e.at, e.loss ? e.loss->newest : e.at}) {
    if (seen.size != head.size || seen.root == head.root) continue;
    const std::string size = std::to_string(seen.size);
    return say_error(Errc::kIntegrity, "forked", Msg::kCliForked, Msg::kCliTellHint, {size, size});
  }
  const std::uint64_t told = e.loss ? e.loss->newest.size : e.at.size;
  if (seen.size <= told) return std::optional(seen.size);
  return say_error(Errc::kIntegrity, "rolled-back", Msg::kCliRolledBack, Msg::kCliTellHint,
                   {std::to_string(told), std::to_string(seen.size)});
}

Status confirm(Context& context, const Options& o, const std::vector<std::string>& lines, const std::string& digest,
               Reporter& report) {
  for (const auto& line : lines) report.line(line);
  if (!o.yes_to.empty()) {
    if (o.yes_to == digest) return {};
    return say_error(Errc::kIntegrity, "other-digest", Msg::kRecOtherDigest, Msg::kRecOtherDigestHint, {digest});
  }
  auto person = context.terminal();
  if (!person) return say_error(Errc::kInvalidArgument, "no-terminal", Msg::kRecAsk, Msg::kPropAskHint);
  if (context.json) {  // stdout is for the object alone
    for (const auto& line : lines) FK_CHECK((*person)->show(escape_untrusted(line) + "\n"));
  }
  FK_TRY(const bool go, (*person)->confirm(context.lang, context.text(Msg::kRecAsk)));
  if (go) return {};
  return say_error(Errc::kInvalidArgument, "cancelled", Msg::kCancelled, Msg::kRecOtherDigestHint);
}

Status sign(Context& context, const Options& o, Reporter& report) {
  FK_TRY(const Notice notice, context.notice());
  FK_TRY(std::string text, load_text(o.statement));
  if (text.ends_with('\n')) text.pop_back();
  FK_TRY(const ledger::Recovered e, ledger::recovery_from_statement(text, notice.vault));
  FK_TRY(const auto seen, check_memory(context, notice, e));
  const std::string digest = to_hex(sha256(as_bytes(text)));
  report.field("digest", digest);
  FK_CHECK(confirm(context, o, words(context, notice, e, seen, digest), digest, report));
  FK_TRY(const std::string armored, sign_as_custodian(context, o.signer, nullptr, ledger::kRecoveryNamespace, text));
  FK_CHECK(save_text(o.out, armored));
  report.say(Msg::kRecSigned, {o.out});
  report.field("signature", o.out);
  return {};
}

}  // namespace

void add_sign_recovery(CLI::App& app, Context& context) {
  auto o = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("sign-recovery", context.text(Msg::kHelpSignRecovery));
  command->add_option("FILE", o->statement, context.text(Msg::kHelpRecStatement))->required();
  command->add_option("--out", o->out, context.text(Msg::kHelpRecOut))->required();
  command->add_option("--yes-to", o->yes_to, context.text(Msg::kHelpRecYesTo));
  add_signer_options(*command, context, o->signer);
  command->callback([o, &context] { context.run([o, &context](Reporter& r) { return sign(context, *o, r); }); });
}

}  // namespace facekeep::tools
