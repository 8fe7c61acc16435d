// A tensor of weights as the kernels read it: panels of 16 rows, each its quants and then its scales.

#pragma once

#include "ggml.h"
#include "kernel_table.h"

namespace shimmy {

struct PackedWeights {
    const FormatKernels * format;
    int64_t width, rows, matrices;

    // The way `tensor` is packed; `format` is null when it is not.
    explicit PackedWeights(const ggml_tensor * tensor);

    bool isPacked() const { return format != nullptr; }
    int64_t panels() const { return (rows + panelRows - 1) / panelRows; }
    size_t quantBytes() const { return size_t(width / format->blockWidth) * format->blockQuants; }
    size_t panelBytes() const {
        return (quantBytes() + size_t(width / format->blockWidth) * format->blockScales + 63) / 64 * 64;
    }
    // Of a row of activations as the kernels take it.
    size_t rowBytes() const { return format->rowBytes(int(width)); }
    size_t matrixBytes() const { return size_t(panels()) * panelBytes(); }
    size_t bytes() const { return size_t(matrices) * matrixBytes(); }

    // Packs all matrices from the format's own blocks, on all cores.
    void pack(const void * blocks, size_t rowBytes, uint8_t * out) const;
};

}  // namespace shimmy
