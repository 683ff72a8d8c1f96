// Include first, before anything else, in the files that compute cosines: products may not be
// contracted with additions into fused operations, which round once instead of twice (cosine.h).
// GCC contracts by default where the target has FMA; clang within expressions.
#pragma once

#if defined(__clang__)
#pragma clang fp contract(off)
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#endif

#if defined(__FAST_MATH__)
#error "the cosine is defined by IEEE 754: build without -ffast-math"
#endif
