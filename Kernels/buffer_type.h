// The buffer type of packed weights. ggml's CPU backend uses it to find the kernels for an operation.

#pragma once

#include "ggml-backend.h"

namespace shimmy {

ggml_backend_buffer_type_t bufferType();

}  // namespace shimmy
