// The interface between the code of one instruction set and the rest, which is compiled for the baseline processor.

#pragma once

#include "ggml.h"

#include <cstddef>
#include <cstdint>

namespace shimmy {

// The number of weight rows in a panel. The rows of a panel are packed together.
constexpr int panelRows = 16;

// The product of one panel with a few quantized rows of activations.
struct PanelProduct {
    const uint8_t * quants;  // of the panel
    const uint8_t * scales;  // of the panel
    const uint8_t * rows;    // quantized activations
    size_t rowBytes;         // bytes between two rows of activations
    int width;               // values in a row
    float * out;             // `panelRows` floats for each row of activations
    size_t outStride;        // floats between the results of two rows
};

// The kernels of one weight format.
struct FormatKernels {
    ggml_type type;
    int blockWidth;      // values of one row in a block of the format
    size_t blockQuants;  // bytes of a block of 16 rows in the panel's quants
    size_t blockScales;  // bytes of a block of 16 rows in the panel's scales

    // Packs 16 rows. A null row counts as zeros.
    void (*pack)(const void * const * rows, size_t blocks, uint8_t * quants, uint8_t * scales);

    // Converts one row of activations to the input format of `multiply`, which has `rowBytes(width)` bytes: quantized (see activations.h) or
    // unchanged.
    void (*quantize)(const float * values, int width, uint8_t * row);
    size_t (*rowBytes)(int width);
    // Whether `quantize` leaves rows unchanged. Evenly spaced rows then need no copy.
    bool takesRowsAsTheyAre;

    // Indexed by the number of activation rows, from 1 to `widestTile`; null if there is no tile of that size.
    void (*multiply[9])(const PanelProduct &);
    int widestTile;
};

struct AttentionKernels;

struct KernelTable {
    const FormatKernels * formats;
    size_t count;
    const AttentionKernels * attention;

    const FormatKernels * find(ggml_type type) const {
        for (size_t i = 0; i < count; i++) {
            if (formats[i].type == type) return &formats[i];
        }
        return nullptr;
    }
};

// The layout of a row of quantized activations: signed bytes, one scale per span (float), then one value per group: either the sum of its
// bytes times the negated zero point of the weights (int32), or the sum of its activations (float). The format defines spans and groups.
struct ActivationRow {
    static size_t scales(int width) { return size_t(width); }
    static size_t sums(int width) { return scales(width) + sizeof(float) * size_t(width / 32); }
    static size_t bytes(int width) { return (sums(width) + sizeof(float) * size_t(width / 16) + 63) / 64 * 64; }
};

}  // namespace shimmy
