// Mirrors a log, checking every byte before it is kept: the checkpoint's signature, that it continues the one before,
// tiles up to the root, entries against their tile, openings against their commitment.
//
// Sources: C2SP tlog-tiles v0.1.0 (client), tlog-checkpoint. One thread.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "tools/common/catalogue.h"
#include "tools/facekeep-audit/mirror.h"

namespace facekeep::tools {

// GET of a path of the vault ("/checkpoint"). kNotFound for 404; kSealed while it is sealed.
using Get = std::function<Result<Bytes>(const std::string& target)>;
// What is being done, units done and the total.
enum class FetchStep : std::uint8_t { kEntries, kOpenings };
using FetchProgress = std::function<void(FetchStep step, std::uint64_t done, std::uint64_t total)>;

struct Fetched {
  log::Checkpoint checkpoint;
  std::optional<std::uint64_t> before;  // size of the mirror's earlier checkpoint
  std::uint64_t new_entries = 0;
};

// Brings the mirror to the checkpoint that is served now. What an interrupted call left is used; until the call is
// done, the mirror stays as it was. kIntegrity
// ("rolled-back", "forked") keeps both checkpoints in the mirror as evidence and changes nothing else; kIntegrity for
// bytes that do not fit: they are not kept.
// Entries before `whole_to` are not looked at again: the mirror has them whole.
Result<Fetched> fetch_log(const Mirror& mirror, const log::VerifierKey& key, const Get& get,
                          const FetchProgress& progress = {}, std::uint64_t whole_to = 0);

// For what the vault served and does not fit, at this entry.
Error served_bad(Msg what, std::uint64_t entry);

// Keeps what the vault shows as cosigned by its witnesses in the mirror's file `cosigned` (empty: nothing), and gives
// it. Asked for before fetch_log(), so that the log served then must reach as far; held against it by who knows genesis
// (vault/audit/witnesses.h).
Result<std::string> fetch_cosigned(const Mirror& mirror, const Get& get);

struct FetchedOpenings {
  std::uint64_t bundles = 0;  // read now: each is an entry of the log
  bool sealed = false;        // some or all could not be read, since the vault is sealed
  bool refused = false;       // it gave none at all: the mirror lacks whole bundles
  bool ended = false;         // an answer called something destroyed that the mirror did not know to be
  std::uint64_t whole = 0;    // bundles from the first on that the mirror has for good
};
struct OpeningsScope {
  std::uint64_t first = 0;   // bundles before this one are not looked at
  bool retry_sealed = true;  // ask again for what was sealed when it was asked for
};
// Reads the openings that the mirror does not have. Each call to the vault is an entry of its log, so none is made
// without need: what was read of a bundle serves until the bundle has another private entry. No opening that the
// mirror has is given up for an answer without it.
Result<FetchedOpenings> fetch_openings(const Mirror& mirror, const log::Checkpoint& checkpoint, const Get& get,
                                       const FetchProgress& progress = {}, const OpeningsScope& scope = {});

// fetch_openings(), and if a key has ended since the checkpoint, the log once more: the entry that says so comes behind
// that checkpoint. `log` is what fetch_log() gave, and is brought up to date. May wait for a moment.
Result<FetchedOpenings> fetch_openings_and_ends(const Mirror& mirror, const log::VerifierKey& key, Fetched& log,
                                                const Get& get, const Get& openings, const FetchProgress& progress = {},
                                                const OpeningsScope& scope = {});

// What follows a fetch that asked for openings or the register: each answer is an entry behind the checkpoint of
// before, and so is what happened meanwhile. A mirror is as fresh as a restore needs it only with these. Waits for the
// checkpoint over them and fetches log and openings once more. A vault where nothing else happens is mirrored to its
// end; behind one that is busy the mirror is a moment old.
Result<FetchedOpenings> fetch_to_the_end(const Mirror& mirror, const log::VerifierKey& key, Fetched& log,
                                         const Get& get, const Get& openings, const FetchProgress& progress = {});

// The register of people, put together from its pages into one document (vault/audit/register.h). Each page is an entry
// of the vault's log. kSealed while the vault is; kMalformed for pages that lead nowhere.
Result<Bytes> fetch_register(const Get& get);

}  // namespace facekeep::tools
