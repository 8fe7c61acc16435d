// FLASH_ATTN_EXT over a KV cache that several sequences share.

#pragma once

#include "ggml.h"
#include "traits.h"

namespace shimmy {

// Returns whether the kernels compute the attention `op`. ggml computes all others.
bool canAttend(const ggml_tensor * op);

ggml::cpu::tensor_traits * attentionTraits();

}  // namespace shimmy
