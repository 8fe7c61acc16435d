// The kernels for AVX-512 with VNNI (Intel since Cascade Lake, AMD since Zen 4).

#if defined(__x86_64__)

#include "common.h"

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,f16c,fma,avx2"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,f16c,fma,avx2")
#endif

namespace shimmy::avx512vnni {
#include "simd/avx512_vnni.h"
#include "kernels.h"
}  // namespace shimmy::avx512vnni

#ifdef __clang__
#pragma clang attribute pop
#endif

#endif
