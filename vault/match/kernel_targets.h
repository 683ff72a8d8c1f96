// Which instruction sets the kernels are compiled for. Include before hwy/foreach_target.h.
//
// All of them, the scalar one too, so that tests can compare; not SVE and RVV, whose vectors have no size at compile
// time (NEON serves ARM).
#pragma once

#undef HWY_COMPILE_ALL_ATTAINABLE
#define HWY_COMPILE_ALL_ATTAINABLE
#undef HWY_WANT_AVX3_DL
#define HWY_WANT_AVX3_DL
#undef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
