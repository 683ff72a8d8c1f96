#include "tools/facekeep-audit/follower.h"

#include "vault/audit/tile_chain.h"
#include "vault/base/clock.h"

namespace facekeep::tools {
namespace {

constexpr UnixMillis kHour = 3600LL * 1000;

}  // namespace

Follower::Follower(const std::string& dir, log::VerifierKey key, audit::Level level, std::optional<Snapshot> from)
    : mirror_(dir), key_(std::move(key)), keys_(key_), level_(level) {
  if (from) {
    confirmed_ = {from->state.size(), from->root};
    replay_ = std::make_unique<audit::Replay>(level, std::move(from->state), findings_, std::ref(statistics_));
  } else {
    replay_ = std::make_unique<audit::Replay>(level, findings_, std::ref(statistics_));
  }
}

Result<News> Follower::look(const Get& get, const Get& openings) {
  // The first look trusts nothing that is in the folder.
  FK_TRY(Fetched fetched, fetch_log(mirror_, key_, get, {}, head_.size));
  if (fetched.kept) {
    start_over();
    seen_before_ = fetched.kept;
  }
  keys_ = fetched.keys;
  if (!seen_before_) seen_before_ = fetched.before.value_or(0);
  forget_checkpoint_before(fetched);
  head_ = fetched.checkpoint;
  bool refused = false;
  if (level_ == audit::Level::kAuditor) {
    // While the vault is sealed there is nothing more to be had of what was sealed.
    const OpeningsScope scope{openings_whole_, replay_->state().phase() == ledger::Phase::kOpen};
    FK_TRY(const FetchedOpenings read, fetch_openings_and_ends(mirror_, key_, fetched, get, openings, {}, scope));
    openings_whole_ = read.whole;
    refused = read.refused;
    head_ = fetched.checkpoint;
  }
  News news;
  news.checkpoint = fetched.checkpoint;
  news.new_entries = fetched.new_entries;
  if (!refused) FK_CHECK(replay_new(news));
  return news;
}

Status Follower::replay_new(News& news) {
  if (head_.size == confirmed_.size) return {};
  FK_TRY(const auto note, mirror_.checkpoint());
  if (!note) return make_error(Errc::kIntegrity, mirror_.dir() + "/checkpoint was taken away while it was followed");
  // Those seen before are compared once; what follows continues the one before it.
  std::vector<audit::SeenCheckpoint> seen;
  if (confirmed_.size == 0) {
    FK_TRY(seen, mirror_.seen());
  }
  FK_TRY(const audit::Verified verified, audit::replay_log(keys_, {"checkpoint", *note}, seen, mirror_.files(), level_,
                                                           confirmed_, *replay_, findings_));
  confirmed_ = {verified.checkpoint.size, verified.checkpoint.root};
  const auto& acts = statistics_.result().acts;
  for (; acts_told_ < acts.size(); ++acts_told_) {
    if (acts[acts_told_].entry >= *seen_before_) news.acts.push_back(acts[acts_told_]);
  }
  for (audit::Finding& f : findings_.sorted()) {
    if (audit::row_of(f.code).severity == audit::Severity::kNote) continue;
    if (told_.insert({f.code, f.entry}).second) news.findings.push_back(std::move(f));
  }
  return {};
}

// Entries that were replayed are lost: the log that goes on is replayed from its first. Its acts were told before.
void Follower::start_over() {
  findings_ = audit::Findings();
  statistics_ = audit::StatisticsObserver();
  replay_ = std::make_unique<audit::Replay>(level_, findings_, std::ref(statistics_));
  confirmed_ = {};
  openings_whole_ = 0;
  acts_told_ = 0;
  hour_.reset();
}

// A look every few seconds would leave millions of checkpoints, each of which the next one implies: one an hour stays.
void Follower::forget_checkpoint_before(const Fetched& fetched) {
  if (fetched.new_entries == 0) return;
  const UnixMillis hour = SystemClock().now().wall / kHour;
  if (fetched.before && hour_ == hour) mirror_.forget("checkpoints/" + std::to_string(*fetched.before));
  hour_ = hour;
}

Result<bool> Follower::contains(std::uint64_t size, const Digest& root) const {
  if (size == 0) return root == log::empty_root();
  if (size > head_.size) return make_error(Errc::kInvalidArgument, "the mirror does not reach that far");
  FK_TRY(audit::TileChain chain, audit::TileChain::open(head_.size, head_.root, mirror_.files().tile));
  FK_TRY(const Digest mirrored, log::root_at(size, chain.hash_source()));
  return mirrored == root;
}

}  // namespace facekeep::tools
