// The C entry point of Shimmy's own CPU kernels: products of quantized weights, and attention, under llama.cpp's graph.
// It knows nothing of models or requests. docs/kernels.md explains the method.

#pragma once

#include "ggml-backend.h"

#ifdef __cplusplus
extern "C" {
#endif

// Instruction sets that the kernels are written for, worst first.
typedef enum shimmy_instruction_set {
    SHIMMY_INSTRUCTIONS_NONE = 0,
    SHIMMY_INSTRUCTIONS_AVX2 = 1,
    SHIMMY_INSTRUCTIONS_AVX_VNNI = 2,
    SHIMMY_INSTRUCTIONS_AVX512_VNNI = 3,
} shimmy_instruction_set;

// The best set that this processor has.
shimmy_instruction_set shimmy_kernels_best(void);

// Whether this processor can run `set`; it may have a better one.
bool shimmy_kernels_supports(shimmy_instruction_set set);

const char * shimmy_kernels_name(shimmy_instruction_set set);

// Offers the kernels of `set` to every model that is loaded and every graph that is computed from now on.
// Weights that are loaded already stay as they are. NONE takes the offer back from models to come, and attention from all.
// Call it while no graph is computed.
void shimmy_kernels_install(shimmy_instruction_set set);

// The set that is installed.
shimmy_instruction_set shimmy_kernels_installed(void);

// Whether attention is computed by the kernels too (it is, once they are installed); for measurements and tests.
void shimmy_kernels_set_attention(bool enabled);

// Formats of weights that have a kernel: a list that ends with GGML_TYPE_COUNT.
const enum ggml_type * shimmy_kernels_formats(void);

// Where packed weights live, for tests that build their own graphs.
ggml_backend_buffer_type_t shimmy_kernels_buffer_type(void);

#ifdef __cplusplus
}
#endif
