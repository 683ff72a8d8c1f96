// What an older program says of data that a newer one wrote: one sentence with both versions, and what to do. Every
// format has a number or a closed list of names; its reader asks here before it calls bytes damaged.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "vault/base/result.h"

namespace facekeep {

// Of this program, as `--version` prints it: "0.1.0".
std::string_view program_version() noexcept;

// kFailedPrecondition, problem "newer-format". `what` begins a sentence: "the store". `known`: the newest format that
// this program reads.
Error newer_format(const std::string& what, std::uint64_t found, std::uint64_t known);
// The same where names are a closed list: "event", "restart-ticket". A name that is no slug is not repeated.
Error newer_name(const std::string& what, std::string_view name);
// Of one stored thing among many, which may as well be damaged: kMalformed, without a problem's name, so that it counts
// as what does not open.
Error newer_or_damaged(const std::string& what, std::uint64_t found, std::uint64_t known);
// True for an error of the first two.
bool is_newer(const Error& error) noexcept;

}  // namespace facekeep
