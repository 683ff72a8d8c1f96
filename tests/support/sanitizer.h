// Whether this program runs under a sanitizer that replaces mlock() and its relatives with functions that do nothing.
#pragma once

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FACEKEEP_MLOCK_REPLACED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define FACEKEEP_MLOCK_REPLACED true
#endif
#endif
#ifndef FACEKEEP_MLOCK_REPLACED
#define FACEKEEP_MLOCK_REPLACED false
#endif

namespace facekeep::test {
inline constexpr bool kMlockReplaced = FACEKEEP_MLOCK_REPLACED;
}  // namespace facekeep::test
