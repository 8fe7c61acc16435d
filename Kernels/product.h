// MUL_MAT and MUL_MAT_ID with packed weights.

#pragma once

#include "ggml.h"
#include "traits.h"

namespace shimmy {

// Returns whether the kernels compute the product `op`, given that its weights are packed.
bool canMultiply(const ggml_tensor * op);

ggml::cpu::tensor_traits * productTraits();

}  // namespace shimmy
