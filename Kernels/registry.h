// Which kernels are in use. Everything else asks here.

#pragma once

#include "kernel_table.h"

namespace shimmy {

// The kernels that compute, or null before any were installed.
const KernelTable * kernels();

// Whether models to come are packed, and whether attention is taken over.
bool takesWeights();
bool takesAttention();

}  // namespace shimmy
