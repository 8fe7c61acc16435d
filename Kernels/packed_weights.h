// The packed layout of a weight tensor: panels of 16 rows, each with its quants followed by its scales.

#pragma once

#include "ggml.h"
#include "kernel_table.h"

namespace shimmy {

struct PackedWeights {
    const FormatKernels * format;
    int64_t width, rows, matrices;

    // Describes how `tensor` is packed. `format` is null if it is not packed.
    explicit PackedWeights(const ggml_tensor * tensor);

    bool isPacked() const { return format != nullptr; }
    int64_t panels() const { return (rows + panelRows - 1) / panelRows; }
    size_t quantBytes() const { return size_t(width / format->blockWidth) * format->blockQuants; }
    size_t panelBytes() const {
        return (quantBytes() + size_t(width / format->blockWidth) * format->blockScales + 63) / 64 * 64;
    }
    // The bytes of a row of activations in the kernels' input format.
    size_t rowBytes() const { return format->rowBytes(int(width)); }
    size_t matrixBytes() const { return size_t(panels()) * panelBytes(); }
    size_t bytes() const { return size_t(matrices) * matrixBytes(); }

    // Packs all matrices from the format's blocks into `out`, on all cores.
    void pack(const void * blocks, size_t rowBytes, uint8_t * out) const;
};

}  // namespace shimmy
