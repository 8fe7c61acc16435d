// The kernels that are in use.

#pragma once

#include "kernel_table.h"

namespace shimmy {

// Returns the kernels that are in use, or null before the first installation.
const KernelTable * kernels();

// Whether newly loaded models are packed, and whether the kernels compute attention.
bool takesWeights();
bool takesAttention();

}  // namespace shimmy
