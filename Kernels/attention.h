// FLASH_ATTN_EXT over a KV cache that sequences share.

#pragma once

#include "ggml.h"
#include "traits.h"

namespace shimmy {

// Whether `op` is an attention that the kernels compute; everything else stays with ggml.
bool canAttend(const ggml_tensor * op);

ggml::cpu::tensor_traits * attentionTraits();

}  // namespace shimmy
