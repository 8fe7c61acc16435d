// The kernels for AVX-VNNI (Intel since Alder Lake, AMD since Zen 5).

#if defined(__x86_64__)

#include "common.h"

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,avxvnni"))), apply_to = function)
#else
#pragma GCC target("avx2,fma,f16c,avxvnni")
#endif

#define SHIMMY_DPBUSD _mm256_dpbusd_avx_epi32

namespace shimmy::avxvnni {
#include "simd/avx2.h"
#include "kernels.h"
}  // namespace shimmy::avxvnni

#ifdef __clang__
#pragma clang attribute pop
#endif

#endif
