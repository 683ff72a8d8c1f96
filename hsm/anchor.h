// The rollback anchor in the token: the newest log position that it has seen.
//
// Two alternating CKO_DATA objects of a vault, "facekeep/<vault>/anchor-a" and "-b", private to the
// logged-in user. CKA_VALUE of a data object can't be changed on every token, so a write creates the
// new object under the label not in use, then destroys the old one: a crash between leaves two, and
// the newer valid one counts. The value, 84 bytes:
//
//   0   4   "FKA1"
//   4   8   size, big-endian: entries in the log
//   12  32  RFC 6962 root hash at that size
//   44  8   time, big-endian: milliseconds since 1970 (wall clock, at the writing)
//   52  32  SHA-256(vault id || bytes 0 to 51)
//
// A PIN holder can write an anchor; it is no proof against that one, only against old copies of the
// database. With a token made of files it does not hold against copying those files either.
#pragma once

#include <optional>

#include "hsm/session_pool.h"
#include "vault/seal/custody.h"

namespace facekeep::hsm {

inline constexpr std::size_t kAnchorSize = 84;

// Pure. parse_anchor is total: kMalformed for anything that format_anchor did not make for this vault.
Bytes format_anchor(const Id128& vault, const Anchor& anchor);
Result<Anchor> parse_anchor(const Id128& vault, ByteView value);

// The valid one of the larger size (then the later time); nothing if there is no object at all.
// kIntegrity if objects are there and none is valid, or two of one size differ in their root.
Result<std::optional<Anchor>> read_anchor(SessionPool& pool, const Id128& vault);

// Refuses (kFailedPrecondition) to go back: a smaller size, or another root at the same size. One
// writer at a time for a vault: the caller's duty (hsm/token_custody.cc holds a lock). May be repeated
// after any failure; the anchor is then the old or the new one.
Status write_anchor(SessionPool& pool, const Id128& vault, const Anchor& anchor);

// Puts this one in the place of all that are there, larger ones included. A crash may leave none where there was one of
// the same size, and else leaves the larger one in force: done again, it is this one.
Status restart_anchor(SessionPool& pool, const Id128& vault, const Anchor& anchor);

}  // namespace facekeep::hsm
