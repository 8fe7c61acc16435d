// The kernels of avx_vnni.cpp with AVX-512's (EVEX) encoding of the same instruction. They allow tests on processors without AVX-VNNI.

#if defined(__x86_64__)

#include "common.h"

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,avx512f,avx512vl,avx512vnni"))), apply_to = function)
#else
#pragma GCC target("avx2,fma,f16c,avx512f,avx512vl,avx512vnni")
#endif

#define SHIMMY_DPBUSD _mm256_dpbusd_epi32

namespace shimmy::avxvnni_evex {
#include "simd/avx2.h"
#include "kernels.h"
}  // namespace shimmy::avxvnni_evex

#ifdef __clang__
#pragma clang attribute pop
#endif

#endif
