#include "tools/facekeepd/recover.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "hsm/spare.h"
#include "tools/common/files.h"
#include "tools/facekeepd/files.h"
#include "tools/facekeepd/start.h"
#include "vault/backup/mark.h"
#include "vault/base/digest.h"
#include "vault/ledger/sshsig.h"
#include "vault/log/log_keys.h"
#include "vault/token_recovery.h"

namespace facekeep::daemon {
namespace {

constexpr std::size_t kMaxNote = std::size_t{256} << 10;

// What is told at the end, in words and as JSON.
struct Told {
  std::string text;
  nlohmann::ordered_json json;
};

Result<std::shared_ptr<hsm::SessionPool>> open_new_token(const Config& config, const RunOptions& options) {
  FK_TRY(SecretBytes pin, read_pin(config, options));
  hsm::OpenOptions open;
  open.module_path = config.token_module;
  return hsm::open_token(config.token_uri, std::move(pin), open);
}

Result<std::vector<std::string>> objects_of(hsm::SessionPool& pool, const Id128& vault) {
  FK_TRY(const auto found, pool.run(hsm::Repeat::kSafe,
                                    [&](hsm::Session& s) { return hsm::find_prefixed(s, hsm::object_prefix(vault)); }));
  std::vector<std::string> labels;
  for (const auto& object : found) labels.push_back(object.label);
  return labels;
}

std::string name_of(const hsm::TokenIdentity& t) {
  return "\"" + t.label + "\" (" + t.manufacturer + ", serial " + t.serial + ")";
}

Error not_lost(const hsm::TokenIdentity& token, const std::string& has) {
  return make_error(Errc::kFailedPrecondition,
                    "the token " + name_of(token) + " has " + has + " of this vault: this token is not lost",
                    "start the daemon with it. If it is the spare: the new main token is another one, and empty");
}

// The new token's log key: that of an earlier run of this step, or made now. A token with anything else of this vault,
// or with a log key that the log has had, is no new one.
Result<hsm::LogKey> new_log_key(hsm::SessionPool& pool, const ledger::State& state) {
  const Id128& vault = state.genesis().vault;
  const hsm::TokenIdentity& token = pool.token().identity();
  FK_TRY(const auto labels, objects_of(pool, vault));
  for (const std::string& label : labels) {
    if (label != hsm::log_label(vault)) return not_lost(token, "the object " + label);
  }
  FK_TRY(const auto left, pool.run(hsm::Repeat::kSafe, [&](hsm::Session& s) { return hsm::find_log_keys(s, vault); }));
  if (left.empty()) {
    if (!labels.empty()) FK_CHECK(hsm::destroy_key(pool, hsm::log_label(vault)));  // half of a pair, after a crash
    constexpr bool kForceP256 = false;
    FK_TRY(hsm::LogKey made, hsm::create_log_key(pool, vault, kForceP256));
    ::sync();
    return made;
  }
  std::vector<std::string> past = {state.genesis().log_key};
  for (const auto& h : state.handovers()) past.push_back(h.to);
  for (const std::string& vkey : past) {
    FK_TRY(const log::VerifierKey key, log::parse_vkey(vkey));
    if (key.public_key == left.front().public_key) return not_lost(token, "the log key");
  }
  return left.front();
}

NewMainToken describe(const hsm::TokenIdentity& t, const hsm::LogKey& key) {
  const hsm::KeyEvidence& e = key.evidence;
  NewMainToken out;
  out.evidence = {t.manufacturer,
                  t.model,
                  t.serial,
                  t.firmware,
                  t.token_class,
                  {},
                  {e.mechanism, e.local, e.sensitive, e.always_sensitive, e.extractable, e.never_extractable}};
  out.log_key = {key.type, key.public_key};
  return out;
}

// Both ways to open the vault would be in one device.
Status check_is_not_spare(hsm::SessionPool& pool, const ledger::State& state) {
  const auto& spare = state.current().spare_key;
  if (!spare) return {};
  FK_TRY(const bool is_spare, hsm::has_spare_key(pool, *spare));
  if (!is_spare) return {};
  return make_error(Errc::kFailedPrecondition,
                    "the token " + name_of(pool.token().identity()) + " is the vault's spare",
                    "the new main token is another one, and empty; the spare goes into token.spare");
}

// If the configuration names the spare, it has the key without which a recovery leads nowhere.
Status check_spare(const Config& config, const ledger::State& state) {
  const auto& wanted = state.current().spare_key;
  if (config.spare_uri.empty() || !wanted) return {};
  FK_TRY(const auto pool, open_spare(config));
  FK_TRY(const bool there, hsm::has_spare_key(*pool, *wanted));
  if (there) return {};
  return make_error(Errc::kFailedPrecondition,
                    "the token " + name_of(pool->token().identity()) + " of token.spare does not have the spare key",
                    "its SHA-256 is " + to_hex(*wanted) + ": find the spare token that has it");
}

Status check_newest(const TokenRecovery& recovery, const RecoverOptions& r) {
  if (r.newest.empty() != r.no_newest) {
    return make_error(Errc::kInvalidArgument,
                      "the token's anchor is gone with it: give the newest checkpoint that anybody has (--newest FILE: "
                      "an auditor's, a witness's, a receipt's), or --no-newest",
                      "with --no-newest whoever put an older disk back is believed");
  }
  for (const std::string& path : r.newest) {
    FK_TRY(const std::string note, tools::load_text(path, kMaxNote));
    if (auto ok = recovery.check_newest(note); !ok) {
      ok.error().message = path + ": " + ok.error().message;
      return ok;
    }
  }
  return {};
}

std::string words(const ledger::Recovered& e, const ledger::State& state) {
  return "vault        " + to_hex(state.genesis().vault) + "\nlog          " + std::to_string(e.at.size) +
         " entries, root " + to_hex(e.at.root) + "\ntoken        " + e.kind + ": " +
         state.current().token.manufacturer + ", serial " + state.current().token.serial + "\nnew token    " +
         e.token.manufacturer + " " + e.token.model + ", serial " + e.token.serial + " (" + e.token.token_class +
         ")\nnew log key  " + e.log_key + (e.spare ? "\nspare key    " + to_hex(*e.spare) : "") + "\n";
}

constexpr const char* kToBeSigned =
    "Custodians sign it within seven days, as many of each group as open the vault: facekeep sign-recovery\n";

// The statement, in its file.
Result<Told> written(const RecoverOptions& r, const ledger::Recovered& e, const ledger::State& state) {
  FK_TRY(const std::string statement, recovery_statement(e, state.genesis().vault));
  FK_CHECK(tools::save_text(r.statement_out, statement));
  const std::string digest = to_hex(sha256(as_bytes(statement)));
  return Told{words(e, state) + "statement    " + r.statement_out + ", SHA-256 " + digest + "\n",
              {{"statement", r.statement_out}, {"digest", digest}, {"size", e.at.size}, {"log_key", e.log_key}}};
}

Result<Told> finished(const TokenRecovery& recovery, hsm::TokenCustody& custody) {
  FK_CHECK(recovery.finish(custody, SystemClock().now()));
  const auto& last = recovery.state().handovers().back();
  const auto& due = recovery.state().recovery();
  const bool by_spare = due && due->entry == last.entry;
  Told told{"recovered, in log entry " + std::to_string(last.entry) + ". Start the daemon" +
                (by_spare ? " with the spare token in place (token.spare)" : "") +
                "; custodians open the vault as ever.\n",
            {{"done", true}, {"entry", last.entry}, {"log_key", last.to}}};
  if (by_spare) {
    told.text +=
        "New cards are due at once (facekeep reshare): until they have ended the old ones, these open with the spare "
        "token whatever copies of the vault there are.\n";
  }
  if (last.loss) told.text += "Nobody matches until both groups confirm them, site by site.\n";
  return told;
}

std::string next_origin(const ledger::State& state) {
  const auto& all = state.handovers();
  const auto losses = std::count_if(all.begin(), all.end(), [](const auto& h) { return h.loss.has_value(); });
  return state.genesis().origin + "/" + std::to_string(losses + 2);
}

// A further log key in the vault's own token: that of an earlier run of this step, or made now.
Result<hsm::LogKey> further_log_key(hsm::SessionPool& pool, hsm::TokenCustody& custody, const ledger::State& state) {
  const Id128& vault = state.genesis().vault;
  FK_TRY(const log::LogKeys past, log::LogKeys::of(state));
  const auto find = [&]() -> Result<std::optional<hsm::LogKey>> {
    FK_TRY(auto all, pool.run(hsm::Repeat::kSafe, [&](hsm::Session& s) { return hsm::find_log_keys(s, vault); }));
    for (hsm::LogKey& key : all) {
      const auto& chain = past.chain();
      const auto named = [&](const log::LogKey& k) { return k.key.public_key == key.public_key; };
      if (std::none_of(chain.begin(), chain.end(), named)) return std::optional(std::move(key));
    }
    return std::optional<hsm::LogKey>();
  };
  FK_TRY(auto key, find());
  if (!key) {
    FK_CHECK(custody.make_log_key());
    FK_TRY(key, find());
  }
  if (!key) return make_error(Errc::kHsm, "the token does not show the log key that it made");
  return std::move(*key);
}

// What is given up behind a restore that accepted it. `anchor`: of the token, where that is not lost.
Result<ledger::Loss> loss_of(const RecoverOptions& r, const TokenRecovery& recovery,
                             const std::optional<Anchor>& anchor) {
  std::vector<std::string> notes;
  for (const std::string& path : r.newest) {
    FK_TRY(std::string note, tools::load_text(path, kMaxNote));
    notes.push_back(std::move(note));
  }
  FK_TRY(const ledger::TreeAt newest, recovery.newest_lost(notes, anchor));
  return ledger::Loss{r.origin.empty() ? next_origin(recovery.state()) : r.origin, newest};
}

void add_loss(const ledger::Recovered& e, Told& told) {
  told.text += "lost         log entries " + std::to_string(e.at.size) + " to " +
               std::to_string(e.loss->newest.size - 1) +
               ", as far as anybody knows: erasures and revocations among them are undone\n"
               "new name     " +
               e.loss->origin + "\n";
  told.json["lost_upto"] = e.loss->newest.size;
  told.json["origin"] = e.loss->origin;
}

// Of a restore that the log does not have yet: what custodians should know before they sign. Nothing is signed for a
// mark that the first start would refuse.
Status add_mark(const ledger::State& state, const ledger::BehindBackup& mark, Told& told) {
  const ledger::RestoreMark placed = place_mark(state, mark);
  if (placed.logged || mark.from == mark.upto) return {};
  if (!placed.at_end) {
    return make_error(Errc::kFailedPrecondition, "restored.json names a restore that is not of this log",
                      "find out who put it there, or restore once more");
  }
  told.text += "restored     from a backup of " + std::to_string(mark.from) +
               " entries: " + std::to_string(subjects_behind(state, placed.range)) +
               " people who came behind it are taken out at the first start\n";
  return {};
}

// What is given up is given up at the restore: the first start would find the mark beside a log that ends elsewhere.
Status check_loss(const ledger::State& state, const std::optional<ledger::BehindBackup>& mark) {
  if (!mark || mark->from == mark->upto || place_mark(state, *mark).logged) return {};
  return make_error(Errc::kFailedPrecondition,
                    "this vault was restored with the entries behind its backup; what is missing behind those is not "
                    "given up here",
                    "restore once more with --accept-loss, and recover with it then; or find the missing entries");
}

// Behind a restore that accepted a loss, beside the vault's own token.
Result<Told> make_loss_statement(const RecoverOptions& r, const TokenRecovery& recovery,
                                 const std::optional<ledger::BehindBackup>& mark, hsm::SessionPool& pool,
                                 hsm::TokenCustody& custody) {
  FK_CHECK(check_loss(recovery.state(), mark));
  FK_TRY(const auto anchor, custody.read_anchor());
  FK_TRY(const ledger::Loss loss, loss_of(r, recovery, anchor));
  FK_TRY(const hsm::LogKey key, further_log_key(pool, custody, recovery.state()));
  FK_TRY(const ledger::Recovered e,
         recovery.draw_up(r.kind, describe(pool.token().identity(), key), SystemClock().now().wall, loss));
  FK_TRY(Told told, written(r, e, recovery.state()));
  add_loss(e, told);
  told.text += kToBeSigned;
  return told;
}

Result<Told> make_statement(const Config& config, const RecoverOptions& r, const TokenRecovery& recovery,
                            const std::optional<ledger::BehindBackup>& mark, hsm::SessionPool& pool) {
  Told restored;
  if (mark) FK_CHECK(add_mark(recovery.state(), *mark, restored));
  std::optional<ledger::Loss> loss;
  if (r.accept_loss) {
    FK_CHECK(check_loss(recovery.state(), mark));
    FK_TRY(loss, loss_of(r, recovery, {}));
  } else {
    FK_CHECK(check_newest(recovery, r));
  }
  FK_CHECK(check_is_not_spare(pool, recovery.state()));
  FK_CHECK(check_spare(config, recovery.state()));
  FK_TRY(const hsm::LogKey key, new_log_key(pool, recovery.state()));
  const NewMainToken token = describe(pool.token().identity(), key);
  FK_TRY(const ledger::Recovered e, recovery.draw_up(r.kind, token, SystemClock().now().wall, loss));
  FK_TRY(Told told, written(r, e, recovery.state()));
  if (e.loss) add_loss(e, told);
  std::string& text = told.text;
  text += restored.text;
  if (config.spare_uri.empty())
    text += "warning: token.spare is not set: whether the spare is at hand was not looked at\n";
  if (r.no_newest) text += "warning: nobody's checkpoint was compared: an older disk would be believed\n";
  text += kToBeSigned;
  return told;
}

Result<Told> take_signatures(const RecoverOptions& r, TokenRecovery& recovery,
                             const std::optional<ledger::BehindBackup>& mark, hsm::TokenCustody& custody) {
  FK_TRY(std::string statement, tools::load_text(r.statement, kMaxNote));
  if (statement.ends_with('\n')) statement.pop_back();
  std::vector<std::string> armored;
  for (const std::string& path : r.signatures) {
    FK_TRY(std::string one, tools::load_text(path, ledger::kMaxSshSigArmor));
    armored.push_back(std::move(one));
  }
  FK_TRY(const ledger::Recovered e, recovery.with_signatures(statement, armored));
  if (e.loss) FK_CHECK(check_loss(recovery.state(), mark));
  FK_CHECK(recovery.carry_out(e, custody, SystemClock().now()));
  return finished(recovery, custody);
}

Result<Told> recover_vault(const Config& config, const RunOptions& options, const RecoverOptions& r) {
  if (r.statement.empty() == r.statement_out.empty()) {
    return make_error(Errc::kInvalidArgument, "give --statement-out FILE, or --statement FILE with its signatures",
                      "the first makes what the custodians sign, the second takes it");
  }
  FK_TRY(const VaultFiles files, open_vault_files(config));
  FK_TRY(const auto unlogged, backup::read_mark(config.data_dir));
  FK_TRY(TokenRecovery recovery, TokenRecovery::open(*files.store, unlogged));
  const Id128 vault = recovery.state().genesis().vault;
  FK_TRY(const auto pool, open_new_token(config, options));
  auto custody = hsm::TokenCustody::open(pool, vault);
  if (!custody && custody.error().code != Errc::kNotFound) return std::move(custody).error();
  if (custody) {
    FK_TRY(const auto keys, (*custody)->log_keys());
    FK_TRY(const bool done, recovery.is_done_with(keys));
    if (done) return finished(recovery, **custody);
  }
  if (!r.statement_out.empty() && r.kind == "restored" && custody) {
    return make_loss_statement(r, recovery, unlogged, *pool, **custody);
  }
  if (!r.statement_out.empty() && r.kind != "restored") return make_statement(config, r, recovery, unlogged, *pool);
  if (!custody) {
    return make_error(Errc::kFailedPrecondition,
                      "the token " + name_of(pool->token().identity()) + " does not have the statement's log key",
                      "name the new token with which the statement was made, or make a new statement");
  }
  return take_signatures(r, recovery, unlogged, **custody);
}

}  // namespace

int run_recover(const Config& config, const RunOptions& options, const RecoverOptions& recover) {
  const auto told = recover_vault(config, options, recover);
  if (!told) {
    std::fprintf(stderr, "error: %s\n", told.error().message.c_str());
    if (!told.error().hint.empty()) std::fprintf(stderr, "hint: %s\n", told.error().hint.c_str());
    return exit_code(told.error());
  }
  std::fputs((recover.json ? told->json.dump(2) + "\n" : told->text).c_str(), stdout);
  return 0;
}

}  // namespace facekeep::daemon
