// The buffer type that holds packed weights, and through which ggml's CPU backend hands operations over.

#pragma once

#include "ggml-backend.h"

namespace shimmy {

ggml_backend_buffer_type_t bufferType();

}  // namespace shimmy
