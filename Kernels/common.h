// What the code of every instruction set is compiled after: nothing below this line of includes may be instantiated for a processor
// that lacks the set, so all of it comes before the `target` pragma.

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
