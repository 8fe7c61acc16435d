// The C interface of Shimmy's CPU kernels: products of quantized weights and attention, called from llama.cpp's graph.
// It has no knowledge of models or requests. docs/kernels.md explains the method.

#pragma once

#include "ggml-backend.h"

#ifdef __cplusplus
extern "C" {
#endif

// Instruction sets that have kernels, slowest first.
typedef enum shimmy_instruction_set {
    SHIMMY_INSTRUCTIONS_NONE = 0,
    SHIMMY_INSTRUCTIONS_AVX2 = 1,
    SHIMMY_INSTRUCTIONS_AVX_VNNI = 2,
    SHIMMY_INSTRUCTIONS_AVX512_VNNI = 3,
} shimmy_instruction_set;

// Returns the fastest instruction set that this processor supports.
shimmy_instruction_set shimmy_kernels_best(void);

// Returns whether this processor supports `set`. It may also support a faster one.
bool shimmy_kernels_supports(shimmy_instruction_set set);

const char * shimmy_kernels_name(shimmy_instruction_set set);

// Enables the kernels of `set` for all models that are loaded and all graphs that are computed after this call.
// Weights that are already loaded keep their layout. SHIMMY_INSTRUCTIONS_NONE disables the kernels for models that are loaded later, and
// attention for all models. Do not call this function while a graph is being computed.
void shimmy_kernels_install(shimmy_instruction_set set);

// Returns the installed instruction set.
shimmy_instruction_set shimmy_kernels_installed(void);

// Sets whether installed kernels also compute attention (default: true). For measurements and tests.
void shimmy_kernels_set_attention(bool enabled);

// Returns the weight formats that have a kernel, terminated by GGML_TYPE_COUNT.
const enum ggml_type * shimmy_kernels_formats(void);

// Returns the buffer type of packed weights, for tests that build their own graphs.
ggml_backend_buffer_type_t shimmy_kernels_buffer_type(void);

#ifdef __cplusplus
}
#endif
