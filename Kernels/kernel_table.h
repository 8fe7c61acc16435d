// What the code of one instruction set offers to the rest, which is compiled for any processor.

#pragma once

#include "ggml.h"

#include <cstddef>
#include <cstdint>

namespace shimmy {

// Rows of weights that are packed together: a panel.
constexpr int panelRows = 16;

// The product of one panel with a few quantized rows of activations.
struct PanelProduct {
    const uint8_t * quants;  // of the panel
    const uint8_t * scales;  // of the panel
    const uint8_t * rows;    // quantized activations
    size_t rowBytes;         // from one row of activations to the next
    int width;               // values in a row
    float * out;             // 16 floats for each row of activations
    size_t outStride;        // floats from one row's to the next one's
};

// One format of weights.
struct FormatKernels {
    ggml_type type;
    int blockWidth;      // values of a row in a block of the format
    size_t blockQuants;  // bytes that a block of 16 rows takes in the panel's quants
    size_t blockScales;  // and in its scales

    // Packs 16 rows, of which a null one counts as zeros.
    void (*pack)(const void * const * rows, size_t blocks, uint8_t * quants, uint8_t * scales);

    // Brings one row of activations into the form that `multiply` takes, of so many bytes: quantized (see activations.h), or as it is.
    void (*quantize)(const float * values, int width, uint8_t * row);
    size_t (*rowBytes)(int width);
    // Whether that is what they are: then rows that lie evenly need not be brought anywhere.
    bool takesRowsAsTheyAre;

    // By the number of rows, from 1 to `widestTile`; null where there is no such tile.
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

// A row of quantized activations: bytes, a scale for each span, then for each group either its sum times the negated zero point
// of the weights (int32) or its sum in units of the activations (float). Spans and groups are the format's.
struct ActivationRow {
    static size_t scales(int width) { return size_t(width); }
    static size_t sums(int width) { return scales(width) + sizeof(float) * size_t(width / 32); }
    static size_t bytes(int width) { return (sums(width) + sizeof(float) * size_t(width / 16) + 63) / 64 * 64; }
};

}  // namespace shimmy
