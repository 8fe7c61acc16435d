// The kernels for AVX2.

#if defined(__x86_64__)

#include "common.h"

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#else
#pragma GCC target("avx2,fma,f16c")
#endif

namespace shimmy::avx2 {
#include "simd/avx2.h"
#include "kernels.h"
}  // namespace shimmy::avx2

#ifdef __clang__
#pragma clang attribute pop
#endif

#endif
