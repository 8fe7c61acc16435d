// The includes of every instruction set's source file. They come before the `target` pragma, so that the compiler does not instantiate
// their functions with instructions that the processor may lack.

#pragma once

#define GGML_COMMON_DECL_C
#include "ggml-common.h"
#include "ggml.h"
#include "attention_kernels.h"
#include "kernel_table.h"

#include <immintrin.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#define INLINE inline __attribute__((always_inline))
